//! Sequences of sessions in simulated time: what each counts for, and where the family stands behind it.

use super::*;
use crate::config::{Domain, Settings};
use crate::name::{DomainName, MxName};
use crate::observe::testing::{endpoint, mx, reply};
use crate::observe::{Dialogue, Ehlo, Extensions, RelayTest, Seen, Step, Unseen};
use std::sync::Arc;
use std::time::Duration;

mod canaries;

const MINUTE: Duration = Duration::from_secs(60);

/// A lookout and the sessions it is told of; each takes no time.
#[derive(Default)]
struct Story {
    lookout: Lookout,
}

/// How a session goes.
#[derive(Clone, Copy, Debug)]
enum Goes {
    /// Encrypted, with all that belongs to it.
    Well,
    /// Connected, without STARTTLS.
    Bare,
    /// 421 at the greeting.
    Throttled,
    /// No connection.
    Fails(Cause),
    /// A canary's session that finds STARTTLS.
    Sings,
    /// A canary's session that does not.
    Croaks,
}

use Goes::{Bare, Croaks, Fails, Sings, Throttled, Well};

const REFUSED: Goes = Fails(Cause::Refused);
const SILENT: Goes = Fails(Cause::NoAnswer);

fn at(minutes: u64) -> SystemTime {
    SystemTime::UNIX_EPOCH + Duration::from_secs(1_800_000_000) + MINUTE * u32::try_from(minutes).unwrap()
}

fn address(text: &str) -> IpAddr {
    text.parse().unwrap()
}

impl Story {
    /// A story that begins with the family in use.
    fn of_a_known_family() -> Self {
        let mut story = Self::default();
        story.lookout.restore(Answered { v4: true, v6: true });
        story
    }

    /// One session, and what it counts for: nothing where it is the server's own.
    fn tell(&mut self, minutes: u64, server: &str, goes: Goes) -> Option<Cause> {
        let session = session(at(minutes), goes);
        let weighed = self.lookout.weigh(&errand(server, goes), session.clone());
        let cause = weighed.dialogue.as_ref().err().map(Unseen::cause);
        let tests = weighed.relay.as_ref().and_then(|seen| seen.as_ref().err()).map(Unseen::cause);
        assert!(cause.is_none() || tests == cause, "the tests share their session's fate: {tests:?}");
        (weighed != session).then_some(cause).flatten()
    }

    fn v4(&self) -> Option<Reach> {
        self.lookout.vantage().v4
    }
}

/// A server `a` to `z` has a network and an owner of its own; `a2` is another address of the same.
fn errand(server: &str, goes: Goes) -> Errand {
    let letter = server.bytes().next().unwrap();
    let address = format!("198.51.{letter}.{}:25", server.len());
    let name = format!("mx.{}.example", char::from(letter));
    let key = SessionKey { address: address.parse().unwrap(), tls_name: MxName::parse(&name).unwrap() };
    let domain = Domain::plain(DomainName::parse("example.com").unwrap(), Arc::new(Settings::default()));
    let plaintext = matches!(goes, Sings | Croaks);
    let (postmasters, relay) = (Vec::new(), None);
    let (domain, anchors) = (Arc::new(domain), vec![]);
    Errand { key, domain, null_sender: None, postmasters, relay, refusals: 0, plaintext, anchors, scan: None }
}

fn ip(server: &str) -> IpAddr {
    errand(server, Well).key.address.ip()
}

fn session(at: SystemTime, goes: Goes) -> Session {
    let dialogue = match goes {
        Well => endpoint().build().contact.dialogue.seen.clone(),
        Bare => endpoint().without_starttls().build().contact.dialogue.seen.clone(),
        Throttled => endpoint().banner("421 4.7.0 later").build().contact.dialogue.seen.clone(),
        Fails(cause) => Err(Unseen::failed(Stage::Connect, cause, "")),
        Sings => plain("250-mx\n250 STARTTLS"),
        Croaks => plain("250-mx\n250 SIZE"),
    };
    let dialogue = dialogue.map(|dialogue| Dialogue { steps: Vec::new(), ..dialogue });
    let tested = RelayTest { attempts: Vec::new(), confirmation: None, local: None };
    let relay = dialogue.as_ref().map(|_| tested).map_err(Unseen::behind);
    Session {
        at,
        dialogue,
        null_sender: None,
        relay: Some(relay),
        postmasters: Vec::new(),
        owed: false,
        scan: None,
    }
}

fn plain(ehlo: &str) -> Seen<Dialogue> {
    let ehlo = reply(ehlo);
    let starttls = Err(Unseen::failed(Stage::StartTls, Cause::ProberError, "left alone"));
    let ehlo = Ehlo { extensions: Extensions::of(&ehlo), reply: ehlo, helo: None, starttls };
    Ok(Dialogue { steps: Vec::new(), local: None, banner: Ok(reply("220 mx")), ehlo: Ok(ehlo) })
}

const OURS: Option<Cause> = Some(Cause::VantageBlocked);

#[test]
fn a_family_that_never_answered_blames_nobody() {
    let mut story = Story::default();
    assert_eq!(story.lookout.vantage(), Vantage::default());
    assert_eq!(story.tell(0, "a", REFUSED), OURS);
    assert_eq!(story.v4(), Some(Reach::Blocked(Outage::NeverAnswered)));
    assert_eq!(story.tell(1, "a", Fails(Cause::NotPublic)), None, "it was not even tried");
    story.tell(2, "b", Well);
    assert_eq!((story.v4(), story.lookout.vantage().v6), (Some(Reach::Open), None));
    assert_eq!(story.tell(3, "a", REFUSED), None);
    assert_eq!(story.lookout.answered(), Answered { v4: true, v6: false });
}

#[test]
fn what_is_remembered_of_an_earlier_life_counts() {
    let mut story = Story::of_a_known_family();
    assert_eq!(story.v4(), None, "nothing was tried yet");
    assert_eq!((story.tell(0, "a", REFUSED), story.tell(1, "a", REFUSED)), (None, None));
    assert_eq!(story.v4(), Some(Reach::Open));
}

#[test]
fn one_server_that_fails_has_itself_to_blame() {
    let mut story = Story::default();
    for server in ["a", "b", "c", "d"] {
        story.tell(0, server, Well);
    }
    assert_eq!(story.tell(15, "a", SILENT), None);
    assert_eq!(story.lookout.in_question(ip("a")), Some(at(15)));
    let witness = story.lookout.witness(ip("a"), at(15)).unwrap();
    assert_ne!(witness.address.ip(), ip("a"));
    story.tell(16, "b", Well);
    assert_eq!(story.lookout.in_question(ip("a")), None);
    assert_eq!(story.tell(16, "a", SILENT), None, "the second look counts");
    for minutes in [30, 45, 60] {
        assert_eq!(story.tell(minutes, "a", SILENT), None);
        assert_eq!(story.lookout.in_question(ip("a")), None, "and all that follow");
    }
}

#[test]
fn three_sites_that_fail_and_none_that_answers_are_a_block() {
    let mut story = Story::default();
    for server in ["a", "b", "c", "d"] {
        story.tell(0, server, Well);
    }
    assert_eq!(story.tell(15, "a", SILENT), None, "a first look is in doubt anyway");
    assert_eq!(story.tell(16, "a", SILENT), OURS, "nobody else has been reached since");
    assert_eq!(story.v4(), Some(Reach::Open));
    assert_eq!(story.tell(17, "b", REFUSED), None);
    assert_eq!(story.tell(18, "b", REFUSED), OURS);
    assert_eq!(story.tell(19, "c", Fails(Cause::Unreachable)), OURS);
    assert_eq!(story.v4(), Some(Reach::Blocked(Outage::Correlation)));
    assert_eq!(story.tell(20, "d", Fails(Cause::Timeout)), OURS, "whatever the deadline");
    let trouble = Some((Stage::Connect, Cause::VantageBlocked));
    assert!(!story.lookout.has_cleared(ip("a"), trouble));
    let scout = story.lookout.scouts().pop().unwrap();
    assert_eq!(scout.address.ip(), ip("a"), "it has been left alone longest");
    assert_eq!(story.tell(90, "d", Well), None);
    assert!(story.lookout.has_cleared(ip("a"), trouble) && story.lookout.scouts().is_empty());
    assert_eq!((story.tell(91, "c", REFUSED), story.tell(92, "c", REFUSED)), (None, None));
}

#[test]
fn a_connection_from_before_does_not_tell_that_the_way_is_open() {
    let mut story = Story::default();
    for server in ["a", "b", "c", "d"] {
        story.tell(0, server, Well);
    }
    assert_eq!(story.tell(15, "a", SILENT), None);
    for server in ["b", "a2"] {
        story.lookout.weigh(&errand(server, Well), greeted_late(at(14)));
        assert_eq!(story.lookout.in_question(ip("a")), Some(at(15)), "{server} was connected to before");
    }
    assert_eq!(story.tell(16, "a", SILENT), OURS);
    assert_eq!((story.tell(17, "b", SILENT), story.tell(18, "c", SILENT)), (None, OURS));
    story.lookout.weigh(&errand("d", Well), greeted_late(at(17)));
    assert_eq!(story.v4(), Some(Reach::Blocked(Outage::Correlation)));
    story.lookout.weigh(&errand("d", Well), greeted_late(at(18)));
    assert_eq!(story.v4(), Some(Reach::Open));
}

/// A session whose greeting takes an hour.
fn greeted_late(at: SystemTime) -> Session {
    let step = |stage, took| Step { stage, sent: None, reply: None, at: Duration::ZERO, took };
    let steps = vec![step(Stage::Connect, Duration::ZERO), step(Stage::Banner, MINUTE * 60)];
    let session = session(at, Well);
    Session { dialogue: session.dialogue.map(|dialogue| Dialogue { steps, ..dialogue }), ..session }
}

#[test]
fn who_fails_is_not_to_blame_because_others_have_not_been_looked_at_for_long() {
    let mut story = Story::default();
    for server in ["a", "b", "c"] {
        story.tell(0, server, Well);
    }
    assert_eq!((story.tell(15, "a", SILENT), story.tell(16, "b", SILENT)), (None, None));
    for minutes in [40, 70, 100] {
        assert_eq!(story.tell(minutes, "b", SILENT), OURS, "nobody answered since it first failed");
    }
    assert_eq!(story.v4(), Some(Reach::Open), "but three were never seen to fail together");
}

#[test]
fn what_fails_together_must_be_of_different_owners_and_networks() {
    let block = |failing: &[&str]| {
        let mut story = Story::default();
        for server in ["a", "b", "c", "d"] {
            story.tell(0, server, Well);
        }
        for server in failing {
            story.tell(15, server, SILENT);
        }
        story.v4() != Some(Reach::Open)
    };
    assert!(block(&["a", "b", "c"]));
    assert!(!block(&["a", "a2", "a22"]), "one network");
    let mut story = Story::default();
    for n in 0..3_u8 {
        let key = SessionKey {
            address: format!("203.0.{n}.1:25").parse().unwrap(),
            tls_name: mx(&format!("mx{n}.big.example")),
        };
        let session =
            |minutes, goes| (Errand { key: key.clone(), ..errand("a", goes) }, session(at(minutes), goes));
        for (errand, session) in [session(0, Well), session(15, SILENT)] {
            story.lookout.weigh(&errand, session);
        }
    }
    assert_eq!(story.v4(), Some(Reach::Open), "one owner of many networks");
}

#[test]
fn what_fails_must_fail_within_one_interval() {
    let mut story = Story::default();
    for server in ["a", "b", "c"] {
        story.tell(0, server, Well);
    }
    story.tell(15, "a", SILENT);
    story.tell(16, "b", SILENT);
    story.tell(32, "c", SILENT);
    assert_eq!(story.v4(), Some(Reach::Open), "a and b should have been seen again meanwhile");
    story.tell(32, "a", SILENT);
    story.tell(32, "b", SILENT);
    assert_eq!(story.v4(), Some(Reach::Blocked(Outage::Correlation)));
}

#[test]
fn servers_that_have_been_dead_for_long_prove_no_block() {
    let mut story = Story::default();
    for minutes in [0, 15] {
        for server in ["a", "b", "c", "d"] {
            story.tell(minutes, server, SILENT);
        }
        story.tell(minutes + 1, "e", Well);
    }
    for server in ["a", "b", "c", "d"] {
        assert_eq!(story.tell(30, server, SILENT), None, "{server}");
    }
    assert_eq!(story.v4(), Some(Reach::Open));
}

#[test]
fn a_few_servers_are_looked_at_twice_and_no_more() {
    let mut story = Story::default();
    story.tell(0, "a", Well);
    story.tell(0, "b", Well);
    for server in ["a", "b"] {
        assert_eq!(story.tell(15, server, REFUSED), None);
        assert_eq!(story.lookout.in_question(ip(server)), None, "three cannot be found");
        assert_eq!(story.tell(16, server, REFUSED), None);
    }
}

#[test]
fn no_route_is_a_block_until_something_leaves_this_machine() {
    let mut story = Story::of_a_known_family();
    story.tell(0, "a", Well);
    story.tell(15, "a", Fails(Cause::VantageBlocked));
    assert_eq!(story.v4(), Some(Reach::Blocked(Outage::NoRoute)));
    story.tell(16, "b", REFUSED);
    assert_eq!(story.v4(), Some(Reach::Open));
}

#[test]
fn servers_of_the_past_are_forgotten() {
    let mut story = Story::default();
    for server in ["a", "b", "c", "d"] {
        story.tell(0, server, Well);
    }
    story.lookout.keep_only(&HashSet::from([ip("a")]));
    assert!(story.lookout.witness(ip("a"), at(15)).is_some_and(|key| key.address.ip() == ip("a")));
    story.tell(15, "a", SILENT);
    assert_eq!(story.lookout.in_question(ip("a")), None, "it is the only one");
}

#[test]
fn nobody_waits_for_the_word_of_who_cannot_be_asked() {
    let mut story = Story::default();
    for server in ["a", "b", "c"] {
        story.tell(0, server, Well);
    }
    story.tell(15, "a", SILENT);
    assert!(story.lookout.in_question(ip("a")).is_some());
    story.lookout.pass_over(ip("b"), at(15));
    assert_eq!(story.lookout.in_question(ip("a")), None, "three cannot be found any more");
    story.lookout.set_canaries(Some(&[ip("x")]));
    assert!(story.lookout.in_question(ip("a")).is_some());
    story.lookout.pass_over(ip("x"), at(16));
    assert_eq!(story.tell(16, "a", SILENT), None);
}
