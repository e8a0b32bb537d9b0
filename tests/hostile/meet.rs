//! A session between the real client and a scripted peer, over memory in paused time or over a real socket, and what
//! is told of it.

use crate::support::smtp::{Running, Script};
use mx_exporter::name::{DomainName, HeloName, Mailbox, MxName};
use mx_exporter::observe::{Reply, Session, SessionKey, Step, Unseen};
use mx_exporter::probe::{Network, Plan, Prober, RelayPlan};
use rustls::pki_types::CertificateDer;
use std::net::{IpAddr, SocketAddr};
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll};
use std::time::{Duration, SystemTime};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::sync::watch;
use tokio::time::{Instant, sleep};

/// 2027-01-01, the day of all tests.
pub(crate) fn now() -> SystemTime {
    SystemTime::UNIX_EPOCH + Duration::from_secs(1_798_761_600)
}

pub(crate) const MX: &str = "mx.example.test";

/// What the peer's network holds before it blocks.
const IN_FLIGHT: usize = 4_096;

/// A meeting that can be varied before it takes place.
pub(crate) struct Meeting {
    pub(crate) plan: Plan,
    pub(crate) network: Network,
    pub(crate) roots: Vec<CertificateDer<'static>>,
    pub(crate) mx: &'static str,
    /// Where the peer is said to be, where it is no socket.
    pub(crate) address: SocketAddr,
    pub(crate) at: SystemTime,
    pub(crate) in_flight: usize,
    pub(crate) stop_after: Option<Duration>,
}

/// What came of it.
#[derive(Debug)]
pub(crate) struct Met {
    pub(crate) session: Session,
    pub(crate) key: SessionKey,
    /// Every line the peer heard, and the scripts' own marks in brackets.
    pub(crate) heard: Vec<String>,
    pub(crate) took: Duration,
    /// Octets that the client took from the network; 0 over a real socket.
    pub(crate) read: usize,
}

/// A session that only looks.
pub(crate) fn looking() -> Meeting {
    let plan = Plan {
        helo: Some(HeloName::parse("probe.test").unwrap()),
        mail_from: None,
        timeout: Duration::from_secs(120),
        null_sender: None,
        postmasters: vec![],
        relay: None,
        refusals: 3,
        plaintext: false,
        anchors: vec![],
        scan: None,
    };
    let network = Network { allow_targets: vec!["127.0.0.0/8".parse().unwrap()], source_addresses: vec![] };
    let address = SocketAddr::from(([192, 0, 2, 1], 25));
    let (roots, at) = (vec![], now());
    Meeting { plan, network, roots, mx: MX, address, at, in_flight: IN_FLIGHT, stop_after: None }
}

/// A session with every test, on behalf of `example.test`.
pub(crate) fn testing() -> Meeting {
    let domain = DomainName::parse("example.test").unwrap();
    let mailboxes =
        |texts: [&str; 3]| texts.iter().map(|text| Mailbox::parse(text).unwrap()).collect::<Vec<_>>();
    let relay = RelayPlan {
        recipients: mailboxes(["x@out1.test", "x@out2.test", "x@out3.test"]),
        confirmations: mailboxes(["y@other1.test", "y@other2.test", "y@other3.test"]),
    };
    let mut meeting = looking();
    meeting.plan.null_sender = Some(domain.clone());
    meeting.plan.postmasters = vec![domain];
    meeting.plan.relay = Some(relay);
    meeting
}

impl Meeting {
    /// In paused time, over memory. The script has to come to its end.
    pub(crate) async fn with(self, script: Script) -> Met {
        let (ours, playing) = script.over_duplex(self.in_flight);
        let met = self.over(ours).await;
        let heard = playing.finish().await;
        Met { heard, ..met }
    }

    /// Over any stream.
    pub(crate) async fn over(self, stream: impl AsyncRead + AsyncWrite + Unpin) -> Met {
        let key = self.key(self.address);
        let prober = Prober::new(self.network.clone(), self.roots.clone()).unwrap();
        let (stop, stopped) = watch::channel(false);
        let (began, local) = (Instant::now(), IpAddr::from([192, 0, 2, 9]));
        let read = Arc::new(AtomicUsize::new(0));
        let stream = Metered { stream, read: read.clone() };
        let talk = prober.session_over(stream, local, &key, &self.plan, self.at, stopped);
        let session = self.until_stopped(stop, talk).await;
        let met =
            Met { session, key, heard: vec![], took: began.elapsed(), read: read.load(Ordering::Relaxed) };
        met.assert_harmless();
        met
    }

    /// Over a real socket.
    pub(crate) async fn at(self, address: SocketAddr) -> Met {
        let key = self.key(address);
        let prober = Prober::new(self.network.clone(), self.roots.clone()).unwrap();
        let (stop, stopped) = watch::channel(false);
        let began = Instant::now();
        let session = self.until_stopped(stop, prober.session(&key, &self.plan, self.at, stopped)).await;
        let met = Met { session, key, heard: vec![], took: began.elapsed(), read: 0 };
        met.assert_harmless();
        met
    }

    /// Over a real socket, with a script that has to come to its end.
    pub(crate) async fn on_socket(self, script: Script) -> Met {
        let running: Running = script.serve().await;
        let met = self.at(running.addr).await;
        Met { heard: running.finish().await, ..met }
    }

    fn key(&self, address: SocketAddr) -> SessionKey {
        SessionKey { address, tls_name: MxName::parse(self.mx).unwrap() }
    }

    async fn until_stopped(&self, stop: watch::Sender<bool>, talk: impl Future<Output = Session>) -> Session {
        let stopping = async {
            if let Some(after) = self.stop_after {
                sleep(after).await;
                stop.send_replace(true);
            }
            std::future::pending::<()>().await;
        };
        tokio::select! {
            session = talk => session,
            () = stopping => unreachable!(),
        }
    }
}

impl Met {
    pub(crate) fn steps(&self) -> &[Step] {
        self.session.dialogue.as_ref().map_or(&[], |dialogue| &dialogue.steps)
    }

    /// Where and why the way to an encrypted session ended, with the words for people.
    pub(crate) fn trouble(&self) -> String {
        match &self.session.dialogue {
            Ok(dialogue) => dialogue.trouble().map(ToString::to_string).unwrap_or_default(),
            Err(unseen) => unseen.trouble().to_string(),
        }
    }

    /// At least as many octets as all that is kept of the session.
    pub(crate) fn kept(&self) -> usize {
        format!("{:?}", self.session).len()
    }

    /// Nothing but few commands is ever said, a line each, and no text that is kept can move a cursor or break a line.
    fn assert_harmless(&self) {
        const SAID: [&str; 7] = ["EHLO ", "HELO ", "MAIL FROM:<", "RCPT TO:<", "RSET", "QUIT", "STARTTLS"];
        let said = self.steps().iter().filter_map(|step| step.sent.as_deref());
        for command in said {
            assert!(SAID.iter().any(|word| command.starts_with(word)), "{command:?} was said");
            assert!(!command.contains(|c: char| c.is_control()), "{command:?}");
        }
        let replies = self.steps().iter().filter_map(|step| step.reply.as_ref());
        for text in replies.map(|reply| reply.as_ref().map_or_else(words, Reply::text)) {
            assert!(!text.contains(|c: char| c.is_control()), "{text:?}");
        }
        let steps = self.steps().windows(2);
        for pair in steps.filter(|pair| pair[0].stage != pair[1].stage) {
            assert!(
                pair[0].at + pair[0].took <= pair[1].at,
                "one was said before the other's answer: {pair:?}"
            );
        }
    }
}

fn words(unseen: &Unseen) -> String {
    unseen.trouble().to_string()
}

/// Counts what is read.
struct Metered<S> {
    stream: S,
    read: Arc<AtomicUsize>,
}

impl<S: AsyncRead + Unpin> AsyncRead for Metered<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<std::io::Result<()>> {
        let before = buffer.filled().len();
        let polled = Pin::new(&mut self.stream).poll_read(cx, buffer);
        self.read.fetch_add(buffer.filled().len() - before, Ordering::Relaxed);
        polled
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Metered<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        octets: &[u8],
    ) -> Poll<std::io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(cx, octets)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<std::io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<std::io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}

/// So many seconds.
pub(crate) const fn seconds(count: u64) -> Duration {
    Duration::from_secs(count)
}
