//! What is kept comes back whole, or not at all.

use super::file::{Contents, Failure, File, path};
use super::record::{Record, decode, encode, key};
use super::*;
use crate::name::DomainName;
use crate::observe::testing::arbitrary::world;
use crate::observe::testing::{endpoint, failed, mx, now, observation, served};
use crate::observe::{
    Absence, Cause, Contact, Family, Fetched, MxFacts, MxSet, Observation, SessionKey, Stage, StsState,
    Unseen, Wildcards,
};
use crate::report::{NextDue, Report, fold};
use crate::rules::{self, Acceptance, Judged, Overrides, Subject, Verdict};
use proptest::prelude::*;
use std::collections::HashMap;
use std::fs;
use std::path::PathBuf;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

mod damage;
mod faults;
mod keeping;
mod seeds;

/// A domain that was run `runs` times.
fn kept(name: &str, seen: &Observation, runs: u8) -> Kept {
    let observation = Observation { domain: DomainName::parse(name).unwrap(), ..seen.clone() };
    let mut report: Option<Report> = None;
    for run in 0..runs {
        let at = now() + Duration::from_secs(900) * run.into();
        let (interval, transactions_interval) = (Duration::from_secs(900), Duration::from_secs(3600));
        let next = NextDue { run: at, transactions: at, interval, transactions_interval };
        let seen = Observation { at, ..observation.clone() };
        let (judged, took) = (judged(&seen, run.into()), Duration::from_millis(run.into()));
        report = Some(fold(report.as_ref(), seen, judged, &overrides(), (next, took)));
    }
    Kept { report: Arc::new(report.unwrap()), fingerprint: 42 + u64::from(runs) }
}

/// Verdicts of all kinds, other ones in every run.
fn judged(seen: &Observation, run: usize) -> Vec<Judged> {
    let subjects = || std::iter::once(Subject::Domain).chain(seen.endpoints.iter().map(Subject::of));
    let judgement = |n: usize, rule: &'static rules::Rule| match n % 4 {
        0 => Ok(Verdict::Pass),
        1 => Err(Unseen::failed(Stage::Banner, Cause::Throttled, "421 4.7.0 later")),
        2 => Ok(Verdict::NotApplicable),
        _ => {
            Ok(Verdict::of(rule.issues.iter().map(|issue| issue.finding("→ MAIL FROM:<>\n← 550")).collect()))
        }
    };
    let rows = rules::ALL
        .iter()
        .enumerate()
        .flat_map(|(n, rule)| subjects().map(move |subject| (n, *rule, subject)));
    let judge = |(n, rule, subject): (usize, _, Subject)| {
        let judgement = judgement(n + run + subject.to_string().len(), rule);
        Judged { rule, subject, at: seen.at, judgement }
    };
    rows.map(judge).collect()
}

fn overrides() -> Overrides {
    let issue = "smtp.starttls.missing";
    let acceptance =
        Acceptance { issue, mx: Some(mx("mx1.example.com")), until: now(), reason: "a lab".into() };
    Overrides { accepted: vec![Arc::new(acceptance)], ..Overrides::default() }
}

/// Two domains that share an endpoint, run `runs` times.
fn picture(runs: u8) -> Picture {
    let seen = observation().of([endpoint().banner(&format!("220 mx1.example.com ESMTP {runs}"))]).build();
    let reports = vec![kept("a.example", &seen, runs), kept("b.example", &seen, runs)];
    let v6_answered = runs.is_multiple_of(2);
    let members = (0..9).map(|n| ([192, 0, 2, n].into(), (n < 4).then(|| Absence::following(None, now()))));
    let pools = [((mx("mx1.example.com"), Family::V4), members.collect())].into();
    let manners = Remembered { v4_answered: true, v6_answered, pools, ..Remembered::default() };
    Picture { reports, manners }
}

fn is_same(contents: &Contents, picture: &Picture) -> bool {
    contents.reports == picture.reports && contents.manners == picture.manners
}

/// What a file lacks of a picture when nothing is in it.
fn all_of(picture: &Picture) -> super::file::Batch {
    super::ledger::Ledger::default().due(picture, now()).unwrap().batch
}

/// A folder of one's own, for as long as the test.
struct Folder(PathBuf);

impl Folder {
    fn new() -> Self {
        static COUNT: AtomicUsize = AtomicUsize::new(0);
        let number = COUNT.fetch_add(1, Ordering::Relaxed);
        Self(std::env::temp_dir().join(format!("mx-exporter-state-{}-{number}", std::process::id())))
    }

    /// With a file of one picture.
    fn with(picture: &Picture) -> Self {
        let folder = Self::new();
        File::open(&folder.0, now()).unwrap().0.write(&all_of(picture)).unwrap();
        folder
    }

    fn file(&self) -> PathBuf {
        path(&self.0)
    }

    /// Files that were set aside.
    fn aside(&self) -> Vec<PathBuf> {
        let files = fs::read_dir(&self.0).unwrap().map(|entry| entry.unwrap().path());
        files.filter(|path| path.to_str().unwrap().contains("state.redb.corrupt-20270115T080000Z")).collect()
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        fs::remove_dir_all(&self.0).ok();
    }
}

fn revived(kept: &Kept) -> Option<Kept> {
    let endpoints = &kept.report.observation.endpoints;
    let contacts: HashMap<SessionKey, Arc<Contact>> = endpoints
        .iter()
        .map(|endpoint| decode::<Contact>(&encode(&*endpoint.contact).unwrap()).unwrap())
        .map(|contact| (contact.key.clone(), Arc::new(contact)))
        .collect();
    decode::<Record>(&encode(&Record::of(kept)).unwrap()).unwrap().revive(&contacts)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn whatever_was_seen_comes_back(world in world(), runs in 1..4_u8) {
        let kept = kept("example.org", &world.observe(), runs);
        prop_assert_eq!(revived(&kept), Some(kept));
    }

    #[test]
    fn bytes_that_are_no_value_do_no_harm(bytes in prop::collection::vec(any::<u8>(), 0..200), at: usize, to: u8) {
        decode::<Contact>(&bytes);
        decode::<Record>(&bytes).and_then(|record| record.revive(&HashMap::new()));
        decode::<Remembered>(&bytes);
        let picture = picture(2);
        let mut value = encode(&Record::of(&picture.reports[0])).unwrap();
        let at = at % value.len();
        value[at] = to;
        decode::<Record>(&value).and_then(|record| record.revive(&HashMap::new()));
        let mut value = encode(&*picture.reports[0].report.observation.endpoints[0].contact).unwrap();
        let at = at % value.len();
        value[at] = to;
        decode::<Contact>(&value);
    }
}

#[test]
fn domains_share_their_contacts_after_a_restart_as_before() {
    let picture = picture(3);
    let folder = Folder::with(&picture);
    let (_file, contents) = File::open(&folder.0, now()).unwrap();
    assert!(is_same(&contents, &picture));
    let contact = |n: usize| &contents.reports[n].report.observation.endpoints[0].contact;
    assert!(Arc::ptr_eq(contact(0), contact(1)));
    assert_eq!(contents.contacts.len(), 1);
}

#[test]
fn what_is_found_no_more_is_left_out_and_makes_no_pass() {
    let seen = observation().of([endpoint()]).build();
    let mut report = Report::clone(&kept("a.example", &seen, 1).report);
    static GONE: rules::Issue = rules::Issue {
        code: "smtp.gone",
        severity: rules::Severity::Critical,
        title: "",
        why: "",
        fix: "",
        reference: "",
    };
    let (mut rows, mut findings) = (0, 0);
    for standing in report.standings.iter_mut().flat_map(|row| row.subjects.values_mut()) {
        let Some(last) = standing.last.as_mut().filter(|last| !last.findings.is_empty()) else { continue };
        rows += 1;
        for weighed in &mut last.findings {
            weighed.finding.issue = &GONE;
            findings += 1;
        }
    }
    assert!(rows > 3 && findings > rows);
    let subjects = |report: &Report| report.standings.iter().map(|row| row.subjects.len()).sum::<usize>();
    let kept = Kept { report: Arc::new(report), fingerprint: 0 };
    let back = revived(&kept).unwrap();
    assert_eq!(subjects(&back.report), subjects(&kept.report) - rows, "nothing else stood for these");
}

#[test]
fn values_of_other_versions_are_not_taken() {
    let mut value = encode(&now().elapsed().unwrap_or_default()).unwrap();
    assert!(decode::<Duration>(&value).is_some());
    value.push(0);
    assert!(decode::<Duration>(&value).is_none(), "there is more than a value");
    value.pop();
    value[0] += 1;
    assert!(decode::<Duration>(&value).is_none());
    assert!(decode::<Duration>(&[]).is_none());
}

/// Values carry no names. Where this fails because what is stored has changed, `VERSION` is to be raised; where only the
/// sample has, it is not. Then the number that is found is the one to expect.
#[test]
fn what_the_version_stands_for_has_not_changed() {
    let endpoints = [
        endpoint(),
        endpoint().unreachable(Cause::Refused),
        endpoint().without_starttls(),
        endpoint().starttls_refused("454 no"),
        endpoint().handshake_fails(Cause::Alert, "no"),
        endpoint().null_sender(Some(failed(Stage::Mail, Cause::Closed))).relay(None).postmaster(None),
    ];
    let known = MxFacts {
        set: Some(MxSet { records: Vec::new(), changed: Some(now()) }),
        unowned: [(mx("mx.example.net"), DomainName::parse("example.net").unwrap())].into(),
        wildcards: Some(Wildcards { at: now(), mx: Vec::new(), txt: vec!["x".into()] }),
    };
    let seen = observation().of(endpoints).facts(|facts| *facts = known).build();
    let mut bytes = encode(&Record::of(&kept("a.example", &seen, 4))).unwrap();
    bytes.extend(encode(&picture(2).manners).unwrap());
    for endpoint in &seen.endpoints {
        bytes.extend(encode(&*endpoint.contact).unwrap());
    }
    bytes.extend(encode(&(Cause::ALL, crate::observe::Phase::ALL, rules::Status::ALL)).unwrap());
    let fetched = [
        Fetched::BadCertificate("".into()),
        Fetched::Encoded("".into()),
        Fetched::Status(404),
        Fetched::TooLarge,
        served(""),
        served("version: STSv1"),
        served("version: STSv1\nmode: no"),
        served("version: STSv1\nmode: testing\nmax_age: 1\nmx: *.a"),
        served("version: STSv1\nmode: none\nmax_age: 1"),
    ];
    bytes.extend(encode(&(fetched, [StsState::Absent, StsState::Invalid])).unwrap());
    let sum = bytes
        .iter()
        .fold(0xcbf2_9ce4_8422_2325_u64, |sum, byte| (sum ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3));
    assert_eq!((bytes[0], sum), (3, 7_267_263_056_753_130_710));
}

#[test]
fn a_contact_has_a_key_of_its_own() {
    let contact = &picture(1).reports[0].report.observation.endpoints[0].contact;
    assert_eq!(key(&contact.key), "192.0.2.10:25 mx1.example.com");
}
