//! A server of ours on loopback, and a client that sends it anything.

use super::super::*;
use crate::snapshot::{Snapshot, Writer, channel};
use std::io::Read as _;
use std::net::SocketAddr;
use std::time::Duration;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::task::JoinHandle;
use tokio::time::timeout;

pub(super) struct Server {
    pub(super) address: SocketAddr,
    pub(super) writer: Writer,
    pub(super) running: watch::Sender<bool>,
    pub(super) task: JoinHandle<()>,
}

/// What came back.
pub(super) struct Answer {
    /// Status line and headers.
    pub(super) head: String,
    /// As it was before it was packed and cut into chunks; none where it broke off.
    pub(super) body: Option<String>,
    /// Octets on the wire behind the head.
    pub(super) length: usize,
}

impl Server {
    pub(super) async fn start(most: usize) -> Self {
        Self::with(most, |_| {}).await
    }

    /// A server with other settings.
    pub(super) async fn with(most: usize, change: impl FnOnce(&mut State)) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (writer, reader) = channel();
        let (running, stop) = watch::channel(false);
        let now = || SystemTime::UNIX_EPOCH + Duration::from_secs(1_800_000_000);
        let config = watch::Sender::new(Arc::default()).subscribe();
        let mut state = State { reader, config, reload: None, paths: Paths::default(), now };
        change(&mut state);
        let task = tokio::spawn(accept::serve(listener, router(state), Connections::new(most), stop));
        Self { address, writer, running, task }
    }

    /// A server that watches `bücher.example` and `example.com`, which were not probed yet.
    pub(super) async fn watching() -> Self {
        Self::start(MOST_CONNECTIONS).await.with_two_domains()
    }

    pub(super) fn with_two_domains(self) -> Self {
        let names = ["example.com", "bücher.example"].map(|name| DomainName::parse(name).unwrap());
        self.writer.publish(Snapshot { domains: names.into(), ..Snapshot::default() });
        self
    }

    #[expect(clippy::disallowed_methods, reason = "a client of our own server on loopback")]
    pub(super) async fn connect(&self) -> TcpStream {
        TcpStream::connect(self.address).await.unwrap()
    }

    /// All that comes back for these bytes until the server closes.
    pub(super) async fn said(&self, request: &str) -> String {
        String::from_utf8(self.octets(request).await).unwrap()
    }

    pub(super) async fn ask(&self, method: &str, path: &str, header: &str) -> Answer {
        let request = format!("{method} {path} HTTP/1.1\r\nHost: a\r\nConnection: close\r\n{header}\r\n");
        Answer::read(&self.octets(&request).await)
    }

    pub(super) async fn get(&self, path: &str) -> Answer {
        self.ask("GET", path, "").await
    }

    async fn octets(&self, request: &str) -> Vec<u8> {
        let mut stream = self.connect().await;
        stream.write_all(request.as_bytes()).await.unwrap();
        let mut answer = Vec::new();
        timeout(Duration::from_secs(20), stream.read_to_end(&mut answer)).await.expect("an end").ok();
        answer
    }
}

impl Answer {
    pub(super) fn read(octets: &[u8]) -> Self {
        let end = octets.windows(4).position(|four| four == b"\r\n\r\n").expect("a whole head");
        let (head, rest) = (str::from_utf8(&octets[..end]).unwrap().to_owned(), &octets[end + 4..]);
        let mut answer = Self { head, body: None, length: rest.len() };
        let whole = match answer.header("transfer-encoding") {
            Some("chunked") => unchunked(rest),
            _ => Some(rest.to_vec()),
        };
        answer.body = whole.map(|body| match answer.header("content-encoding") {
            Some("gzip") => unpacked(&body),
            _ => String::from_utf8(body).unwrap(),
        });
        answer
    }

    pub(super) fn status(&self) -> &str {
        self.head.get(9..12).unwrap_or(&self.head)
    }

    pub(super) fn header(&self, name: &str) -> Option<&str> {
        let of = |line| str::split_once(line, ": ").filter(|(key, _)| key.eq_ignore_ascii_case(name));
        self.head.lines().find_map(of).map(|(_, value)| value)
    }

    /// The body of an answer that did not break off.
    pub(super) fn text(&self) -> &str {
        self.body.as_deref().unwrap_or_else(|| panic!("it broke off: {}", self.head))
    }
}

/// None where the last chunk is missing (RFC 9112 §7.1).
fn unchunked(mut octets: &[u8]) -> Option<Vec<u8>> {
    let mut body = Vec::new();
    loop {
        let end = octets.windows(2).position(|two| two == b"\r\n")?;
        let size = usize::from_str_radix(str::from_utf8(&octets[..end]).ok()?, 16).ok()?;
        let (chunk, rest) = octets[end + 2..].split_at_checked(size)?;
        body.extend_from_slice(chunk);
        octets = rest.strip_prefix(b"\r\n")?;
        if size == 0 {
            return Some(body);
        }
    }
}

fn unpacked(octets: &[u8]) -> String {
    let mut text = String::new();
    flate2::read::GzDecoder::new(octets).read_to_string(&mut text).expect("whole gzip");
    text
}
