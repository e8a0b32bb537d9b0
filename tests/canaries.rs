//! The daemon and its canaries, over real sockets: a server that is down is told from a port 25 that is blocked here,
//! and a proxy that takes STARTTLS away from a server that does not offer it.
#![expect(clippy::unwrap_used, reason = "what goes wrong fails the test")]
#![expect(clippy::disallowed_methods, reason = "certificates are made for today")]

#[path = "support/mod.rs"]
mod support;

use mx_exporter::config;
use mx_exporter::daemon::{Daemon, Workshop, reloads};
use mx_exporter::name::DomainName;
use mx_exporter::observe::Cause;
use mx_exporter::render::metrics;
use mx_exporter::report::RuleStanding;
use mx_exporter::rules::Status;
use mx_exporter::snapshot::{self, Reader, Snapshot};
use std::collections::BTreeSet;
use std::fs;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, SystemTime};
use support::dns::Dns;
use support::mail_server::{MailServer, Serving};
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep, timeout};

const PATIENCE: Duration = Duration::from_secs(30);
/// Long enough for some runs, which are a second apart.
const A_WHILE: Duration = Duration::from_secs(4);

/// A domain with one mail server, two canaries elsewhere, and a daemon that watches.
struct World {
    _dns: Dns,
    server: Option<Serving>,
    canaries: Vec<Option<Serving>>,
    addresses: [SocketAddr; 3],
    reader: Reader,
    stop: watch::Sender<bool>,
    daemon: JoinHandle<()>,
}

impl World {
    async fn watching(test: &str) -> Self {
        let server = mx().serve_at("127.0.1.1:0".parse().unwrap()).await;
        let port = server.addr.port();
        let address = |network: u8| SocketAddr::from(([127, 0, network, 1], port));
        let addresses = [address(1), address(2), address(3)];
        let canaries = [canary().serve_at(addresses[1]).await, canary().serve_at(addresses[2]).await];
        let dns = Dns::serving("a.test.", "@ IN MX 10 mx\nmx IN A 127.0.1.1")
            .and_zone("one.test.", "canary IN A 127.0.2.1")
            .and_zone("two.test.", "canary IN A 127.0.3.1")
            .and_zone("out.test.", "@ IN MX 10 mx.elsewhere.test.")
            .and_zone("probe.test.", "@ IN MX 10 mx.elsewhere.test.")
            .await;
        let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("canaries").join(test);
        fs::create_dir_all(&folder).unwrap();
        let file = folder.join("mx-exporter.yml");
        let text = format!(
            "defaults: {{interval: 1s, transactions_interval: 1s, tls_scan_interval: off, helo_name: probe.test, \
             test_probe_address: someone@out.test}}\n\
             domains: [a.test]\n\
             dns: {{nameservers: [\"{}\"], dnssec: false}}\n\
             network: {{port: {port}, allow_targets: [127.0.0.0/8], min_spacing: 0s, \
             canaries: [canary.one.test, canary.two.test]}}\n",
            dns.addr
        );
        fs::write(&file, text).unwrap();
        let (_, reloads) = reloads(move || config::load(&file, None));
        let config = reloads.read().unwrap();
        let (stop, stopped) = watch::channel(false);
        let workshop = Workshop::set_up(&config, Arc::new(SystemTime::now), stopped.clone()).unwrap();
        let (writer, reader) = snapshot::channel();
        let daemon = tokio::spawn(Daemon::new(config, workshop, writer).watch(stopped, reloads));
        let canaries = canaries.map(Some).into();
        Self { _dns: dns, server: Some(server), canaries, addresses, reader, stop, daemon }
    }

    /// Waits for the first snapshot that is as wanted.
    async fn until(&self, what: &str, wanted: impl Fn(&Snapshot) -> bool) {
        let deadline = Instant::now() + PATIENCE;
        while !wanted(&self.reader.latest()) {
            assert!(Instant::now() < deadline, "{what}: not in time; {:#?}", self.standings());
            sleep(Duration::from_millis(20)).await;
        }
    }

    /// For a while every snapshot is so.
    async fn stays(&self, what: &str, so: impl Fn(&Snapshot) -> bool) {
        let end = Instant::now() + A_WHILE;
        while Instant::now() < end {
            assert!(so(&self.reader.latest()), "{what}: {:#?}", self.standings());
            sleep(Duration::from_millis(20)).await;
        }
    }

    fn standings(&self) -> Vec<RuleStanding> {
        let snapshot = self.reader.latest();
        snapshot.reports.iter().flat_map(|report| report.standings.clone()).collect()
    }

    async fn server_stops(&mut self) {
        self.server.as_mut().unwrap().stop().await;
    }

    async fn canaries_stop(&mut self) {
        for canary in self.canaries.iter_mut().flatten() {
            canary.stop().await;
        }
    }

    async fn all_return(&mut self) {
        self.server_stops().await;
        self.canaries_stop().await;
        self.server = None;
        self.canaries = vec![None, None];
        self.canaries = vec![
            Some(canary().serve_at(self.addresses[1]).await),
            Some(canary().serve_at(self.addresses[2]).await),
        ];
        self.server = Some(mx().serve_at(self.addresses[0]).await);
    }

    /// All canaries and perhaps the server without STARTTLS, as a proxy before them would show them.
    fn is_stripped(&self, server: bool, canaries: bool) {
        let bare = |name: MailServer, bare: bool| if bare { name.without_starttls() } else { name };
        for one in self.canaries.iter().flatten() {
            one.becomes(bare(canary(), canaries));
        }
        self.server.as_ref().unwrap().becomes(bare(mx(), server));
    }

    async fn end(self) -> Self {
        self.stop.send_replace(true);
        let mut world = self;
        timeout(PATIENCE, &mut world.daemon).await.unwrap().unwrap();
        world
    }
}

fn mx() -> MailServer {
    MailServer::named("mx.a.test").local_domains(["a.test"])
}

fn canary() -> MailServer {
    MailServer::named("canary.test")
}

fn standing<'a>(snapshot: &'a Snapshot, rule: &str) -> Option<&'a RuleStanding> {
    snapshot.report(&DomainName::parse("a.test").unwrap())?.rule(rule)
}

fn status(snapshot: &Snapshot, rule: &str) -> Option<Status> {
    Some(standing(snapshot, rule)?.status())
}

/// Whether the rule's last look was put down to this machine.
fn is_ours(snapshot: &Snapshot, rule: &str) -> bool {
    let Some(standing) = standing(snapshot, rule) else { return false };
    let doubts = standing.subjects.values().filter_map(|standing| standing.doubt.as_ref());
    doubts.map(|doubt| doubt.trouble.cause).any(|cause| cause == Cause::VantageBlocked)
}

fn blocked(snapshot: &Snapshot) -> Option<bool> {
    let mut text = String::new();
    metrics::openmetrics(snapshot, &mut text).unwrap();
    let value =
        text.lines().find_map(|line| line.strip_prefix("mx_exporter_vantage_blocked{family=\"v4\"} "));
    value.map(|value| value == "1")
}

const REACHABLE: &str = "smtp.endpoint_reachable";
const STARTTLS: &str = "smtp.starttls_offered";

#[tokio::test]
async fn a_dead_server_is_told_from_a_blocked_port() {
    let mut world = World::watching("dead").await;
    world
        .until("all is well", |seen| {
            status(seen, REACHABLE) == Some(Status::Ok) && blocked(seen) == Some(false)
        })
        .await;

    world.server_stops().await;
    world.until("the server is found dead", |seen| status(seen, REACHABLE) == Some(Status::Critical)).await;
    assert_eq!(blocked(&world.reader.latest()), Some(false), "the canaries sing");
    world.all_return().await;
    world.until("it is found alive", |seen| status(seen, REACHABLE) == Some(Status::Ok)).await;

    world.canaries_stop().await;
    world.server_stops().await;
    world.until("the block is known", |seen| blocked(seen) == Some(true) && is_ours(seen, REACHABLE)).await;
    world.stays("no server is blamed", |seen| status(seen, REACHABLE) == Some(Status::Ok)).await;
    world.all_return().await;
    let well = |seen: &Snapshot| {
        blocked(seen) == Some(false)
            && status(seen, REACHABLE) == Some(Status::Ok)
            && !is_ours(seen, REACHABLE)
    };
    world.until("it is over", well).await;
    world.end().await;
}

#[tokio::test]
async fn a_proxy_is_told_from_a_server_without_encryption() {
    let world = World::watching("proxy").await;
    world
        .until("all is well", |seen| {
            status(seen, STARTTLS) == Some(Status::Ok) && blocked(seen) == Some(false)
        })
        .await;

    world.is_stripped(true, true);
    world.until("the proxy is known", |seen| blocked(seen) == Some(true) && is_ours(seen, STARTTLS)).await;
    let held = |seen: &Snapshot| {
        [STARTTLS, "smtp.open_relay", "smtp.banner_sanity"]
            .iter()
            .all(|rule| status(seen, rule) == Some(Status::Ok))
    };
    world.stays("no server is blamed", held).await;

    world.is_stripped(false, false);
    world.until("it is over", |seen| blocked(seen) == Some(false) && !is_ours(seen, STARTTLS)).await;
    world.is_stripped(true, false);
    world.until("the server is found bare", |seen| status(seen, STARTTLS) == Some(Status::Critical)).await;
    assert_eq!(blocked(&world.reader.latest()), Some(false));
    world.end().await;
}

#[tokio::test]
async fn a_canary_is_only_greeted() {
    let world = World::watching("manners").await;
    let canaries = |world: &World| world.canaries.iter().flatten().all(|canary| canary.connections() >= 3);
    world.until("some rounds", |_| canaries(&world)).await;
    let world = world.end().await;
    for canary in world.canaries.iter().flatten() {
        let commands: BTreeSet<String> = canary.transcripts().concat().into_iter().collect();
        let words = commands.iter().map(|line| line.split(' ').next().unwrap());
        assert_eq!(words.collect::<Vec<_>>(), ["EHLO", "QUIT"], "{commands:?}");
        assert!(canary.breaches().is_empty() && canary.most_at_once() == 1, "{:?}", canary.breaches());
    }
}
