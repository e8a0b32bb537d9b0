//! Sessions in simulated time, against a probe that only takes time and writes down what it was asked for.

use super::*;
use crate::config::Domain;
use crate::name::{DomainName, Mailbox, MxName};
use crate::observe::testing::reply;
use crate::observe::{Cause, Dialogue, NullSender, RelayTest, Stage, Step, Transaction, Unseen};
use crate::schedule::RelayRecipients;
use std::net::SocketAddr;
use tokio::task::JoinSet;

mod fleets;
mod manners;
mod pools;
mod scans;

const MINUTE: Duration = Duration::from_secs(60);
const LIMITS: Limits = Limits { min_spacing: MINUTE, new_connections_per_second: 20, max_sessions: 64 };

#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<(Instant, Instant, Errand)>>>);

impl Log {
    fn errands(&self) -> Vec<Errand> {
        self.visits().into_iter().map(|(_, _, errand)| errand).collect()
    }

    fn visits(&self) -> Vec<(Instant, Instant, Errand)> {
        self.0.lock().unwrap().clone()
    }
}

type Probe =
    Box<dyn Fn(Errand, SystemTime) -> std::pin::Pin<Box<dyn Future<Output = Session> + Send>> + Send + Sync>;

/// Sessions of two seconds each, answered by `answer`.
fn sessions(limits: Limits, answer: fn(&Errand, SystemTime) -> Session) -> (Arc<Sessions<Probe>>, Log) {
    let (start, log) = (Instant::now(), Log::default());
    let clock: Clock = Arc::new(move || wall(start.elapsed()));
    let written = log.clone();
    let probe: Probe = Box::new(move |errand, at| {
        let log = written.clone();
        Box::pin(async move {
            let begin = Instant::now();
            tokio::time::sleep(Duration::from_secs(2)).await;
            log.0.lock().unwrap().push((begin, Instant::now(), errand.clone()));
            answer(&errand, at)
        })
    });
    (Arc::new(Sessions::new(limits, clock, probe)), log)
}

fn wall(elapsed: Duration) -> SystemTime {
    SystemTime::UNIX_EPOCH + Duration::from_secs(1_800_000_000) + elapsed
}

/// A session in which every RCPT is answered like this, as far as the errand lets recipients be refused.
fn answering(errand: &Errand, at: SystemTime, rcpt: &str) -> Session {
    let mut left = errand.refusals;
    let mut steps = Vec::new();
    let mut ask = |recipient: Mailbox| {
        left = left.checked_sub(usize::from(!reply(rcpt).is_positive()))?;
        let (at, took) = (Duration::ZERO, Duration::from_millis(1));
        steps.push(Step { stage: Stage::Rcpt, sent: None, reply: Some(Ok(reply(rcpt))), at, took });
        let (mail, rcpt) = (Ok(reply("250 ok")), Ok(reply(rcpt)));
        Some(Transaction { sender: None, recipient, mail, rcpt })
    };
    let null = errand.null_sender.as_ref().and_then(|domain| ask(Mailbox::postmaster(domain)));
    let relay = errand.relay.as_ref().and_then(|_| ask(Mailbox::parse("someone@elsewhere.example").unwrap()));
    let postmaster = |domain: &DomainName| Some((domain.clone(), Ok(ask(Mailbox::postmaster(domain))?)));
    let postmasters = errand.postmasters.iter().filter_map(postmaster).collect();
    let unseen = Unseen::failed(Stage::Ehlo, Cause::Timeout, "");
    Session {
        at,
        null_sender: null.map(|null| Ok(NullSender { ordinary: Some(null.clone()), null })),
        relay: relay.map(|asked| Ok(RelayTest { attempts: vec![asked], confirmation: None, local: None })),
        postmasters,
        dialogue: Ok(Dialogue { steps, local: None, banner: Ok(reply("220 mx")), ehlo: Err(unseen) }),
        owed: false,
        scan: None,
    }
}

fn healthy(errand: &Errand, at: SystemTime) -> Session {
    answering(errand, at, "250 ok")
}

fn greylisting(errand: &Errand, at: SystemTime) -> Session {
    answering(errand, at, "450 4.2.0 greylisted")
}

fn refusing(errand: &Errand, at: SystemTime) -> Session {
    answering(errand, at, "550 5.1.1 no such user")
}

/// Says 421 at the greeting.
fn throttled(errand: &Errand, at: SystemTime) -> Session {
    let banner = reply("421 4.7.0 too many connections");
    let unseen = banner.accepted(Stage::Banner).unwrap_err().behind();
    let took = Duration::from_millis(1);
    let reply = Some(Ok(banner.clone()));
    let step = Step { stage: Stage::Banner, sent: None, reply, at: Duration::ZERO, took };
    let ehlo = Err(unseen.clone());
    let dialogue = Dialogue { steps: vec![step], local: None, banner: Ok(banner), ehlo };
    Session { dialogue: Ok(dialogue), ..prevented(errand, at, &unseen) }
}

/// A session whose tests were not reached.
fn prevented(errand: &Errand, at: SystemTime, unseen: &Unseen) -> Session {
    let blocked = |name: &DomainName| (name.clone(), Err(unseen.behind()));
    Session {
        at,
        null_sender: errand.null_sender.as_ref().map(|_| Err(unseen.behind())),
        relay: errand.relay.as_ref().map(|_| Err(unseen.behind())),
        postmasters: errand.postmasters.iter().map(blocked).collect(),
        dialogue: Err(unseen.clone()),
        owed: false,
        scan: None,
    }
}

fn refused(errand: &Errand, at: SystemTime) -> Session {
    prevented(errand, at, &Unseen::failed(Stage::Connect, Cause::Refused, "refused"))
}

fn without_tls(errand: &Errand, at: SystemTime) -> Session {
    let session = healthy(errand, at);
    if errand.plaintext {
        return session;
    }
    Session { null_sender: None, relay: None, postmasters: Vec::new(), owed: true, ..session }
}

fn want(name: &str, address: &str, at: SystemTime) -> Want {
    let domain = Domain::plain(DomainName::parse(name).unwrap(), Arc::default());
    let address: SocketAddr = address.parse().unwrap();
    let key = SessionKey { address, tls_name: MxName::parse("mx.example").unwrap() };
    let (dialogue_since, tests_since) = (at - 7 * MINUTE, at - 50 * MINUTE);
    Want {
        key,
        pool: Vec::new(),
        domain: Arc::new(domain),
        at,
        dialogue_since,
        tests_since,
        relay: RelayRecipients::default(),
        postmaster: true,
        scan: None,
        patient: true,
        anchors: vec![],
    }
}

async fn all(sessions: &Arc<Sessions<Probe>>, wants: impl IntoIterator<Item = Want>) -> Vec<Served> {
    let mut tasks = JoinSet::new();
    for want in wants {
        let sessions = sessions.clone();
        tasks.spawn(async move { sessions.contact(want).await });
    }
    tasks.join_all().await
}

#[tokio::test(start_paused = true)]
async fn one_session_serves_all_domains_that_wait() {
    let (sessions, log) = sessions(LIMITS, healthy);
    let names = ["first.example", "a.example", "b.example", "c.example"];
    let served = all(&sessions, names.map(|name| want(name, "192.0.2.1:25", wall(Duration::ZERO)))).await;
    assert!(served.iter().all(|served| served.postmaster.is_some()));
    let [first, second] = &log.errands()[..] else { panic!("{:?}", log.errands()) };
    assert!(first.null_sender.is_some() && first.relay.is_some());
    assert_eq!(second.postmasters.len(), 3);
    assert!(
        second.null_sender.is_none() && second.relay.is_none(),
        "these are the endpoint's, not the domain's"
    );
}

#[tokio::test(start_paused = true)]
async fn more_than_five_postmasters_take_another_session_a_spacing_later() {
    let (sessions, log) = sessions(LIMITS, healthy);
    let names: Vec<String> = (0..8).map(|n| format!("d{n}.example")).collect();
    let served =
        all(&sessions, names.iter().map(|name| want(name, "192.0.2.1:25", wall(Duration::ZERO)))).await;
    assert!(served.iter().all(|served| served.postmaster.is_some()));
    let visits = log.visits();
    let postmasters: Vec<usize> = visits.iter().map(|(_, _, errand)| errand.postmasters.len()).collect();
    assert_eq!(postmasters, [1, 5, 2]);
    assert!(visits.windows(2).all(|pair| pair[1].0 - pair[0].1 >= MINUTE));
}

#[tokio::test(start_paused = true)]
async fn fresh_facts_are_served_from_the_store() {
    let (sessions, log) = sessions(LIMITS, healthy);
    all(&sessions, [want("a.example", "192.0.2.1:25", wall(Duration::ZERO))]).await;
    tokio::time::advance(5 * MINUTE).await;
    all(&sessions, [want("a.example", "192.0.2.1:25", wall(5 * MINUTE))]).await;
    assert_eq!(log.errands().len(), 1);
    tokio::time::advance(10 * MINUTE).await;
    all(&sessions, [want("a.example", "192.0.2.1:25", wall(15 * MINUTE))]).await;
    let errands = log.errands();
    assert_eq!(errands.len(), 2);
    assert!(errands[1].relay.is_none() && errands[1].postmasters.is_empty(), "the tests are not due yet");
}

#[tokio::test(start_paused = true)]
async fn a_failure_is_looked_at_again_with_the_tests_it_prevented() {
    let (sessions, log) = sessions(LIMITS, refused);
    let cause = |served: &Served| served.contact.dialogue().unwrap_err().cause();
    let first = all(&sessions, [want("a.example", "192.0.2.1:25", wall(Duration::ZERO))]).await;
    assert_eq!(cause(&first[0]), Cause::VantageBlocked, "nobody ever answered in this family");
    let elsewhere = want("b.example", "192.0.2.9:25", wall(Duration::ZERO));
    let errand = sessions.state().errand(&elsewhere);
    let greeted = healthy(&errand, wall(Duration::ZERO));
    sessions.state().lookout.weigh(&errand, greeted);
    assert!(sessions.wants_another_look(&first[0].contact.key));
    for (minutes, wanted) in [(2, Cause::Tempfail), (4, Cause::Refused)] {
        tokio::time::advance(2 * MINUTE).await;
        let served = all(&sessions, [want("a.example", "192.0.2.1:25", wall(minutes * MINUTE))]).await;
        assert_eq!(cause(&served[0]), wanted);
    }
    assert_eq!(log.errands().len(), 3);
    assert!(log.errands().iter().all(|errand| errand.relay.is_some() && errand.postmasters.len() == 1));
    assert!(!sessions.wants_another_look(&first[0].contact.key), "two looks are enough");
}

#[tokio::test(start_paused = true)]
async fn tests_that_tls_prevented_are_made_in_plaintext() {
    let (sessions, log) = sessions(LIMITS, without_tls);
    let served = all(&sessions, [want("a.example", "192.0.2.1:25", wall(Duration::ZERO))]).await;
    assert!(served[0].contact.relay.is_some() && served[0].postmaster.is_some());
    let plaintext: Vec<bool> = log.errands().iter().map(|errand| errand.plaintext).collect();
    assert_eq!(plaintext, [false, true]);
    let visits = log.visits();
    assert!(visits[1].0 - visits[0].1 >= MINUTE);
}

#[tokio::test(start_paused = true)]
async fn a_crowd_keeps_to_every_limit() {
    let limits = Limits { min_spacing: MINUTE, new_connections_per_second: 5, max_sessions: 8 };
    let (sessions, log) = sessions(limits, healthy);
    let wants = (0..300)
        .map(|n| want(&format!("d{n}.example"), &format!("192.0.2.{}:25", n % 100), wall(Duration::ZERO)));
    assert_eq!(all(&sessions, wants).await.len(), 300);
    let visits = log.visits();
    for (n, (begin, end, errand)) in visits.iter().enumerate() {
        let others = || visits.iter().enumerate().filter(|(other, _)| *other != n).map(|(_, visit)| visit);
        assert!(others().filter(|(from, to, _)| from <= begin && begin < to).count() < limits.max_sessions);
        assert!(
            others().filter(|(from, ..)| from >= begin && *from - *begin < Duration::from_secs(1)).count()
                < 6
        );
        let same = |other: &Errand| other.key.address.ip() == errand.key.address.ip();
        let close = |from: &Instant| from >= begin && from.saturating_duration_since(*end) < MINUTE;
        assert!(!others().any(|(from, _, other)| same(other) && close(from)));
    }
}

#[tokio::test(start_paused = true)]
async fn only_those_who_wait_for_a_place_make_the_schedule_lag() {
    let (sessions, _) = sessions(Limits { max_sessions: 1, ..LIMITS }, healthy);
    let lag = || sessions.queue().longest(Instant::now());
    let endpoints = ["192.0.2.1:25", "192.0.2.2:25", "192.0.2.3:25"];
    let wants = endpoints.map(|address| want("a.example", address, wall(Duration::ZERO)));
    let waiting = {
        let sessions = sessions.clone();
        tokio::spawn(async move { all(&sessions, wants).await })
    };
    for (millis, want) in [(1_000, 1_000), (2_500, 3_500), (1_000, 0)] {
        tokio::time::sleep(Duration::from_millis(millis)).await;
        assert_eq!(lag(), Duration::from_millis(want), "two seconds each, one after the other");
    }
    waiting.await.unwrap();
    let again = want("b.example", endpoints[0], wall(2 * MINUTE));
    tokio::time::timeout(MINUTE / 2, sessions.contact(again)).await.expect_err("its address rests");
    assert_eq!(lag(), Duration::ZERO, "spacing is no lag");
}

#[tokio::test(start_paused = true)]
async fn what_was_known_and_the_manners_survive_a_restart() {
    let at = wall(Duration::ZERO);
    let (before, _) = sessions(LIMITS, healthy);
    let served = before.contact(want("a.example", "192.0.2.1:25", at)).await;
    let remembered = before.remembered();
    assert_eq!((remembered.v4_answered, remembered.v6_answered), (true, false));
    let visit = remembered.visits["192.0.2.1".parse::<IpAddr>().as_ref().unwrap()];
    assert_eq!(visit.at, wall(Duration::from_secs(2)));

    let (after, log) = sessions(LIMITS, refused);
    let elapsed = tokio::time::Instant::now();
    after.recall(&remembered);
    after.recall_contact(
        &served.contact,
        &want("a.example", "192.0.2.1:25", at).domain.name,
        served.postmaster.as_ref(),
    );
    let known = after.contact(want("a.example", "192.0.2.1:25", at)).await;
    assert_eq!((known.contact, known.postmaster), (served.contact, served.postmaster));
    assert_eq!(log.visits().len(), 0, "all that is wanted is known");

    let later = Want { dialogue_since: at + MINUTE, ..want("a.example", "192.0.2.1:25", at) };
    let refused = after.contact(later).await;
    assert!(log.visits()[0].0 - elapsed >= MINUTE, "the address is left alone as before");
    let cause = refused.contact.dialogue.seen.as_ref().unwrap_err().cause();
    assert_eq!(cause, Cause::Refused, "a family that has answered is not this machine's trouble");
}
