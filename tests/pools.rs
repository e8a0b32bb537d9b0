//! The daemon over real sockets, and a host that goes round its addresses for a day: one server to whoever reads.
#![expect(clippy::unwrap_used, reason = "what goes wrong fails the test")]
#![expect(clippy::disallowed_methods, reason = "certificates are made for today")]

#[path = "support/mod.rs"]
mod support;

use mx_exporter::config;
use mx_exporter::daemon::{Daemon, Workshop, reloads};
use mx_exporter::name::DomainName;
use mx_exporter::render::metrics;
use mx_exporter::schedule::Clock;
use mx_exporter::snapshot::{self, Reader, Snapshot};
use std::collections::BTreeSet;
use std::fs;
use std::net::{IpAddr, Ipv4Addr};
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, SystemTime};
use support::dns::Dns;
use support::mail_server::{MailServer, Serving};
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio::time::{Instant, advance, pause, resume, sleep};

const ADDRESSES: u8 = 12;
const INTERVAL: Duration = Duration::from_secs(2 * 3600);
const DAY: Duration = Duration::from_secs(24 * 3600);
const DOMAINS: [&str; 2] = ["a.test", "b.test"];

/// A host with as many servers, two domains on it, and a daemon that watches them.
struct World {
    dns: Dns,
    servers: Vec<Serving>,
    clock: Clock,
    reader: Reader,
    stop: watch::Sender<bool>,
    daemon: JoinHandle<()>,
}

impl World {
    async fn of(shown: &[u8]) -> Self {
        let (servers, port) = serve().await;
        let zone = "@ IN MX 10 mx.host.test.";
        let dns = Dns::serving("host.test.", &records(shown))
            .and_zone("a.test.", zone)
            .and_zone("b.test.", zone)
            .await;
        let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("pools");
        fs::create_dir_all(&folder).unwrap();
        let file = folder.join("pools.yml");
        fs::write(&file, configuration(port, &dns.addr.to_string())).unwrap();
        let (_ask, reloads) = reloads(move || config::load(&file, None));
        let config = reloads.read().unwrap();
        let (stop, stopped) = watch::channel(false);
        let (begin, today) = (Instant::now(), SystemTime::now());
        let clock: Clock = Arc::new(move || today + begin.elapsed());
        let workshop = Workshop::set_up(&config, clock.clone(), stopped.clone()).unwrap();
        let (writer, reader) = snapshot::channel();
        let daemon = tokio::spawn(Daemon::new(config, workshop, writer).watch(stopped, reloads));
        Self { dns, servers, clock, reader, stop, daemon }
    }

    /// The first snapshot that is as wanted.
    async fn until(&self, wanted: impl Fn(&Snapshot) -> bool) -> Arc<Snapshot> {
        for _ in 0..200 {
            let seen = self.reader.latest();
            if wanted(&seen) && seen.prober.sessions_in_flight == 0 {
                return seen;
            }
            sleep(Duration::from_millis(50)).await;
            pass(Duration::from_secs(1)).await; // until the next snapshot
        }
        panic!("not in time; last seen: {:?}", self.reader.latest().prober);
    }

    /// The snapshot after the first run of all.
    async fn first(&self) -> Arc<Snapshot> {
        self.until(|seen| seen.reports.len() == DOMAINS.len()).await
    }

    /// The snapshot after the next run of each domain, with other addresses.
    async fn next(&self, shown: &[u8]) -> Arc<Snapshot> {
        self.dns.change_zone("host.test.", &records(shown));
        for name in DOMAINS.map(|name| DomainName::parse(name).unwrap()) {
            let looked_at = |seen: &Snapshot| seen.report(&name).unwrap().observation.at;
            let (last, due) =
                (looked_at(&self.reader.latest()), self.reader.latest().report(&name).unwrap().next.run);
            pass(due.duration_since((self.clock)()).unwrap_or_default()).await;
            self.until(|seen| looked_at(seen) > last).await;
        }
        self.reader.latest()
    }

    async fn end(self) -> Vec<Serving> {
        self.stop.send_replace(true);
        self.daemon.await.unwrap();
        self.servers
    }
}

async fn pass(time: Duration) {
    pause();
    advance(time).await;
    resume();
}

/// Servers on one port of all addresses.
async fn serve() -> (Vec<Serving>, u16) {
    let server = MailServer::named("mx.host.test").local_domains(DOMAINS);
    'port: loop {
        let first = TcpListener::bind((address(1), 0)).await.unwrap();
        let port = first.local_addr().unwrap().port();
        let mut listeners = vec![first];
        for n in 2..=ADDRESSES {
            let Ok(listener) = TcpListener::bind((address(n), port)).await else { continue 'port };
            listeners.push(listener);
        }
        return (listeners.into_iter().map(|listener| server.clone().serve_on(listener)).collect(), port);
    }
}

fn address(n: u8) -> IpAddr {
    Ipv4Addr::new(127, 0, 0, n).into()
}

fn records(shown: &[u8]) -> String {
    shown.iter().map(|n| format!("mx IN A {}\n", address(*n))).collect()
}

fn configuration(port: u16, nameserver: &str) -> String {
    format!(
        "defaults: {{helo_name: probe.test, interval: 2h, transactions_interval: 6h, test_open_relay: false}}\n\
         domains: [{}]\n\
         dns: {{nameservers: [\"{nameserver}\"], dnssec: false}}\n\
         network: {{port: {port}, allow_targets: [127.0.0.0/8], min_spacing: 0s}}\n",
        DOMAINS.join(", ")
    )
}

/// The values of the label `address` in all series.
fn addresses(snapshot: &Snapshot) -> BTreeSet<String> {
    let series = series(snapshot);
    let values = series.iter().filter_map(|line| Some(line.split_once("address=\"")?.1.split_once('"')?.0));
    values.map(str::to_owned).collect()
}

fn series(snapshot: &Snapshot) -> Vec<String> {
    let mut text = String::new();
    metrics::classic(snapshot, &mut text).unwrap();
    let series = text.lines().filter(|line| !line.starts_with('#'));
    series.map(|line| line.rsplit_once(' ').unwrap().0.to_owned()).collect()
}

fn changes(snapshot: &Snapshot) -> Vec<String> {
    let changes = snapshot.reports.iter().flat_map(|report| &report.history);
    changes.map(|change| format!("{} {} {:?}", change.rule.code, change.subject, change.to)).collect()
}

/// Four addresses from the `n`th on.
fn window(n: u8) -> Vec<u8> {
    (n..n + 4).map(|n| n % ADDRESSES + 1).collect()
}

#[tokio::test]
async fn a_host_that_goes_round_twelve_addresses_is_one_server_until_a_day_has_had_fewer() {
    let world = World::of(&window(0)).await;
    let mut seen = world.first().await;
    assert_eq!(addresses(&seen).len(), 4);
    let (mut told, mut eight_left) = (Vec::new(), None);
    for n in 1..=ADDRESSES {
        seen = world.next(&window(n)).await;
        let (all, known) = (addresses(&seen), 4 + usize::from(n));
        let want = if known > 8 { BTreeSet::from(["pool-v4".to_owned()]) } else { all.clone() };
        assert_eq!(all, want, "after {known} addresses");
        assert!(known > 8 || all.len() == known, "{all:?}");
        let series = series(&seen);
        assert_eq!(series.iter().collect::<BTreeSet<_>>().len(), series.len(), "each once");
        if known <= 9 {
            told = changes(&seen); // each new server's certificate and missing PTR are news, its place in a pool is none
        }
        assert_eq!(changes(&seen), told, "going round is no change");
        if n > 4 && !window(n).contains(&8) {
            eight_left.get_or_insert((world.clock)()); // after 5, 6 and 7: from then on it shows eight
        }
    }
    let pool = &seen.reports[0].observation.endpoints;
    assert!(pool.len() == 1 && pool[0].pooled && pool[0].address() != address(1), "{:?}", pool[0].address());
    seen = world.next(&window(0)).await;
    while addresses(&seen).contains("pool-v4") {
        assert_eq!(changes(&seen), told);
        seen = world.next(&window(0)).await;
    }
    let took = (world.clock)().duration_since(eight_left.unwrap()).unwrap();
    assert!(took > DAY - INTERVAL && took < DAY + 2 * INTERVAL, "{took:?}");
    seen = world.next(&window(0)).await;
    let want: BTreeSet<_> = window(0).into_iter().map(|n| address(n).to_string()).collect();
    assert_eq!(addresses(&seen), want);
    for server in world.end().await {
        assert!(server.breaches().is_empty() && server.data_seen() == 0, "{:?}", server.breaches());
    }
}
