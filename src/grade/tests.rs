//! Every boundary between two grades, and what holds of all of them.

use super::*;
use crate::observe::testing::{
    EndpointBuilder, ObservationBuilder, endpoint, legacy_scan, no_ptr, observation, obsolete_scan,
    open_relay, policies,
};
use crate::observe::{Cause, ChainTrouble, Outcome};
use crate::report::testing::{accepting, after, report, run};
use proptest::prelude::*;
use std::collections::BTreeSet;

const RSA: &str = "TLS_RSA_WITH_AES_128_CBC_SHA";

fn second() -> EndpointBuilder {
    endpoint().at("mx2.example.com", "192.0.2.11").preference(20)
}

/// A domain whose senders insist on nothing.
fn of(endpoints: impl IntoIterator<Item = EndpointBuilder>) -> ObservationBuilder {
    observation().of(endpoints).policies(policies("none", &[])).without_dane()
}

fn letter(observation: &ObservationBuilder) -> &'static str {
    grade(&report(observation)).grade.map_or("none", Grade::as_str)
}

#[test]
fn the_first_step_that_decides_is_the_worst() {
    let throttled = || second().banner("421 4.7.0 too many connections");
    let unspeakable = || second().handshake_fails(Cause::UnsupportedByProber, "alert protocol_version");
    for (observation, want) in [
        (observation(), "A+"),
        (observation().without_dane(), "A+"),
        (observation().policies(policies("none", &[])), "A+"),
        (
            observation()
                .policies(policies("testing", &["mx1.example.com", "mx2.example.com"]))
                .without_dane(),
            "A",
        ),
        (observation().of([endpoint().tls(|tls| tls.version = TlsVersion::Tls12)]), "A"),
        (observation().of([endpoint().tls(|tls| tls.name_matches = false)]), "D"),
        (observation().policies(policies("enforce", &["mx9.example.com"])), "D"),
        (of([endpoint()]), "A"),
        (of([endpoint().with_ptr(no_ptr())]), "B"),
        (of([endpoint(), second().leaf(|leaf| leaf.weak_signature = true)]), "B"),
        (of([endpoint().with_ptr(no_ptr()), second().untrusted(ChainTrouble::SelfSigned)]), "C"),
        (of([endpoint(), second().tls(|tls| tls.name_matches = false)]), "C"),
        (of([endpoint().untrusted(ChainTrouble::SelfSigned), second().without_starttls()]), "D"),
        (of([endpoint(), second().unreachable(Cause::Refused)]), "D"),
        (of([endpoint(), second().banner("554 no service")]), "D"),
        (of([endpoint(), second().handshake_fails(Cause::Alert, "handshake_failure")]), "D"),
        (of([endpoint(), unspeakable().scan(legacy_scan())]), "C"),
        (of([endpoint().without_starttls(), unspeakable().scan(legacy_scan())]), "D"),
        (of([endpoint(), unspeakable().scan(legacy_scan()).relay(None)]), "none"),
        (of([endpoint(), unspeakable().scan(obsolete_scan(Some(RSA), None))]), "none"),
        (of([endpoint(), unspeakable()]), "none"),
        (observation().of([unspeakable().scan(legacy_scan())]).without_dane(), "none"),
        (of([endpoint().without_starttls()]), "F"),
        (of([endpoint().without_starttls(), second().unreachable(Cause::Refused)]), "F"),
        (of([endpoint().unreachable(Cause::Refused)]), "F"),
        (of([endpoint(), second().relay(Some(open_relay()))]), "F"),
        (observation().mx_lookup(Outcome::NoSuchName), "F"),
        (of([]).mx([(0, ".")]), "none"),
        (observation().mx_lookup(Outcome::ServerFailure), "none"),
        (of([endpoint(), throttled()]), "none"),
        (of([endpoint().without_starttls(), throttled()]), "none"),
        (of([endpoint().relay(Some(open_relay())), throttled()]), "F"),
    ] {
        assert_eq!(letter(&observation), want, "{observation:?}");
    }
}

#[test]
fn the_reasons_name_servers_and_what_is_missing() {
    for (observation, want) in [
        (of([endpoint()]), "A+ with MTA-STS enforcing or DANE"),
        (of([endpoint(), second().with_ptr(no_ptr())]), "The address has no PTR record (mx2.example.com)"),
        (
            of([endpoint(), second().banner("421 later")]),
            "smtp.banner_sanity and 6 more were never judged (throttled)",
        ),
        (of([endpoint().relay(None)]), "no open-relay test was made"),
        (of([endpoint().without_starttls()]), "no server takes mail over TLS"),
        (of([]).mx([(0, ".")]), "it accepts no mail, by null MX"),
    ] {
        assert_eq!(grade(&report(&observation)).reasons.first().map(String::as_str), Some(want));
    }
}

#[test]
fn what_could_not_be_renewed_still_counts() {
    let weak = endpoint().leaf(|leaf| leaf.weak_signature = true);
    for first in [of([endpoint()]), of([weak]), of([endpoint().without_starttls()])] {
        let before = report(&first);
        let later = after(&before, &of([endpoint().banner("421 4.7.0 too many connections")]));
        assert_eq!(grade(&later).grade, grade(&before).grade);
    }
}

fn broken(endpoint: EndpointBuilder, how: usize) -> EndpointBuilder {
    match how {
        0 => endpoint.with_ptr(no_ptr()),
        1 => endpoint.leaf(|leaf| leaf.weak_signature = true),
        2 => endpoint.tls(|tls| tls.version = TlsVersion::Tls12),
        3 => endpoint.tls(|tls| tls.name_matches = false),
        4 => endpoint.relay(Some(open_relay())),
        5 => endpoint.without_starttls(),
        6 => endpoint.handshake_fails(Cause::Alert, "handshake_failure"),
        _ => endpoint.unreachable(Cause::Refused),
    }
}

/// Broken in each of these ways, what hides the others last.
fn broken_by(how: &[usize], endpoint: EndpointBuilder) -> EndpointBuilder {
    let how: BTreeSet<usize> = how.iter().copied().collect();
    let no_tls = how.iter().any(|how| *how > 4);
    let seen = how.into_iter().filter(|how| !no_tls || *how > 3 || *how == 0);
    seen.fold(endpoint, broken)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn more_trouble_never_gives_a_better_grade(
        insists in any::<bool>(),
        first in prop::collection::vec(0..7_usize, 0..3),
        other in prop::collection::vec(0..7_usize, 0..3),
        more in 0..7_usize,
    ) {
        let with = |other: &[usize]| {
            let servers = [broken_by(&first, endpoint()), broken_by(other, second())];
            let domain = if insists { observation().of(servers) } else { of(servers) };
            grade(&report(&domain)).grade
        };
        let worse: Vec<usize> = other.iter().copied().chain([more]).collect();
        let (before, after) = (with(&other), with(&worse));
        prop_assert!(after <= before, "{before:?} became {after:?}");
    }

    #[test]
    fn what_proves_nothing_never_changes_a_grade(
        how in prop::collection::vec(0..7_usize, 0..3),
        insists in any::<bool>(),
        which in 0..5_usize,
    ) {
        let server = || broken_by(&how, second());
        let unseen = match which {
            0 => server().banner("421 4.7.0 too many connections"),
            1 => server().banner_fails(Cause::Timeout).on_first_look(),
            2 => server().ehlo("450 4.7.1 try again later"),
            3 => server().starttls_refused("454 4.7.0 TLS not available"),
            _ => server().unreachable(Cause::VantageBlocked),
        };
        let domain = |server| {
            let servers = [endpoint(), server];
            if insists { observation().of(servers) } else { of(servers) }
        };
        let before = report(&domain(server()));
        let later = after(&before, &domain(unseen));
        prop_assert_eq!(grade(&later).grade, grade(&before).grade);
    }
}

#[test]
fn what_is_accepted_or_out_of_reach_does_not_count() {
    let nolisting = of([endpoint().unreachable(Cause::Refused), second()]);
    let accepted = run(None, &nolisting, &accepting("smtp.tcp.unreachable"));
    assert_eq!((letter(&nolisting), grade(&accepted).grade), ("D", Some(Grade::A)));
    let no_ipv6 = second().at("mx1.example.com", "2001:db8::10").unreachable(Cause::VantageBlocked);
    let graded = grade(&report(&of([endpoint(), no_ipv6])));
    assert_eq!(graded.grade, Some(Grade::A));
    assert!(graded.reasons.iter().any(|reason| reason.contains("this machine can reach")), "{graded:?}");
}
