//! Lists for programs, and their errors.

use super::super::MOST_CONNECTIONS;
use super::server::Server;
use crate::snapshot::Snapshot;
use serde_json::Value;

fn parsed(text: &str) -> Value {
    serde_json::from_str(text).unwrap_or_else(|_| panic!("no JSON: {text}"))
}

#[tokio::test]
async fn what_goes_wrong_is_json_too() {
    let server = Server::watching().await;
    for (method, path, want, says) in [
        ("GET", "/api/v1", "404", "no such path"),
        ("GET", "/api/v1/", "404", "no such path"),
        ("GET", "/api/v1/nothing", "404", "no such path"),
        ("GET", "/api/v1/domains/example.net", "404", "no such domain"),
        ("GET", "/api/v1/domains/%ff", "404", "no such domain"),
        ("GET", "/api/v1/discovery?domain=example.net", "404", "no such domain"),
        ("GET", "/api/v1/discovery?domain=a%20b", "404", "no such domain"),
        ("GET", "/api/v1/discovery?domain=", "404", "no such domain"),
        (
            "GET",
            "/api/v1/discovery?domain=a.example&domain=b.example",
            "400",
            "at most one domain may be asked for",
        ),
        ("POST", "/api/v1/domains", "405", "only GET and HEAD are allowed"),
        ("DELETE", "/api/v1/sd/endpoints", "405", "only GET and HEAD are allowed"),
    ] {
        let answer = server.ask(method, path, "").await;
        assert_eq!(answer.header("content-type"), Some("application/json"), "{path}");
        assert_eq!((answer.status(), &parsed(answer.text())["error"]), (want, &Value::from(says)), "{path}");
        assert_eq!(answer.header("allow"), (want == "405").then_some("GET,HEAD"), "{path}");
    }
}

/// An empty list would make Prometheus drop every target that it had before this program was restarted.
#[tokio::test]
async fn an_empty_list_means_that_there_is_nothing() {
    let server = Server::start(MOST_CONNECTIONS).await;
    let lists = ["/api/v1/discovery", "/api/v1/sd/endpoints", "/api/v1/sd/domains"];
    for list in lists {
        assert_eq!(server.get(list).await.status(), "503", "{list}, before anything is known");
    }
    let server = server.with_two_domains();
    for (list, want) in lists.into_iter().zip(["503", "503", "200"]) {
        assert_eq!(server.get(list).await.status(), want, "{list}, before anything was probed");
    }
    let domains = server.get("/api/v1/sd/domains").await;
    assert_eq!(parsed(domains.text()).as_array().unwrap().len(), 2);
    let waiting = server.get("/api/v1/discovery?domain=example.com").await;
    assert_eq!((waiting.status(), waiting.text()), ("200", "[]"));
    server.writer.publish(Snapshot::default());
    for list in lists {
        let answer = server.get(list).await;
        assert_eq!((answer.status(), answer.text()), ("200", "[]"), "{list}");
        assert_eq!(answer.header("content-type"), Some("application/json"), "{list}");
    }
}
