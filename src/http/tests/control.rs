//! `/config` and `/-/reload`: by whom, how, and what comes back.

use super::super::MOST_CONNECTIONS;
use super::server::Server;
use crate::config;
use std::path::Path;
use std::sync::Arc;
use tokio::sync::{mpsc, watch};

#[tokio::test]
async fn nobody_reloads_where_that_is_not_enabled() {
    let server = Server::watching().await;
    for method in ["POST", "PUT"] {
        let answer = server.ask(method, "/-/reload", "").await;
        assert_eq!((answer.status(), answer.text()), ("403", "Lifecycle API is not enabled.\n"), "{method}");
    }
    assert_eq!(server.get("/-/reload").await.status(), "405");
}

#[tokio::test]
async fn a_reload_is_asked_for_and_its_outcome_told() {
    let (ask, mut asked) = mpsc::channel(1);
    let server = Server::with(MOST_CONNECTIONS, |state| state.reload = Some(ask)).await;
    let daemon = tokio::spawn(async move {
        asked.recv().await.unwrap().send(Ok(())).unwrap();
        asked.recv().await.unwrap().send(Err("mx.yml:3:1: what is this?".to_owned())).unwrap();
        drop(asked.recv().await); // ends before it has an answer
        asked.close();
    });
    let get = server.get("/-/reload").await;
    assert_eq!((get.status(), get.header("allow")), ("405", Some("POST,PUT")), "and nothing was asked for");
    for (want, says) in [
        ("200", "The configuration is reloaded.\n"),
        ("500", "failed to reload config: mx.yml:3:1: what is this?\n"),
        ("500", "failed to reload config: the daemon is stopping\n"),
        ("500", "failed to reload config: the daemon is stopping\n"),
    ] {
        let answer = server.ask("POST", "/-/reload", "Content-Length: 0\r\n").await;
        assert_eq!((answer.status(), answer.text()), (want, says));
        assert_eq!(answer.header("content-type"), Some("text/plain; charset=utf-8"));
    }
    daemon.await.unwrap();
}

#[tokio::test]
async fn the_configuration_is_the_one_in_force() {
    let read = |text| Arc::new(config::parse(text, Path::new("mx.yml"), None).unwrap());
    let in_force = watch::Sender::new(read("domains: [a.example]"));
    let server = Server::with(MOST_CONNECTIONS, |state| state.config = in_force.subscribe()).await;
    let before = server.get("/config").await;
    assert_eq!((before.status(), before.header("content-type")), ("200", Some("text/plain; charset=utf-8")));
    assert!(before.text().contains("domains:\n- a.example\n"), "{}", before.text());
    in_force.send_replace(read("domains: [b.example]"));
    let after = server.get("/config").await;
    assert!(
        after.text().contains("- b.example\n") && !after.text().contains("a.example"),
        "{}",
        after.text()
    );
}
