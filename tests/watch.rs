//! The daemon in this process, over real sockets: it starts, shares sessions, reloads, survives a fault, and stops.
#![expect(clippy::unwrap_used, reason = "what goes wrong fails the test")]
#![expect(clippy::disallowed_methods, reason = "certificates are made for today")]

#[path = "support/mod.rs"]
mod support;

use mx_exporter::config;
use mx_exporter::daemon::{Answer, Daemon, Workshop, reloads};
use mx_exporter::name::DomainName;
use mx_exporter::observe::TlsVersion;
use mx_exporter::rules::Status;
use mx_exporter::snapshot::{self, Reader, Snapshot};
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, SystemTime};
use support::dns::Dns;
use support::mail_server::{MailServer, Serving};
use tokio::sync::{mpsc, oneshot, watch};
use tokio::task::JoinHandle;
use tokio::time::{Instant, advance, pause, resume, sleep, timeout};

/// More than lies between two looks at domain files.
const REREADING: Duration = Duration::from_secs(11);
const PATIENCE: Duration = Duration::from_secs(20);

/// A name server, a mail server for everybody, and a daemon that watches some domains.
struct World {
    _dns: Dns,
    server: Serving,
    folder: PathBuf,
    port: u16,
    nameserver: String,
    reader: Reader,
    ask: mpsc::Sender<Answer>,
    stop: watch::Sender<bool>,
    daemon: JoinHandle<()>,
}

impl World {
    async fn watching(domains: &str) -> Self {
        Self::with(domains, MailServer::named("mx.host.test"), Arc::new(SystemTime::now)).await
    }

    async fn with(domains: &str, server: MailServer, clock: mx_exporter::schedule::Clock) -> Self {
        let zone = "@ IN MX 10 mx.host.test.";
        let dns = Dns::serving("host.test.", "mx IN A 127.0.0.1")
            .and_zone("a.test.", zone)
            .and_zone("b.test.", zone)
            .and_zone(
                "lapsed.test.",
                "@ IN MX 10 mx.example.net.\n* IN MX 10 mx.host.test.\n* IN TXT \"v=spf1 -all\"",
            )
            .and_zone("out.test.", "@ IN MX 10 mx.elsewhere.test.")
            .and_zone("probe.test.", "@ IN MX 10 mx.elsewhere.test.")
            .await;
        let server = server.local_domains(["a.test", "b.test"]).serve().await;
        let (port, nameserver) = (server.addr.port(), dns.addr.to_string());
        let folder = folder();
        fs::write(folder.join("watch.yml"), configuration(domains, port, &nameserver)).unwrap();
        let main = folder.join("watch.yml");
        let (ask, reloads) = reloads(move || config::load(&main, None));
        let config = reloads.read().unwrap();
        let (stop, stopped) = watch::channel(false);
        let workshop = Workshop::set_up(&config, clock, stopped.clone()).unwrap();
        let (writer, reader) = snapshot::channel();
        let daemon = tokio::spawn(Daemon::new(config, workshop, writer).watch(stopped, reloads));
        Self { _dns: dns, server, folder, port, nameserver, reader, ask, stop, daemon }
    }

    /// The first snapshot that is as wanted.
    async fn until(&self, wanted: impl Fn(&Snapshot) -> bool) -> Arc<Snapshot> {
        let deadline = Instant::now() + PATIENCE;
        loop {
            let snapshot = self.reader.latest();
            if wanted(&snapshot) {
                return snapshot;
            }
            assert!(Instant::now() < deadline, "not in time; last seen: {:#?}", snapshot.prober);
            sleep(Duration::from_millis(20)).await;
        }
    }

    /// Lets time pass while no session is under way.
    async fn pass(&self, time: Duration) {
        pause();
        advance(time).await;
        resume();
    }

    async fn reload(&self) -> Result<(), String> {
        let (answer, answered) = oneshot::channel();
        self.ask.send(answer).await.unwrap();
        timeout(PATIENCE, answered).await.unwrap().unwrap()
    }

    fn write(&self, domains: &str) {
        let text = configuration(domains, self.port, &self.nameserver);
        fs::write(self.folder.join("watch.yml"), text).unwrap();
    }

    async fn end(self) -> Serving {
        self.stop.send_replace(true);
        timeout(Duration::from_secs(10), self.daemon).await.unwrap().unwrap();
        self.server
    }
}

fn configuration(domains: &str, port: u16, nameserver: &str) -> String {
    format!(
        "defaults: {{tls_scan_interval: off, helo_name: probe.test, test_probe_address: someone@out.test}}\n\
         domains: [{domains}]\n\
         domain_files: [\"*.txt\"]\n\
         dns: {{nameservers: [\"{nameserver}\"], dnssec: false}}\n\
         network: {{port: {port}, allow_targets: [127.0.0.0/8], min_spacing: 0s}}\n"
    )
}

/// A new folder for one configuration.
fn folder() -> PathBuf {
    static COUNT: AtomicUsize = AtomicUsize::new(0);
    let number = COUNT.fetch_add(1, Ordering::Relaxed).to_string();
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("watch").join(number);
    fs::remove_dir_all(&folder).ok();
    fs::create_dir_all(&folder).unwrap();
    folder
}

fn name(text: &str) -> DomainName {
    DomainName::parse(text).unwrap()
}

fn status(snapshot: &Snapshot, domain: &str, rule: &str) -> Option<Status> {
    Some(snapshot.report(&name(domain))?.rule(rule)?.status())
}

#[tokio::test]
async fn a_domain_is_judged_at_once_and_no_mail_is_sent() {
    let world = World::watching("a.test").await;
    let seen = world.until(|seen| seen.report(&name("a.test")).is_some()).await;
    for rule in ["smtp.starttls_handshake", "smtp.null_sender", "smtp.postmaster", "smtp.open_relay"] {
        assert_eq!(status(&seen, "a.test", rule), Some(Status::Ok), "{rule}");
    }
    let server = world.end().await;
    assert_eq!(server.data_seen(), 0);
    assert!(server.breaches().is_empty(), "{:?}", server.breaches());
}

#[tokio::test]
async fn an_open_relay_is_critical_with_both_replies_as_evidence() {
    let open = MailServer::named("mx.host.test").relays_for_everyone();
    let world = World::with("a.test", open, Arc::new(SystemTime::now)).await;
    let seen = world.until(|seen| seen.report(&name("a.test")).is_some()).await;
    assert_eq!(status(&seen, "a.test", "smtp.open_relay"), Some(Status::Critical));
    let server = world.end().await;
    assert_eq!(server.data_seen(), 0);
}

#[tokio::test]
async fn two_domains_share_what_is_known_of_their_server() {
    let world = World::watching("a.test, b.test").await;
    let seen = world.until(|seen| seen.reports.len() == 2).await;
    for domain in ["a.test", "b.test"] {
        assert_eq!(status(&seen, domain, "smtp.postmaster"), Some(Status::Ok), "{domain}");
    }
    let server = world.end().await;
    assert!(server.most_at_once() == 1 && server.connections() <= 2, "{} connections", server.connections());
}

#[tokio::test]
async fn a_host_that_anybody_may_register_is_critical_and_a_wildcard_is_told() {
    let world = World::watching("lapsed.test").await;
    let seen = world.until(|seen| seen.report(&name("lapsed.test")).is_some()).await;
    let report = seen.report(&name("lapsed.test")).unwrap();
    let standing = report.rule("smtp.mx_sanity").unwrap().subjects.values().next().unwrap();
    let findings = &standing.last.as_ref().unwrap().findings;
    let found: Vec<_> = findings.iter().map(|weighed| weighed.finding.issue.code).collect();
    assert_eq!(found, ["smtp.mx.takeover", "smtp.mx.unresolved"]);
    assert_eq!(findings[0].finding.evidence, "mx.example.net: example.net does not exist in DNS");
    let wildcards = report.observation.dns.facts.wildcards.as_ref().unwrap();
    let (mx, txt) = (&wildcards.mx[0].target, &wildcards.txt[0]);
    assert_eq!(format!("{mx:?} {txt}"), "Host(MxName(\"mx.host.test\")) v=spf1 -all");
    world.end().await;
}

#[tokio::test]
async fn who_asks_to_be_left_alone_is_and_stays_unblamed() {
    let busy = MailServer::named("mx.host.test").throttles();
    let domain = "{domain: a.test, interval: 1s}";
    let world = World::with(domain, busy, Arc::new(SystemTime::now)).await;
    let looked = |seen: &Snapshot| Some(seen.report(&name("a.test"))?.observation.at);
    let first = looked(&*world.until(|seen| looked(seen).is_some()).await);
    let seen = world.until(|seen| looked(seen) != first).await;
    let report = seen.report(&name("a.test")).unwrap();
    let rests = report.observation.endpoints[0].rests_until.expect("it rests");
    let minutes = rests.duration_since(report.observation.at).unwrap().as_secs() / 60;
    assert!((26..34).contains(&minutes), "{minutes} minutes");
    assert_eq!(status(&seen, "a.test", "smtp.banner_sanity"), Some(Status::Unknown));
    assert_eq!(status(&seen, "a.test", "smtp.endpoint_reachable"), Some(Status::Ok));
    let server = world.end().await;
    assert_eq!(server.connections(), 1, "however often the domain is looked at");
}

#[tokio::test]
async fn a_scan_is_judged_when_it_has_come_to_its_end() {
    let world = World::watching("{domain: a.test, interval: 1h, tls_scan_interval: 24h}").await;
    let seen = world.until(|seen| status(seen, "a.test", "smtp.tls_version").is_some()).await;
    let report = seen.report(&name("a.test")).unwrap();
    let contact = &report.observation.endpoints[0].contact;
    let scan = contact.latest.scan.as_ref().expect("a scan");
    assert_eq!(scan.accepts(TlsVersion::Tls13), Some(true));
    assert_eq!(scan.accepts(TlsVersion::Tls11), Some(false));
    assert_eq!(status(&seen, "a.test", "smtp.tls_version"), Some(Status::Ok));
    let asked = scan.answers.len();
    let server = world.end().await;
    assert_eq!(server.connections(), 1 + asked, "one session, and one connection for each question");
}

#[tokio::test]
async fn a_reload_adds_and_removes_at_once() {
    let world = World::watching("a.test").await;
    world.until(|seen| seen.report(&name("a.test")).is_some()).await;
    world.write("b.test");
    world.reload().await.unwrap();
    let seen = world.reader.latest();
    assert!(seen.report(&name("a.test")).is_none() && !seen.is_watched(&name("a.test")));
    assert!(seen.is_watched(&name("b.test")));
    world.until(|seen| seen.report(&name("b.test")).is_some()).await;
    world.end().await;
}

#[tokio::test]
async fn a_bad_file_changes_nothing_and_says_so() {
    let world = World::watching("a.test").await;
    world.until(|seen| seen.report(&name("a.test")).is_some()).await;
    world.write("b.test, b.test");
    let told = world.reload().await.unwrap_err();
    assert!(told.contains("watch.yml:2:") && told.contains("b.test"), "{told}");
    let seen = world.reader.latest();
    assert!(seen.report(&name("a.test")).is_some());
    assert_eq!(seen.prober.config.map(|config| config.successful), Some(false));
    world.write("a.test");
    world.reload().await.unwrap();
    assert_eq!(world.reader.latest().prober.config.map(|config| config.successful), Some(true));
    world.end().await;
}

#[tokio::test]
async fn domain_files_are_read_again_without_being_asked_for() {
    let world = World::watching("").await;
    world.until(|_| world.reader.is_published()).await;
    let list = world.folder.join("list.txt");
    fs::write(&list, "a.test\n").unwrap();
    world.pass(REREADING).await;
    let seen = world.until(|seen| seen.report(&name("a.test")).is_some()).await;
    assert_eq!(seen.prober.domain_files.values().collect::<Vec<_>>(), [&true]);
    fs::remove_file(&list).unwrap();
    world.pass(REREADING).await;
    let seen = world.until(|seen| seen.prober.domain_files.values().any(|successful| !successful)).await;
    assert!(seen.is_watched(&name("a.test")), "a lost file loses nothing");
    world.reload().await.unwrap();
    let seen = world.reader.latest();
    assert!(
        !seen.is_watched(&name("a.test")) && seen.prober.domain_files.is_empty(),
        "somebody asked for it"
    );
    world.end().await;
}

#[tokio::test]
async fn a_storm_of_reloads_does_no_harm() {
    let world = World::watching("a.test").await;
    let mut answers = Vec::new();
    for _ in 0..300 {
        let (answer, answered) = oneshot::channel();
        world.ask.send(answer).await.unwrap();
        answers.push(answered);
    }
    for answered in answers {
        timeout(PATIENCE, answered).await.unwrap().unwrap().unwrap();
    }
    world.until(|seen| seen.report(&name("a.test")).is_some()).await;
    let server = world.end().await;
    assert!(server.connections() <= 2, "{} connections", server.connections());
}

/// The clock is the first thing a run asks for: one that fails makes a run that ends by a fault of this program.
#[tokio::test]
async fn a_fault_in_one_run_is_counted_and_the_rest_goes_on() {
    let asked = AtomicUsize::new(0);
    let clock = move || {
        assert!(asked.fetch_add(1, Ordering::SeqCst) != 1, "a fault, made for this test");
        SystemTime::now()
    };
    let world = World::with("a.test, b.test", MailServer::named("mx.host.test"), Arc::new(clock)).await;
    let seen = world.until(|seen| seen.reports.len() == 2).await;
    assert_eq!(seen.prober.panics, 1);
    let crashed: Vec<bool> = seen.reports.iter().map(|report| report.status() == Status::Error).collect();
    assert_eq!(crashed.iter().filter(|crashed| **crashed).count(), 1, "{crashed:?}");
    world.end().await;
}
