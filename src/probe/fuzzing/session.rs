//! Whole sessions with a peer that says anything at any time, in virtual time: they end, and nothing is ever said but
//! the few commands of this program. A handshake meets arbitrary octets too, which is never the end of one, so that what is
//! said inside TLS is not part of this.

use super::super::deadline::Clock;
use super::super::record::Record;
use super::super::session::{Call, converse};
use super::super::{Plan, RelayPlan};
use super::TLS;
use crate::name::{DomainName, HeloName, Mailbox, MxName};
use crate::observe::{Session, SessionKey, Step};
use std::collections::VecDeque;
use std::io;
use std::net::{IpAddr, Ipv4Addr};
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::{Duration, SystemTime};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::runtime::Builder;
use tokio::sync::watch;
use tokio::time::{Instant, Sleep, sleep};

/// The beginnings of all that may be said, and how often in one session.
const SAID: [(&str, usize); 7] = [
    ("EHLO probe.test", 1),
    ("HELO probe.test", 1),
    ("MAIL FROM:<", 4),
    ("RCPT TO:<", 8),
    ("RSET", 4),
    ("QUIT", 1),
    ("STARTTLS", 1),
];

/// What is not a MAIL or a RCPT.
const OTHERS: usize = 8;

/// Holds one session. The first octet of the input is what the session is to do; the rest is what the peer does:
///
/// | octet | the peer |
/// |---|---|
/// | `00` | waits until something was said to it |
/// | `01` | waits 7 seconds |
/// | `02` | ends a segment |
/// | `03` | resets the connection |
/// | `04` | listens, and says nothing more |
/// | `05` | says the octet that follows, whatever it is |
/// | any other | says it |
///
/// At the end of the input it hangs up.
pub(crate) fn session(input: &[u8]) {
    let Some((choice, acts)) = input.split_first() else { return };
    let plan = plan(*choice);
    let Ok(runtime) = Builder::new_current_thread().enable_time().start_paused(true).build() else { return };
    let (session, heard, took) = runtime.block_on(meet(&plan, Peer::new(acts)));
    // What is left of a session that is over is its QUIT.
    assert!(took <= plan.timeout + Duration::from_secs(2), "{took:?} of {:?}", plan.timeout);
    let steps = session.dialogue.as_ref().map_or(&[][..], |dialogue| &dialogue.steps);
    let said = said(&heard);
    assert_manners(&said);
    assert_told(&said, steps);
}

async fn meet(plan: &Plan, mut peer: Peer) -> (Session, Vec<u8>, Duration) {
    let address = IpAddr::V4(Ipv4Addr::LOCALHOST);
    let key = SessionKey { address: (address, 25).into(), tls_name: valid(MxName::parse("mx.test")) };
    let (_running, stop) = watch::channel(false);
    let call = Call::new(&key, plan, SystemTime::UNIX_EPOCH, &TLS, address);
    let began = Instant::now();
    let session = converse(&mut peer, &call, Record::new(Clock::start(plan.timeout, stop))).await;
    (session, peer.heard, began.elapsed())
}

fn plan(choice: u8) -> Plan {
    let chosen = |bit: u8| choice >> bit & 1 == 1;
    let domain = |name: &str| valid(DomainName::parse(name));
    let mailbox = |name: &str| valid(Mailbox::parse(name));
    let relay = RelayPlan {
        recipients: ["relaytest@out.test", "b@far.test"].map(mailbox).into(),
        confirmations: ["postmaster@probe.test", "c@off.test"].map(mailbox).into(),
    };
    let postmasters = match (chosen(1), chosen(2)) {
        (false, false) => &[][..],
        (true, false) => &["a.test"],
        (false, true) => &["b.test", "a.test"],
        (true, true) => &["a.test", "b.test", "c.test", "d.test", "e.test", "f.test"],
    };
    Plan {
        helo: Some(valid(HeloName::parse("probe.test"))),
        mail_from: chosen(5).then(|| mailbox("prober@probe.test")),
        timeout: Duration::from_secs(if chosen(6) { 20 } else { 120 }),
        null_sender: chosen(0).then(|| domain("a.test")),
        postmasters: postmasters.iter().map(|name| domain(name)).collect(),
        relay: chosen(3).then_some(relay),
        refusals: if chosen(7) { 0 } else { 3 },
        plaintext: chosen(4),
        anchors: vec![],
        scan: None,
    }
}

fn valid<T, E: std::fmt::Display>(parsed: Result<T, E>) -> T {
    parsed.unwrap_or_else(|error| panic!("{error}"))
}

/// The commands, each without its CRLF. Behind an accepted STARTTLS there are only TLS records.
fn said(heard: &[u8]) -> Vec<String> {
    let mut commands = Vec::new();
    let mut rest = heard;
    while !rest.is_empty() {
        if is_tls(rest) && commands.last().is_some_and(|last| last == "STARTTLS") {
            break;
        }
        let end = rest.windows(2).position(|two| two == b"\r\n");
        let end = end.unwrap_or_else(|| panic!("no end of {:?}", String::from_utf8_lossy(rest)));
        let (line, behind) = rest.split_at(end);
        assert!(line.iter().all(|octet| (b' '..=b'~').contains(octet)), "{line:?}");
        commands.push(String::from_utf8_lossy(line).into_owned());
        rest = behind.get(2..).unwrap_or_default();
    }
    commands
}

/// Whether it is nothing but handshake messages and alerts (RFC 8446 §5.1), the last of which may be cut.
fn is_tls(mut octets: &[u8]) -> bool {
    while let [kind, 3, _, high, low, rest @ ..] = octets {
        if !matches!(kind, 20..=22) {
            return false;
        }
        let length = usize::from(u16::from_be_bytes([*high, *low]));
        octets = rest.get(length..).unwrap_or_default();
        if octets.is_empty() {
            return true;
        }
    }
    false
}

fn assert_manners(said: &[String]) {
    for command in said {
        let may = SAID.iter().any(|(start, _)| command.starts_with(start));
        assert!(may, "{command:?} was said");
        let is_path = command.starts_with("MAIL") || command.starts_with("RCPT");
        assert!(
            !is_path || command.ends_with('>') && command.matches(['<', '>']).count() == 2,
            "{command:?}"
        );
    }
    for (start, most) in SAID {
        let count = said.iter().filter(|command| command.starts_with(start)).count();
        assert!(count <= most, "{count} times {start}: {said:?}");
    }
    let others = said.iter().filter(|said| !said.starts_with("MAIL") && !said.starts_with("RCPT"));
    assert!(others.count() <= OTHERS, "{said:?}");
    let quit = said.iter().position(|command| command == "QUIT");
    assert!(quit.is_none_or(|at| at + 1 == said.len()), "{said:?}");
}

/// The transcript tells every command, in order, and no other.
fn assert_told(said: &[String], steps: &[Step]) {
    let told: Vec<&String> = steps.iter().filter_map(|step| step.sent.as_ref()).collect();
    let told = told.get(..said.len()).unwrap_or(&told);
    assert_eq!(told, said.iter().collect::<Vec<_>>(), "the transcript and the wire");
}

/// The other side.
struct Peer {
    acts: VecDeque<u8>,
    heard: Vec<u8>,
    /// What was heard before it last said anything.
    noticed: usize,
    pause: Option<Pin<Box<Sleep>>>,
    is_reset: bool,
}

impl Peer {
    fn new(acts: &[u8]) -> Self {
        Self {
            acts: acts.iter().copied().collect(),
            heard: Vec::new(),
            noticed: 0,
            pause: None,
            is_reset: false,
        }
    }
}

impl AsyncRead for Peer {
    /// Woken by time or, like any stream that has one task, after a write of that task.
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        if self.is_reset {
            return Poll::Ready(Err(io::ErrorKind::ConnectionReset.into()));
        }
        if let Some(pause) = &mut self.pause {
            ready!(pause.as_mut().poll(cx));
            self.pause = None;
        }
        let before = buffer.filled().len();
        while buffer.remaining() > 0 {
            let said_something = buffer.filled().len() > before;
            match self.acts.front() {
                Some(0) if self.heard.len() == self.noticed => break,
                Some(0..=4) if said_something => break,
                None => return Poll::Ready(Ok(())),
                Some(4) => return Poll::Pending,
                Some(_) => {}
            }
            match self.acts.pop_front() {
                Some(0) => self.noticed = self.heard.len(),
                Some(1) => {
                    let mut pause = Box::pin(sleep(Duration::from_secs(7)));
                    if pause.as_mut().poll(cx).is_pending() {
                        self.pause = Some(pause);
                        return Poll::Pending;
                    }
                }
                Some(3) => {
                    self.is_reset = true;
                    return Poll::Ready(Err(io::ErrorKind::ConnectionReset.into()));
                }
                Some(5) => buffer.put_slice(self.acts.pop_front().as_slice()),
                Some(2) | None => {}
                Some(octet) => buffer.put_slice(&[octet]),
            }
        }
        if buffer.filled().len() > before || buffer.remaining() == 0 {
            Poll::Ready(Ok(()))
        } else {
            Poll::Pending
        }
    }
}

impl AsyncWrite for Peer {
    fn poll_write(mut self: Pin<&mut Self>, _: &mut Context<'_>, octets: &[u8]) -> Poll<io::Result<usize>> {
        if self.is_reset {
            return Poll::Ready(Err(io::ErrorKind::ConnectionReset.into()));
        }
        self.heard.extend_from_slice(octets);
        Poll::Ready(Ok(octets.len()))
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}
