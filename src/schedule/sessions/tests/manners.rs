//! Back-off, greylists, queues before one server and budgets of refusals, in simulated time.

use super::*;
use crate::config::Settings;
use crate::rules::Tests;

const WANTED: Intervals =
    Intervals { sessions: Duration::from_secs(900), transactions: Duration::from_secs(3600) };

/// How many recipients a server that knows nobody refuses in a session.
fn refusals(errand: &Errand) -> usize {
    refusing(errand, SystemTime::UNIX_EPOCH).refusals()
}

#[tokio::test(start_paused = true)]
async fn an_address_that_asks_for_rest_gets_it_and_its_facts_are_served() {
    let (sessions, log) = sessions(LIMITS, throttled);
    let first = all(&sessions, [want("a.example", "192.0.2.1:25", wall(Duration::ZERO))]).await;
    let until = first[0].rests_until.expect("a rest").duration_since(wall(Duration::ZERO)).unwrap();
    assert!(until > 27 * MINUTE && until < 34 * MINUTE, "{until:?}");
    for minutes in [1, 15, 26] {
        tokio::time::advance(wall(minutes * MINUTE).duration_since((sessions.clock)()).unwrap()).await;
        let mut other = want("b.example", "192.0.2.1:25", wall(minutes * MINUTE));
        other.key.tls_name = MxName::parse("mx2.example").unwrap();
        let wants = [want("a.example", "192.0.2.1:25", wall(minutes * MINUTE)), other];
        for served in all(&sessions, wants).await {
            assert!(served.rests_until.is_some());
            let seen = served.contact.dialogue.seen.as_ref();
            let cause = seen.map_or_else(Unseen::cause, |dialogue| dialogue.trouble().unwrap().cause);
            assert_eq!(cause, Cause::Throttled, "also of a name that was never visited");
        }
    }
    assert_eq!(log.errands().len(), 1);
    tokio::time::advance(10 * MINUTE).await;
    all(&sessions, [want("a.example", "192.0.2.1:25", (sessions.clock)())]).await;
    assert_eq!(log.errands().len(), 2, "after that it is visited again");
}

#[tokio::test(start_paused = true)]
async fn a_greylisted_test_is_made_again_with_the_same_tuple() {
    let (sessions, log) = sessions(LIMITS, greylisting);
    let tests = Tests { null_sender: true, postmaster: false, open_relay: false };
    let settings = Arc::new(Settings { tests, ..Settings::default() });
    let wanted = |name: &str| {
        let want = want(name, "192.0.2.1:25", (sessions.clock)());
        Want { domain: Arc::new(Domain::plain(want.domain.name.clone(), settings.clone())), ..want }
    };
    let Want { key, domain, .. } = wanted("a.example");
    sessions.set_demands(&domain.name, vec![Demand { key: key.clone(), among: 1 }], WANTED);
    all(&sessions, [wanted("a.example")]).await;
    let mut gaps = Vec::new();
    for _ in 0..6 {
        let again =
            sessions.known(&key, &domain.name).and_then(|known| known.retry_at).expect("it was put off");
        let gap = again.duration_since((sessions.clock)()).unwrap();
        gaps.push(gap.as_secs() / 60);
        tokio::time::advance(gap - MINUTE).await;
        let before = log.errands().len();
        all(&sessions, [Want { dialogue_since: wall(Duration::ZERO), ..wanted("a.example") }]).await;
        assert_eq!(log.errands().len(), before, "not before its time");
        tokio::time::advance(MINUTE).await;
        all(&sessions, [wanted("b.example"), wanted("a.example")]).await;
        assert_eq!(log.errands().len(), before + 1, "and once for all");
    }
    for (minutes, (from, to)) in
        gaps.iter().zip([(5, 10), (26, 33), (53, 66), (107, 132), (215, 264), (215, 264)])
    {
        assert!((from..to).contains(minutes), "{gaps:?}");
    }
    let asked = log.errands().into_iter().filter_map(|errand| errand.null_sender);
    assert!(asked.clone().all(|asked| asked == domain.name), "{:?}", asked.collect::<Vec<_>>());
}

#[tokio::test(start_paused = true)]
async fn connection_facts_do_not_wait_for_recipients() {
    let (sessions, log) = sessions(LIMITS, healthy);
    let now = || (sessions.clock)();
    let names: Vec<String> = (0..23).map(|n| format!("d{n}.example")).collect();
    let wants = names.iter().map(|name| Want { patient: false, ..want(name, "192.0.2.1:25", now()) });
    let start = Instant::now();
    assert!(all(&sessions, wants).await.iter().all(|served| served.contact.dialogue.seen.is_ok()));
    assert!(start.elapsed() < MINUTE, "one session was enough for all");
    let mut served = 0;
    while served < 22 {
        let key = sessions.next_errand().await;
        served += sessions.attend(&key).await.len();
    }
    let postmasters: Vec<usize> = log.errands().iter().map(|errand| errand.postmasters.len()).collect();
    assert_eq!(postmasters, [1, 5, 5, 5, 5, 2]);
    assert!(log.errands().iter().skip(1).all(|errand| errand.relay.is_none()));
}

#[tokio::test(start_paused = true)]
async fn who_refuses_is_not_asked_for_more_than_three_refusals_in_ten_spacings() {
    let (sessions, log) = sessions(LIMITS, refusing);
    for minutes in 0..120 {
        let domain = format!("d{}.example", minutes % 7);
        all(&sessions, [want(&domain, "192.0.2.1:25", (sessions.clock)())]).await;
        tokio::time::advance(MINUTE).await;
    }
    let asked: Vec<(Instant, usize)> =
        log.visits().iter().map(|(at, _, errand)| (*at, refusals(errand))).collect();
    for (at, _) in &asked {
        let window = asked.iter().filter(|(other, _)| other >= at && *other < *at + 10 * MINUTE);
        assert!(window.map(|(_, refusals)| refusals).sum::<usize>() <= 3);
    }
    assert!(asked.iter().map(|(_, refusals)| refusals).sum::<usize>() > 20, "and yet they are asked");
}

/// So many domains on one MX with four addresses, for some hours behind the first: sessions an address and hour, and the
/// intervals that a domain gets.
async fn crowd(domains: usize, transactions: Duration) -> (usize, Intervals) {
    const ADDRESSES: usize = 4;
    let (sessions, log) = sessions(LIMITS, healthy);
    let (start, end) = (Instant::now(), Instant::now() + 360 * MINUTE);
    let wanted = Intervals { transactions, ..WANTED };
    let attending = {
        let sessions = sessions.clone();
        tokio::spawn(async move {
            let mut errands = JoinSet::new();
            loop {
                let (key, sessions) = (sessions.next_errand().await, sessions.clone());
                errands.spawn(async move { sessions.attend(&key).await });
            }
        })
    };
    let mut lives = JoinSet::new();
    for n in 0..domains {
        let sessions = sessions.clone();
        lives.spawn(async move {
            let name = format!("d{n}.example");
            let wants = |at: SystemTime, granted: Intervals| {
                let round = start.elapsed().as_secs() / granted.transactions.as_secs() + n as u64;
                (0..ADDRESSES).map(move |last| Want {
                    dialogue_since: at - granted.sessions / 2,
                    tests_since: at - (granted.transactions - granted.sessions / 2),
                    postmaster: round % ADDRESSES as u64 == last as u64,
                    patient: false,
                    ..want(&format!("d{n}.example"), &format!("192.0.2.{last}:25"), at)
                })
            };
            let demands = wants(wall(MINUTE), WANTED).map(|want| Demand { key: want.key, among: ADDRESSES });
            let name = DomainName::parse(&name).unwrap();
            sessions.set_demands(&name, demands.collect(), wanted);
            tokio::time::sleep(wanted.sessions * u32::try_from(n).unwrap() / u32::try_from(domains).unwrap())
                .await;
            while Instant::now() < end {
                let granted = sessions.granted(&name).unwrap();
                all(&sessions, wants((sessions.clock)(), granted).collect::<Vec<_>>()).await;
                tokio::time::sleep(granted.sessions).await;
            }
        });
    }
    lives.join_all().await;
    attending.abort();
    let steady = |at: &Instant| *at >= start + 120 * MINUTE && *at < end;
    let visits = log.visits().iter().filter(|(at, ..)| steady(at)).count();
    (visits / ADDRESSES / 4, sessions.granted(&DomainName::parse("d0.example").unwrap()).unwrap())
}

#[tokio::test(start_paused = true)]
async fn a_thousand_domains_on_one_mx_take_the_sessions_that_arithmetic_says() {
    for (transactions, sessions, granted) in [
        // A thousand postmasters at one of four addresses each, five a session: 50 sessions an address and hour.
        (60 * MINUTE, 48..=54, 60 * MINUTE),
        // Twice as many fit only into fifty times a session of two seconds and the minute behind it.
        (30 * MINUTE, 56..=58, 50 * Duration::from_secs(62)),
    ] {
        let (made, intervals) = crowd(1000, transactions).await;
        assert_eq!(intervals, Intervals { transactions: granted, ..WANTED });
        assert!(sessions.contains(&made), "{made} sessions an address and hour, not {sessions:?}");
    }
    let (made, _) = crowd(10, 60 * MINUTE).await;
    assert!(made <= 8, "{made} sessions: what is due anyway is enough for a few");
}
