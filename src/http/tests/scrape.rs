//! `/metrics`: formats, packing, and readers that take their time.

use super::super::MOST_CONNECTIONS;
use super::server::{Answer, Server};
use crate::name::DomainName;
use crate::snapshot::Snapshot;
use std::time::Duration;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::time::timeout;

const OPENMETRICS: &str =
    "Accept: application/openmetrics-text;version=1.0.0,text/plain;version=0.0.4;q=0.5\r\n";

/// A server with a fleet that takes megabytes to tell of.
async fn large() -> Server {
    let server = Server::start(MOST_CONNECTIONS).await;
    let long = ["long"; 15].concat();
    let domain = |n: usize| DomainName::parse(&format!("{long}.{long}.{n}.example")).unwrap();
    let domains = (10_000..40_000).map(domain).collect();
    server.writer.publish(Snapshot { domains, ..Snapshot::default() });
    server
}

/// Asks for metrics and reads no further than the first octets.
async fn begin(server: &Server) -> TcpStream {
    let mut stream = server.connect().await;
    stream.write_all(b"GET /metrics HTTP/1.1\r\nHost: a\r\n\r\n").await.unwrap();
    let mut status = [0; 12];
    timeout(Duration::from_secs(5), stream.read_exact(&mut status)).await.expect("a head").unwrap();
    assert_eq!(&status, b"HTTP/1.1 200");
    stream
}

#[tokio::test]
async fn metrics_come_in_the_format_that_is_asked_for() {
    let server = Server::watching().await;
    let answer = server.ask("GET", "/metrics", OPENMETRICS).await;
    let content = "application/openmetrics-text; version=1.0.0; charset=utf-8";
    assert_eq!((answer.header("content-type"), answer.header("content-encoding")), (Some(content), None));
    assert_eq!(answer.header("vary"), Some("Accept, Accept-Encoding"));
    assert!(answer.text().ends_with("# EOF\n"), "{}", answer.text());
    let classic = server.get("/metrics").await;
    assert_eq!(classic.header("vary"), Some("Accept, Accept-Encoding"));
    assert!(
        !classic.text().contains("# EOF") && classic.text().contains("# TYPE mx_exporter_domains gauge\n")
    );
}

#[tokio::test]
async fn they_are_packed_for_those_who_unpack() {
    let server = large().await;
    for accept in ["", OPENMETRICS] {
        let plain = server.ask("GET", "/metrics", accept).await;
        let packed = server.ask("GET", "/metrics", &format!("{accept}Accept-Encoding: gzip\r\n")).await;
        assert_eq!(
            (plain.header("content-encoding"), packed.header("content-encoding")),
            (None, Some("gzip"))
        );
        assert_eq!(packed.header("content-type"), plain.header("content-type"));
        assert!(packed.text() == plain.text(), "the same text");
        assert!(packed.length * 4 < plain.length, "{} of {}", packed.length, plain.length);
    }
}

/// More of them than pages are made at once.
#[tokio::test]
async fn slow_readers_hold_nobody_up() {
    let server = large().await;
    let mut slow = Vec::new();
    for _ in 0..6 {
        slow.push(begin(&server).await);
    }
    for path in ["/", "/api/v1/domains/example.com", "/metrics", "/-/ready"] {
        let answer = timeout(Duration::from_secs(10), server.get(path)).await.expect("an answer in time");
        assert!(answer.body.is_some() && ["200", "404"].contains(&answer.status()), "{path}");
    }
    server.writer.publish(Snapshot::default());
    let metrics = server.get("/metrics").await;
    assert!(metrics.text().contains("\nmx_exporter_domains 0\n"), "the new snapshot is told at once");
    let mut late = Vec::from(*b"HTTP/1.1 200");
    timeout(Duration::from_secs(10), slow.remove(0).read_buf(&mut late)).await.expect("more").unwrap();
    assert!(late.len() > 12, "and who reads on gets more");
}

#[tokio::test]
async fn who_goes_away_leaves_no_thread_behind() {
    let server = large().await;
    for _ in 0..30 {
        drop(begin(&server).await);
    }
    let answer = timeout(Duration::from_secs(10), server.get("/metrics")).await.expect("a place");
    assert_eq!(answer.status(), "200");
    assert!(answer.text().contains(".39999.example\"} 1\n"));
}

#[tokio::test]
async fn the_end_of_everything_cuts_a_reader_short_and_lets_it_know() {
    let server = large().await;
    let mut stream = begin(&server).await;
    server.running.send_replace(true);
    timeout(Duration::from_secs(8), server.task).await.expect("an end").unwrap();
    let mut octets = Vec::from(*b"HTTP/1.1 200");
    timeout(Duration::from_secs(5), stream.read_to_end(&mut octets)).await.expect("an end").ok();
    assert_eq!(Answer::read(&octets).body, None);
}

#[tokio::test]
async fn ranges_and_conditions_change_nothing() {
    let server = Server::watching().await;
    let whole = server.get("/domains/example.com").await.text().to_owned();
    for header in [
        "Range: bytes=0-9\r\n",
        "Range: bytes=5-1\r\n",
        "If-None-Match: *\r\n",
        "If-None-Match: \"a\"\r\nIf-Modified-Since: Sun, 06 Nov 2094 08:49:37 GMT\r\n",
        "Content-Encoding: gzip\r\n",
        "TE: trailers, deflate;q=0.5\r\n",
    ] {
        let answer = server.ask("GET", "/domains/example.com", header).await;
        assert_eq!((answer.status(), answer.text()), ("200", &*whole), "{header}");
        assert_eq!(server.ask("GET", "/metrics", header).await.status(), "200", "{header}");
    }
}

#[tokio::test]
async fn a_packed_request_is_refused() {
    let server = Server::watching().await;
    let answer = server.ask("GET", "/metrics", "Content-Encoding: gzip\r\nContent-Length: 20\r\n").await;
    assert_eq!(answer.status(), "400");
}

#[tokio::test]
async fn an_old_client_gets_it_without_chunks() {
    let server = Server::watching().await;
    let said = server.said("GET /metrics HTTP/1.0\r\n\r\n").await;
    assert!(said.starts_with("HTTP/1.0 200") && said.contains("\r\n\r\n# HELP "), "{said:.300}");
    assert!(!said.contains("chunked"), "{said:.300}");
}
