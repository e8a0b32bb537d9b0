//! `/-/reload`: by whom, how, and what comes back.

use super::super::MOST_CONNECTIONS;
use super::server::Server;
use tokio::sync::mpsc;

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
