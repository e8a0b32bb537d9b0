//! Good manners as a property: random fleets, schedules, limits, reloads and servers, hour after hour of simulated time.
//! `SIMULATED_HOURS` says how many in all; a failure names the seed of its fleet.

use super::*;
use crate::config::Settings;
use proptest::prelude::*;
use proptest::strategy::ValueTree as _;
use proptest::test_runner::{Config, RngAlgorithm, TestRng, TestRunner};
use std::net::Ipv4Addr;

const HOURS: u64 = 2_000;
/// Each fleet is watched for so long.
const WATCH: Duration = Duration::from_secs(50 * 3600);

/// How a server answers in one of its phases.
#[derive(Clone, Copy, Debug)]
enum Mood {
    Healthy,
    Greylisting,
    Refusing,
    Throttled,
    Refused,
    WithoutTls,
}

#[derive(Clone, Debug)]
struct Fleet {
    /// Each domain's interval in minutes, and its endpoints: host and address.
    domains: Vec<(u64, Vec<(u8, u8)>)>,
    /// Each address's moods in turn, and how many hours each of them lasts.
    moods: Vec<(Vec<Mood>, u64)>,
    /// How long a session takes, in seconds.
    took: u64,
    limits: (u64, u32, usize),
    /// After so many minutes half of the domains are removed.
    removal: u64,
    /// How often each server's TLS is scanned, in hours.
    scans: Option<u64>,
}

fn fleets() -> impl Strategy<Value = Fleet> {
    use Mood::{Greylisting, Healthy, Refused, Refusing, Throttled, WithoutTls};
    let moods = [Healthy, Healthy, Greylisting, Refusing, Throttled, Refused, WithoutTls];
    let address = (prop::collection::vec(prop::sample::select(moods.to_vec()), 1..4), 1..12_u64);
    let endpoints = prop::collection::btree_set((0..3_u8, 0..4_u8), 1..4);
    let interval = prop::sample::select(&[5, 15, 60, 720][..]);
    let domain = (interval, endpoints.prop_map(|endpoints| endpoints.into_iter().collect()));
    let spacing = prop::sample::select(&[0, 5, 60, 300][..]);
    (
        prop::collection::vec(domain, 1..14),
        prop::collection::vec(address, 4),
        1..120_u64,
        (spacing, 1..20_u32, 1..8_usize),
        1..3_000_u64,
        prop::option::of(4..30_u64),
    )
        .prop_map(|(domains, moods, took, limits, removal, scans)| Fleet {
            domains,
            moods,
            took,
            limits,
            removal,
            scans,
        })
}

/// One session as the server saw it.
struct Visit {
    errand: Errand,
    begin: Instant,
    end: Instant,
    session: Session,
}

type Visits = Arc<Mutex<Vec<Visit>>>;

impl Fleet {
    fn limits(&self) -> Limits {
        let (spacing, new_connections_per_second, max_sessions) = self.limits;
        Limits { min_spacing: Duration::from_secs(spacing), new_connections_per_second, max_sessions }
    }

    /// What the limits of all sessions together may add to the wait at an address: a slot for each of twelve endpoints
    /// among the connections of a second, and their visits where not all four addresses have a place at once.
    fn crowding(&self) -> Duration {
        let Limits { new_connections_per_second, max_sessions, .. } = self.limits();
        let slots = Duration::from_secs(12) / new_connections_per_second;
        let unproven = (max_sessions * 3).div_ceil(4);
        if unproven < 4 { slots + 12 * self.visit() } else { slots }
    }

    /// The longest visit: a session, a second one without TLS, and the spacing before each.
    fn visit(&self) -> Duration {
        2 * (self.limits().min_spacing + Duration::from_secs(self.took))
    }

    fn mood(&self, address: IpAddr, elapsed: Duration) -> Mood {
        let IpAddr::V4(address) = address else { unreachable!("all are of one family") };
        let (moods, hours) = &self.moods[usize::from(address.octets()[3])];
        let phase = usize::try_from(elapsed.as_secs() / 3600 / hours).unwrap();
        moods[phase % moods.len()]
    }

    fn answer(&self, errand: &Errand, at: SystemTime, elapsed: Duration) -> Session {
        let session = self.greeted(errand, at, elapsed);
        match &errand.scan {
            Some(scan) => scans::scanned(session, scan),
            None => scans::encrypted(session),
        }
    }

    fn greeted(&self, errand: &Errand, at: SystemTime, elapsed: Duration) -> Session {
        match self.mood(errand.key.address.ip(), elapsed) {
            Mood::Healthy => healthy(errand, at),
            Mood::Greylisting => greylisting(errand, at),
            Mood::Refusing => refusing(errand, at),
            Mood::Throttled => throttled(errand, at),
            Mood::Refused => refused(errand, at),
            Mood::WithoutTls => without_tls(errand, at),
        }
    }

    /// Watches the fleet, and gives what its servers saw.
    async fn watch(self: Arc<Self>) -> Vec<Visit> {
        let (start, visits) = (Instant::now(), Visits::default());
        let (seen, fleet) = (visits.clone(), self.clone());
        let probe: Probe = Box::new(move |errand, at| {
            let (seen, fleet, begin) = (seen.clone(), fleet.clone(), Instant::now());
            Box::pin(async move {
                tokio::time::sleep(Duration::from_secs(fleet.took)).await;
                let session = fleet.answer(&errand, at, begin - start);
                seen.lock().unwrap().push(Visit {
                    errand,
                    begin,
                    end: Instant::now(),
                    session: session.clone(),
                });
                session
            })
        });
        let clock: Clock = Arc::new(move || wall(start.elapsed()));
        let sessions = Arc::new(Sessions::new(self.limits(), clock, probe));
        let mut tasks = JoinSet::new();
        let removal = start + Duration::from_secs(self.removal * 60);
        for (n, (minutes, endpoints)) in self.domains.iter().enumerate() {
            let end = if n % 2 == 0 { start + WATCH } else { removal.min(start + WATCH) };
            let interval = Duration::from_secs(minutes * 60);
            let scan = self.scans.map(|hours| Duration::from_secs(hours * 3600));
            let intervals = (interval, scan);
            tasks.spawn(live(self.clone(), sessions.clone(), n, intervals, endpoints.clone(), end));
        }
        let attending = tokio::spawn(attend(sessions.clone()));
        let kept =
            self.domains.iter().step_by(2).flat_map(|(_, endpoints)| endpoints.iter().map(key)).collect();
        let removing = tokio::spawn(async move {
            tokio::time::sleep_until(removal).await;
            loop {
                sessions.keep_only(&kept, is_kept);
                tokio::time::sleep(MINUTE).await;
            }
        });
        tasks.join_all().await;
        attending.abort();
        removing.abort();
        std::mem::take(&mut visits.lock().unwrap())
    }
}

fn name(n: usize) -> DomainName {
    DomainName::parse(&format!("d{n}.example")).unwrap()
}

fn key(&(host, address): &(u8, u8)) -> SessionKey {
    let tls_name = MxName::parse(&format!("mx{host}.example")).unwrap();
    SessionKey { address: SocketAddr::new(Ipv4Addr::new(192, 0, 2, address).into(), 25), tls_name }
}

fn is_kept(domain: &DomainName) -> bool {
    let number = domain.as_str().trim_start_matches('d').trim_end_matches(".example");
    number.parse::<usize>().unwrap() % 2 == 0
}

/// Lets errands be made as the daemon does.
async fn attend(sessions: Arc<Sessions<Probe>>) {
    let mut errands = JoinSet::new();
    loop {
        let served = sessions.clone();
        tokio::select! {
            key = sessions.next_errand() => errands.spawn(async move { served.attend(&key).await }),
            key = sessions.next_scan() => errands.spawn(async move { served.scan(&key).await }),
        };
        while errands.try_join_next().is_some() {}
    }
}

/// Runs a domain until `end`, as the daemon does. No run waits longer than its effective interval, but for the visits of
/// a domain that was removed within the hour, for a look that is confirmed within the run and for a connection of a scan
/// that has just begun.
async fn live(
    fleet: Arc<Fleet>,
    sessions: Arc<Sessions<Probe>>,
    n: usize,
    (interval, scan): (Duration, Option<Duration>),
    endpoints: Vec<(u8, u8)>,
    end: Instant,
) {
    let domain = Arc::new(Domain::plain(name(n), Arc::new(Settings::default())));
    let keys: Vec<SessionKey> = endpoints.iter().map(key).collect();
    let wanted = Intervals { sessions: interval, transactions: Duration::from_secs(3600) };
    let demands = keys.iter().map(|key| Demand { key: key.clone(), among: 1 }).collect();
    sessions.set_demands(&domain.name, demands, wanted);
    let start = Instant::now();
    while Instant::now() < end {
        let (began, at) = (Instant::now(), (sessions.clock)());
        let granted = sessions.granted(&domain.name).unwrap_or(wanted);
        let wants = keys.iter().map(|key| Want {
            key: key.clone(),
            pool: Vec::new(),
            domain: domain.clone(),
            at,
            dialogue_since: at - granted.sessions / 2,
            tests_since: at - (granted.transactions - granted.sessions.min(granted.transactions) / 2),
            relay: RelayRecipients::default(),
            postmaster: true,
            scan,
            patient: false,
            anchors: vec![],
        });
        let served = all(&sessions, wants).await;
        let waited = began.elapsed();
        // It is stretched by what the visits of this very run took; a domain that was removed meanwhile gets nothing.
        let Some(stretched) = sessions.granted(&domain.name) else { break };
        let longest = stretched.sessions.max(granted.sessions);
        let removed = began.checked_duration_since(start + Duration::from_secs(fleet.removal * 60));
        let has_left = removed.is_some_and(|since| since < 60 * MINUTE);
        let looked_twice =
            served.iter().any(|s| s.contact.dialogue.streak.count == 2 && s.contact.dialogue.at >= at);
        let allowed = longest
            + fleet.crowding()
            + fleet.visit() * (u32::from(has_left) + u32::from(looked_twice) + u32::from(scan.is_some()));
        assert!(waited <= allowed, "d{n} waited {waited:?} in a run that is due every {longest:?}");
        let now = (sessions.clock)();
        let retry = served.iter().filter_map(|served| served.retry_at).filter(|at| *at > now).min();
        let rests = served.iter().filter_map(|served| served.rests_until).max();
        let soon =
            retry.map_or(interval, |at| at.max(rests.unwrap_or(at)).duration_since(now).unwrap_or_default());
        let second = keys.iter().any(|key| sessions.wants_another_look(key)) && rests.is_none();
        let soon = if second { soon.min(sessions.state().limits.min_spacing.max(MINUTE / 60)) } else { soon };
        tokio::time::sleep(soon.min(interval)).await;
    }
}

/// What no server may ever see.
fn assert_good_manners(fleet: &Fleet, visits: &[Visit]) {
    let limits = fleet.limits();
    let mut by_begin: Vec<&Visit> = visits.iter().collect();
    by_begin.sort_by_key(|visit| visit.begin);
    for window in by_begin.windows(limits.new_connections_per_second as usize + 1) {
        let (first, last) = (window[0].begin, window[window.len() - 1].begin);
        assert!(last - first >= Duration::from_millis(999), "more connections a second than allowed");
    }
    for (n, visit) in by_begin.iter().enumerate() {
        let at_once = by_begin[..n].iter().filter(|other| other.end > visit.begin).count();
        assert!(at_once < limits.max_sessions, "more sessions at once than allowed");
        assert!(visit.errand.scan.is_none() || visit.session.refusals() == 0, "a scan asks for nobody");
        assert!(visit.errand.postmasters.len() <= 5 && visit.session.refusals() <= 3, "{:?}", visit.errand);
    }
    for last in 0..4 {
        let address = IpAddr::from([192, 0, 2, last]);
        let here: Vec<&Visit> =
            by_begin.iter().copied().filter(|visit| visit.errand.key.address.ip() == address).collect();
        assert_good_guest(fleet, &here);
    }
}

/// The same for one address.
fn assert_good_guest(fleet: &Fleet, visits: &[&Visit]) {
    let spacing = fleet.limits().min_spacing;
    let mut rests = 0;
    scans::assert_far_apart(visits.iter().map(|visit| (visit.begin, visit.end, &visit.errand)), spacing);
    for (n, pair) in visits.windows(2).enumerate() {
        let gap = pair[1].begin.saturating_duration_since(pair[0].end);
        assert!(pair[0].end <= pair[1].begin, "two sessions at once");
        assert!(gap >= spacing, "only {gap:?} apart");
        rests = if pair[0].session.asks_for_rest().is_some() { rests + 1 } else { 0 };
        let least = 27 * MINUTE * (1 << u32::min(rests, 4).saturating_sub(1));
        assert!(rests == 0 || gap >= least, "came back after {gap:?}, the {rests}th time in a row");
        let window = visits[n..].iter().take_while(|other| other.end < pair[0].end + 10 * spacing);
        let refusals: usize = window.map(|visit| visit.session.refusals()).sum();
        assert!(refusals <= 3 || spacing.is_zero(), "{refusals} refusals in ten spacings");
    }
}

#[test]
fn whatever_the_fleet_its_servers_are_treated_well() {
    let hours = std::env::var("SIMULATED_HOURS").ok().and_then(|text| text.parse().ok()).unwrap_or(HOURS);
    let mut sessions = 0;
    for seed in 0..hours / (WATCH.as_secs() / 3600) {
        let mut bytes = [0; 32];
        bytes[..8].copy_from_slice(&seed.to_le_bytes());
        let rng = TestRng::from_seed(RngAlgorithm::ChaCha, &bytes);
        let mut runner = TestRunner::new_with_rng(Config::default(), rng);
        let fleet = Arc::new(fleets().new_tree(&mut runner).unwrap().current());
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build();
        println!("fleet {seed}: {fleet:?}");
        let visits = runtime.unwrap().block_on(fleet.clone().watch());
        assert_good_manners(&fleet, &visits);
        sessions += visits.len();
    }
    println!("{hours} simulated hours, {sessions} sessions");
}
