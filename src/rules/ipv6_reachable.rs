//! Can mail be delivered over IPv6?

use super::{Check, Context, Issue, Judgement, Rule, Severity, Source, Verdict, broken_at};
use crate::observe::{Endpoint, Observation, Seen, Stage};

pub(super) static RULE: Rule = Rule {
    code: "smtp.ipv6_reachable",
    title: "Mail can be delivered over IPv6",
    issues: &[&NO_ADDRESS, &UNREACHABLE],
    source: Source::Dialogue,
    checks: &[Check::Domain(check_addresses), Check::Endpoint(check)],
};

static NO_ADDRESS: Issue = Issue {
    code: "smtp.ipv6.no_address",
    severity: Severity::Info,
    title: "No mail server has an IPv6 address",
    why: "Senders that have only IPv6 cannot deliver. There are few of them today.",
    fix: "Give a mail server an IPv6 address with a matching PTR record, and publish it as AAAA.",
    reference: "https://www.rfc-editor.org/rfc/rfc3974#section-4",
};

static UNREACHABLE: Issue = Issue {
    code: "smtp.ipv6.unreachable",
    severity: Severity::Info,
    title: "A mail server's IPv6 address takes no connections",
    why: "Its IPv4 address works, but many senders try IPv6 first: their mail waits for the time-out before it goes the other way.",
    fix: "See that the firewall lets port 25 through over IPv6 and that the mail service listens there; or remove the AAAA record.",
    reference: "https://www.rfc-editor.org/rfc/rfc3974#section-4",
};

fn check_addresses(observation: &Observation, _: &Context) -> Judgement {
    let dns = &observation.dns;
    dns.mx.records()?;
    if dns.is_null_mx() || dns.hosts.is_empty() {
        return Ok(Verdict::NotApplicable);
    }
    let looked: Vec<_> = dns.hosts.iter().map(|(name, host)| (name, host, host.aaaa.records())).collect();
    if looked.iter().any(|(.., aaaa)| matches!(aaaa, Ok(Some(list)) if !list.is_empty())) {
        return Ok(Verdict::Pass);
    }
    if let Some(unseen) = looked.iter().find_map(|(.., aaaa)| aaaa.as_ref().err()) {
        return Err(unseen.clone());
    }
    // A host without any address is `smtp.mx.unresolved`.
    let v4_only =
        looked.iter().filter(|(_, host, _)| host.addresses().as_ref().map_or(true, |all| !all.is_empty()));
    let names: Vec<_> = v4_only.map(|(name, ..)| name.as_str()).collect();
    Ok(if names.is_empty() {
        Verdict::NotApplicable
    } else {
        NO_ADDRESS.found(format!("no AAAA record: {}", names.join(", ")))
    })
}

fn check(endpoint: &Endpoint, observation: &Observation, _: &Context) -> Judgement {
    if endpoint.address().is_ipv4() {
        return Ok(Verdict::NotApplicable);
    }
    let Err(unseen) = endpoint.contact.dialogue() else { return Ok(Verdict::Pass) };
    let Some(trouble) = broken_at(Stage::Connect, &unseen) else { return Err(unseen) };
    if super::is_off_limits(&endpoint.contact) || !is_beside_working_ipv4(endpoint, observation)? {
        return Ok(Verdict::NotApplicable);
    }
    Ok(UNREACHABLE.found(format!(
        "{} port {}: {trouble}",
        endpoint.address(),
        endpoint.contact.key.address.port()
    )))
}

/// Whether it is an IPv6 address whose MX takes connections over IPv4; unseen where none does and one may.
pub(super) fn is_beside_working_ipv4(endpoint: &Endpoint, observation: &Observation) -> Seen<bool> {
    if endpoint.address().is_ipv4() {
        return Ok(false);
    }
    let siblings =
        observation.endpoints.iter().filter(|other| other.mx == endpoint.mx && other.address().is_ipv4());
    let mut doubt = None;
    for sibling in siblings {
        match sibling.contact.dialogue() {
            Ok(_) => return Ok(true),
            Err(unseen) if unseen.is_inconclusive() => doubt = Some(unseen.behind()),
            Err(_) => {}
        }
    }
    doubt.map_or(Ok(false), Err)
}

#[cfg(test)]
mod tests {
    use super::super::tests::{
        evidence_of_domain, finds, inconclusive, judge, judge_domain, judge_endpoints, not_applicable, pass,
    };
    use super::*;
    use crate::observe::testing::{endpoint, host, observation};
    use crate::observe::{Cause, Outcome};

    #[test]
    fn one_address_is_enough() {
        let v4_only = || host().aaaa([]);
        let nowhere = || host().a([]).aaaa([]);
        let unsure = || host().aaaa_is(Outcome::Timeout);
        let hosts = |mx1, mx2| {
            observation()
                .mx([(10, "mx1.example.com"), (20, "mx2.example.com")])
                .host("mx1.example.com", mx1)
                .host("mx2.example.com", mx2)
        };
        for (observation, want) in [
            (observation(), pass()),
            (hosts(v4_only(), host()), pass()),
            (hosts(unsure(), host()), pass()),
            (hosts(v4_only(), v4_only()), finds(&NO_ADDRESS)),
            (hosts(v4_only(), unsure()), inconclusive(Cause::DnsFailure)),
            (hosts(v4_only(), nowhere()), finds(&NO_ADDRESS)),
            (hosts(nowhere(), nowhere()), not_applicable()),
            (hosts(nowhere().a_is(Outcome::Timeout), nowhere()), finds(&NO_ADDRESS)),
            (observation().implicit(), finds(&NO_ADDRESS)),
            (observation().mx([(10, "192.0.2.1")]).of([]), not_applicable()),
            (observation().of([]).mx([(0, ".")]), not_applicable()),
            (observation().mx_lookup(Outcome::NoSuchName), not_applicable()),
            (observation().mx_lookup(Outcome::Timeout), inconclusive(Cause::DnsFailure)),
        ] {
            assert_eq!(judge_domain(&RULE, &observation), want, "{observation:?}");
        }
        assert_eq!(
            evidence_of_domain(&RULE, &hosts(v4_only(), v4_only())),
            ["no AAAA record: mx1.example.com, mx2.example.com"]
        );
    }

    #[test]
    fn a_broken_ipv6_address_is_told_beside_a_working_ipv4_one() {
        let v6 = || endpoint().at("mx1.example.com", "2001:db8::10");
        let broken = || v6().unreachable(Cause::NoAnswer);
        for (v6, v4, want) in [
            (v6(), endpoint(), pass()),
            (broken(), endpoint(), finds(&UNREACHABLE)),
            (broken().on_first_look(), endpoint(), inconclusive(Cause::Timeout)),
            (broken(), endpoint().unreachable(Cause::Refused), not_applicable()),
            (broken(), endpoint().unreachable(Cause::Refused).on_first_look(), inconclusive(Cause::Tempfail)),
            (v6().unreachable(Cause::VantageBlocked), endpoint(), inconclusive(Cause::VantageBlocked)),
            (v6().unreachable(Cause::NotPublic), endpoint(), not_applicable()),
        ] {
            assert_eq!(
                judge_endpoints(&RULE, &observation().of([v6.clone(), v4.clone()]))[0],
                want,
                "{v6:?} {v4:?}"
            );
        }
        assert_eq!(judge(&RULE, &endpoint()), not_applicable());
    }
}
