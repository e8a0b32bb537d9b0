//! Requests over real sockets on loopback, honest and hostile.

mod control;
mod lists;
mod prefix;
mod scrape;
mod server;

use super::MOST_CONNECTIONS;
use crate::snapshot::Snapshot;
use server::Server;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::time::timeout;

fn status(answer: &str) -> &str {
    answer.get(9..12).unwrap_or(answer)
}

#[tokio::test]
async fn every_path_answers_and_protects_browsers() {
    let server = Server::watching().await;
    for (path, want, content) in [
        ("/", "200", "text/html; charset=utf-8"),
        ("/?q=%3Cscript%3E&q=2&page=x", "200", "text/html; charset=utf-8"),
        ("/domains/example.com", "200", "text/html; charset=utf-8"),
        ("/domains/EXAMPLE.com.", "200", "text/html; charset=utf-8"),
        ("/domains/b%C3%BCcher.example", "200", "text/html; charset=utf-8"),
        ("/domains/example.net", "404", "text/html; charset=utf-8"),
        ("/nowhere", "404", "text/html; charset=utf-8"),
        ("/style.css", "200", "text/css; charset=utf-8"),
        ("/metrics", "200", "text/plain; version=0.0.4; charset=utf-8"),
        ("/api/v1/domains", "200", "application/json"),
        ("/api/v1/domains/xn--bcher-kva.example", "200", "application/json"),
        ("/api/v1/domains/example.net", "404", "application/json"),
        ("/api/v1/discovery?domain=example.com", "200", "application/json"),
        ("/api/v1/sd/domains", "200", "application/json"),
        ("/-/healthy", "200", "text/plain; charset=utf-8"),
        ("/-/ready", "200", "text/plain; charset=utf-8"),
    ] {
        let answer = server.get(path).await;
        assert_eq!((answer.status(), answer.header("content-type")), (want, Some(content)), "{path}");
        let policy = answer.header("content-security-policy").unwrap();
        assert!(policy.starts_with("default-src 'none'"), "{path}: {policy}");
        assert_eq!(answer.header("x-content-type-options"), Some("nosniff"), "{path}");
        assert_eq!(answer.header("x-frame-options"), Some("DENY"), "{path}");
        assert_eq!(answer.header("referrer-policy"), Some("no-referrer"), "{path}");
        assert!(!answer.text().contains("<script"), "{path}");
    }
}

#[tokio::test]
async fn nothing_but_a_key_is_read_from_a_path() {
    let server = Server::watching().await;
    for path in [
        "/domains/../../etc/passwd",
        "/domains/%2e%2e%2f%2e%2e%2fetc%2fpasswd",
        "/domains/..%5c..%5cetc%5cpasswd",
        "/domains/%252e%252e%252fetc%252fpasswd",
        "/domains/example.com%00",
        "/domains/%ff%fe",
        "/domains/",
        "/domains/passwd%0d%0aSet-Cookie:%20a=b",
        "/domains/%3Cscript%3Ealert(1)%3C%2Fscript%3E",
        "/api/v1/domains/%22passwd%3Cscript%3E",
        "/style.css/../../etc/passwd",
    ] {
        let answer = server.get(path).await;
        assert_eq!(answer.status(), "404", "{path}");
        for echo in ["passwd", "script>", "alert", "Set-Cookie", "%2"] {
            let all = format!("{}{}", answer.head, answer.text());
            assert!(!all.contains(echo), "{path} is echoed: {all}");
        }
    }
}

#[tokio::test]
async fn head_has_no_body_and_nothing_can_be_written() {
    let server = Server::watching().await;
    let head = server.ask("HEAD", "/domains/example.com", "").await;
    let length: usize = head.header("content-length").unwrap().parse().unwrap();
    assert!(head.status() == "200" && head.length == 0 && length > 500, "{}", head.head);
    for method in ["POST", "PUT", "DELETE", "PATCH", "OPTIONS"] {
        let answer = server.ask(method, "/metrics", "").await;
        assert_eq!((answer.status(), answer.header("allow")), ("405", Some("GET,HEAD")), "{method}");
    }
}

#[tokio::test]
async fn a_request_with_a_body_is_refused_and_closed() {
    let server = Server::watching().await;
    for headers in [
        "Content-Length: 5\r\n\r\nhello",
        "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        "Transfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n0\r\n\r\n",
        "Content-Length: 5\r\nContent-Length: 6\r\n\r\nhello!",
        "Transfer-Encoding: gzip, identity\r\n\r\n",
        "Content-Length: -1\r\n\r\n",
    ] {
        let smuggled = "GET /-/healthy HTTP/1.1\r\nHost: a\r\n\r\n";
        let answer = server.said(&format!("GET / HTTP/1.1\r\nHost: a\r\n{headers}{smuggled}")).await;
        assert_eq!(status(&answer), "400", "{headers:?}: {answer}");
        assert_eq!(answer.matches("HTTP/1.1 ").count(), 1, "{headers:?}: {answer}");
    }
}

#[tokio::test]
async fn old_and_odd_requests_do_no_harm() {
    let server = Server::watching().await;
    let long = format!("GET /{} HTTP/1.1\r\nHost: a\r\n\r\n", "a".repeat(100_000));
    let many = format!("GET / HTTP/1.1\r\n{}\r\n", "X: y\r\n".repeat(500));
    for (request, want) in [
        ("GET /-/healthy HTTP/1.0\r\n\r\n", "200"),
        ("GET http://elsewhere.example/-/healthy HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n", "200"),
        ("GET /-/healthy HTTP/1.1\r\nHost: a b\"<>\r\nConnection: close\r\n\r\n", "200"),
        ("GET /-/healthy\r\n\r\n", "400"),
        ("\x16\x03\x01\x02\x00\x01\x00\x01\r\n\r\n", "400"),
        ("GET /-/healthy HTTP/1.1\r\nHo st: a\r\n\r\n", "400"),
        (&long, "431"),
        (&many, "431"),
    ] {
        let answer = server.said(request).await;
        assert_eq!(status(&answer), want, "{request:.60}: {answer}");
    }
    let two = "GET /-/healthy HTTP/1.1\r\nHost: a\r\n\r\nGET /-/ready HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n";
    let answers = server.said(two).await;
    assert!(answers.contains("is healthy") && answers.ends_with("is ready.\n"), "{answers}");
}

#[tokio::test]
async fn it_is_ready_once_anything_was_published() {
    let server = Server::start(MOST_CONNECTIONS).await;
    assert_eq!(server.get("/-/ready").await.status(), "503");
    assert_eq!(server.get("/-/healthy").await.status(), "200");
    let metrics = server.get("/metrics").await;
    assert!(metrics.status() == "200" && !metrics.text().contains("\nsmtp_domain_up{"));
    server.writer.publish(Snapshot::default());
    assert_eq!(server.get("/-/ready").await.status(), "200");
}

#[tokio::test]
async fn at_the_cap_a_newcomer_is_served_in_the_place_of_an_idle_connection() {
    let server = Server::start(2).await;
    let mut idle = server.connect().await;
    let mut busy = server.connect().await;
    busy.write_all(b"GET /-/healthy HTTP/1.1\r\nHost: a\r\n\r\n").await.unwrap();
    busy.read_exact(&mut [0; 12]).await.unwrap();
    assert_eq!(server.get("/-/healthy").await.status(), "200");
    let end = timeout(Duration::from_secs(5), idle.read(&mut [0; 1])).await.expect("closed");
    assert_eq!(end.unwrap_or(0), 0);
}

#[tokio::test]
async fn it_stops_at_once_when_told_to() {
    let server = Server::watching().await;
    let mut kept = server.connect().await;
    kept.write_all(b"GET /-/healthy HTTP/1.1\r\nHost: a\r\n\r\n").await.unwrap();
    kept.read_exact(&mut [0; 12]).await.unwrap();
    server.running.send_replace(true);
    timeout(Duration::from_secs(4), server.task).await.expect("an end").unwrap();
}
