//! TLS scans between the sessions that are due: far apart, continued where they were left, resolved soon where handshakes
//! fail.

use super::*;
use crate::observe::scan::{Answer, Question, Refusal};
use crate::observe::testing::endpoint;
use crate::observe::{Scanned, TlsScan};

/// As many questions has a scan here.
const QUESTIONS: usize = 9;
const DAY: Duration = Duration::from_secs(24 * 3600);

/// The session, where it got far enough, as one that was encrypted.
pub(super) fn encrypted(session: Session) -> Session {
    let sound = endpoint().build().contact.dialogue.seen.clone().unwrap();
    let dialogue = session.dialogue.map(|dialogue| match &dialogue.ehlo {
        Err(unseen) if unseen.cause() == Cause::Timeout => Dialogue { ehlo: sound.ehlo, ..dialogue },
        _ => dialogue,
    });
    Session { dialogue, ..session }
}

/// The session as one of a scan: one answer more, unless the server put it off.
pub(super) fn scanned(session: Session, scan: &TlsScan) -> Session {
    let unseen = match &session.dialogue {
        Err(unseen) => Some(unseen.clone()),
        Ok(dialogue) => {
            dialogue.ehlo.as_ref().err().filter(|unseen| unseen.cause() != Cause::Timeout).cloned()
        }
    };
    let mut scan = scan.clone();
    scan.add(
        Question::of_class(crate::observe::scan::SuiteClass::Good),
        Answer::Refused(Refusal::Alert(40)),
        None,
    );
    let is_complete = scan.answers.len() == QUESTIONS;
    let seen = unseen.map_or(Ok(Scanned { scan, is_complete }), |unseen| Err(unseen.behind()));
    Session { scan: Some(seen), ..session }
}

/// No two connections of scans with one address are nearer than five spacings, and none asks for anything else.
pub(super) fn assert_far_apart<'a>(
    visits: impl Iterator<Item = (Instant, Instant, &'a Errand)>,
    spacing: Duration,
) {
    let scans: Vec<_> = visits.filter(|(_, _, errand)| errand.scan.is_some()).collect();
    for (_, _, errand) in &scans {
        assert!(errand.null_sender.is_none() && errand.relay.is_none() && errand.postmasters.is_empty());
        assert!(errand.scan.as_ref().is_some_and(|scan| scan.answers.len() < QUESTIONS), "{errand:?}");
    }
    for pair in scans.windows(2) {
        let gap = pair[1].0.saturating_duration_since(pair[0].1);
        assert!(gap >= spacing * 5, "scans only {gap:?} apart");
    }
}

fn sound(errand: &Errand, at: SystemTime) -> Session {
    match &errand.scan {
        Some(scan) => scanned(healthy(errand, at), scan),
        None => encrypted(healthy(errand, at)),
    }
}

fn wants_scan(name: &str, address: &str, at: SystemTime) -> Want {
    let domain = want(name, address, at).domain;
    let settings = crate::config::Settings {
        tests: crate::rules::Tests { null_sender: false, postmaster: false, open_relay: false },
        ..Default::default()
    };
    let domain = Arc::new(Domain::plain(domain.name.clone(), Arc::new(settings)));
    Want { scan: Some(DAY), domain, ..want(name, address, at) }
}

/// Lets scans be made as the daemon does.
fn scanning(sessions: &Arc<Sessions<Probe>>) -> tokio::task::JoinHandle<()> {
    let sessions = sessions.clone();
    tokio::spawn(async move {
        let mut scans = JoinSet::new();
        loop {
            let (key, sessions) = (sessions.next_scan().await, sessions.clone());
            scans.spawn(async move { sessions.scan(&key).await });
        }
    })
}

/// Visits every quarter of an hour.
async fn live(sessions: &Arc<Sessions<Probe>>, addresses: &[&str], quarters: u32) {
    for _ in 0..quarters {
        let wants = addresses.iter().map(|address| {
            let now = (sessions.clock)();
            Want { dialogue_since: now, ..wants_scan("a.example", address, now) }
        });
        all(sessions, wants.collect::<Vec<_>>()).await;
        tokio::time::sleep(15 * MINUTE).await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_scan_is_made_once_a_day_between_the_sessions() {
    let (sessions, log) = sessions(LIMITS, sound);
    let scans = scanning(&sessions);
    live(&sessions, &["192.0.2.1:25", "192.0.2.2:25"], 47 * 4).await;
    scans.abort();
    for last in [1, 2] {
        let address = IpAddr::from([192, 0, 2, last]);
        let visits = log.visits();
        let here = || visits.iter().filter(|(_, _, errand)| errand.key.address.ip() == address);
        assert_eq!(here().filter(|(_, _, errand)| errand.scan.is_some()).count(), 2 * QUESTIONS);
        assert_eq!(here().filter(|(_, _, errand)| errand.scan.is_none()).count(), 47 * 4, "none was put off");
        assert_far_apart(here().map(|(begin, end, errand)| (*begin, *end, errand)), MINUTE);
        let all: Vec<_> = here().collect();
        assert!(all.windows(2).all(|pair| pair[1].0 - pair[0].1 >= MINUTE));
    }
    let contact =
        sessions.known(&wants_scan("a.example", "192.0.2.1:25", wall(DAY)).key, &name()).unwrap().contact;
    assert_eq!(contact.latest.scan.as_ref().unwrap().answers.len(), QUESTIONS);
    assert!(contact.scanning.is_none());
}

fn name() -> DomainName {
    DomainName::parse("a.example").unwrap()
}

#[tokio::test(start_paused = true)]
async fn who_wants_none_gets_none() {
    let (sessions, log) = sessions(LIMITS, sound);
    let scans = scanning(&sessions);
    let at = wall(Duration::ZERO);
    all(&sessions, [Want { scan: None, ..wants_scan("a.example", "192.0.2.1:25", at) }]).await;
    tokio::time::sleep(DAY).await;
    scans.abort();
    assert!(log.errands().iter().all(|errand| errand.scan.is_none()));
}

#[tokio::test(start_paused = true)]
async fn a_scan_goes_on_where_it_was_left() {
    fn throttled_later(errand: &Errand, at: SystemTime) -> Session {
        let hour = wall(Duration::ZERO) + 20 * MINUTE;
        match &errand.scan {
            Some(scan) if at > hour && at < hour + 20 * MINUTE => scanned(throttled(errand, at), scan),
            _ => sound(errand, at),
        }
    }
    let (sessions, log) = sessions(LIMITS, throttled_later);
    let scans = scanning(&sessions);
    live(&sessions, &["192.0.2.1:25"], 24).await;
    scans.abort();
    let asked = log.errands().into_iter().filter_map(|errand| Some(errand.scan?.answers.len()));
    let asked: Vec<usize> = asked.collect();
    let mut once = asked.clone();
    once.dedup();
    assert_eq!(once, (0..QUESTIONS).collect::<Vec<_>>(), "{asked:?}");
    assert_eq!(asked.len(), QUESTIONS + 1, "the one that was put off is asked again: {asked:?}");
}

#[tokio::test(start_paused = true)]
async fn a_scan_goes_on_after_a_restart_and_as_far_apart() {
    let (before, log) = sessions(LIMITS, sound);
    let scans = scanning(&before);
    live(&before, &["192.0.2.1:25"], 2).await;
    scans.abort();
    let asked = log.errands().iter().filter(|errand| errand.scan.is_some()).count();
    let want = wants_scan("a.example", "192.0.2.1:25", (before.clock)());
    let (known, remembered) = (before.known(&want.key, &name()).unwrap(), before.remembered());
    assert!(known.contact.scanning.is_some() && remembered.scans.len() == 1);

    let last =
        log.visits().iter().filter(|(_, _, errand)| errand.scan.is_some()).map(|(_, end, _)| *end).max();
    let (start, wall_then) = (Instant::now(), (before.clock)());
    let log = Log::default();
    let written = log.clone();
    let probe: Probe = Box::new(move |errand, at| {
        written.0.lock().unwrap().push((Instant::now(), Instant::now(), errand.clone()));
        Box::pin(async move { sound(&errand, at) })
    });
    let clock: Clock = Arc::new(move || wall_then + start.elapsed());
    let after = Arc::new(Sessions::new(LIMITS, clock, probe));
    after.recall(&remembered);
    after.recall_contact(&known.contact, &name(), None);
    let scans = scanning(&after);
    live(&after, &["192.0.2.1:25"], 2).await;
    scans.abort();
    let first = log.visits().into_iter().find(|(_, _, errand)| errand.scan.is_some()).unwrap();
    assert_eq!(first.2.scan.unwrap().answers.len(), asked);
    assert!(first.0 - last.unwrap() >= 5 * MINUTE);
}

#[tokio::test(start_paused = true)]
async fn a_handshake_that_fails_is_looked_into_at_once() {
    fn breaks(errand: &Errand, at: SystemTime) -> Session {
        let session = sound(errand, at);
        if errand.scan.is_some() || at < wall(Duration::ZERO) + 6 * 60 * MINUTE {
            return session;
        }
        let broken = endpoint().handshake_fails(Cause::UnsupportedByProber, "alert handshake_failure");
        Session { dialogue: broken.build().contact.dialogue.seen.clone(), ..session }
    }
    let (sessions, log) = sessions(LIMITS, breaks);
    let scans = scanning(&sessions);
    live(&sessions, &["192.0.2.1:25"], 36).await;
    scans.abort();
    let begun = log
        .visits()
        .into_iter()
        .filter(|(_, _, errand)| errand.scan.as_ref().is_some_and(|scan| scan.answers.is_empty()));
    assert_eq!(begun.count(), 2, "one as always, one to explain the failure");
    let key = wants_scan("a.example", "192.0.2.1:25", wall(DAY)).key;
    let contact = sessions.known(&key, &name()).unwrap().contact;
    assert!(contact.explanation().is_some(), "{:?}", contact.dialogue.streak);
}

#[tokio::test(start_paused = true)]
async fn a_fleet_of_scans_takes_its_share_of_the_rate_only() {
    let limits = Limits { new_connections_per_second: 4, ..LIMITS };
    let (sessions, log) = sessions(limits, sound);
    let addresses: Vec<String> = (1..=100).map(|last| format!("192.0.2.{last}:25")).collect();
    let wants = addresses.iter().map(|address| wants_scan("a.example", address, wall(Duration::ZERO)));
    all(&sessions, wants.collect::<Vec<_>>()).await;
    let scans = scanning(&sessions);
    tokio::time::sleep(30 * MINUTE).await;
    scans.abort();
    let mut begun: Vec<_> = log
        .visits()
        .into_iter()
        .filter(|(_, _, errand)| errand.scan.is_some())
        .map(|(begin, ..)| begin)
        .collect();
    begun.sort();
    assert!(begun.len() >= 400, "{}", begun.len());
    assert!(begun.windows(2).filter(|pair| pair[1] - pair[0] < Duration::from_millis(200)).count() < 5);
}
