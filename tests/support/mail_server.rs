//! A mail server for many connections, which behaves as Postfix does, except where it is told to misbehave.
//!
//! ```ignore
//! let mx = MailServer::named("mx1.example.test")
//!     .local_domains(["example.test"])
//!     .certificate(ca.leaf("mx1.example.test").issue())
//!     .serve().await;
//! // … the daemon probes mx.addr …
//! assert_eq!(mx.connections(), 1);
//! assert!(mx.breaches().is_empty(), "{:?}", mx.breaches());
//! mx.becomes(MailServer::named("mx1.example.test").relays_for_everyone());
//! ```
mod record;
mod session;

use std::net::{Ipv4Addr, SocketAddr};
use std::panic::resume_unwind;
use std::sync::{Arc, RwLock};
use std::time::Duration;

use rustls::SupportedProtocolVersion;
use tokio::net::TcpListener;
use tokio::task::{JoinHandle, JoinSet};
use tokio::time::Instant;

use super::port::ClosedPort;
use super::tls::{ALL_VERSIONS, Ca, Identity};
use record::Record;

/// How the server behaves. [`MailServer::serve`] starts it.
#[derive(Clone)]
#[must_use]
pub struct MailServer {
    name: String,
    banner: String,
    greeting: Greeting,
    greeting_delay: Duration,
    local_domains: Vec<String>,
    starttls: StartTls,
    identity: Identity,
    tls_versions: Vec<&'static SupportedProtocolVersion>,
    keeps_offering_starttls: bool,
    extensions: Vec<String>,
    auth: Option<String>,
    knows_ehlo: bool,
    requires_tls: bool,
    null_sender: NullSender,
    postmaster: bool,
    relays: bool,
    temporary_trouble: bool,
    greylisting: Option<Duration>,
    connection_limit: usize,
    reply_delay: Duration,
    overrides: Vec<(String, String)>,
}

#[derive(Clone)]
enum Greeting {
    Banner,
    Rejection(String),
    Silence,
}

#[derive(Clone, Copy, PartialEq)]
enum StartTls {
    /// Offered, and then the handshake is refused.
    Broken,
    Masked,
    Missing,
    Sound,
}

#[derive(Clone, Copy)]
enum NullSender {
    Accepted,
    RefusedAtMail,
    RefusedAtRcpt,
}

impl MailServer {
    /// A sound server of this name, with a self-signed certificate, for no domain yet.
    pub fn named(name: &str) -> Self {
        Self {
            name: name.to_owned(),
            banner: format!("220 {name} ESMTP Postfix"),
            greeting: Greeting::Banner,
            greeting_delay: Duration::ZERO,
            local_domains: Vec::new(),
            starttls: StartTls::Sound,
            identity: Ca::new().leaf(name).self_signed().issue(),
            tls_versions: ALL_VERSIONS.to_vec(),
            keeps_offering_starttls: false,
            extensions: ["PIPELINING", "SIZE 10240000", "ENHANCEDSTATUSCODES", "8BITMIME", "DSN", "SMTPUTF8"]
                .map(str::to_owned)
                .into(),
            auth: None,
            knows_ehlo: true,
            requires_tls: false,
            null_sender: NullSender::Accepted,
            postmaster: true,
            relays: false,
            temporary_trouble: false,
            greylisting: None,
            connection_limit: 100,
            reply_delay: Duration::ZERO,
            overrides: Vec::new(),
        }
    }

    /// Greets with these lines instead of `220 NAME ESMTP Postfix`.
    pub fn banner(mut self, text: &str) -> Self {
        self.banner = text.to_owned();
        self
    }

    /// Greets after a while, as postscreen does.
    pub fn greets_after(mut self, delay: Duration) -> Self {
        self.greeting_delay = delay;
        self
    }

    /// Accepts connections and says nothing.
    pub fn silent(mut self) -> Self {
        self.greeting = Greeting::Silence;
        self
    }

    /// Answers each connection with 421: too many connections.
    pub fn throttles(self) -> Self {
        let text = format!("421 4.7.0 {} Error: too many connections from 127.0.0.1", self.name);
        self.rejects(&text)
    }

    /// Answers each connection with 554, naming a block-list that has the client's address.
    pub fn blocks_client(self) -> Self {
        self.rejects("554 5.7.1 Service unavailable; Client host [127.0.0.1] blocked using bl.example.test")
    }

    /// Greets with this rejection: a 421 closes at once, any other waits for QUIT.
    pub fn rejects(mut self, text: &str) -> Self {
        self.greeting = Greeting::Rejection(text.to_owned());
        self
    }

    /// Answers 421 to whoever comes while so many sessions are open.
    pub fn at_most_at_once(mut self, sessions: usize) -> Self {
        self.connection_limit = sessions;
        self
    }

    /// The domains it takes mail for: `postmaster` and `abuse` there exist.
    pub fn local_domains<'d>(mut self, domains: impl IntoIterator<Item = &'d str>) -> Self {
        self.local_domains = domains.into_iter().map(str::to_owned).collect();
        self
    }

    /// Shows this certificate.
    pub fn certificate(mut self, identity: Identity) -> Self {
        self.identity = identity;
        self
    }

    /// Speaks these versions of TLS only.
    pub fn tls_versions(mut self, versions: &[&'static SupportedProtocolVersion]) -> Self {
        self.tls_versions = versions.to_vec();
        self
    }

    /// Does not offer STARTTLS.
    pub fn without_starttls(mut self) -> Self {
        self.starttls = StartTls::Missing;
        self
    }

    /// Offers STARTTLS and answers each ClientHello with the fatal alert handshake_failure.
    pub fn breaks_handshakes(mut self) -> Self {
        self.starttls = StartTls::Broken;
        self
    }

    /// A middlebox overwrites the keyword.
    pub fn masks_starttls(mut self) -> Self {
        self.starttls = StartTls::Masked;
        self
    }

    /// Offers STARTTLS inside TLS again.
    pub fn keeps_offering_starttls(mut self) -> Self {
        self.keeps_offering_starttls = true;
        self
    }

    /// Answers MAIL with 530 outside TLS.
    pub fn requires_tls(mut self) -> Self {
        self.requires_tls = true;
        self
    }

    /// Does not offer PIPELINING.
    pub fn without_pipelining(self) -> Self {
        self.without("PIPELINING")
    }

    /// Does not offer 8BITMIME.
    pub fn without_8bitmime(self) -> Self {
        self.without("8BITMIME")
    }

    /// Offers one more extension, verbatim.
    pub fn extension(mut self, line: &str) -> Self {
        self.extensions.push(line.to_owned());
        self
    }

    /// Offers these AUTH mechanisms, before TLS too.
    pub fn auth_before_tls(mut self, mechanisms: &str) -> Self {
        self.auth = Some(mechanisms.to_owned());
        self
    }

    /// Knows HELO only.
    pub fn without_ehlo(mut self) -> Self {
        self.knows_ehlo = false;
        self
    }

    /// Accepts every recipient from everybody.
    pub fn relays_for_everyone(mut self) -> Self {
        self.relays = true;
        self
    }

    /// Refuses MAIL FROM:<>.
    pub fn refuses_null_sender(mut self) -> Self {
        self.null_sender = NullSender::RefusedAtMail;
        self
    }

    /// Refuses each recipient of MAIL FROM:<>, as Postfix does by default.
    pub fn refuses_null_sender_at_rcpt(mut self) -> Self {
        self.null_sender = NullSender::RefusedAtRcpt;
        self
    }

    /// Has no postmaster.
    pub fn refuses_postmaster(mut self) -> Self {
        self.postmaster = false;
        self
    }

    /// Answers each new pair of sender and recipient with 450 for five minutes.
    pub fn greylists(self) -> Self {
        self.greylists_for(Duration::from_mins(5))
    }

    /// Answers each new pair of sender and recipient with 450 for so long.
    pub fn greylists_for(mut self, period: Duration) -> Self {
        self.greylisting = Some(period);
        self
    }

    /// Answers each recipient with 451: a look-up fails.
    pub fn tempfails(mut self) -> Self {
        self.temporary_trouble = true;
        self
    }

    /// Takes its time for each reply but the greeting.
    pub fn answers_after(mut self, delay: Duration) -> Self {
        self.reply_delay = delay;
        self
    }

    /// Answers each command that begins so with these lines, whatever it would have said. A reply that begins with
    /// 421, and an empty one, close the connection.
    pub fn answering(mut self, prefix: &str, reply: &str) -> Self {
        self.overrides.push((prefix.to_ascii_uppercase(), reply.to_owned()));
        self
    }

    /// Closes without a word when a command begins so.
    pub fn hangs_up_at(self, prefix: &str) -> Self {
        self.answering(prefix, "")
    }

    /// Serves on a free port of 127.0.0.1.
    pub async fn serve(self) -> Serving {
        self.serve_at((Ipv4Addr::LOCALHOST, 0).into()).await
    }

    /// Serves here; port 0 is a free one.
    pub async fn serve_at(self, addr: SocketAddr) -> Serving {
        self.serve_on(TcpListener::bind(addr).await.unwrap())
    }

    /// Serves whoever knocks at this listener.
    pub fn serve_on(self, listener: TcpListener) -> Serving {
        let addr = listener.local_addr().unwrap();
        let house = Arc::new(House { server: RwLock::new(Arc::new(self)), record: Record::default() });
        let task = tokio::spawn(accept(listener, Arc::clone(&house)));
        Serving { addr, task, house, closed: None }
    }

    fn without(mut self, extension: &str) -> Self {
        self.extensions.retain(|line| line != extension);
        self
    }
}

/// A mail server that is running. Dropping it ends it.
pub struct Serving {
    pub addr: SocketAddr,
    house: Arc<House>,
    task: JoinHandle<()>,
    closed: Option<ClosedPort>,
}

impl Serving {
    /// From the next connection on it behaves so.
    pub fn becomes(&self, server: MailServer) {
        *self.house.server.write().unwrap() = Arc::new(server);
    }

    /// How many connections there were.
    pub fn connections(&self) -> usize {
        self.house.record.connections()
    }

    /// When each connection came.
    pub fn arrivals(&self) -> Vec<Instant> {
        self.house.record.arrivals()
    }

    /// The highest number of connections that were open at the same time.
    pub fn most_at_once(&self) -> usize {
        self.house.record.most_at_once()
    }

    /// What the client wrote in the latest sessions, oldest first; `(TLS)` where the handshake was.
    pub fn transcripts(&self) -> Vec<Vec<String>> {
        self.house.record.transcripts()
    }

    /// How often DATA or BDAT was said. A probe never does.
    pub fn data_seen(&self) -> usize {
        self.house.record.data_seen()
    }

    /// What a polite client would not have done: VRFY, talking before the greeting, pipelining what must not be …
    pub fn breaches(&self) -> Vec<String> {
        self.house.record.breaches()
    }

    /// Ends it: open sessions are cut, the port refuses from now on.
    pub async fn stop(&mut self) {
        if self.closed.is_none() {
            self.task.abort();
            let _ = (&mut self.task).await;
            self.closed = Some(ClosedPort::at(self.addr));
        }
    }
}

impl Drop for Serving {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// What all sessions share.
struct House {
    server: RwLock<Arc<MailServer>>,
    record: Record,
}

async fn accept(listener: TcpListener, house: Arc<House>) {
    let mut sessions = JoinSet::new();
    loop {
        tokio::select! {
            connection = listener.accept() => {
                if let Ok((socket, _)) = connection {
                    let _ = socket.set_nodelay(true); // or replies inside TLS wait 40 ms for an acknowledgement
                    sessions.spawn(session::hold(socket, Arc::clone(&house)));
                }
            }
            Some(Err(ended)) = sessions.join_next() => resume_unwind(ended.into_panic()),
        }
    }
}
