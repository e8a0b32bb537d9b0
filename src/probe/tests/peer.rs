//! A scripted peer on an in-memory stream, under paused time, and short words for what a session brought home.
//!
//! A script has one act a line: `S text` says a line, `C PREFIX` hears one that begins so, `W 20` waits 20 s,
//! `raw TEXT` says octets with Rust's escapes, `drip TEXT` says them one a second, `flood TEXT` says a line for ever,
//! `tls` shakes hands, `hello` only reads the ClientHello, `silence` listens until the client leaves, `deaf` does not even listen. At its end it hangs up.

use super::super::session::{Call, converse};
use super::super::*;
use crate::observe::{Dialogue, Ehlo, RelayOutcome, Reply, Seen, StartTls, Step, Tls, Trouble};
use rustls::ServerConfig;
use std::fmt::Debug;
use tokio::io::{
    AsyncBufReadExt, AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, BufReader, DuplexStream,
};
use tokio_rustls::TlsAcceptor;

/// 2027-01-01, the day of all tests.
pub(super) fn now() -> SystemTime {
    SystemTime::UNIX_EPOCH + Duration::from_secs(1_798_761_600)
}

trait Transport: AsyncRead + AsyncWrite + Unpin + Send {}
impl<T: AsyncRead + AsyncWrite + Unpin + Send> Transport for T {}

/// A meeting that can be varied before it takes place.
pub(super) struct Meeting {
    pub(super) plan: Plan,
    pub(super) roots: Vec<CertificateDer<'static>>,
    pub(super) server: Option<Arc<ServerConfig>>,
    pub(super) mx: &'static str,
    pub(super) stop_after: Option<Duration>,
}

/// What came of it.
#[derive(Debug)]
pub(super) struct Met {
    pub(super) session: Session,
    /// Every line the server heard.
    pub(super) heard: Vec<String>,
    pub(super) took: Duration,
}

pub(super) fn looking() -> Plan {
    Plan {
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
    }
}

pub(super) fn meeting() -> Meeting {
    Meeting { plan: looking(), roots: vec![], server: None, mx: "mx.test", stop_after: None }
}

/// Plays a script for a session that only looks.
pub(super) async fn meet(script: &str) -> Met {
    meeting().play(script).await
}

impl Meeting {
    pub(super) async fn play(self, script: &str) -> Met {
        let (ours, theirs) = tokio::io::duplex(2_048);
        let (stop, stopped) = watch::channel(false);
        let key = SessionKey {
            address: "192.0.2.1:25".parse().unwrap(),
            tls_name: crate::name::MxName::parse(self.mx).unwrap(),
        };
        let tls = TlsClient::new(self.roots).unwrap();
        let call = Call::new(&key, &self.plan, now(), &tls, "192.0.2.9".parse().unwrap());
        let clock = Clock::start(self.plan.timeout, stopped);
        let began = tokio::time::Instant::now();
        let talk = async {
            let session = converse(ours, &call, Record::new(clock)).await;
            (session, began.elapsed())
        };
        let stopping = async {
            if let Some(after) = self.stop_after {
                tokio::time::sleep(after).await;
                stop.send_replace(true);
            }
        };
        let ((session, took), heard, ()) = tokio::join!(talk, play(theirs, script, self.server), stopping);
        let met = Met { session, heard, took };
        met.assert_good_manners();
        met
    }
}

impl Met {
    /// Nothing but the few commands of this program is ever said, each on one line, and the transcript tells them all.
    fn assert_good_manners(&self) {
        const SAID: [&str; 7] = ["EHLO ", "HELO ", "MAIL FROM:<", "RCPT TO:<", "RSET", "QUIT", "STARTTLS"];
        for line in &self.heard {
            let command =
                line.strip_suffix("\r\n").unwrap_or_else(|| panic!("no CRLF at the end of {line:?}"));
            assert!(!command.contains(['\r', '\n', '\0']), "{line:?}");
            assert!(SAID.iter().any(|said| command.starts_with(said)), "{line:?} was said");
        }
        let told = self.steps().iter().filter_map(|step| step.sent.clone());
        for command in told {
            assert!(SAID.iter().any(|said| command.starts_with(said)), "{command:?} is in the transcript");
            assert!(!command.contains(['\r', '\n', '\0']), "{command:?}");
        }
    }

    pub(super) fn steps(&self) -> &[Step] {
        self.session.dialogue.as_ref().map_or(&[], |dialogue| &dialogue.steps)
    }

    pub(super) fn dialogue(&self) -> &Dialogue {
        self.session.dialogue.as_ref().expect("a dialogue")
    }

    pub(super) fn ehlo(&self) -> &Ehlo {
        self.dialogue().ehlo.as_ref().expect("an answer to EHLO")
    }

    pub(super) fn tls(&self) -> &Tls {
        match &self.ehlo().starttls {
            Ok(StartTls::Secured(tls)) => tls,
            other => panic!("no TLS: {other:?}"),
        }
    }

    /// The trouble on the way in.
    pub(super) fn trouble(&self) -> &Trouble {
        self.dialogue().trouble().unwrap_or_else(|| panic!("no trouble in {self:#?}"))
    }

    /// The session in short: the codes of banner, EHLO and HELO, what became of STARTTLS and EHLO inside; a trouble
    /// as `cause@stage`, what lies behind one as `-`.
    pub(super) fn gist(&self) -> String {
        let Dialogue { banner, ehlo, .. } = self.dialogue();
        let mut words = vec![code(banner)];
        match ehlo {
            Err(unseen) => words.push(why(unseen)),
            Ok(ehlo) => {
                words.push(ehlo.reply.code.to_string());
                words.extend(ehlo.helo.as_ref().map(|helo| format!("helo {}", code(helo))));
                words.extend(starttls(&ehlo.starttls));
            }
        }
        words.join(" ")
    }

    /// The tests in short.
    pub(super) fn tests(&self) -> String {
        let Session { null_sender, relay, postmasters, owed, .. } = &self.session;
        let mut words = vec![];
        words.extend(null_sender.as_ref().map(|null| match null {
            Ok(null) => format!("null {}", accepted(null.is_accepted())),
            Err(unseen) => format!("null {}", why(unseen)),
        }));
        words.extend(postmasters.iter().map(|(domain, asked)| match asked {
            Ok(asked) => format!("{domain} {}", accepted(asked.is_accepted())),
            Err(unseen) => format!("{domain} {}", why(unseen)),
        }));
        words.extend(relay.as_ref().map(|relay| match relay.as_ref().map(|relay| relay.outcome()) {
            Ok(Ok(RelayOutcome::Open)) => "relay open".to_owned(),
            Ok(Ok(RelayOutcome::Closed)) => "relay closed".to_owned(),
            Ok(Err(unseen)) => format!("relay {}", why(&unseen)),
            Err(unseen) => format!("relay {}", why(unseen)),
        }));
        words.extend(owed.then(|| "owed".to_owned()));
        words.join(", ")
    }
}

fn code(reply: &Seen<Reply>) -> String {
    reply.as_ref().map_or_else(why, |reply| reply.code.to_string())
}

fn accepted(seen: Seen<bool>) -> String {
    seen.map_or_else(|unseen| why(&unseen), |yes| if yes { "accepted" } else { "refused" }.to_owned())
}

fn why(unseen: &Unseen) -> String {
    match unseen {
        Unseen::Failed(trouble) => format!("{}@{}", trouble.cause, trouble.stage),
        Unseen::Blocked(trouble) => format!("({}@{})", trouble.cause, trouble.stage),
    }
}

fn starttls(starttls: &Seen<StartTls>) -> Vec<String> {
    match starttls {
        Err(unseen) => vec![why(unseen)],
        Ok(StartTls::NotOffered) => vec!["not offered".to_owned()],
        Ok(StartTls::Refused(reply)) => vec![format!("refused {}", reply.code)],
        Ok(StartTls::Injected(_)) => vec!["injected".to_owned()],
        Ok(StartTls::HandshakeFailed(trouble)) => vec![format!("{}@{}", trouble.cause, trouble.stage)],
        Ok(StartTls::Secured(tls)) => {
            let inside = tls.ehlo.as_ref().map_or_else(why, |ehlo| ehlo.reply.code.to_string());
            vec![tls.version.as_str().to_owned(), inside]
        }
    }
}

async fn play(stream: DuplexStream, script: &str, server: Option<Arc<ServerConfig>>) -> Vec<String> {
    let mut stream: BufReader<Box<dyn Transport>> = BufReader::new(Box::new(stream));
    let mut heard = vec![];
    for act in script.lines().map(str::trim).filter(|act| !act.is_empty()) {
        let (word, text) = act.split_once(' ').unwrap_or((act, ""));
        match word {
            "S" => say(&mut stream, format!("{text}\r\n").as_bytes()).await,
            "raw" => say(&mut stream, &octets(text)).await,
            "C" => hear(&mut stream, act, text, &mut heard).await,
            "W" => tokio::time::sleep(Duration::from_secs(text.parse().unwrap())).await,
            "drip" => {
                for octet in octets(text) {
                    tokio::time::sleep(Duration::from_secs(1)).await;
                    say(&mut stream, &[octet]).await;
                }
            }
            "flood" => while stream.write_all(format!("{text}\r\n").as_bytes()).await.is_ok() {},
            "tls" => {
                assert!(stream.buffer().is_empty(), "plaintext behind STARTTLS");
                let acceptor = TlsAcceptor::from(server.clone().expect("a server configuration"));
                match acceptor.accept(stream.into_inner()).await {
                    Ok(inside) => stream = BufReader::new(Box::new(inside)),
                    Err(_) => return heard,
                }
            }
            "hello" => hello(&mut stream).await,
            "silence" => while next(&mut stream, &mut heard).await {},
            "deaf" => tokio::time::sleep(Duration::from_secs(1_000)).await,
            _ => panic!("no such act: {act}"),
        }
    }
    stream.shutdown().await.ok();
    while next(&mut stream, &mut heard).await {}
    heard
}

/// The client may have gone already; that is its own business.
async fn say(stream: &mut BufReader<Box<dyn Transport>>, octets: &[u8]) {
    stream.write_all(octets).await.ok();
    stream.flush().await.ok();
}

async fn hear(stream: &mut BufReader<Box<dyn Transport>>, act: &str, prefix: &str, heard: &mut Vec<String>) {
    assert!(next(stream, heard).await, "the client left before {act:?}; heard {heard:?}");
    let line = heard.last().unwrap();
    assert!(line.starts_with(prefix), "wanted {prefix:?}, heard {line:?}");
    assert!(stream.buffer().is_empty(), "something is pipelined behind {line:?}");
}

/// Reads one TLS record, which must be the start of a handshake.
async fn hello(stream: &mut BufReader<Box<dyn Transport>>) {
    let mut head = [0; 5];
    stream.read_exact(&mut head).await.expect("a record");
    assert_eq!(head[..2], [22, 3], "no handshake");
    let mut body = vec![0; usize::from(u16::from_be_bytes([head[3], head[4]]))];
    stream.read_exact(&mut body).await.expect("a whole record");
}

async fn next(stream: &mut BufReader<Box<dyn Transport>>, heard: &mut Vec<String>) -> bool {
    let mut line = vec![];
    if stream.fill_buf().await.is_ok_and(|octets| matches!(octets.first(), Some(20..24))) {
        // TLS to the end: an alert, or a ClientHello that nobody reads. No plaintext may follow.
        stream.read_to_end(&mut line).await.ok();
        assert!(!line.windows(4).any(|octets| octets == b"QUIT"), "plaintext behind TLS");
        return false;
    }
    let read = stream.read_until(b'\n', &mut line).await;
    if line.is_empty() || read.is_err() {
        return false;
    }
    heard.push(String::from_utf8(line).expect("plain ASCII"));
    true
}

/// `\r`, `\n`, `\t` and `\xNN`.
fn octets(text: &str) -> Vec<u8> {
    let mut rest = text.chars();
    let mut octets = vec![];
    while let Some(c) = rest.next() {
        let octet = match c {
            '\\' => match rest.next().unwrap() {
                'r' => b'\r',
                'n' => b'\n',
                't' => b'\t',
                'x' => u8::from_str_radix(&rest.by_ref().take(2).collect::<String>(), 16).unwrap(),
                other => panic!("no such escape: {other}"),
            },
            c => u8::try_from(c).unwrap(),
        };
        octets.push(octet);
    }
    octets
}
