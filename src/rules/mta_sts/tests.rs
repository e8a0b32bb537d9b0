//! Policies and servers that fit them, and all the ways in which they do not.

use super::super::tests::{
    all_find, context, evidence_of_domain, finds, inconclusive, judge_domain, judge_domain_in,
    not_applicable, pass,
};
use super::super::{Context, Prober};
use super::*;
use crate::observe::testing::{
    EndpointBuilder, ObservationBuilder, PolicyBuilder, endpoint, failed, host, observation, policies,
    policy_text, refusing_scan, served,
};
use crate::observe::{Cause, ChainTrouble, Outcome, Stage};

const HOUR: Duration = Duration::from_secs(3600);
const MX: &[&str] = &["mx1.example.com"];

/// Enforced for the only MX, with something else.
fn with(change: impl FnOnce(PolicyBuilder) -> PolicyBuilder) -> ObservationBuilder {
    observation().policies(change(policies("enforce", MX)))
}

fn fetching(fetched: Fetched) -> ObservationBuilder {
    with(|policy| policy.fetched(Some(Ok(fetched))))
}

fn not_fetching(cause: Cause) -> PolicyBuilder {
    policies("enforce", MX).fetched(Some(failed(Stage::Fetch, cause)))
}

fn of(mode: &str, endpoints: impl IntoIterator<Item = EndpointBuilder>) -> ObservationBuilder {
    observation().of(endpoints).policies(policies(mode, &["*.example.com"]))
}

#[test]
fn what_senders_cannot_use_is_found() {
    let text = |text: &str| fetching(served(text));
    for (observation, want) in [
        (observation(), pass()),
        (with(|p| p.record_is(Outcome::NoData)), finds(&ABSENT)),
        (with(|p| p.record_is(Outcome::NoSuchName)), finds(&ABSENT)),
        (with(|p| p.record(&["v=spf1 -all"])), finds(&ABSENT)),
        (with(|p| p.record(&["v=STSv1;"])), finds(&INVALID)),
        (with(|p| p.record(&["v=STSv1; id=1", "v=STSv1; id=2"])), finds(&INVALID)),
        (fetching(Fetched::Status(404)), finds(&INVALID)),
        (fetching(Fetched::BadCertificate("expired".into())), finds(&INVALID)),
        (fetching(Fetched::Encoded("gzip".into())), finds(&INVALID)),
        (fetching(Fetched::TooLarge), finds(&INVALID)),
        (text("<html>"), finds(&INVALID)),
        (text(&policy_text("enforce", &[], 604_800)), finds(&INVALID)),
        (text(&policy_text("enforce", MX, 604_799)), finds(&MAX_AGE_SHORT)),
        (text(&policy_text("enforce", MX, 604_800)), pass()),
        (text(&policy_text("testing", MX, 60)), finds(&TESTING)),
        (text(&policy_text("none", &[], 60)), finds(&NONE)),
        (observation().of([]).mx([(0, ".")]), not_applicable()),
        (observation().mx_lookup(Outcome::NoSuchName), not_applicable()),
    ] {
        assert_eq!(judge_domain(&RULE, &observation), want, "{observation:?}");
    }
}

#[test]
fn a_policy_host_in_trouble_is_first_in_doubt() {
    for (policy, want) in [
        (not_fetching(Cause::Refused).for_looks(1, HOUR), inconclusive(Cause::Tempfail)),
        (not_fetching(Cause::NoAnswer).for_looks(1, HOUR), inconclusive(Cause::Timeout)),
        (not_fetching(Cause::Refused), finds(&INVALID)),
        (not_fetching(Cause::NoAnswer), finds(&INVALID)),
        (not_fetching(Cause::NotPublic).for_looks(1, HOUR), finds(&INVALID)),
        (not_fetching(Cause::Rejected).for_looks(1, HOUR), finds(&INVALID)),
        (not_fetching(Cause::Timeout), inconclusive(Cause::Timeout)),
        (not_fetching(Cause::Timeout).for_looks(4, 2 * HOUR), inconclusive(Cause::Timeout)),
        (not_fetching(Cause::Timeout).for_looks(5, HOUR), finds(&INVALID)),
        (not_fetching(Cause::DnsFailure).for_looks(5, HOUR), finds(&INVALID)),
        (not_fetching(Cause::Tempfail).for_looks(5, HOUR), finds(&INVALID)),
        (not_fetching(Cause::Throttled).for_looks(9, HOUR), inconclusive(Cause::Throttled)),
        (not_fetching(Cause::VantageBlocked).for_looks(9, HOUR), inconclusive(Cause::VantageBlocked)),
        (
            not_fetching(Cause::UnsupportedByProber).for_looks(9, HOUR),
            inconclusive(Cause::UnsupportedByProber),
        ),
        (policies("enforce", MX).fetched(None), inconclusive(Cause::ProberError)),
        (policies("enforce", MX).record_is(Outcome::Timeout), inconclusive(Cause::DnsFailure)),
        (policies("enforce", MX).record_is(Outcome::Timeout).for_looks(5, HOUR), finds(&INVALID)),
        (policies("enforce", MX).bogus_record().for_looks(5, HOUR), inconclusive(Cause::DnsFailure)),
    ] {
        let observation = observation().policies(policy);
        assert_eq!(judge_domain(&RULE, &observation), want, "{observation:?}");
    }
    let deaf = Context { prober: Prober { resolver_answers: None, ..context().prober }, ..context() };
    let lasting = observation().policies(not_fetching(Cause::DnsFailure).for_looks(5, HOUR));
    assert_eq!(judge_domain_in(&RULE, &lasting, &deaf), inconclusive(Cause::DnsFailure));
}

#[test]
fn every_server_has_to_fit_an_enforced_policy() {
    let second = || endpoint().at("mx2.example.com", "192.0.2.11");
    let unsupported = || second().untrusted(ChainTrouble::Unsupported("Ed448".into()));
    for (misfit, want) in [
        (second(), pass()),
        (second().at("mx.example.net", "192.0.2.11"), finds(&MX_MISMATCH)),
        (second().at("a.mx.example.com", "192.0.2.11"), finds(&MX_MISMATCH)),
        (second().without_starttls(), finds(&NO_STARTTLS)),
        (second().starttls_refused("502 no"), finds(&NO_STARTTLS)),
        (second().starttls_refused("454 later"), inconclusive(Cause::Tempfail)),
        (second().handshake_fails(Cause::Alert, "alert"), finds(&NO_STARTTLS)),
        (second().handshake_fails(Cause::Closed, "").on_first_look(), inconclusive(Cause::Tempfail)),
        (second().handshake_fails(Cause::UnsupportedByProber, ""), inconclusive(Cause::UnsupportedByProber)),
        (second().handshake_fails(Cause::UnsupportedByProber, "").scan(refusing_scan()), finds(&NO_STARTTLS)),
        (second().starttls(failed(Stage::StartTls, Cause::Closed)), finds(&NO_STARTTLS)),
        (second().tls(|tls| tls.name_matches = false), finds(&CERT_INVALID)),
        (second().tls(|tls| tls.named = false), finds(&CERT_INVALID)),
        (second().expiring_at(std::time::UNIX_EPOCH), finds(&CERT_INVALID)),
        (second().untrusted(ChainTrouble::SelfSigned), finds(&CERT_INVALID)),
        (second().untrusted(ChainTrouble::UnknownIssuer), finds(&CERT_INVALID)),
        (unsupported(), inconclusive(Cause::UnsupportedByProber)),
        (second().tls(|tls| tls.chain.clear()), inconclusive(Cause::UnsupportedByProber)),
        (second().banner("421 later"), inconclusive(Cause::Throttled)),
        (second().unreachable(Cause::VantageBlocked), inconclusive(Cause::VantageBlocked)),
        (second().unreachable(Cause::Refused), pass()),
        (second().at("mx2.example.com", "10.0.0.1").unreachable(Cause::NotPublic), pass()),
    ] {
        assert_eq!(judge_domain(&RULE, &of("enforce", [endpoint(), misfit.clone()])), want, "{misfit:?}");
    }
}

#[test]
fn doubt_about_one_server_hides_no_failure_and_lets_no_lesser_thing_conclude() {
    let broken = || endpoint().at("mx2.example.com", "192.0.2.11").without_starttls();
    let doubtful = || endpoint().at("mx3.example.com", "192.0.2.12").banner("421 later");
    for (mode, endpoints, want) in [
        ("enforce", vec![endpoint(), broken(), doubtful()], finds(&NO_STARTTLS)),
        ("testing", vec![endpoint(), broken(), doubtful()], all_find(&[&TESTING_FAILURES, &TESTING])),
        ("testing", vec![endpoint(), doubtful()], inconclusive(Cause::Throttled)),
        ("none", vec![broken(), doubtful()], finds(&NONE)),
        ("testing", vec![broken()], all_find(&[&TESTING_FAILURES, &TESTING])),
        ("enforce", vec![endpoint().unreachable(Cause::Refused)], not_applicable()),
    ] {
        assert_eq!(judge_domain(&RULE, &of(mode, endpoints.clone())), want, "{mode} {endpoints:?}");
    }
    let unknown = of("enforce", [endpoint()]).mx([(5, "mx1.example.com"), (9, "mx9.example.com")]);
    let failing = host().a_is(Outcome::Timeout).aaaa_is(Outcome::Timeout);
    let unknown = unknown.host("mx9.example.com", failing);
    assert_eq!(judge_domain(&RULE, &unknown), inconclusive(Cause::DnsFailure));
}

#[test]
fn an_implicit_mx_is_held_to_the_policy_by_the_name_of_the_domain() {
    for (pattern, want) in [("example.com", pass()), ("*.example.com", finds(&MX_MISMATCH))] {
        let observation = observation().implicit().policies(policies("enforce", &[pattern]));
        assert_eq!(judge_domain(&RULE, &observation), want, "{pattern}");
    }
}

#[test]
fn a_change_without_a_new_id_is_found_until_no_sender_can_have_the_old_policy() {
    let day = 86_400;
    let old = |age: u32, ago: Duration| {
        let text = policy_text("enforce", &["mx1.example.com", "mx0.example.com"], age);
        policies("enforce", MX).fetched(Some(Ok(served(&text)))).ending(ago)
    };
    for (old, record, want) in [
        (old(14 * day, HOUR), "v=STSv1; id=20270101;", finds(&ID_UNCHANGED)),
        (old(14 * day, HOUR), "v=STSv1; id=20270102;", pass()),
        (old(7 * day, HOUR * 24 * 6), "v=STSv1; id=20270101;", finds(&ID_UNCHANGED)),
        (old(7 * day, HOUR * 24 * 8), "v=STSv1; id=20270101;", pass()),
    ] {
        let changed = policies("enforce", MX).record(&[record]).after(&old);
        assert_eq!(judge_domain(&RULE, &observation().policies(changed.clone())), want, "{changed:?}");
    }
    let before = old(14 * day, HOUR);
    let again = before.clone().after(&policies("enforce", MX).after(&before)).ending(Duration::ZERO);
    let served_again = judge_domain(&RULE, &observation().policies(again));
    assert_eq!(served_again, pass(), "it is as it was");
}

#[test]
fn the_media_type_is_told_and_changes_nothing() {
    let text = policy_text("enforce", MX, 1_209_600);
    for (content_type, want) in [
        (Some("text/plain"), pass()),
        (Some("Text/Plain;charset=us-ascii"), pass()),
        (Some("text/html"), finds(&CONTENT_TYPE)),
        (Some("text/plainer"), finds(&CONTENT_TYPE)),
        (None, finds(&CONTENT_TYPE)),
    ] {
        let read = PolicyText::read(content_type.map(PeerText::from), text.as_bytes());
        assert_eq!(judge_domain(&RULE, &fetching(Fetched::Text(read))), want, "{content_type:?}");
    }
}

#[test]
fn failures_have_the_names_that_senders_report() {
    let expired = endpoint().expiring_at(std::time::UNIX_EPOCH);
    let text = |text: &str| fetching(served(text));
    for (observation, want) in [
        (fetching(Fetched::Status(404)), "sts-policy-fetch-error: HTTP status 404"),
        (
            fetching(Fetched::Status(301)),
            "sts-policy-fetch-error: HTTP status 301, and senders follow no redirect",
        ),
        (fetching(Fetched::BadCertificate("expired".into())), "sts-webpki-invalid: expired"),
        (text("x"), "sts-policy-invalid: it has no `version: STSv1`"),
        (with(|p| p.record(&["v=STSv1; x=1"])), "sts-policy-invalid: it has no `id`: v=STSv1; x=1"),
        (with(|p| p.record_is(Outcome::NoSuchName)), "_mta-sts.example.com TXT: no_such_name"),
        (
            with(|p| p.record(&["v=spf1 -all"])),
            "_mta-sts.example.com has no TXT record for it, only others, as of a wildcard: v=spf1 -all",
        ),
        (
            observation().policies(not_fetching(Cause::Refused)),
            "sts-policy-fetch-error: refused at policy_fetch",
        ),
        (
            observation().policies(not_fetching(Cause::Timeout).for_looks(5, HOUR)),
            "sts-policy-fetch-error: https://mta-sts.example.com: 5 looks in a row since 2027-01-15 04:00 UTC, the \
             last one: timeout at policy_fetch",
        ),
        (
            of("enforce", [endpoint().at("mx.example.net", "192.0.2.9")]),
            "validation-failure: mx.example.net is not allowed by mx: *.example.com",
        ),
        (
            of("enforce", [endpoint().without_starttls()]),
            "mx1.example.com 192.0.2.10: starttls-not-supported: not offered",
        ),
        (of("enforce", [expired]), "mx1.example.com 192.0.2.10: certificate-expired: outside its dates"),
        (
            of("enforce", [endpoint().tls(|tls| tls.name_matches = false)]),
            "mx1.example.com 192.0.2.10: certificate-host-mismatch: it is for mx1.example.com",
        ),
        (
            of("enforce", [endpoint().untrusted(ChainTrouble::SelfSigned)]),
            "mx1.example.com 192.0.2.10: certificate-not-trusted: self-signed",
        ),
    ] {
        assert_eq!(evidence_of_domain(&RULE, &observation), [want]);
    }
}
