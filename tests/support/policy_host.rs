//! A web server that has one thing to say, whatever it is asked: the host of an MTA-STS policy, or what stands in its place.
//!
//! ```ignore
//! let host = PolicyHost::serving(&ca.leaf("mta-sts.example.test").issue(), "version: STSv1\n…").await;
//! // … the client fetches from port host.addr.port() …
//! assert!(host.requests()[0].starts_with("GET /.well-known/mta-sts.txt HTTP/1.1\r\n"));
//! host.becomes(Answer::status(404));
//! ```
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use rustls::ServerConfig;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;
use tokio::time::sleep;
use tokio_rustls::TlsAcceptor;

use super::tls::{ALL_VERSIONS, Identity};

/// What is said to every request, and how.
#[derive(Clone)]
pub struct Answer {
    octets: Vec<u8>,
    pause: Option<Duration>,
    plain: bool,
}

impl Answer {
    /// This text, as `text/plain`.
    pub fn text(text: &str) -> Self {
        Self::with("200 OK", "Content-Type: text/plain\r\n", text.as_bytes())
    }

    /// No more than a status.
    pub fn status(status: u16) -> Self {
        Self::with(&format!("{status} so"), "", b"")
    }

    /// A status, header lines and a body.
    pub fn with(status: &str, headers: &str, body: &[u8]) -> Self {
        let head = format!("HTTP/1.1 {status}\r\n{headers}Content-Length: {}\r\n\r\n", body.len());
        Self::octets([head.as_bytes(), body].concat())
    }

    /// Exactly these octets.
    pub fn octets(octets: impl Into<Vec<u8>>) -> Self {
        Self { octets: octets.into(), pause: None, plain: false }
    }

    /// One octet at a time.
    pub fn dripping(self, pause: Duration) -> Self {
        Self { pause: Some(pause), ..self }
    }

    /// Without TLS, to whatever comes first.
    pub fn unencrypted(self) -> Self {
        Self { plain: true, ..self }
    }

    async fn say(&self, stream: &mut (impl AsyncWriteExt + Unpin)) -> std::io::Result<()> {
        match self.pause {
            None => stream.write_all(&self.octets).await?,
            Some(pause) => {
                for octet in &self.octets {
                    stream.write_all(&[*octet]).await?;
                    stream.flush().await?;
                    sleep(pause).await;
                }
            }
        }
        stream.shutdown().await
    }
}

/// A host that listens on a free port for as long as this lives.
pub struct PolicyHost {
    pub addr: SocketAddr,
    state: Arc<Mutex<State>>,
    serving: JoinHandle<()>,
}

struct State {
    config: Arc<ServerConfig>,
    answer: Answer,
    requests: Vec<String>,
}

impl PolicyHost {
    /// Serves this policy.
    pub async fn serving(identity: &Identity, policy: &str) -> Self {
        Self::answering(identity.server_config(ALL_VERSIONS), Answer::text(policy)).await
    }

    /// Says this inside this TLS.
    pub async fn answering(config: Arc<ServerConfig>, answer: Answer) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
        let addr = listener.local_addr().unwrap();
        let state = Arc::new(Mutex::new(State { config, answer, requests: Vec::new() }));
        let shared = state.clone();
        let serving = tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(serve(stream, shared.clone()));
            }
        });
        Self { addr, state, serving }
    }

    /// Says something else from now on.
    pub fn becomes(&self, answer: Answer) {
        self.state.lock().unwrap().answer = answer;
    }

    /// Shows another certificate, or speaks other versions, from now on.
    pub fn shows(&self, config: Arc<ServerConfig>) {
        self.state.lock().unwrap().config = config;
    }

    /// The head of every request so far.
    pub fn requests(&self) -> Vec<String> {
        self.state.lock().unwrap().requests.clone()
    }
}

impl Drop for PolicyHost {
    fn drop(&mut self) {
        self.serving.abort();
    }
}

/// What fails here is the client's to notice.
async fn serve(mut stream: TcpStream, state: Arc<Mutex<State>>) {
    let (config, answer) = {
        let state = state.lock().unwrap();
        (state.config.clone(), state.answer.clone())
    };
    if answer.plain {
        let _ = answer.say(&mut stream).await;
        return;
    }
    let Ok(mut stream) = TlsAcceptor::from(config).accept(stream).await else { return };
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        let Ok(octet) = stream.read_u8().await else { return };
        head.push(octet);
    }
    state.lock().unwrap().requests.push(String::from_utf8(head).unwrap());
    let _ = answer.say(&mut stream).await;
}
