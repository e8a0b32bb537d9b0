//! An SMTP server that follows a script, and fails the test when the client leaves it.
//!
//! ```ignore
//! let server = Script::new()
//!     .say("220 mx.test ESMTP").hear("EHLO ").say("250-mx.test\n250 STARTTLS")
//!     .hear("STARTTLS").say("220 go ahead").tls(&identity)
//!     .hear("EHLO ").say("250 mx.test").hear("QUIT").say("221 bye").expect_close()
//!     .serve().await;
//! // … the client talks to server.addr …
//! let transcript = server.finish().await;
//! ```
//! Beside the script it insists on good manners: no DATA, BDAT, VRFY, EXPN or AUTH; CRLF at the end of each line;
//! no word before the greeting; EHLO, STARTTLS and QUIT alone in their write.
mod play;

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::panic::resume_unwind;
use std::sync::Arc;
use std::time::Duration;

use rustls::ServerConfig;
use tokio::io::DuplexStream;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;
use tokio::time::timeout;

use super::port;
use super::tls::{ALL_VERSIONS, Identity};
use super::wire::Stream;
use play::{Log, Step};

/// How long [`Running::finish`] waits for the rest of the dialogue, once the test thinks that it is over.
const PATIENCE: Duration = Duration::from_secs(5);

/// What the server does, step by step. After the last step it hangs up.
#[must_use]
pub struct Script {
    connections: Vec<Vec<Step>>,
}

impl Script {
    pub fn new() -> Self {
        Self { connections: vec![Vec::new()] }
    }

    /// Says these lines; `\n` becomes CRLF, and one more ends the text.
    pub fn say(self, text: &str) -> Self {
        self.say_bytes(crlf(text))
    }

    /// Says exactly these bytes.
    pub fn say_bytes(self, bytes: impl Into<Vec<u8>>) -> Self {
        self.then(Step::Say(bytes.into()))
    }

    /// Adds a line to what was just said, in the same write: response injection behind the 220 to STARTTLS.
    pub fn inject(mut self, text: &str) -> Self {
        match self.steps().last_mut() {
            Some(Step::Say(said)) => said.extend(crlf(text)),
            _ => panic!("inject stands behind say"),
        }
        self
    }

    /// Says a text octet by octet, with a pause before each; goes on when the client leaves.
    pub fn drip(self, text: &str, pause: Duration) -> Self {
        self.drip_bytes(crlf(text), pause)
    }

    /// Says exactly these bytes one by one, with a pause before each; goes on when the client leaves.
    pub fn drip_bytes(self, bytes: impl Into<Vec<u8>>, pause: Duration) -> Self {
        self.then(Step::Drip(bytes.into(), pause))
    }

    /// Says this line `times` times; goes on when the client leaves.
    pub fn flood(self, line: &str, times: usize) -> Self {
        self.flood_bytes(crlf(line), times)
    }

    /// Says exactly these bytes `times` times; goes on when the client leaves.
    pub fn flood_bytes(self, bytes: impl Into<Vec<u8>>, times: usize) -> Self {
        self.then(Step::Flood(bytes.into(), times))
    }

    /// Waits; goes on at once when the client leaves.
    pub fn delay(self, pause: Duration) -> Self {
        self.then(Step::Delay(pause))
    }

    /// The next line must begin so.
    pub fn hear(self, prefix: &str) -> Self {
        self.then(Step::Hear(prefix.to_owned()))
    }

    /// The next line may be any.
    pub fn hear_anything(self) -> Self {
        self.hear("")
    }

    /// The client must begin a TLS handshake; the ClientHello is read and forgotten.
    pub fn hear_client_hello(self) -> Self {
        self.then(Step::HearClientHello)
    }

    /// The same, and it has to satisfy this check, which panics where it does not.
    pub fn inspect_client_hello(self, check: fn(&[u8])) -> Self {
        self.then(Step::InspectClientHello(check))
    }

    /// Completes a TLS handshake; the rest of the script goes on inside.
    pub fn tls(self, identity: &Identity) -> Self {
        self.tls_with(identity.server_config(ALL_VERSIONS))
    }

    /// The same with a configuration of the test's own.
    pub fn tls_with(self, config: Arc<ServerConfig>) -> Self {
        self.then(Step::Tls(config))
    }

    /// Tries a TLS handshake that must fail; the rest of the script goes on in plaintext.
    pub fn tls_fails(self, config: Arc<ServerConfig>) -> Self {
        self.then(Step::TlsFails(config))
    }

    /// Reads the ClientHello and sends only the first `octets` of a sound answer.
    pub fn tls_cut_short(self, identity: &Identity, octets: usize) -> Self {
        self.then(Step::TlsCutShort(identity.server_config(ALL_VERSIONS), octets))
    }

    /// Reads the ClientHello and answers it with a fatal alert, such as 40 for handshake_failure.
    pub fn tls_alert(self, description: u8) -> Self {
        self.hear_client_hello().say_bytes([21, 3, 3, 0, 2, 2, description])
    }

    /// Says nothing more until the client leaves, whatever it writes.
    pub fn silence(self) -> Self {
        self.then(Step::Silence)
    }

    /// Closes (close_notify inside TLS, FIN), and listens to what the client may still write.
    pub fn hang_up(self) -> Self {
        self.then(Step::HangUp)
    }

    /// Closes both directions without a close_notify.
    pub fn vanish(self) -> Self {
        self.then(Step::Vanish)
    }

    /// Sends RST. Real sockets only.
    pub fn reset(self) -> Self {
        self.then(Step::Reset)
    }

    /// Reads nothing more, so that the client's window closes; stays until [`Running::finish`].
    pub fn never_read(self) -> Self {
        self.then(Step::NeverRead)
    }

    /// The client must leave without another word.
    pub fn expect_close(self) -> Self {
        self.then(Step::ExpectClose)
    }

    /// What follows is for the client's next connection.
    pub fn next_connection(mut self) -> Self {
        self.connections.push(Vec::new());
        self
    }

    /// Plays the script on a free port of 127.0.0.1.
    pub async fn serve(self) -> Running {
        self.serve_on(Ipv4Addr::LOCALHOST).await
    }

    /// Plays the script on a free port of this address.
    pub async fn serve_on(self, ip: impl Into<IpAddr>) -> Running {
        let listener = self.listen(SocketAddr::new(ip.into(), 0));
        let addr = listener.local_addr().unwrap();
        let playing =
            Playing::of(self.steps_in_all(), |log| play::connections(listener, self.connections, log));
        Running { addr, playing }
    }

    /// Plays the script at the other end of `stream`, which may be a [`tokio::io::duplex`] in paused time.
    pub fn play(mut self, stream: impl Stream + 'static) -> Playing {
        assert_eq!(self.connections.len(), 1, "one stream is one connection");
        let steps = self.connections.remove(0);
        Playing::of(steps.len(), |log| play::stream(stream, steps, log))
    }

    /// The client's end of a duplex that buffers `octets`, and the script being played at the other end.
    pub fn over_duplex(self, octets: usize) -> (DuplexStream, Playing) {
        let (near, far) = tokio::io::duplex(octets);
        (near, self.play(far))
    }

    fn then(mut self, step: Step) -> Self {
        self.steps().push(step);
        self
    }

    fn steps(&mut self) -> &mut Vec<Step> {
        self.connections.last_mut().unwrap()
    }

    fn steps_in_all(&self) -> usize {
        self.connections.iter().map(Vec::len).sum()
    }

    fn listen(&self, at: SocketAddr) -> TcpListener {
        let socket = port::bind(at);
        if self.connections.iter().flatten().any(|step| matches!(step, Step::NeverRead)) {
            socket.set_recv_buffer_size(1).unwrap(); // the kernel makes it its smallest
        }
        socket.listen(16).unwrap()
    }
}

/// A script that is being played on a socket.
pub struct Running {
    pub addr: SocketAddr,
    playing: Playing,
}

impl Running {
    /// The port it listens on.
    pub fn port(&self) -> u16 {
        self.addr.port()
    }

    /// See [`Playing::transcript`].
    pub fn transcript(&self) -> Vec<String> {
        self.playing.transcript()
    }

    /// See [`Playing::finish`].
    pub async fn finish(self) -> Vec<String> {
        self.playing.finish().await
    }

    /// See [`Playing::abandon`].
    pub fn abandon(self) {
        self.playing.abandon();
    }
}

/// A script that is being played. It must be ended by [`Playing::finish`] or [`Playing::abandon`].
pub struct Playing {
    task: Option<JoinHandle<()>>,
    log: Arc<Log>,
}

impl Playing {
    /// Everything the client wrote so far, a line each, also inside TLS. Lines in brackets are ours:
    /// `(ClientHello)`, `(TLS)` and `(next connection)`.
    pub fn transcript(&self) -> Vec<String> {
        self.log.lines()
    }

    /// Waits for the end of the script, re-raises the fake's panic when the dialogue was another one, and gives the
    /// transcript.
    pub async fn finish(mut self) -> Vec<String> {
        self.log.over.notify_one();
        let mut task = self.task.take().unwrap();
        match timeout(PATIENCE, &mut task).await {
            Ok(Ok(())) => self.log.lines(),
            Ok(Err(error)) => resume_unwind(error.into_panic()),
            Err(_) => {
                task.abort();
                panic!("the script has not come to its end: {}", self.log.position())
            }
        }
    }

    /// Stops playing, wherever the script is.
    pub fn abandon(mut self) {
        self.task.take().unwrap().abort();
    }

    fn of<F: Future<Output = ()> + Send + 'static>(steps: usize, play: impl FnOnce(Arc<Log>) -> F) -> Self {
        let log = Arc::new(Log::of(steps));
        Self { task: Some(tokio::spawn(play(Arc::clone(&log)))), log }
    }
}

impl Drop for Playing {
    fn drop(&mut self) {
        let Some(task) = self.task.take() else { return };
        task.abort();
        assert!(std::thread::panicking(), "a script was dropped: end it with finish() or abandon()");
    }
}

fn crlf(text: &str) -> Vec<u8> {
    (text.replace('\n', "\r\n") + "\r\n").into_bytes()
}
