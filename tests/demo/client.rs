//! A browser's part: asks the daemon for pages, metrics and JSON.

use std::net::SocketAddr;

use serde_json::Value;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::{Instant, sleep};

use crate::{INTERVAL, PATIENCE};

/// By where the daemon listens.
pub(crate) struct Client(pub(crate) SocketAddr);

impl Client {
    /// All domains, once each has been probed.
    pub(crate) async fn when_all_are_probed(&self) -> Vec<String> {
        let start = Instant::now();
        loop {
            let domains = self.json("/api/v1/domains").await;
            let domains = list(&domains["domains"]);
            if !domains.is_empty() && domains.iter().all(|domain| !domain["last_run"].is_null()) {
                return domains.iter().map(|domain| domain["domain"].as_str().unwrap().to_owned()).collect();
            }
            assert!(start.elapsed() < PATIENCE, "{domains:?}");
            sleep(INTERVAL / 4).await;
        }
    }

    pub(crate) async fn json(&self, path: &str) -> Value {
        serde_json::from_str(&self.get(path, "*/*").await).unwrap()
    }

    #[expect(clippy::disallowed_methods, reason = "a client of our own server on loopback")]
    pub(crate) async fn get(&self, path: &str, accept: &str) -> String {
        let mut stream = TcpStream::connect(self.0).await.unwrap();
        let request = format!("GET {path} HTTP/1.0\r\nAccept: {accept}\r\n\r\n"); // 1.0: in one piece
        stream.write_all(request.as_bytes()).await.unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await.unwrap();
        let (head, body) = answer.split_once("\r\n\r\n").unwrap();
        assert!(head.starts_with("HTTP/1.0 200 "), "{path}: {head}");
        body.to_owned()
    }
}

/// Panics where it is none.
pub(crate) fn list(value: &Value) -> &[Value] {
    value.as_array().unwrap_or_else(|| panic!("no list: {value}"))
}
