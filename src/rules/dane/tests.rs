//! DANE over tables: what a record fits, what becomes of an endpoint, what of a domain.

use super::super::Prober;
use super::super::tests::{
    all_find, context, evidence, evidence_of_domain, finds, inconclusive, judge_domain, judge_domain_in,
    judge_endpoints, not_applicable, pass,
};
use super::*;
use crate::observe::testing::{
    EndpointBuilder, HostBuilder, ObservationBuilder, Of, asked, days, endpoint, host, now, observation,
    signed, tlsa,
};
use crate::observe::{Anchored, ChainTrouble, Dnssec, Lasting, Outcome, Tls};
use std::time::Duration;

mod two_certificates;
mod wildcards;

const HOST: &str = "mx1.example.com";

/// A domain whose only server is this one, with these TLSA records.
fn with<const N: usize>(endpoint: &EndpointBuilder, records: [Tlsa; N]) -> ObservationBuilder {
    observation().of([endpoint.clone()]).host(HOST, host().aaaa([]).tlsa(records))
}

/// What is said of that server.
fn said<const N: usize>(endpoint: &EndpointBuilder, records: [Tlsa; N]) -> super::super::tests::Word {
    judge_endpoints(&RULE, &with(endpoint, records)).remove(0)
}

/// What a session found of a record.
fn anchored(record: &Tlsa, place: Option<usize>, trust: Result<(), ChainTrouble>) -> Anchored {
    Anchored { selector: record.selector, matching: record.matching, sha256: record.sha256, place, trust }
}

/// A server whose session found this of a record of usage 2.
fn leading(record: &Tlsa, place: Option<usize>, trust: Result<(), ChainTrouble>) -> EndpointBuilder {
    endpoint().tls(|tls| tls.anchored = vec![anchored(record, place, trust)])
}

fn next() -> Tlsa {
    tlsa(3, 1, Of::Nothing)
}

#[test]
fn t50_records_of_the_servers_own_certificate() {
    for (name, record, want) in [
        ("3 1 1", tlsa(3, 1, Of::LeafKey), pass()),
        ("3 0 1", tlsa(3, 1, Of::Leaf), pass()),
        ("3 1 2", tlsa(3, 2, Of::LeafKey), pass()),
        ("3 0 2", tlsa(3, 2, Of::Leaf), pass()),
        ("3 1 0", tlsa(3, 0, Of::LeafKey), pass()),
        ("3 0 0", tlsa(3, 0, Of::Leaf), pass()),
        ("3 1 1 of the issuer", tlsa(3, 1, Of::IssuerKey), finds(&MISMATCH)),
        (
            "3 0 1 with the digest of the key",
            Tlsa { selector: 0, ..tlsa(3, 1, Of::LeafKey) },
            finds(&MISMATCH),
        ),
        ("a wrong digest", tlsa(3, 1, Of::NothingElse), finds(&MISMATCH)),
    ] {
        assert_eq!(said(&endpoint(), [record, next()]), want, "{name}");
    }
}

#[test]
fn t50_records_that_nobody_can_use() {
    let key = || tlsa(3, 1, Of::LeafKey);
    for (name, record) in [
        ("usage 0", tlsa(0, 1, Of::Issuer)),
        ("usage 1", tlsa(1, 1, Of::LeafKey)),
        ("usage 4", tlsa(4, 1, Of::LeafKey)),
        ("usage 255", tlsa(255, 1, Of::LeafKey)),
        ("selector 9", Tlsa { selector: 9, ..key() }),
        ("matching 7", Tlsa { matching: 7, ..key() }),
        ("a digest of 31 octets", Tlsa { data: vec![Of::LeafKey as u8; 31].into(), ..key() }),
        ("a digest of 33 octets", Tlsa { data: vec![Of::LeafKey as u8; 33].into(), ..key() }),
        ("SHA-256 for SHA-512", Tlsa { matching: 2, ..key() }),
        ("empty", Tlsa { data: vec![].into(), ..key() }),
        ("empty, in full", Tlsa { matching: 0, data: vec![].into(), ..key() }),
        ("64 KiB, cut", Tlsa { malformed: true, ..tlsa(3, 0, Of::LeafKey) }),
    ] {
        let domain = with(&endpoint(), [record.clone()]);
        assert_eq!(judge_domain(&RULE, &domain), finds(&UNUSABLE), "{name}");
        assert_eq!(said(&endpoint(), [record.clone()]), not_applicable(), "{name}: nobody objects");
        assert_eq!(said(&endpoint(), [record.clone(), key(), next()]), pass(), "{name}: another one counts");
        assert_eq!(said(&endpoint(), [record, next()]), finds(&MISMATCH), "{name}: none that fits");
    }
}

#[test]
fn a_usage_for_the_web_beside_others_is_no_mistake() {
    let beside = |record: Tlsa| judge_domain(&RULE, &with(&endpoint(), [record, tlsa(3, 1, Of::LeafKey)]));
    assert_eq!(beside(tlsa(1, 1, Of::LeafKey)), pass());
    assert_eq!(beside(Tlsa { selector: 9, ..next() }), finds(&UNUSABLE));
}

#[test]
fn anchors_lead_to_the_server_by_its_name_and_in_its_dates() {
    let ta = tlsa(2, 1, Of::IssuerKey);
    let well = || leading(&ta, Some(1), Ok(()));
    let named =
        |names: &[&str]| well().leaf(|leaf| leaf.names = names.iter().map(|name| (*name).into()).collect());
    let invalid = || Err(ChainTrouble::Invalid("a bad signature".into()));
    for (name, endpoint, want) in [
        ("2 1 1", well(), pass()),
        ("2 x 0, not sent", leading(&ta, None, Ok(())), pass()),
        (
            "not sent, and not in the record",
            leading(&ta, None, Err(ChainTrouble::UnknownIssuer)),
            finds(&MISMATCH),
        ),
        (
            "sent, but of another chain",
            leading(&ta, Some(1), Err(ChainTrouble::UnknownIssuer)),
            finds(&MISMATCH),
        ),
        ("a forgery", leading(&ta, Some(1), invalid()), finds(&MISMATCH)),
        (
            "an expired authority",
            leading(&ta, Some(1), Err(ChainTrouble::Expired("CN=Example CA R3".into()))),
            finds(&MISMATCH),
        ),
        (
            "beyond the library",
            leading(&ta, Some(1), Err(ChainTrouble::Unsupported("Ed448".into()))),
            inconclusive(Cause::UnsupportedByProber),
        ),
        ("never told", endpoint(), inconclusive(Cause::UnsupportedByProber)),
        ("an expired leaf", well().expiring_at(now() - days(1)), finds(&MISMATCH)),
        ("a leaf of tomorrow", well().leaf(|leaf| leaf.not_before = now() + days(1)), finds(&MISMATCH)),
        ("another name", named(&["mx2.example.com"]), finds(&MISMATCH)),
        ("the next-hop domain", named(&["example.com"]), pass()),
        ("a wildcard", named(&["*.example.com"]), pass()),
        ("a wildcard in capitals", named(&["*.EXAMPLE.com"]), pass()),
        ("a wildcard too far up", named(&["*.com"]), finds(&MISMATCH)),
        ("part of a label", named(&["m*.example.com"]), finds(&MISMATCH)),
        ("no names, the CN", named(&[]), pass()),
        (
            "too many names",
            named(&["a.example"]).leaf(|leaf| leaf.more_names = 1),
            inconclusive(Cause::UnsupportedByProber),
        ),
        ("the roots do not matter", well().untrusted(ChainTrouble::UnknownIssuer), pass()),
    ] {
        assert_eq!(said(&endpoint, [ta.clone()]), want, "{name}");
    }
    let other = tlsa(3, 1, Of::LeafKey);
    assert_eq!(said(&endpoint(), [ta.clone(), other, next()]), pass(), "another record fits anyway");
}

#[test]
fn the_next_hop_counts_only_where_the_mx_records_are_signed() {
    let ta = tlsa(2, 1, Of::IssuerKey);
    let server = leading(&ta, Some(1), Ok(())).leaf(|leaf| leaf.names = vec!["example.com".into()]);
    let domain = with(&server, [ta]).dnssec(Dnssec::Insecure);
    assert_eq!(judge_endpoints(&RULE, &domain), [finds(&MISMATCH)]);
}

#[test]
fn the_servers_own_certificate_needs_no_name_date_or_issuer() {
    let worst = endpoint().untrusted(ChainTrouble::SelfSigned).expiring_at(now() - days(900)).tls(|tls| {
        tls.name_matches = false;
        tls.chain[0].names.clear();
    });
    assert_eq!(said(&worst, [tlsa(3, 1, Of::LeafKey), next()]), pass());
}

#[test]
fn without_tls_records_are_a_promise_that_is_not_kept() {
    for (endpoint, want) in [
        (endpoint().without_starttls(), finds(&NO_TLS)),
        (endpoint().starttls_refused("502 no"), finds(&NO_TLS)),
        (endpoint().handshake_fails(Cause::Alert, ""), finds(&NO_TLS)),
        (endpoint().handshake_fails(Cause::Closed, "").on_first_look(), inconclusive(Cause::Tempfail)),
        (
            endpoint().handshake_fails(Cause::UnsupportedByProber, ""),
            inconclusive(Cause::UnsupportedByProber),
        ),
        (endpoint().starttls_refused("454 later"), inconclusive(Cause::Tempfail)),
        (endpoint().banner("421 later"), inconclusive(Cause::Throttled)),
        (endpoint().unreachable(Cause::Timeout), inconclusive(Cause::Timeout)),
        (endpoint().unreachable(Cause::Refused), not_applicable()),
        (endpoint().banner("554 no"), not_applicable()),
        (endpoint().ehlo_inside("421 later"), pass()),
    ] {
        assert_eq!(said(&endpoint, [tlsa(3, 1, Of::LeafKey), next()]), want, "{endpoint:?}");
    }
    let unusable = tlsa(1, 1, Of::LeafKey);
    assert_eq!(
        said(&endpoint().without_starttls(), [unusable]),
        finds(&NO_TLS),
        "TLS is promised all the same"
    );
}

#[test]
fn only_what_outlives_the_key_is_a_roll_over() {
    let ta = tlsa(2, 1, Of::IssuerKey);
    let key = || tlsa(3, 1, Of::LeafKey);
    let plain = endpoint();
    for (name, endpoint, records, want) in [
        ("one record", &plain, vec![key()], finds(&NO_ROLLOVER)),
        ("this one and the next", &plain, vec![key(), next()], pass()),
        ("the same twice", &plain, vec![key(), key()], finds(&NO_ROLLOVER)),
        ("another digest of the same", &plain, vec![key(), tlsa(3, 2, Of::LeafKey)], finds(&NO_ROLLOVER)),
        ("the certificate and its key", &plain, vec![key(), tlsa(3, 1, Of::Leaf)], finds(&NO_ROLLOVER)),
        (
            "usage 2 of the server's own certificate",
            &leading(&tlsa(2, 1, Of::LeafKey), None, Err(ChainTrouble::UnknownIssuer)),
            vec![key(), tlsa(2, 1, Of::LeafKey)],
            finds(&NO_ROLLOVER),
        ),
        (
            "an authority that the chain does not lead to",
            &leading(&ta, None, Err(ChainTrouble::UnknownIssuer)),
            vec![key(), ta.clone()],
            finds(&NO_ROLLOVER),
        ),
        ("the authority above", &leading(&ta, Some(1), Ok(())), vec![key(), ta.clone()], pass()),
        ("only the authority above", &leading(&ta, Some(1), Ok(())), vec![ta.clone()], pass()),
        ("what nobody can use", &plain, vec![key(), Tlsa { matching: 7, ..next() }], finds(&NO_ROLLOVER)),
    ] {
        let domain = observation().of([endpoint.clone()]).host(HOST, host().tlsa_is([signed(records)]));
        assert_eq!(judge_endpoints(&RULE, &domain), [want], "{name}");
    }
}

#[test]
fn two_certificates_of_today_are_no_roll_over() {
    let other = endpoint().at(HOST, "192.0.2.11").leaf(|leaf| {
        leaf.key_digests = leaf.key_digests.clone().map(|mut of| {
            of.sha256 = next().sha256;
            of
        })
    });
    let domain =
        observation().of([endpoint(), other]).host(HOST, host().tlsa([tlsa(3, 1, Of::LeafKey), next()]));
    assert_eq!(judge_endpoints(&RULE, &domain), [finds(&NO_ROLLOVER), finds(&NO_ROLLOVER)]);
}

/// Two servers, of whose hosts the second is like this.
fn two(other: HostBuilder) -> ObservationBuilder {
    let second = endpoint().at("mx2.example.com", "192.0.2.11").preference(20);
    observation().of([endpoint(), second]).host("mx2.example.com", other)
}

fn absent() -> HostBuilder {
    host().tlsa_is([asked(Outcome::NoData, Dnssec::Secure)])
}

fn unsigned() -> HostBuilder {
    host().dnssec(Dnssec::Insecure)
}

fn failing() -> HostBuilder {
    host().tlsa_is([asked(Outcome::ServerFailure, Dnssec::Unchecked)])
}

#[test]
fn one_host_of_several_may_be_another_case() {
    let bogus = || host().tlsa_is([asked(Outcome::ServerFailure, Dnssec::Bogus)]);
    let unsigned_records = asked(Outcome::Answer(vec![next()]), Dnssec::Insecure);
    let nowhere = host().a_is(Outcome::Timeout).aaaa_is(Outcome::Timeout).tlsa_is([]);
    for (name, domain, want) in [
        ("well, too", two(host()), pass()),
        ("without records", two(absent()), finds(&PARTIAL)),
        ("not signed", two(unsigned()), finds(&PARTIAL)),
        ("with unsigned records", two(host().tlsa_is([unsigned_records])), finds(&PARTIAL)),
        ("with useless records", two(host().tlsa([tlsa(1, 1, Of::Leaf)])), all_find(&[&UNUSABLE, &PARTIAL])),
        ("without addresses", two(host().a([]).aaaa([]).tlsa_is([])), pass()),
        ("with bogus addresses", two(host().bogus()), pass()),
        ("failing", two(failing()), inconclusive(Cause::DnsFailure)),
        ("with bogus records", two(bogus()), finds(&BOGUS)),
        ("bogus, and the other fails", two(bogus()).host(HOST, failing()), finds(&BOGUS)),
        ("with addresses that fail", two(nowhere), inconclusive(Cause::DnsFailure)),
    ] {
        assert_eq!(judge_domain(&RULE, &domain), want, "{name}");
    }
}

#[test]
fn the_domain_is_judged_by_all_its_hosts() {
    let unchecked = || two(host().dnssec(Dnssec::Unchecked));
    let nobody = || two(absent()).host(HOST, absent());
    let gone = |outcome| observation().mx_lookup(outcome);
    for (name, domain, want) in [
        ("nobody has records", nobody(), finds(&ABSENT)),
        (
            "nothing is signed",
            two(unsigned()).host(HOST, unsigned()).dnssec(Dnssec::Insecure),
            finds(&INSECURE_ZONE),
        ),
        (
            "one could have records",
            two(absent()).host(HOST, unsigned()),
            all_find(&[&ABSENT, &INSECURE_ZONE]),
        ),
        ("only the domain is not signed", two(host()).dnssec(Dnssec::Insecure), finds(&INSECURE_MX)),
        (
            "nobody has records, nor is the domain signed",
            nobody().dnssec(Dnssec::Insecure),
            all_find(&[&ABSENT, &INSECURE_ZONE]),
        ),
        ("bogus MX records", gone(Outcome::ServerFailure).dnssec(Dnssec::Bogus), not_applicable()),
        ("no MX records to be had", gone(Outcome::Timeout), inconclusive(Cause::DnsFailure)),
        ("a null MX", observation().of([]).mx([(0, ".")]), not_applicable()),
        ("nothing was validated", unchecked(), inconclusive(Cause::UnsupportedByProber)),
        (
            "the MX records were not validated",
            two(host()).dnssec(Dnssec::Unchecked),
            inconclusive(Cause::UnsupportedByProber),
        ),
    ] {
        assert_eq!(judge_domain(&RULE, &domain), want, "{name}");
    }
}

#[test]
fn of_two_names_that_were_asked_the_first_with_records_decides() {
    let denied = || asked(Outcome::NoSuchName, Dnssec::Secure);
    let own = || signed(vec![tlsa(3, 1, Of::LeafKey), next()]);
    for (lookups, want) in [
        ([denied(), own()], pass()),
        ([own(), denied()], pass()),
        ([signed(vec![next()]), own()], finds(&MISMATCH)),
        ([asked(Outcome::Answer(vec![next()]), Dnssec::Insecure), own()], pass()),
        ([asked(Outcome::Timeout, Dnssec::Unchecked), own()], inconclusive(Cause::DnsFailure)),
        ([denied(), denied()], not_applicable()),
    ] {
        let domain = observation().of([endpoint()]).host(HOST, host().tlsa_is(lookups));
        assert_eq!(judge_endpoints(&RULE, &domain), [want], "{domain:?}");
    }
}

#[test]
fn look_ups_that_fail_for_hours_are_found() {
    let hour = Duration::from_secs(3600);
    let failing = |count, span| {
        let mut found = asked(Outcome::ServerFailure, Dnssec::Unchecked);
        found.lookup.lasting = Lasting { since: now() - span, until: now(), count };
        observation().of([endpoint()]).host(HOST, host().tlsa_is([found]))
    };
    for (domain, want) in [
        (failing(5, 4 * hour), finds(&LOOKUP_FAILED)),
        (failing(4, 9 * hour), inconclusive(Cause::DnsFailure)),
        (failing(50, 3 * hour), inconclusive(Cause::DnsFailure)),
    ] {
        assert_eq!(judge_domain(&RULE, &domain), want);
        assert_eq!(judge_endpoints(&RULE, &domain), [inconclusive(Cause::DnsFailure)]);
    }
    let prober = Prober { resolver_answers: None, ..context().prober };
    let doubtful = Context { prober, ..context() };
    assert_eq!(judge_domain_in(&RULE, &failing(5, 4 * hour), &doubtful), inconclusive(Cause::DnsFailure));
    assert_eq!(
        evidence_of_domain(&RULE, &failing(5, 4 * hour)),
        [
            "TLSA of mx1.example.com: 5 looks in a row since 2027-01-15 04:00 UTC, the last one: dns_failure at lookup: server_failure"
        ]
    );
}

#[test]
fn where_nothing_is_to_be_validated_there_is_no_dane() {
    let prober = Prober { validates: Some(false), ..context().prober };
    let cx = Context { prober, ..context() };
    for judged in RULE.judge(&observation().build(), &cx) {
        assert_eq!(judged.judgement, Ok(Verdict::NotApplicable));
    }
}

#[test]
fn a_clock_that_is_not_set_objects_to_no_dates() {
    let ta = tlsa(2, 1, Of::IssuerKey);
    let expired = |tls: &mut Tls| tls.chain[0].not_after = now() - days(9000);
    let domain = with(&leading(&ta, Some(1), Ok(())).tls(expired), [ta]).build();
    let cx = Context { now: std::time::SystemTime::UNIX_EPOCH, ..context() };
    let judged = RULE.judge(&domain, &cx).pop().unwrap();
    assert_eq!(judged.judgement.unwrap_err().cause(), Cause::ProberError);
}

#[test]
fn the_evidence_names_records_and_objections() {
    let ta = tlsa(2, 1, Of::IssuerKey);
    let server = leading(&ta, Some(1), Ok(())).leaf(|leaf| leaf.names = vec!["a.example".into()]);
    let (ee, ca) = ("ee".repeat(32), "ae".repeat(32));
    assert_eq!(
        evidence(&RULE, &endpoint().without_starttls()),
        [format!("rejected at starttls: not offered; published: 3 1 1 {}, 3 1 1 {ee}", "1e".repeat(32))]
    );
    let domain = with(&server, [ta, next()]);
    let judged = RULE.judge(&domain.build(), &context()).pop().unwrap();
    let Ok(Verdict::Findings(findings)) = judged.judgement else { panic!("no finding") };
    let want = format!(
        "shown: CN=mx1.example.com\n2 1 1 {ca}: the certificate is for other names\n3 1 1 {ee}: nothing that was shown"
    );
    assert_eq!(findings[0].evidence, want);
}
