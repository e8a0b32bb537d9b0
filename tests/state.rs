//! What is kept survives `kill -9` at any moment: this program starts itself anew, a thousand times.
#![expect(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "what goes wrong fails the test; children tell by printing"
)]

use mx_exporter::name::{DomainName, MxName};
use mx_exporter::observe::{
    Cause, Contact, Dnssec, DomainDns, Endpoint, Fact, Lookup, Observation, Outcome, Policy, Session,
    SessionKey, Stage, Unseen,
};
use mx_exporter::report::{NextDue, Report};
use mx_exporter::schedule::Remembered;
use mx_exporter::state::{self, Kept, Picture};
use std::collections::{BTreeSet, VecDeque};
use std::fs;
use std::io::{BufRead as _, BufReader, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::thread;
use std::time::{Duration, SystemTime};

/// Set for a child: where it keeps its state.
const FOLDER: &str = "MX_EXPORTER_TEST_STATE";
/// Clean starts in all, by so many families of children.
const STARTS: usize = 1_000;
const FAMILIES: usize = 2;
/// As many domains are in every picture, or one more.
const DOMAINS: u64 = 12;

#[test]
fn a_thousand_kills_leave_every_entry_old_or_new() {
    if let Ok(folder) = std::env::var(FOLDER) {
        return child(Path::new(&folder));
    }
    let root = Path::new(env!("CARGO_TARGET_TMPDIR")).join("state-kill");
    fs::remove_dir_all(&root).ok();
    let families = (0..FAMILIES).map(|n| root.join(n.to_string()));
    let families: Vec<_> = families.map(|folder| thread::spawn(move || family(&folder))).collect();
    let versions: Vec<u64> = families.into_iter().map(|family| family.join().unwrap()).collect();
    assert!(versions.iter().sum::<u64>() >= STARTS as u64, "too few writes came through: {versions:?}");
    fs::remove_dir_all(root).unwrap();
}

/// Children one after the other, each killed at a moment of its own. The last version that was found.
fn family(folder: &Path) -> u64 {
    let (mut chance, mut found, mut starts) = (Chance(u64::from(std::process::id())), 0, 0);
    while starts < STARTS / FAMILIES {
        let mut child = started(folder);
        if chance.below(4) == 0 {
            thread::sleep(Duration::from_micros(chance.below(6_000))); // perhaps while it opens
        } else {
            let version = version_found(&mut child).unwrap_or_else(|| panic!("start {starts} was none"));
            assert!(version >= found, "start {starts}: {version} after {found}");
            (found, starts) = (version, starts + 1);
            thread::sleep(Duration::from_micros(chance.below(8_000)));
        }
        child.kill().unwrap();
        child.wait().unwrap();
    }
    let names: BTreeSet<String> = fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    assert!(names.iter().all(|name| name == "state.redb" || name == "state.redb.new"), "{names:?}");
    found
}

/// What a child says; none where it ends before.
fn version_found(child: &mut Child) -> Option<u64> {
    let lines = BufReader::new(child.stdout.take()?).lines();
    lines.map(Result::unwrap).find_map(|line| line.split_once("found ")?.1.parse().ok())
}

fn started(folder: &Path) -> Child {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.args(["--exact", "a_thousand_kills_leave_every_entry_old_or_new", "--nocapture"]);
    command.env(FOLDER, folder).stdout(Stdio::piped()).stderr(Stdio::inherit()).spawn().unwrap()
}

/// Says which version it found, whole, and writes newer ones until it is killed.
fn child(folder: &Path) {
    let (keeper, known) = state::open(folder, clock).unwrap();
    let mut version = whole(&known);
    println!("\nfound {version}");
    std::io::stdout().flush().unwrap();
    loop {
        version += 1;
        let Picture { reports, manners } = picture(version);
        keeper.offer(reports, manners);
        thread::sleep(Duration::from_micros(500));
    }
}

/// The version that every entry has.
fn whole(known: &Picture) -> u64 {
    let Some(first) = known.reports.first() else {
        assert_eq!(known.manners, Remembered::default(), "manners without a report");
        return 0;
    };
    let version = first.fingerprint;
    let wanted = picture(version);
    assert!(known.reports == wanted.reports && known.manners == wanted.manners, "not whole: {version}");
    version
}

/// Some domains that share an endpoint; one of them comes and goes.
fn picture(version: u64) -> Picture {
    let key = SessionKey {
        address: "192.0.2.1:25".parse().unwrap(),
        tls_name: MxName::parse("mx.example").unwrap(),
    };
    let session = Session {
        at: moment(version),
        dialogue: Err(Unseen::failed(
            Stage::Connect,
            Cause::Refused,
            "x".repeat(usize::try_from(version % 3_000).unwrap()),
        )),
        null_sender: None,
        relay: None,
        postmasters: Vec::new(),
        owed: false,
        scan: None,
    };
    let contact = Arc::new(Contact::renewed(None, key, session));
    let kept = |n: u64| Kept { report: Arc::new(report(n, version, &contact)), fingerprint: version };
    let domains = DOMAINS + version % 2;
    let manners =
        Remembered { v4_answered: true, v6_answered: version.is_multiple_of(2), ..Remembered::default() };
    Picture { reports: (10..10 + domains).map(kept).collect(), manners }
}

fn report(n: u64, version: u64, contact: &Arc<Contact>) -> Report {
    let (at, took) = (moment(version), Duration::from_nanos(version));
    let mx = Lookup::ended(Outcome::Timeout, Dnssec::Unchecked, took);
    let dns = DomainDns::of(mx);
    let ptr =
        Arc::new(Fact::following(None, at, Err(Unseen::failed(Stage::Lookup, Cause::Timeout, "")), None));
    let endpoint = Endpoint {
        mx: contact.key.tls_name.clone(),
        preference: 10,
        contact: contact.clone(),
        ptr,
        postmaster: None,
        rests_until: None,
        retry_at: Some(at),
        absent: None,
        pooled: false,
    };
    let domain = DomainName::parse(&format!("d{n}.example")).unwrap();
    let observation = Observation { domain, at, dns, policy: Policy::unseen(), endpoints: vec![endpoint] };
    let next = NextDue { run: at, transactions: at, interval: took, transactions_interval: took };
    Report { observation, standings: Vec::new(), history: VecDeque::new(), next, took }
}

fn moment(version: u64) -> SystemTime {
    SystemTime::UNIX_EPOCH + Duration::from_secs(1_800_000_000 + version)
}

/// Ahead of every moment in a picture.
fn clock() -> SystemTime {
    moment(1 << 30)
}

/// Numbers that nobody could have chosen on purpose.
struct Chance(u64);

impl Chance {
    fn below(&mut self, limit: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % limit
    }
}

#[test]
fn a_full_folder_of_pictures_stays_small() {
    let folder: PathBuf = Path::new(env!("CARGO_TARGET_TMPDIR")).join("state-size");
    if std::env::var(FOLDER).is_ok() {
        return;
    }
    fs::remove_dir_all(&folder).ok();
    let (keeper, _) = state::open(&folder, clock).unwrap();
    for version in 1..300 {
        let Picture { reports, manners } = picture(version);
        keeper.offer(reports, manners);
        thread::sleep(Duration::from_millis(1));
    }
    keeper.finish();
    let size = fs::metadata(folder.join("state.redb")).unwrap().len();
    assert!(size < 8 << 20, "{size} octets");
    fs::remove_dir_all(folder).unwrap();
}
