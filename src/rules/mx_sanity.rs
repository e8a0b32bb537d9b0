//! Do the MX records point to hosts that mail can be sent to?

use super::{Check, Context, Finding, Issue, Judgement, Rule, Severity, Source, Verdict, is_off_limits};
use crate::name::MxName;
use crate::observe::{
    Dnssec, DomainDns, Endpoint, HostDns, MxRecord, MxTarget, Observation, PeerText, Unseen,
};

pub(super) static RULE: Rule = Rule {
    code: "smtp.mx_sanity",
    title: "MX records point to hosts that can be reached",
    issues: &[
        &IP_LITERAL,
        &CNAME,
        &UNRESOLVED,
        &BAD_NAME,
        &NON_PUBLIC_ADDRESS,
        &NULL_MX_NOT_ALONE,
        &TAKEOVER,
        &UNEXPECTED,
        &DUPLICATE,
        &TRUNCATED,
    ],
    source: Source::Dns,
    checks: &[Check::Domain(check_records), Check::Endpoint(check_address)],
};

static IP_LITERAL: Issue = Issue {
    code: "smtp.mx.ip_literal",
    severity: Severity::Critical,
    title: "An MX record holds an IP address instead of a name",
    why: "An MX record can only hold a name; most senders look the digits up as one, find nothing and bounce the mail.",
    fix: "Give the server a name with an A or AAAA record, and publish that name in the MX record.",
    reference: "https://www.rfc-editor.org/rfc/rfc1035#section-3.3.9",
};

static CNAME: Issue = Issue {
    code: "smtp.mx.cname",
    severity: Severity::Critical,
    title: "An MX record points to an alias",
    why: "The name in an MX record must not be a CNAME. Some senders refuse to follow it, others loop or check the certificate against the wrong name.",
    fix: "Publish A/AAAA records under the MX name instead of the CNAME, or put the alias's target into the MX record.",
    reference: "https://www.rfc-editor.org/rfc/rfc2181#section-10.3",
};

static UNRESOLVED: Issue = Issue {
    code: "smtp.mx.unresolved",
    severity: Severity::Critical,
    title: "An MX record points to a name without an address",
    why: "Nobody can deliver there. If it is the only MX, all mail bounces; otherwise senders lose time on it.",
    fix: "Publish A/AAAA records for the name, correct it, or remove the MX record.",
    reference: "https://www.rfc-editor.org/rfc/rfc5321#section-5.1",
};

static BAD_NAME: Issue = Issue {
    code: "smtp.mx.bad_name",
    severity: Severity::Critical,
    title: "An MX record points to something that is no host name",
    why: "Host names are made of letters, digits and hyphens. Many senders refuse anything else, and no certificate can be had for it.",
    fix: "Rename the server, publish A/AAAA records for the new name, and put it into the MX record.",
    reference: "https://www.rfc-editor.org/rfc/rfc1123#section-2.1",
};

static NON_PUBLIC_ADDRESS: Issue = Issue {
    code: "smtp.mx.non_public_address",
    severity: Severity::Critical,
    title: "An MX has an address that is not reachable from the internet",
    why: "Such addresses lead into each sender's own network or nowhere. Mail is delayed, lost, or handed to a stranger.",
    fix: "Publish the server's public address, or remove this one. If it is meant for this network only, allow it in `network.allow_targets`.",
    reference: "https://www.rfc-editor.org/rfc/rfc6890#section-2.2",
};

static NULL_MX_NOT_ALONE: Issue = Issue {
    code: "smtp.mx.null_mx_not_alone",
    severity: Severity::Critical,
    title: "A null MX stands beside other MX records",
    why: "It says that the domain takes no mail while the others say where mail goes; senders differ in which they believe.",
    fix: "Remove the null MX (`MX 0 .`), or all the others.",
    reference: "https://www.rfc-editor.org/rfc/rfc7505#section-3",
};

static TAKEOVER: Issue = Issue {
    code: "smtp.mx.takeover",
    severity: Severity::Critical,
    title: "Mail goes to a domain that nobody owns",
    why: "The host in the MX record lies below a domain that is not registered, any more or yet. Whoever registers it gets the mail, with every password that can be reset by mail.",
    fix: "Remove the MX record at once or correct the name. If the domain was yours and has lapsed, register it again, and ask the registrar whether somebody else had it meanwhile.",
    reference: "https://www.rfc-editor.org/rfc/rfc5321#section-5.1",
};

static UNEXPECTED: Issue = Issue {
    code: "smtp.mx.unexpected",
    severity: Severity::Critical,
    title: "Mail goes to a server that is not expected",
    why: "The configuration of this monitor names the hosts that take the domain's mail, and this is none of them. After a slip, a half-done move or a hijacked zone, somebody else gets the mail or nobody does.",
    fix: "Restore the MX records and find out who changed them. If the change was meant, name the new host in `expect_mx`.",
    reference: "https://www.rfc-editor.org/rfc/rfc5321#section-5.1",
};

static DUPLICATE: Issue = Issue {
    code: "smtp.mx.duplicate",
    severity: Severity::Warning,
    title: "The same MX is published more than once",
    why: "Senders try the same server again instead of another one; a backup that is meant by it does not exist.",
    fix: "Keep one MX record for each server, and name another server if a backup is meant.",
    reference: "https://www.rfc-editor.org/rfc/rfc5321#section-5.1",
};

static TRUNCATED: Issue = Issue {
    code: "smtp.mx.truncated",
    severity: Severity::Info,
    title: "There are more MX records or addresses than are probed",
    why: "At most 20 MX records and 32 addresses in all are probed, and of a host with more than 8 addresses in one family one at a time. Senders have limits too, and never reach the rest.",
    fix: "Publish fewer; put a load balancer in front of the servers if there are so many.",
    reference: "https://www.rfc-editor.org/rfc/rfc5321#section-5.1",
};

fn check_records(observation: &Observation, cx: &Context) -> Judgement {
    let dns = &observation.dns;
    if dns.mx.dnssec == Dnssec::Bogus {
        return Ok(Verdict::NotApplicable);
    }
    let Some(records) = dns.mx.records()?.filter(|records| !records.is_empty() && !dns.is_null_mx()) else {
        return Ok(diverted(observation, cx).map_or(Verdict::NotApplicable, |found| Verdict::of(vec![found])));
    };
    let mut findings = Vec::new();
    let mut unseen = None;
    for (target, published) in by_target(records) {
        findings.extend(judge_target(target, &published));
        findings.extend(unexpected(target, cx));
        if let MxTarget::Host(name) = target
            && let Some(host) = dns.hosts.get(name)
        {
            findings.extend(alias(name, host));
            findings.extend(takeover(name, dns));
            match unresolved(name, host) {
                Ok(finding) => findings.extend(finding),
                Err(failed) => unseen = Some(failed),
            }
        }
    }
    findings.extend(truncated(observation));
    conclude(findings, unseen)
}

/// What could not be looked up may hide something worse, except where the worst is known already.
fn conclude(findings: Vec<Finding>, unseen: Option<Unseen>) -> Judgement {
    let worst = findings.iter().map(|finding| finding.issue.severity).max();
    match unseen {
        Some(unseen) if worst != Some(Severity::Critical) => Err(unseen),
        _ => Ok(Verdict::of(findings)),
    }
}

/// The targets in the order of their first record, with the preferences of each.
fn by_target(records: &[MxRecord]) -> Vec<(&MxTarget, Vec<u16>)> {
    let mut targets: Vec<(&MxTarget, Vec<u16>)> = Vec::new();
    for record in records {
        match targets.iter_mut().find(|(target, _)| **target == record.target) {
            Some((_, preferences)) => preferences.push(record.preference),
            None => targets.push((&record.target, vec![record.preference])),
        }
    }
    targets
}

/// What a record shows by itself.
fn judge_target(target: &MxTarget, preferences: &[u16]) -> Vec<Finding> {
    let first = preferences.first().copied().unwrap_or_default();
    let (name, issue) = match target {
        MxTarget::Null => return vec![NULL_MX_NOT_ALONE.finding(format!("MX {first} ."))],
        MxTarget::IpLiteral(address) => (address.to_string(), Some(&IP_LITERAL)),
        MxTarget::BadName(text) => (text.to_string(), Some(&BAD_NAME)),
        MxTarget::Host(name) if !name.is_host_name() => (name.to_string(), Some(&BAD_NAME)),
        MxTarget::Host(name) => (name.to_string(), None),
    };
    let bad = issue.map(|issue| issue.finding(format!("MX {first} {name}")));
    let list = preferences.iter().map(u16::to_string).collect::<Vec<_>>().join(", ");
    let twice = (preferences.len() > 1)
        .then(|| DUPLICATE.finding(format!("{name} is published with the preferences {list}")));
    bad.into_iter().chain(twice).collect()
}

/// A record that holds no name is found for that.
fn unexpected(target: &MxTarget, cx: &Context) -> Option<Finding> {
    match target {
        MxTarget::Host(name) if !cx.expects(name) => {
            Some(UNEXPECTED.finding(format!("{name} is not among {}", expected(cx))))
        }
        _ => None,
    }
}

/// Where mail goes that no MX record sends to a host.
fn diverted(observation: &Observation, cx: &Context) -> Option<Finding> {
    let dns = &observation.dns;
    let where_to = if dns.is_null_mx() {
        "a null MX says that the domain takes no mail".to_owned()
    } else if dns.implicit && !cx.expects(&observation.domain.as_host()) {
        format!("without MX records mail goes to {} itself", observation.domain)
    } else {
        return None;
    };
    let told = || UNEXPECTED.finding(format!("{where_to}; expected: {}", expected(cx)));
    (!cx.expect_mx.is_empty()).then(told)
}

fn expected(cx: &Context) -> String {
    cx.expect_mx.iter().map(MxName::as_str).collect::<Vec<_>>().join(", ")
}

fn alias(name: &MxName, host: &HostDns) -> Option<Finding> {
    let chain: Vec<_> = host.aliases.iter().map(PeerText::as_str).collect();
    (!chain.is_empty()).then(|| CNAME.finding(format!("{name} is an alias of {}", chain.join(", then of "))))
}

fn takeover(name: &MxName, dns: &DomainDns) -> Option<Finding> {
    let domain = dns.facts.unowned.get(name)?;
    Some(TAKEOVER.finding(format!("{name}: {domain} does not exist in DNS")))
}

/// A host whose look-ups are bogus is `smtp.mx.bogus` instead.
fn unresolved(name: &MxName, host: &HostDns) -> Result<Option<Finding>, Unseen> {
    if host.is_bogus() || !host.addresses()?.is_empty() {
        return Ok(None);
    }
    let (a, aaaa) = (host.a.outcome.as_str(), host.aaaa.outcome.as_str());
    Ok(Some(UNRESOLVED.finding(format!("{name} A: {a}, AAAA: {aaaa}"))))
}

fn truncated(observation: &Observation) -> Option<Finding> {
    let dns = &observation.dns;
    let (pools, addresses): (Vec<_>, Vec<_>) =
        observation.endpoints.iter().filter(|e| e.absent.is_none()).partition(|e| e.pooled);
    let probed = format!("probed: {} MX records, {} addresses", dns.mx_records().len(), addresses.len());
    let pools: String =
        pools.iter().map(|pool| format!(", one at a time of {} ({})", pool.mx, pool.place())).collect();
    dns.truncated.then(|| TRUNCATED.finding(probed + &pools))
}

fn check_address(endpoint: &Endpoint, _: &Observation, _: &Context) -> Judgement {
    if !is_off_limits(&endpoint.contact) {
        return Ok(Verdict::NotApplicable);
    }
    let (mx, address) = (&endpoint.mx, endpoint.address());
    Ok(NON_PUBLIC_ADDRESS.found(format!("{mx} has the address {address}, which is not globally routable")))
}

#[cfg(test)]
mod tests {
    use super::super::tests::{
        all_find, context, evidence_of_domain, finds, inconclusive, judge, judge_domain, judge_domain_in,
        not_applicable, pass,
    };
    use super::*;
    use crate::name::DomainName;
    use crate::observe::testing::{ObservationBuilder, endpoint, host, mx, observation};
    use crate::observe::{Cause, Outcome};

    #[test]
    fn every_target_must_be_a_host_with_an_address() {
        let nowhere = || host().a([]).aaaa([]);
        let gone = || nowhere().a_is(Outcome::NoSuchName).aaaa_is(Outcome::NoSuchName);
        let mx1 = |host| observation().host("mx1.example.com", host);
        for (observation, want) in [
            (observation(), pass()),
            (observation().mx([(10, "192.0.2.1")]), finds(&IP_LITERAL)),
            (observation().mx([(10, "2001:db8::1")]), finds(&IP_LITERAL)),
            (observation().mx([(10, "mail server.example.com")]), finds(&BAD_NAME)),
            (observation().mx([(10, "mail_1.example.com")]), finds(&BAD_NAME)),
            (mx1(host().alias_of("mail.example.net")), finds(&CNAME)),
            (mx1(nowhere()), finds(&UNRESOLVED)),
            (mx1(gone()), finds(&UNRESOLVED)),
            (mx1(host().aaaa([])), pass()),
            (mx1(host().a_is(Outcome::ServerFailure)), pass()),
            (mx1(nowhere().a_is(Outcome::ServerFailure)), inconclusive(Cause::DnsFailure)),
            (mx1(nowhere().aaaa_is(Outcome::Timeout)), inconclusive(Cause::DnsFailure)),
            (mx1(host().bogus().aaaa([])), pass()),
            (observation().mx([(0, "."), (10, "mx1.example.com")]), finds(&NULL_MX_NOT_ALONE)),
            (observation().mx([(10, "mx1.example.com"), (20, "mx1.example.com")]), finds(&DUPLICATE)),
            (observation().truncated(), finds(&TRUNCATED)),
            (observation().of([]).mx([(0, ".")]), not_applicable()),
            (observation().of([]).mx([(0, "."), (10, ".")]), not_applicable()),
            (observation().implicit(), not_applicable()),
            (observation().dnssec(Dnssec::Bogus), not_applicable()),
            (observation().mx_lookup(Outcome::NoData), not_applicable()),
            (observation().mx_lookup(Outcome::Timeout), inconclusive(Cause::DnsFailure)),
        ] {
            assert_eq!(judge_domain(&RULE, &observation), want, "{observation:?}");
        }
    }

    #[test]
    fn a_failing_look_up_hides_lesser_findings_only() {
        let failing = host().a_is(Outcome::Timeout).aaaa_is(Outcome::Timeout);
        let twice =
            observation().mx([(10, "mx1.example.com"), (20, "mx1.example.com"), (30, "mx2.example.com")]);
        let literal = observation().mx([(10, "192.0.2.1"), (30, "mx2.example.com")]);
        assert_eq!(
            judge_domain(&RULE, &twice.host("mx2.example.com", failing.clone())),
            inconclusive(Cause::DnsFailure)
        );
        assert_eq!(judge_domain(&RULE, &literal.host("mx2.example.com", failing)), finds(&IP_LITERAL));
    }

    #[test]
    fn findings_add_up_in_the_order_of_preference() {
        let observation = observation()
            .mx([(5, "192.0.2.1"), (10, "mx1.example.com"), (20, "mx1.example.com"), (30, "a_b.example.com")])
            .host("mx1.example.com", host().alias_of("a.example.net").alias_of("b.example.net"))
            .host("a_b.example.com", host().a([]).aaaa([]));
        assert_eq!(
            judge_domain(&RULE, &observation),
            all_find(&[&IP_LITERAL, &DUPLICATE, &CNAME, &BAD_NAME, &UNRESOLVED])
        );
        assert_eq!(
            evidence_of_domain(&RULE, &observation),
            [
                "MX 5 192.0.2.1",
                "mx1.example.com is published with the preferences 10, 20",
                "mx1.example.com is an alias of a.example.net, then of b.example.net",
                "MX 30 a_b.example.com",
                "a_b.example.com A: no_data, AAAA: no_data",
            ]
        );
    }

    #[test]
    fn a_host_whose_domain_is_free_can_be_taken_over() {
        let gone = || host().a_is(Outcome::NoSuchName).aaaa_is(Outcome::NoSuchName);
        let lapsed = |observation: ObservationBuilder| {
            observation.facts(|facts| {
                facts.unowned.insert(mx("mx.example.net"), DomainName::parse("example.net").unwrap());
            })
        };
        let points_there = || {
            observation().mx([(10, "mx1.example.com"), (20, "mx.example.net")]).host("mx.example.net", gone())
        };
        let failing = host().a_is(Outcome::Timeout).aaaa_is(Outcome::Timeout);
        for (observation, want) in [
            (points_there(), finds(&UNRESOLVED)),
            (lapsed(points_there()), all_find(&[&TAKEOVER, &UNRESOLVED])),
            (lapsed(observation()), pass()),
            (lapsed(points_there()).host("mx1.example.com", failing), all_find(&[&TAKEOVER, &UNRESOLVED])),
            (lapsed(points_there()).dnssec(Dnssec::Bogus), not_applicable()),
        ] {
            assert_eq!(judge_domain(&RULE, &observation), want, "{observation:?}");
        }
        let evidence = &evidence_of_domain(&RULE, &lapsed(points_there()))[0];
        assert_eq!(evidence, "mx.example.net: example.net does not exist in DNS");
    }

    #[test]
    fn where_hosts_are_named_no_other_will_do() {
        let expecting = |names: &[&str]| Context {
            expect_mx: names.iter().map(|name| MxName::parse(name).unwrap()).collect(),
            ..context()
        };
        let named = expecting(&["mx1.example.com", "mx2.example.com"]);
        let itself = expecting(&["example.com"]);
        let added = observation().mx([(10, "mx1.example.com"), (20, "mx.evil.example")]);
        let null = observation().of([]).mx([(0, ".")]);
        for (observation, cx, want) in [
            (&added, &expecting(&[]), pass()),
            (&observation(), &named, pass()),
            (&added, &named, finds(&UNEXPECTED)),
            (&observation(), &itself, finds(&UNEXPECTED)),
            (&observation().mx([(10, "192.0.2.1")]), &named, finds(&IP_LITERAL)),
            (&null, &named, finds(&UNEXPECTED)),
            (&observation().implicit(), &named, finds(&UNEXPECTED)),
            (&observation().implicit(), &itself, not_applicable()),
            (&observation().mx_lookup(Outcome::NoData), &named, not_applicable()),
            (&observation().mx_lookup(Outcome::Timeout), &named, inconclusive(Cause::DnsFailure)),
            (&added.clone().dnssec(Dnssec::Bogus), &named, not_applicable()),
        ] {
            assert_eq!(judge_domain_in(&RULE, observation, cx), want, "{observation:?}");
        }
    }

    #[test]
    fn says_how_much_is_probed() {
        let observation = observation().of([endpoint().preference(5), endpoint().preference(10)]).truncated();
        assert_eq!(judge_domain(&RULE, &observation), all_find(&[&DUPLICATE, &TRUNCATED]));
        assert_eq!(evidence_of_domain(&RULE, &observation)[1], "probed: 2 MX records, 2 addresses");
        let pool = observation.of([endpoint().pooled(), endpoint().at("mx2.example.com", "192.0.2.11")]);
        let want = "probed: 2 MX records, 1 addresses, one at a time of mx1.example.com (pool-v4)";
        assert_eq!(evidence_of_domain(&RULE, &pool), [want]);
    }

    #[test]
    fn an_address_out_of_reach_is_its_endpoints_finding() {
        for (endpoint, want) in [
            (endpoint(), not_applicable()),
            (endpoint().unreachable(Cause::Refused), not_applicable()),
            (
                endpoint().at("mx1.example.com", "10.0.0.1").unreachable(Cause::NotPublic),
                finds(&NON_PUBLIC_ADDRESS),
            ),
        ] {
            assert_eq!(judge(&RULE, &endpoint), want, "{endpoint:?}");
        }
    }
}
