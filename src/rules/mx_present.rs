//! Does DNS say where the domain's mail goes?

use super::{Check, Context, Finding, Issue, Judgement, Rule, Severity, Source, Verdict};
use crate::observe::{Dnssec, DomainDns, Observation};
use std::net::IpAddr;

pub(super) static RULE: Rule = Rule {
    code: "smtp.mx_present",
    title: "MX records say where mail goes",
    issues: &[&MISSING, &IMPLICIT, &BOGUS],
    source: Source::Dns,
    checks: &[Check::Domain(check)],
};

static MISSING: Issue = Issue {
    code: "smtp.mx.missing",
    severity: Severity::Critical,
    title: "The domain has no MX record and no address",
    why: "Senders do not know where to deliver: all mail to the domain bounces.",
    fix: "Publish MX records that name your mail servers; or a null MX (`MX 0 .`) if the domain is to take no mail.",
    reference: "https://www.rfc-editor.org/rfc/rfc5321#section-5.1",
};

static IMPLICIT: Issue = Issue {
    code: "smtp.mx.implicit",
    severity: Severity::Warning,
    title: "The domain has no MX record, only an address",
    why: "Mail goes to the domain's own address, often a web server. Some senders refuse to deliver without MX.",
    fix: "Publish MX records that name your mail servers; or a null MX (`MX 0 .`) if the domain is to take no mail.",
    reference: "https://www.rfc-editor.org/rfc/rfc5321#section-5.1",
};

static BOGUS: Issue = Issue {
    code: "smtp.mx.bogus",
    severity: Severity::Critical,
    title: "DNSSEC validation of the mail servers' records fails",
    why: "To every sender behind a validating resolver these records do not exist: its mail waits, then bounces.",
    fix: "Sign the zone anew, or correct the DS record at the parent; if the zone is no longer signed, remove the DS record.",
    reference: "https://www.rfc-editor.org/rfc/rfc4035#section-5.5",
};

fn check(observation: &Observation, _: &Context) -> Judgement {
    let dns = &observation.dns;
    let bogus = bogus(observation);
    if !bogus.is_empty() {
        return Ok(Verdict::Findings(bogus));
    }
    if dns.mx.records()?.is_some_and(|records| !records.is_empty()) {
        return Ok(Verdict::Pass);
    }
    let domain = &observation.domain;
    let no_mx = format!("{domain} MX: {}", dns.mx.outcome.as_str());
    let addresses = own_addresses(dns)?;
    if addresses.is_empty() {
        return Ok(MISSING.found(format!("{no_mx}; no A or AAAA record either")));
    }
    let list: Vec<_> = addresses.iter().map(IpAddr::to_string).collect();
    Ok(IMPLICIT.found(format!("{no_mx}; mail goes to {domain} itself, at {}", list.join(", "))))
}

/// What stands in for MX records; unseen where some look-up failed and none had an answer.
fn own_addresses(dns: &DomainDns) -> Result<Vec<IpAddr>, crate::observe::Unseen> {
    let mut all = Vec::new();
    let mut unseen = None;
    for host in dns.hosts.values() {
        match host.addresses() {
            Ok(addresses) => all.extend(addresses),
            Err(failed) => unseen = Some(failed),
        }
    }
    unseen.filter(|_| all.is_empty()).map_or(Ok(all), Err)
}

fn bogus(observation: &Observation) -> Vec<Finding> {
    let dns = &observation.dns;
    let mx = (dns.mx.dnssec == Dnssec::Bogus).then(|| format!("MX of {}", observation.domain));
    let hosts = dns.hosts.iter().filter(|(_, host)| host.is_bogus());
    let hosts = hosts.map(|(name, _)| format!("addresses of {name}"));
    mx.into_iter()
        .chain(hosts)
        .map(|what| BOGUS.finding(format!("{what}: the signatures do not fit")))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::super::tests::{evidence_of_domain, finds, inconclusive, judge_domain, pass};
    use super::*;
    use crate::observe::testing::{host, observation};
    use crate::observe::{Cause, Outcome};

    #[test]
    fn says_where_mail_goes() {
        let none = || host().a([]).aaaa([]);
        let fallback = |host| observation().mx_lookup(Outcome::NoData).host("example.com", host);
        for (observation, want) in [
            (observation(), pass()),
            (observation().of([]).mx([(0, ".")]), pass()),
            (observation().implicit(), finds(&IMPLICIT)),
            (observation().mx_lookup(Outcome::NoSuchName), finds(&MISSING)),
            (observation().mx_lookup(Outcome::Answer(Vec::new())), finds(&MISSING)),
            (fallback(none()), finds(&MISSING)),
            (fallback(host().a_is(Outcome::Timeout)), finds(&IMPLICIT)),
            (fallback(none().a_is(Outcome::Timeout)), inconclusive(Cause::DnsFailure)),
            (observation().mx_lookup(Outcome::ServerFailure), inconclusive(Cause::DnsFailure)),
            (observation().mx_lookup(Outcome::Refused), inconclusive(Cause::DnsFailure)),
            (observation().mx_lookup(Outcome::Loop), inconclusive(Cause::DnsFailure)),
            (observation().dnssec(Dnssec::Secure), pass()),
            (observation().mx_lookup(Outcome::ServerFailure).dnssec(Dnssec::Bogus), finds(&BOGUS)),
            (observation().dnssec(Dnssec::Bogus), finds(&BOGUS)),
            (observation().host("mx1.example.com", host().bogus()), finds(&BOGUS)),
        ] {
            assert_eq!(judge_domain(&RULE, &observation), want, "{observation:?}");
        }
    }

    #[test]
    fn names_the_names() {
        for (observation, want) in [
            (
                observation().implicit(),
                "example.com MX: no_data; mail goes to example.com itself, at 192.0.2.10",
            ),
            (
                observation().mx_lookup(Outcome::NoSuchName),
                "example.com MX: no_such_name; no A or AAAA record either",
            ),
            (
                observation().host("mx1.example.com", host().bogus()),
                "addresses of mx1.example.com: the signatures do not fit",
            ),
        ] {
            assert_eq!(evidence_of_domain(&RULE, &observation), [want]);
        }
    }
}
