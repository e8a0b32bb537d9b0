//! Clocks that jump and a machine that runs out of something.

use crate::meet::{Meeting, now, seconds, testing};
use crate::says::context;
use crate::smtp::{WELCOME, encrypted, goodbye, greeted};
use crate::support::tls::Ca;
use mx_exporter::config::{Interval, kind};
use mx_exporter::name::DomainName;
use mx_exporter::observe::Contact;
use mx_exporter::rules;
use mx_exporter::schedule::next_due;
use std::time::{Duration, SystemTime};
use tokio::time::Instant;

const YEAR: Duration = seconds(366 * 86_400);

fn domain() -> DomainName {
    DomainName::parse("example.test").unwrap()
}

#[tokio::test(start_paused = true)]
async fn p01_p02_a_clock_that_jumps_starts_no_burst() {
    let start = Instant::now();
    let every = Interval::Every(seconds(900));
    for (monotonic, wall) in [
        (seconds(60), now() + YEAR),
        (seconds(60), now() - YEAR),
        (seconds(8 * 3_600), now() + seconds(8 * 3_600)),
        (seconds(60), SystemTime::UNIX_EPOCH),
    ] {
        let at = start + monotonic;
        let due = next_due(&domain(), &every, start, (at, wall));
        assert!(due > at && due <= at + seconds(1_800), "one run, and within two intervals");
        let same = next_due(&domain(), &every, start, (at, now()));
        assert_eq!(due, same, "wall time has no part in it");
    }
}

#[tokio::test(start_paused = true)]
async fn p04_intervals_know_no_summer_time_and_no_leap_second() {
    let daily = kind::INTERVAL.parse("0 2 * * *").unwrap();
    let start = Instant::now();
    // The nights of 2026-10-25 and 2027-03-28, when Europe's clocks change, and the end of 2016 with its leap second.
    for midnight in [1_792_886_400_u64, 1_806_192_000, 1_483_142_400] {
        let wall = SystemTime::UNIX_EPOCH + seconds(midnight);
        let due = next_due(&domain(), &daily, start, (start, wall)) - start;
        let later = next_due(&domain(), &daily, start, (start, wall + seconds(86_400))) - start;
        assert_eq!(due, later, "{midnight}");
        assert!(due >= seconds(7_200) && due < seconds(7_200 + 600), "{due:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn p03_a_clock_that_is_set_back_between_two_looks() {
    let meeting = |at| Meeting { at, ..testing() };
    let script = || greeted().say("250 mx").hear("MAIL").hang_up();
    let first = meeting(now()).with(script()).await;
    let second = meeting(now() - YEAR).with(script()).await;
    let contact = Contact::renewed(None, first.key.clone(), first.session.clone());
    let contact = Contact::renewed(Some(&contact), first.key.clone(), second.session.clone());
    let contact = contact.with_tests(&first.session);
    assert_eq!(contact.dialogue.at, now() - YEAR);
    for later in [now(), now() - YEAR - YEAR, SystemTime::UNIX_EPOCH] {
        assert!(!rules::judge(&first.observation(2), &context(later)).is_empty());
    }
}

#[tokio::test(start_paused = true)]
async fn p05_p22_certificates_beyond_2038_and_before_the_clock_is_set() {
    for (name, at, word) in [
        ("P05 in 2040", seconds(2_208_988_800), "T pass"),
        ("P05 in 2106", seconds(4_300_000_000), "T pass"),
        ("P22 in 1970", seconds(40), "T ?prober_error"),
        ("P22 in 2000", seconds(946_684_800), "T ?prober_error"),
    ] {
        let at = SystemTime::UNIX_EPOCH + at;
        let ca = Ca::at(at.max(now()));
        let identity = ca.leaf(crate::meet::MX).issue();
        let mut meeting = Meeting { at, roots: vec![ca.der()], ..testing() };
        (meeting.plan.null_sender, meeting.plan.relay, meeting.plan.postmasters) = (None, None, vec![]);
        let met = meeting.with(goodbye(encrypted(&identity).say(WELCOME))).await;
        let says = met.says(1);
        assert!(says.ends_with(word), "{name}: {says}");
    }
}

#[tokio::test]
async fn p15_no_local_address_is_our_own_fault() {
    let mut nowhere = testing();
    nowhere.network.source_addresses = vec!["192.0.2.77".parse().unwrap()];
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let met = nowhere.at(listener.local_addr().unwrap()).await;
    let always = ("RBESHANPOXT ?prober_error", "");
    assert_eq!(met.differs("P15", "prober_error@connect; all (prober_error@connect)", always), None);
}
