//! Requests over real sockets on loopback, honest and hostile.

use super::connections::Connections;
use super::*;
use crate::snapshot::{Snapshot, Writer, channel};
use std::net::SocketAddr;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::task::JoinHandle;
use tokio::time::timeout;

struct Server {
    address: SocketAddr,
    writer: Writer,
    running: watch::Sender<bool>,
    task: JoinHandle<()>,
}

impl Server {
    async fn start(most: usize) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (writer, reader) = channel();
        let (running, stop) = watch::channel(false);
        let router = router(State {
            reader,
            reload: None,
            paths: Paths::default(),
            now: || SystemTime::UNIX_EPOCH + Duration::from_secs(1_800_000_000),
        });
        let task = tokio::spawn(accept::serve(listener, router, Connections::new(most), stop));
        Self { address, writer, running, task }
    }

    /// A server that watches `example.com` and `bücher.example`, which were not probed yet.
    async fn watching() -> Self {
        let server = Self::start(MOST_CONNECTIONS).await;
        let names = ["example.com", "bücher.example"].map(|name| DomainName::parse(name).unwrap());
        server.writer.publish(Snapshot { domains: names.into(), ..Snapshot::default() });
        server
    }

    #[expect(clippy::disallowed_methods, reason = "a client of our own server on loopback")]
    async fn connect(&self) -> TcpStream {
        TcpStream::connect(self.address).await.unwrap()
    }

    /// All that comes back for these bytes until the server closes.
    async fn answer(&self, request: &str) -> String {
        let mut stream = self.connect().await;
        stream.write_all(request.as_bytes()).await.unwrap();
        let mut answer = Vec::new();
        timeout(Duration::from_secs(5), stream.read_to_end(&mut answer)).await.expect("an end").ok();
        String::from_utf8(answer).unwrap()
    }

    async fn ask(&self, method: &str, path: &str, header: &str) -> String {
        self.answer(&format!("{method} {path} HTTP/1.1\r\nHost: a\r\nConnection: close\r\n{header}\r\n"))
            .await
    }

    async fn get(&self, path: &str) -> String {
        self.ask("GET", path, "").await
    }
}

fn status(answer: &str) -> &str {
    answer.get(9..12).unwrap_or(answer)
}

fn header<'a>(answer: &'a str, name: &str) -> Option<&'a str> {
    let head = answer.split("\r\n\r\n").next()?;
    let of = |line: &'a str| line.split_once(": ").filter(|(key, _)| *key == name);
    head.lines().find_map(of).map(|(_, value)| value)
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
        ("/-/healthy", "200", "text/plain; charset=utf-8"),
        ("/-/ready", "200", "text/plain; charset=utf-8"),
    ] {
        let answer = server.get(path).await;
        assert_eq!((status(&answer), header(&answer, "content-type")), (want, Some(content)), "{path}");
        assert!(
            header(&answer, "content-security-policy").unwrap().starts_with("default-src 'none'"),
            "{path}"
        );
        assert_eq!(header(&answer, "x-content-type-options"), Some("nosniff"), "{path}");
        assert_eq!(header(&answer, "x-frame-options"), Some("DENY"), "{path}");
        assert_eq!(header(&answer, "referrer-policy"), Some("no-referrer"), "{path}");
        assert!(!answer.contains("<script"), "{path}");
    }
}

#[tokio::test]
async fn metrics_come_in_the_format_that_is_asked_for() {
    let server = Server::watching().await;
    let accept = "Accept: application/openmetrics-text;version=1.0.0,text/plain;version=0.0.4;q=0.5\r\n";
    let answer = server.ask("GET", "/metrics", accept).await;
    let content = "application/openmetrics-text; version=1.0.0; charset=utf-8";
    assert_eq!(header(&answer, "content-type"), Some(content));
    assert!(answer.ends_with("# EOF\n"), "{answer}");
    let classic = server.get("/metrics").await;
    assert!(
        !classic.contains("# EOF") && classic.contains("# TYPE mx_exporter_domains gauge\n"),
        "{classic}"
    );
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
        assert_eq!(status(&answer), "404", "{path}");
        for echo in ["passwd", "script>", "alert", "Set-Cookie", "%2"] {
            assert!(!answer.contains(echo), "{path} is echoed: {answer}");
        }
    }
}

#[tokio::test]
async fn head_has_no_body_and_nothing_can_be_written() {
    let server = Server::watching().await;
    let head = server.ask("HEAD", "/domains/example.com", "").await;
    let length: usize = header(&head, "content-length").unwrap().parse().unwrap();
    assert!(status(&head) == "200" && head.ends_with("\r\n\r\n") && length > 500, "{head}");
    for method in ["POST", "PUT", "DELETE", "PATCH", "OPTIONS"] {
        let answer = server.ask(method, "/metrics", "").await;
        assert_eq!((status(&answer), header(&answer, "allow")), ("405", Some("GET,HEAD")), "{method}");
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
        let answer = server.answer(&format!("GET / HTTP/1.1\r\nHost: a\r\n{headers}{smuggled}")).await;
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
        let answer = server.answer(request).await;
        assert_eq!(status(&answer), want, "{request:.60}: {answer}");
    }
    let two = "GET /-/healthy HTTP/1.1\r\nHost: a\r\n\r\nGET /-/ready HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n";
    let answers = server.answer(two).await;
    assert!(answers.contains("is healthy") && answers.ends_with("is ready.\n"), "{answers}");
}

#[tokio::test]
async fn it_is_ready_once_anything_was_published() {
    let server = Server::start(MOST_CONNECTIONS).await;
    assert_eq!(status(&server.get("/-/ready").await), "503");
    assert_eq!(status(&server.get("/-/healthy").await), "200");
    let metrics = server.get("/metrics").await;
    assert!(status(&metrics) == "200" && !metrics.contains("\nsmtp_domain_up{"), "{metrics}");
    server.writer.publish(Snapshot::default());
    assert_eq!(status(&server.get("/-/ready").await), "200");
}

#[tokio::test]
async fn at_the_cap_a_newcomer_is_served_in_the_place_of_an_idle_connection() {
    let server = Server::start(2).await;
    let mut idle = server.connect().await;
    let mut busy = server.connect().await;
    busy.write_all(b"GET /-/healthy HTTP/1.1\r\nHost: a\r\n\r\n").await.unwrap();
    busy.read_exact(&mut [0; 12]).await.unwrap();
    assert_eq!(status(&server.get("/-/healthy").await), "200");
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
