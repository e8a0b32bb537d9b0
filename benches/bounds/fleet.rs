//! A whole daemon among peers that misbehave: what it weighs, and whether others wait for them.

use crate::peers::{HEALTHY, Peers, domain};
use crate::{MIB, resident, within};
use mx_exporter::config;
use mx_exporter::daemon::{Answer, Daemon, Workshop, reloads};
use mx_exporter::snapshot::{self, Reader};
use std::collections::HashMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, SystemTime};
use tokio::sync::{mpsc, oneshot, watch};
use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep};

const TARPITS: u16 = 1_000;
const ENDLESS: u16 = 64;
/// Of healthy domains.
const INTERVAL: u64 = 10;
/// Time for the first looks, which come all at once.
const SETTLING: Duration = Duration::from_secs(20);
/// Four cycles without the tarpits, then with them: so long that each place among the sessions was taken by one.
const WITHOUT: Duration = Duration::from_secs(45);
const WITH: Duration = Duration::from_secs(100);
const SAMPLE: Duration = Duration::from_millis(50);

/// 1,000 tarpits beside 100 healthy domains.
pub(crate) fn tarpits() -> bool {
    runtime().block_on(async {
        let watch = Watch::start(Peers::start("tarpit", TARPITS)).await;
        sleep(SETTLING).await;
        let (before, _) = watch.cycles(WITHOUT).await;
        watch.add("tarpit", TARPITS, "15m").await;
        let (beside, most) = watch.cycles(WITH).await;
        println!("healthy domains: {} cycles without tarpits, {} beside them", before.len(), beside.len());
        let (without, with) = (p95(before), p95(beside));
        println!("cycle p95: {without:.2} s without tarpits, {with:.2} s beside them");
        let light = within("1,000 tarpits, 100 healthy domains: memory", most / MIB, 128.0, "MiB");
        within(
            "1,000 tarpits: healthy domains' cycle p95, longer by",
            (with / without - 1.0) * 100.0,
            10.0,
            "%",
        ) && light
    })
}

/// 64 replies without an end, again and again.
pub(crate) fn endless() -> bool {
    runtime().block_on(async {
        let watch = Watch::start(Peers::start("endless", ENDLESS)).await;
        let (_, before) = watch.cycles(SETTLING).await;
        watch.add("endless", ENDLESS, "1s").await;
        let (_, most) = watch.cycles(Duration::from_secs(40)).await;
        let facts = watch.reader.latest();
        let ended: u64 = facts.prober.sessions.values().sum();
        println!("endless replies: {ended} sessions ended, {} panics", facts.prober.panics);
        within("64 endless replies: memory grows by", (most - before) / MIB, 32.0, "MiB")
            && facts.prober.panics == 0
    })
}

fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Runtime::new().unwrap()
}

/// A daemon that watches the healthy domains.
struct Watch {
    peers: Peers,
    file: PathBuf,
    reader: Reader,
    ask: mpsc::Sender<Answer>,
    _stop: watch::Sender<bool>,
    _daemon: JoinHandle<()>,
}

impl Watch {
    async fn start(peers: Peers) -> Self {
        let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("bounds");
        fs::create_dir_all(&folder).unwrap();
        let file = folder.join(format!("{}.yml", std::process::id()));
        fs::write(&file, configuration(&peers, &[])).unwrap();
        let main = file.clone();
        let (ask, reloads) = reloads(move || config::load(&main, None));
        let config = reloads.read().unwrap();
        let (stop, stopped) = watch::channel(false);
        let workshop = Workshop::set_up(&config, Arc::new(SystemTime::now), stopped.clone()).unwrap();
        let (writer, reader) = snapshot::channel();
        let daemon = tokio::spawn(Daemon::new(config, workshop, writer).watch(stopped, reloads));
        Self { peers, file, reader, ask, _stop: stop, _daemon: daemon }
    }

    /// Watches these, too, from now on.
    async fn add(&self, kind: &str, count: u16, interval: &str) {
        let more: Vec<String> = (0..count)
            .map(|number| format!("{{domain: {}, interval: {interval}}}", domain(kind, number)))
            .collect();
        fs::write(&self.file, configuration(&self.peers, &more)).unwrap();
        let (answer, answered) = oneshot::channel();
        self.ask.send(answer).await.unwrap();
        answered.await.unwrap().unwrap();
    }

    /// The seconds between one report of a healthy domain and its next within this time, and the most memory. A report
    /// that did not come counts with the time it has been waited for.
    async fn cycles(&self, time: Duration) -> (Vec<f64>, f64) {
        let (end, mut most) = (Instant::now() + time, 0.0_f64);
        let mut last: HashMap<String, (SystemTime, Instant)> = HashMap::new();
        let mut cycles = Vec::new();
        while Instant::now() < end {
            for report in self.reader.latest().reports.iter() {
                let (name, at) = (report.domain().as_str(), report.observation.at);
                if !name.starts_with('h') || last.get(name).is_some_and(|(seen, _)| *seen == at) {
                    continue;
                }
                if let Some((before, _)) = last.insert(name.to_owned(), (at, Instant::now())) {
                    cycles.push(at.duration_since(before).unwrap().as_secs_f64());
                }
            }
            most = most.max(resident());
            sleep(SAMPLE).await;
        }
        let waiting = last.values().map(|(_, since)| since.elapsed().as_secs_f64());
        cycles.extend(waiting.filter(|waiting| *waiting > 1.5 * INTERVAL as f64));
        assert_eq!(last.len(), usize::from(HEALTHY), "every healthy domain has a report");
        (cycles, most)
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        fs::remove_file(&self.file).ok();
    }
}

fn configuration(peers: &Peers, more: &[String]) -> String {
    let healthy = (0..HEALTHY).map(|number| domain("healthy", number));
    let domains: Vec<String> = healthy.chain(more.iter().cloned()).collect();
    format!(
        "defaults: {{interval: {INTERVAL}s, tls_scan_interval: off, helo_name: probe.test, test_probe_address: someone@out.example}}\n\
         domains: [{}]\n\
         dns: {{nameservers: [\"{}\"], dnssec: false}}\n\
         network: {{port: {}, allow_targets: [127.0.0.0/8], min_spacing: 0s, new_connections_per_second: 100}}\n",
        domains.join(", "),
        peers.nameserver,
        peers.port,
    )
}

fn p95(mut cycles: Vec<f64>) -> f64 {
    cycles.sort_by(f64::total_cmp);
    cycles[cycles.len() * 95 / 100]
}
