//! Plays the steps of a script on a stream and writes down what the client says.
use std::fmt;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use rustls::{ServerConfig, ServerConnection};
use tokio::net::TcpListener;
use tokio::sync::Notify;
use tokio::time::sleep;

use super::super::port::ClosedPort;
use super::super::wire::{Stream, Wire};

pub(super) enum Step {
    Delay(Duration),
    Drip(Vec<u8>, Duration),
    ExpectClose,
    Flood(Vec<u8>, usize),
    HangUp,
    Hear(String),
    HearClientHello,
    InspectClientHello(fn(&[u8])),
    NeverRead,
    Reset,
    Say(Vec<u8>),
    Silence,
    Tls(Arc<ServerConfig>),
    TlsCutShort(Arc<ServerConfig>, usize),
    TlsFails(Arc<ServerConfig>),
    Vanish,
}

impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Delay(pause) => write!(f, "delay {pause:?}"),
            Self::Drip(bytes, _) => write!(f, "drip {}", quoted(bytes)),
            Self::ExpectClose => f.write_str("expect_close"),
            Self::Flood(bytes, times) => write!(f, "flood {} {times} times", quoted(bytes)),
            Self::HangUp => f.write_str("hang_up"),
            Self::Hear(prefix) => write!(f, "hear {prefix:?}"),
            Self::HearClientHello => f.write_str("hear_client_hello"),
            Self::InspectClientHello(_) => f.write_str("inspect_client_hello"),
            Self::NeverRead => f.write_str("never_read"),
            Self::Reset => f.write_str("reset"),
            Self::Say(bytes) => write!(f, "say {}", quoted(bytes)),
            Self::Silence => f.write_str("silence"),
            Self::Tls(_) => f.write_str("tls"),
            Self::TlsCutShort(_, octets) => write!(f, "tls_cut_short after {octets} octets"),
            Self::TlsFails(_) => f.write_str("tls_fails"),
            Self::Vanish => f.write_str("vanish"),
        }
    }
}

/// What the test may ask about a script that is being played.
#[derive(Default)]
pub(super) struct Log {
    /// The test thinks that the dialogue is over.
    pub(super) over: Notify,
    lines: Mutex<Vec<String>>,
    at: Mutex<String>,
    steps: usize,
    reached: AtomicUsize,
}

impl Log {
    /// An empty log of a script with so many steps.
    pub(super) fn of(steps: usize) -> Self {
        Self { steps, ..Self::default() }
    }

    pub(super) fn lines(&self) -> Vec<String> {
        self.lines.lock().unwrap().clone()
    }

    /// Which step is being played.
    pub(super) fn position(&self) -> String {
        self.at.lock().unwrap().clone()
    }

    fn reached(&self, step: &dyn fmt::Display) {
        let number = self.reached.fetch_add(1, Ordering::Relaxed) + 1;
        *self.at.lock().unwrap() = format!("step {number} of {}, {step}", self.steps);
    }

    fn write_down(&self, line: impl Into<String>) {
        self.lines.lock().unwrap().push(line.into());
    }
}

/// Plays a script of as many connections as it has parts. Whoever connects more often is refused.
pub(super) async fn connections(listener: TcpListener, scripts: Vec<Vec<Step>>, log: Arc<Log>) {
    let addr = listener.local_addr().unwrap();
    let mut listener = Some(listener);
    let mut closed = None;
    let last = scripts.len() - 1;
    for (number, steps) in scripts.into_iter().enumerate() {
        *log.at.lock().unwrap() = format!("connection {} has not come", number + 1);
        let (socket, _) = listener.as_ref().unwrap().accept().await.unwrap();
        if number == last {
            listener = None;
            closed = Some(ClosedPort::at(addr));
        }
        if number > 0 {
            log.write_down("(next connection)");
        }
        if steps.iter().any(|step| matches!(step, Step::Reset)) {
            socket.set_zero_linger().unwrap(); // closing it is an RST now, and only `reset` closes it so
        }
        Player { wire: Wire::over(socket), log: &log, is_socket: true, has_heard: false }.play(steps).await;
    }
    drop(closed);
}

/// Plays a script of one connection on any stream.
pub(super) async fn stream(stream: impl Stream + 'static, steps: Vec<Step>, log: Arc<Log>) {
    Player { wire: Wire::over(stream), log: &log, is_socket: false, has_heard: false }.play(steps).await;
}

struct Player<'a> {
    wire: Wire,
    log: &'a Log,
    is_socket: bool,
    has_heard: bool,
}

impl Player<'_> {
    async fn play(mut self, steps: Vec<Step>) {
        for step in steps {
            self.log.reached(&step);
            match step {
                Step::Tls(config) => self = self.secure(config).await,
                Step::TlsFails(config) => self = self.fail_to_secure(config).await,
                Step::Reset if !self.is_socket => self.fail("only a real socket can be reset"),
                Step::Reset | Step::Vanish => return,
                Step::HangUp => break,
                step => self.take(step).await,
            }
        }
        self.wire.half_close().await;
        self.listen_to_the_end().await;
    }

    async fn take(&mut self, step: Step) {
        match step {
            Step::Delay(pause) => self.pause(pause).await,
            Step::Drip(bytes, pause) => self.drip(&bytes, pause).await,
            Step::ExpectClose => self.expect_close().await,
            Step::Flood(bytes, times) => self.flood(&bytes, times).await,
            Step::Hear(prefix) => self.hear(&prefix).await,
            Step::HearClientHello => drop(self.client_hello().await),
            Step::InspectClientHello(check) => check(&self.client_hello().await),
            Step::NeverRead => self.log.over.notified().await,
            Step::Say(bytes) => self.say(&bytes).await,
            Step::Silence => self.listen_to_the_end().await,
            Step::TlsCutShort(config, octets) => self.cut_short(config, octets).await,
            Step::HangUp | Step::Reset | Step::Tls(_) | Step::TlsFails(_) | Step::Vanish => {
                unreachable!("these end the connection or change the wire")
            }
        }
    }

    async fn say(&mut self, bytes: &[u8]) {
        self.insist_on_patience().await;
        if self.wire.write(bytes).await.is_err() {
            self.fail("the client has left");
        }
    }

    async fn drip(&mut self, bytes: &[u8], pause: Duration) {
        self.insist_on_patience().await;
        for byte in bytes {
            self.pause(pause).await;
            if self.wire.write(&[*byte]).await.is_err() {
                break;
            }
        }
    }

    async fn flood(&mut self, bytes: &[u8], times: usize) {
        self.insist_on_patience().await;
        for _ in 0..times {
            if self.wire.write(bytes).await.is_err() {
                break;
            }
        }
    }

    /// RFC 5321 §3.1: the client waits for the greeting.
    async fn insist_on_patience(&mut self) {
        if !self.has_heard && self.wire.has_surplus().await {
            self.fail("the client did not wait for the greeting");
        }
    }

    async fn pause(&mut self, pause: Duration) {
        tokio::select! {
            () = sleep(pause) => {}
            () = self.wire.departure() => {}
        }
    }

    async fn hear(&mut self, prefix: &str) {
        self.has_heard = true;
        let Some(line) = self.wire.line().await else { self.fail("heard nothing: the client has left") };
        let text = line.to_string();
        self.log.write_down(&text);
        if !text.starts_with(prefix) {
            self.fail(&format!("heard {text:?}"));
        }
        if let Some(breach) = line.breach() {
            self.fail(&format!("heard {text:?}, and {breach}"));
        }
    }

    async fn client_hello(&mut self) -> Vec<u8> {
        self.has_heard = true;
        match self.wire.handshake_record().await {
            Ok(record) => {
                self.log.write_down("(ClientHello)");
                record
            }
            Err(other) if other.is_empty() => self.fail("heard no ClientHello: the client has left"),
            Err(other) => self.fail(&format!("heard {} instead of a ClientHello", quoted(&other))),
        }
    }

    async fn cut_short(&mut self, config: Arc<ServerConfig>, octets: usize) {
        let hello = self.client_hello().await;
        let mut server = ServerConnection::new(config).unwrap();
        server.read_tls(&mut hello.as_slice()).unwrap();
        server.process_new_packets().unwrap();
        let mut answer = Vec::new();
        while server.wants_write() {
            server.write_tls(&mut answer).unwrap();
        }
        answer.truncate(octets);
        self.say(&answer).await;
    }

    async fn secure(mut self, config: Arc<ServerConfig>) -> Self {
        match self.wire.secure(config).await {
            Ok(wire) => self.wire = wire,
            Err((error, wire)) => {
                self.wire = wire;
                self.fail(&format!("the handshake failed: {error}"))
            }
        }
        self.log.write_down("(TLS)");
        self
    }

    async fn fail_to_secure(mut self, config: Arc<ServerConfig>) -> Self {
        match self.wire.secure(config).await {
            Err((_, wire)) => self.wire = wire,
            Ok(wire) => {
                self.wire = wire;
                self.fail("the handshake succeeded")
            }
        }
        self
    }

    async fn expect_close(&mut self) {
        if let Some(line) = self.wire.line().await {
            let text = line.to_string();
            self.log.write_down(&text);
            self.fail(&format!("heard {text:?}"));
        }
    }

    /// Whatever the client still writes is in order, except what a probe never says.
    async fn listen_to_the_end(&mut self) {
        while let Some(line) = self.wire.line().await {
            let text = line.to_string();
            self.log.write_down(&text);
            if line.is_forbidden() {
                self.fail(&format!("heard {text:?}, and a probe never says this"));
            }
        }
    }

    fn fail(&self, what: &str) -> ! {
        panic!(
            "{}: {what}\nthe client wrote, from the beginning: {:#?}",
            self.log.position(),
            self.log.lines()
        )
    }
}

fn quoted(bytes: &[u8]) -> String {
    let shown = String::from_utf8_lossy(&bytes[..bytes.len().min(80)]).into_owned();
    if bytes.len() > 80 { format!("{shown:?}… ({} octets)", bytes.len()) } else { format!("{shown:?}") }
}
