//! Sessions by the hundred thousand, over pipes in memory and in virtual time, with servers of every manner: nothing of
//! them may remain.

use crate::support::tls::{ALL_VERSIONS, Ca};
use crate::{MIB, resident, within};
use mx_exporter::name::{DomainName, HeloName, Mailbox, MxName};
use mx_exporter::observe::SessionKey;
use mx_exporter::probe::{Network, Plan, Prober, RelayPlan};
use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;
use std::time::{Duration, SystemTime};
use std::{env, fs};
use tokio::io::{
    AsyncBufRead, AsyncBufReadExt as _, AsyncRead, AsyncWrite, AsyncWriteExt as _, BufReader, DuplexStream,
};
use tokio::runtime::{Builder, Handle};
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::sleep;
use tokio_rustls::TlsAcceptor;

/// Sessions at once.
const AT_ONCE: u32 = 250;
/// Longer than any session.
const LATER: Duration = Duration::from_secs(600);

/// A million of them.
pub(crate) fn leave_nothing() -> bool {
    let wanted: u32 = env::var("SESSIONS").map_or(1_000_000, |count| count.parse().unwrap());
    let runtime = Builder::new_current_thread().enable_time().start_paused(true).build().unwrap();
    runtime.block_on(async {
        let world = Arc::new(World::new());
        world.hold(0..2_000).await; // whatever is set up once
        let (descriptors, memory, began) = (descriptors(), resident(), SystemTime::now());
        let encrypted = world.hold(0..wanted).await;
        let took = began.elapsed().unwrap().as_secs_f64();
        sleep(LATER).await;
        println!(
            "{wanted} sessions, {encrypted} of them encrypted, in {took:.0} s: {:.0} a second",
            f64::from(wanted) / took
        );
        let tasks = Handle::current().metrics().num_alive_tasks();
        let more = count(self::descriptors()) - count(descriptors);
        let kept = [
            within("sessions in virtual time: tasks left", count(tasks), 0.0, ""),
            within("sessions in virtual time: descriptors left", more, 0.0, ""),
            within("sessions in virtual time: memory grows by", (resident() - memory) / MIB, 8.0, "MiB"),
        ];
        kept.iter().all(|kept| *kept)
    })
}

fn count(number: usize) -> f64 {
    f64::from(u32::try_from(number).unwrap())
}

fn descriptors() -> usize {
    fs::read_dir("/proc/self/fd").unwrap().count()
}

struct World {
    prober: Prober,
    key: SessionKey,
    plan: Plan,
    acceptor: TlsAcceptor,
}

impl World {
    fn new() -> Self {
        let address = IpAddr::V4(Ipv4Addr::new(192, 0, 2, 1));
        let key = SessionKey { address: (address, 25).into(), tls_name: MxName::parse("mx.test").unwrap() };
        let mailbox = |text| Mailbox::parse(text).unwrap();
        let plan = Plan {
            helo: Some(HeloName::parse("probe.test").unwrap()),
            mail_from: None,
            timeout: Duration::from_secs(120),
            null_sender: Some(DomainName::parse("a.test").unwrap()),
            postmasters: vec![DomainName::parse("a.test").unwrap()],
            relay: Some(RelayPlan {
                recipients: vec![mailbox("someone@out.test")],
                confirmations: vec![mailbox("postmaster@probe.test")],
            }),
            refusals: 3,
            plaintext: false,
            anchors: vec![],
            scan: None,
        };
        let identity = Ca::new().leaf("mx.test").self_signed().issue();
        let acceptor = TlsAcceptor::from(identity.server_config(ALL_VERSIONS));
        Self { prober: Prober::new(Network::default(), Vec::new()).unwrap(), key, plan, acceptor }
    }

    /// Holds one with each of these peers, some at a time; how many got encrypted.
    async fn hold(self: &Arc<Self>, peers: std::ops::Range<u32>) -> usize {
        let (mut sessions, mut encrypted) = (JoinSet::new(), 0);
        for peer in peers {
            sessions.spawn(self.clone().session(peer));
            if sessions.len() >= usize::try_from(AT_ONCE).unwrap() {
                encrypted += usize::from(sessions.join_next().await.unwrap().unwrap());
            }
        }
        while let Some(session) = sessions.join_next().await {
            encrypted += usize::from(session.unwrap());
        }
        encrypted
    }

    async fn session(self: Arc<Self>, peer: u32) -> bool {
        let (ours, theirs) = tokio::io::duplex(2_048);
        tokio::spawn(play(theirs, peer, self.acceptor.clone()));
        let (_running, stop) = watch::channel(false);
        let local = IpAddr::V4(Ipv4Addr::new(192, 0, 2, 9));
        let at = SystemTime::UNIX_EPOCH + Duration::from_secs(1_800_000_000);
        let session = self.prober.session_over(ours, local, &self.key, &self.plan, at, stop).await;
        let dialogue = session.dialogue.unwrap();
        let ehlo = dialogue.ehlo.ok();
        ehlo.is_some_and(|ehlo| matches!(ehlo.starttls, Ok(mx_exporter::observe::StartTls::Secured(_))))
    }
}

/// Of a hundred peers one speaks TLS, and of ten six behave.
async fn play(stream: DuplexStream, peer: u32, acceptor: TlsAcceptor) {
    let mut stream = BufReader::new(stream);
    let end = match (peer % 100, peer % 10) {
        (0, _) => encrypted(stream, acceptor).await,
        (_, 0..=5) => converse(&mut stream, "250 mx.test").await,
        (_, 6) => silence(&mut stream).await,
        (_, 7) => flood(&mut stream).await,
        (_, 8) => stream.write_all(b"220 mx.test\r\n250-").await,
        _ => drip(&mut stream).await,
    };
    end.ok(); // the client may have left
}

async fn encrypted(mut stream: BufReader<DuplexStream>, acceptor: TlsAcceptor) -> std::io::Result<()> {
    stream.write_all(b"220 mx.test\r\n").await?;
    line(&mut stream).await?;
    stream.write_all(b"250-mx.test\r\n250 STARTTLS\r\n").await?;
    line(&mut stream).await?;
    stream.write_all(b"220 go\r\n").await?;
    let mut stream = BufReader::new(acceptor.accept(stream.into_inner()).await?);
    answer(&mut stream, "250 mx.test").await
}

async fn converse<S: AsyncRead + AsyncWrite + Unpin>(
    stream: &mut BufReader<S>,
    ehlo: &str,
) -> std::io::Result<()> {
    stream.write_all(b"220 mx.test\r\n").await?;
    answer(stream, ehlo).await
}

/// Answers commands until the client says QUIT or leaves.
async fn answer<S: AsyncRead + AsyncWrite + Unpin>(
    stream: &mut BufReader<S>,
    ehlo: &str,
) -> std::io::Result<()> {
    loop {
        let command = line(stream).await?;
        let reply = match command.get(..4).unwrap_or_default() {
            "" => return Ok(()),
            "EHLO" => ehlo,
            "RCPT" if command.contains("out.test") => "554 5.7.1 Relay access denied",
            "QUIT" => "221 bye",
            _ => "250 ok",
        };
        stream.write_all(format!("{reply}\r\n").as_bytes()).await?;
        stream.flush().await?;
    }
}

async fn line(stream: &mut (impl AsyncBufRead + Unpin)) -> std::io::Result<String> {
    let mut line = String::new();
    stream.read_line(&mut line).await?;
    Ok(line)
}

async fn silence(stream: &mut BufReader<DuplexStream>) -> std::io::Result<()> {
    while !line(stream).await?.is_empty() {}
    Ok(())
}

async fn flood(stream: &mut BufReader<DuplexStream>) -> std::io::Result<()> {
    loop {
        stream.write_all(b"220-still here\r\n").await?;
    }
}

async fn drip(stream: &mut BufReader<DuplexStream>) -> std::io::Result<()> {
    loop {
        stream.write_all(b"2").await?;
        sleep(Duration::from_secs(1)).await;
    }
}
