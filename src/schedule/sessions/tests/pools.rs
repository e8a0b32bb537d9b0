//! Pools: visited at one address after another, as often as a single address would be.

use super::*;
use crate::observe::testing::endpoint;
use crate::observe::{Fact, Family};
use crate::schedule::Sighting;

const QUARTER: Duration = Duration::from_secs(900);

/// A session that nothing ended early.
fn sound(errand: &Errand, at: SystemTime) -> Session {
    let dialogue = endpoint().build().contact.dialogue.seen.clone();
    Session { dialogue, ..healthy(errand, at) }
}

/// The address that ends in 1 takes no connections.
fn first_refuses(errand: &Errand, at: SystemTime) -> Session {
    if errand.key.address.ip() == ip(1) { refused(errand, at) } else { sound(errand, at) }
}

fn ip(last: u8) -> IpAddr {
    [192, 0, 2, last].into()
}

fn mx() -> MxName {
    MxName::parse("mx.example").unwrap()
}

fn pool_of(
    lasts: impl IntoIterator<Item = u8>,
    answer: fn(&Errand, SystemTime) -> Session,
) -> (Arc<Sessions<Probe>>, Log) {
    let (sessions, log) = sessions(LIMITS, answer);
    let members = lasts.into_iter().map(|last| (ip(last), None)).collect();
    let pools = sessions.sight(vec![Sighting { mx: mx(), family: Family::V4, members }]);
    assert!(pools.contains(&(mx(), Family::V4)));
    (sessions, log)
}

/// A want of whoever sees these addresses.
fn of_pool(sessions: &Sessions<Probe>, name: &str, lasts: impl IntoIterator<Item = u8>) -> Want {
    let pool: Vec<IpAddr> = lasts.into_iter().map(ip).collect();
    Want { pool: pool.clone(), ..want(name, &format!("{}:25", pool[0]), (sessions.clock)()) }
}

fn places(log: &Log) -> Vec<u8> {
    let last = |errand: &Errand| match errand.key.address.ip() {
        IpAddr::V4(v4) => v4.octets()[3],
        IpAddr::V6(_) => 0,
    };
    log.errands().iter().map(last).collect()
}

#[tokio::test(start_paused = true)]
async fn it_is_visited_at_the_next_address_each_time_and_tested_no_more_than_one_server() {
    let (sessions, log) = pool_of(1..=12, sound);
    for round in 0..13 {
        let wants = ["a.example", "b.example"].map(|name| of_pool(&sessions, name, 1..=12));
        for served in all(&sessions, wants).await {
            assert!(
                served.contact.relay.is_some() && served.postmaster.is_some(),
                "what is known goes along"
            );
            assert_eq!(
                served.contact.key.address,
                log.errands().last().unwrap().key.address,
                "round {round}"
            );
        }
        tokio::time::advance(QUARTER).await;
    }
    let mut places = places(&log);
    places.dedup();
    assert_eq!(
        places,
        (1..=12).chain([1]).collect::<Vec<u8>>(),
        "two postmasters may take two sessions in a row"
    );
    let tested = log.errands().iter().filter(|errand| errand.relay.is_some()).count();
    assert_eq!(tested, 4, "in three hours, an hour apart");
    let (state, members) = (sessions.state(), (1..=12).map(ip));
    let known = members.filter(|address| {
        let key = SessionKey { address: SocketAddr::new(*address, 25), tls_name: mx() };
        state.contacts.contact(&key).is_some() || state.turns.contains_key(address)
    });
    assert_eq!(known.count(), 1, "nothing is kept of where it was");
}

#[tokio::test(start_paused = true)]
async fn all_who_want_it_get_the_same_whatever_addresses_they_see() {
    let (sessions, log) = pool_of(1..=12, sound);
    let seen = [of_pool(&sessions, "a.example", 1..=4), of_pool(&sessions, "b.example", 5..=8)];
    let plain = want("c.example", "192.0.2.9:25", (sessions.clock)());
    let served = all(&sessions, seen.into_iter().chain([plain])).await;
    let address = served[0].contact.key.address;
    assert!(served.iter().all(|served| served.contact.key.address == address));
    assert!(places(&log).windows(2).all(|pair| pair[0] == pair[1]), "{:?}", places(&log));
    let other = SessionKey { address: "192.0.2.3:25".parse().unwrap(), tls_name: mx() };
    let known =
        sessions.known(&other, &DomainName::parse("b.example").unwrap()).expect("it is the same server");
    assert_eq!(known.contact.key.address, address);
}

#[tokio::test(start_paused = true)]
async fn it_stays_where_something_is_wrong_until_dns_has_the_address_no_more() {
    let (sessions, log) = pool_of(1..=12, first_refuses);
    sessions.recall(&crate::schedule::Remembered {
        v4_answered: true,
        pools: sessions.remembered().pools,
        ..Default::default()
    });
    for _ in 0..3 {
        all(&sessions, [of_pool(&sessions, "a.example", 1..=12)]).await;
        tokio::time::advance(QUARTER).await;
    }
    assert_eq!(places(&log), [1, 1, 1]);
    let served = all(&sessions, [of_pool(&sessions, "a.example", 2..=12)]).await;
    assert_eq!(places(&log), [1, 1, 1, 2]);
    assert!(served[0].contact.dialogue.seen.is_ok());
}

#[tokio::test(start_paused = true)]
async fn one_address_that_asks_for_rest_gets_it_for_all() {
    let (sessions, log) = pool_of(1..=12, throttled);
    all(&sessions, [of_pool(&sessions, "a.example", 1..=12)]).await;
    for _ in 0..5 {
        tokio::time::advance(5 * MINUTE).await;
        let served = all(&sessions, [of_pool(&sessions, "a.example", 2..=12)]).await;
        assert!(served[0].rests_until.is_some());
    }
    assert_eq!(places(&log), [1]);
    tokio::time::advance(10 * MINUTE).await;
    all(&sessions, [of_pool(&sessions, "a.example", 2..=12)]).await;
    assert_eq!(places(&log), [1, 2]);
}

#[tokio::test(start_paused = true)]
async fn many_addresses_do_not_shorten_the_spacing() {
    let (sessions, log) = pool_of(1..=12, sound);
    for _ in 0..10 {
        let eager = of_pool(&sessions, "a.example", 1..=12);
        all(&sessions, [Want { dialogue_since: eager.at, patient: false, ..eager }]).await;
    }
    let visits = log.visits();
    assert!(visits.len() > 5 && visits.windows(2).all(|pair| pair[1].0 - pair[0].0 >= MINUTE), "{visits:?}");
}

#[tokio::test(start_paused = true)]
async fn a_host_that_becomes_a_pool_goes_on_with_what_is_known_of_its_addresses() {
    let (sessions, log) = sessions(LIMITS, sound);
    let names = ["a.example", "b.example"];
    for last in 1..=9 {
        let wants = names.map(|name| want(name, &format!("{}:25", ip(last)), (sessions.clock)()));
        all(&sessions, wants).await;
        tokio::time::advance(MINUTE).await;
    }
    let before = log.errands().len();
    let members = (1..=9).map(|last| (ip(last), None)).collect();
    sessions.sight(vec![Sighting { mx: mx(), family: Family::V4, members }]);
    let served = all(&sessions, [of_pool(&sessions, "a.example", 1..=9)]).await;
    assert_eq!(
        (log.errands().len(), served[0].contact.key.address.ip()),
        (before, ip(9)),
        "the last is fresh"
    );
    assert!(served[0].postmaster.is_some());
    assert_eq!((1..=9).filter(|last| sessions.state().contacts.contact(&key(*last)).is_some()).count(), 1);
}

fn key(last: u8) -> SessionKey {
    SessionKey { address: SocketAddr::new(ip(last), 25), tls_name: mx() }
}

#[tokio::test(start_paused = true)]
async fn a_pool_survives_a_restart() {
    let (before, _) = pool_of(1..=12, sound);
    let served = all(&before, [of_pool(&before, "a.example", 1..=12)]).await.remove(0);
    let domain = DomainName::parse("a.example").unwrap();
    let (after, log) = sessions(LIMITS, sound);
    after.recall(&before.remembered());
    after.recall_contact(&served.contact, &domain, served.postmaster.as_ref());
    assert_eq!(after.pools(), before.pools());
    tokio::time::advance(QUARTER).await;
    let again = all(&after, [of_pool(&after, "a.example", 1..=12)]).await.remove(0);
    assert_eq!(places(&log), [2], "it goes on at the next address");
    let at = |fact: &Option<Fact<RelayTest>>| fact.as_ref().map(|fact| fact.at);
    assert_eq!(at(&again.contact.relay), at(&served.contact.relay), "tests that are not due keep their age");
}

#[tokio::test(start_paused = true)]
async fn a_reload_forgets_a_pool_only_with_its_host() {
    let (sessions, _) = pool_of(1..=12, sound);
    let served = all(&sessions, [of_pool(&sessions, "a.example", 1..=12)]).await.remove(0);
    tokio::time::advance(QUARTER).await;
    all(&sessions, [of_pool(&sessions, "b.example", 1..=12)]).await;
    // The report of a.example still has the contact before.
    sessions.keep_only(&HashSet::from([served.contact.key.clone()]), |_| true);
    assert!(sessions.known(&served.contact.key, &DomainName::parse("b.example").unwrap()).is_some());
    sessions.keep_only(&HashSet::new(), |_| true);
    assert!(sessions.pools().is_empty());
}
