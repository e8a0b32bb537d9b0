//! What decides each grade: the issues of every step, and the questions that no issue answers by itself.

use super::{Cause, DaneState, Endpoint, Grade, Ground, Held, TlsVersion};
use std::collections::BTreeSet;

/// Issues that leave a server without mail, or its mail without TLS.
const WITHOUT_TLS: &[&str] = &[
    "smtp.banner.missing",
    "smtp.banner.not_220",
    "smtp.ehlo.rejected",
    "smtp.starttls.handshake_failed",
    "smtp.starttls.injected_plaintext",
    "smtp.starttls.masked",
    "smtp.starttls.missing",
    "smtp.starttls.refused",
    "smtp.tcp.unreachable",
];

/// The grades between failing and good, worst first, each with the issues that lead there.
pub(super) const STEPS: &[(Grade, &[&str])] = &[
    (Grade::D, WITHOUT_TLS),
    (
        Grade::D,
        &[
            "smtp.dane.bogus",
            "smtp.dane.lookup_failed",
            "smtp.dane.mismatch",
            "smtp.dane.no_tls",
            "smtp.mta_sts.cert_invalid",
            "smtp.mta_sts.mx_mismatch",
            "smtp.mta_sts.no_starttls",
            "smtp.mx.bogus",
        ],
    ),
    (
        Grade::C,
        &[
            "smtp.cert.expired",
            "smtp.cert.host_mismatch",
            "smtp.cert.not_yet_valid",
            "smtp.cert.self_signed",
            "smtp.cert.untrusted",
            "smtp.tls.legacy_only",
        ],
    ),
    (
        Grade::B,
        &[
            "smtp.cert.expires_soon",
            "smtp.cert.weak_key",
            "smtp.cert.weak_signature",
            "smtp.fcrdns.mismatch",
            "smtp.ptr.missing",
        ],
    ),
];

/// The rules that a server's part in a grade rests on, in the order of a session.
const SESSION: &[&str] = &[
    "smtp.endpoint_reachable",
    "smtp.banner_sanity",
    "smtp.ehlo_supported",
    "smtp.starttls_offered",
    "smtp.starttls_handshake",
    "smtp.tls_quality",
    "smtp.tls_version",
    "smtp.dane",
];

/// Issues with which MTA-STS does not make senders insist on TLS with every server.
const NOT_ENFORCING: &[&str] = &[
    "smtp.mta_sts.absent",
    "smtp.mta_sts.cert_invalid",
    "smtp.mta_sts.invalid",
    "smtp.mta_sts.mx_mismatch",
    "smtp.mta_sts.no_starttls",
    "smtp.mta_sts.none",
    "smtp.mta_sts.testing",
    "smtp.mta_sts.testing_failures",
];

/// Why it fails: a relay for strangers, or no server that takes mail over TLS.
pub(super) fn failing(ground: &Ground<'_>) -> Vec<String> {
    let mut reasons = ground.found(&["smtp.open_relay", "smtp.mx.missing"]);
    let endpoints = &ground.endpoints;
    if endpoints.is_empty() && ground.report.leads_nowhere() && reasons.is_empty() {
        reasons.push("no MX record leads to a server".to_owned());
    }
    let lacks = |held: &Held<'_>| held.is_broken_ipv6() || has(held, WITHOUT_TLS);
    if !endpoints.is_empty() && endpoints.iter().all(|(_, held)| lacks(held)) {
        reasons.push("no server takes mail over TLS".to_owned());
    }
    reasons
}

/// What nobody knows yet.
pub(super) fn undetermined(ground: &Ground<'_>) -> Vec<String> {
    if ground.endpoints.is_empty() && !has(&ground.domain, &["smtp.mx.bogus"]) {
        return vec!["its mail servers are not known".to_owned()];
    }
    let mut reasons = never_judged(ground);
    let untested = |held: &Held<'_>| {
        held.is_up() == Some(true) && held.last(RELAY).is_none() && held.doubt(RELAY).is_none()
    };
    if ground.endpoints.iter().any(|(_, held)| untested(held)) {
        reasons.push("no open-relay test was made".to_owned());
    }
    reasons
}

/// The rules without any verdict, by what kept it from them.
fn never_judged(ground: &Ground<'_>) -> Vec<String> {
    let of_servers = ground.endpoints.iter().flat_map(|(_, held)| rules(held).map(move |rule| (rule, held)));
    let of_domain = domain_rules(ground).map(|rule| (rule, &ground.domain));
    let never = of_servers.chain(of_domain).filter(|(rule, held)| held.last(rule).is_none());
    let mut seen = BTreeSet::new();
    let mut causes: Vec<(Cause, &str, usize)> = Vec::new();
    for (rule, doubt) in never.filter_map(|(rule, held)| Some((rule, held.doubt(rule)?))) {
        let cause = doubt.trouble.cause;
        match causes.iter_mut().find(|(other, ..)| *other == cause) {
            _ if !seen.insert(rule) => {}
            Some((.., more)) => *more += 1,
            None => causes.push((cause, rule, 0)),
        }
    }
    causes.into_iter().map(unjudged).collect()
}

fn unjudged((cause, first, more): (Cause, &str, usize)) -> String {
    let cause = cause.as_str().replace('_', " ");
    match more {
        0 => format!("{first} was never judged ({cause})"),
        more => format!("{first} and {more} more were never judged ({cause})"),
    }
}

/// What has to be known of the domain: its policies only where some server does TLS.
fn domain_rules(ground: &Ground<'_>) -> impl Iterator<Item = &'static str> {
    let policies = ground.endpoints.iter().any(|(_, held)| !has(held, WITHOUT_TLS) && !held.is_broken_ipv6());
    let policies = if policies { &["smtp.mta_sts", "smtp.dane"][..] } else { &[] };
    std::iter::once("smtp.mx_present").chain(policies.iter().copied())
}

/// What has to be known of a server: nothing that lies behind the first thing that keeps it from taking mail over TLS, and
/// not the certificate where only outdated TLS is spoken: that is no better with the best, and no worse with the worst.
fn rules(held: &Held<'_>) -> impl Iterator<Item = &'static str> {
    let until = match SESSION.iter().position(|rule| held.found(rule).any(|code| WITHOUT_TLS.contains(&code)))
    {
        _ if held.is_broken_ipv6() => 0,
        Some(end) => end + 1,
        None => SESSION.len(),
    };
    let is_outdated = has(held, &["smtp.tls.legacy_only"]);
    let session =
        SESSION[..until].iter().copied().filter(move |rule| !is_outdated || *rule != "smtp.tls_quality");
    let relay = (held.is_up() != Some(false)).then_some(RELAY);
    session.chain(relay).chain(["smtp.reverse_dns"])
}

const RELAY: &str = "smtp.open_relay";

/// What is missing for the best grade.
pub(super) fn short_of_the_best(ground: &Ground<'_>) -> Vec<String> {
    let version = |endpoint: &Endpoint| endpoint.contact.latest.tls.as_ref().map(|tls| tls.version);
    let mut reasons = Vec::new();
    if !ground.endpoints.iter().all(|(endpoint, _)| version(endpoint) == Some(TlsVersion::Tls13)) {
        reasons.push("A+ with TLS 1.3 everywhere".to_owned());
    }
    if ground.is_partial() {
        reasons.push("A+ once this machine can reach all of its servers".to_owned());
    }
    if !is_enforced(ground) && ground.report.dane() != Some(DaneState::Valid) {
        reasons.push("A+ with MTA-STS enforcing or DANE".to_owned());
    }
    reasons
}

/// Whether an MTA-STS policy makes senders insist on TLS with every server.
fn is_enforced(ground: &Ground<'_>) -> bool {
    ground.domain.last("smtp.mta_sts").is_some() && !has(&ground.domain, NOT_ENFORCING)
}

fn has(held: &Held<'_>, issues: &[&str]) -> bool {
    held.findings().any(|weighed| issues.contains(&weighed.finding.issue.code))
}
