//! What to fix: the findings that stand, worst first, the domain's own before its provider's, one entry an issue however
//! many servers have it.

use crate::name::{DomainName, MxName};
use crate::report::{Doubt, Report, RuleStanding};
use crate::rules::{Acceptance, Issue, Rule, Severity, Subject};
use std::cmp::Reverse;
use std::collections::BTreeSet;
use std::time::SystemTime;

/// One thing to mend.
#[derive(Debug)]
pub(super) struct Fix<'a> {
    pub(super) rule: &'static Rule,
    pub(super) issue: &'static Issue,
    /// For this domain.
    pub(super) severity: Severity,
    /// Where it was found; never empty.
    pub(super) places: Vec<Place<'a>>,
}

/// One subject that has the issue.
#[derive(Debug)]
pub(super) struct Place<'a> {
    pub(super) subject: &'a Subject,
    /// What was seen, the peer's words verbatim.
    pub(super) evidence: &'a str,
    /// Since when the rule has had this status there.
    pub(super) since: SystemTime,
    /// When it was last seen.
    pub(super) at: SystemTime,
    /// Why it could not be looked at again, if it could not.
    pub(super) doubt: Option<&'a Doubt>,
    /// Why it is known and wanted, if it is.
    pub(super) accepted: Option<&'a Acceptance>,
}

/// All that counts for this domain: worst first, then what its own hosts have before what others have, then in the
/// order of the rules. What the configuration switched off is left out.
pub(super) fn fixes(report: &Report) -> Vec<Fix<'_>> {
    let mut fixes: Vec<Fix<'_>> = Vec::new();
    for fix in report.standings.iter().flat_map(found) {
        match fixes.iter_mut().find(|other| other.is_like(&fix)) {
            Some(other) => other.places.extend(fix.places),
            None => fixes.push(fix),
        }
    }
    let domain = report.domain();
    fixes.sort_by_key(|fix| (Reverse(fix.severity), fix.is_others_to_mend(domain)));
    fixes
}

/// Whether a host is not of this domain: most likely a provider runs it. Names alone cannot tell two domains of one
/// owner from two owners.
pub(super) fn is_elsewhere(host: &MxName, domain: &DomainName) -> bool {
    let below = host.as_str().strip_suffix(domain.as_str());
    !below.is_some_and(|rest| rest.is_empty() || rest.ends_with('.'))
}

/// Every finding of a rule as a fix in one place.
fn found(row: &RuleStanding) -> Vec<Fix<'_>> {
    let mut found = Vec::new();
    for (subject, standing) in &row.subjects {
        let Some(last) = &standing.last else { continue };
        for weighed in &last.findings {
            let Some(severity) = weighed.severity else { continue };
            let evidence = &weighed.finding.evidence;
            let (doubt, accepted) = (standing.doubt.as_ref(), weighed.accepted.as_deref());
            let place = Place { subject, evidence, since: last.since, at: last.at, doubt, accepted };
            found.push(Fix { rule: row.rule, issue: weighed.finding.issue, severity, places: vec![place] });
        }
    }
    found
}

impl<'a> Fix<'a> {
    fn is_like(&self, other: &Self) -> bool {
        self.issue == other.issue && self.severity == other.severity && self.rule == other.rule
    }

    /// Since when the first of its places has had it.
    pub(super) fn since(&self) -> Option<SystemTime> {
        self.places.iter().map(|place| place.since).min()
    }

    /// The servers that have it; empty where the domain as a whole has.
    pub(super) fn hosts(&self) -> Vec<&'a MxName> {
        let host = |place: &Place<'a>| match place.subject {
            Subject::Domain => None,
            Subject::Endpoint(mx, _) => Some(mx),
        };
        self.places.iter().filter_map(host).collect::<BTreeSet<_>>().into_iter().collect()
    }

    /// Whether only hosts outside the domain have it.
    pub(super) fn is_others_to_mend(&self, domain: &DomainName) -> bool {
        let hosts = self.hosts();
        !hosts.is_empty() && hosts.into_iter().all(|host| is_elsewhere(host, domain))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::observe::testing::{domain, endpoint, mx, no_ptr, observation, open_relay};
    use crate::render::testing::report;

    #[test]
    fn worst_first_then_ones_own() {
        let elsewhere = || endpoint().at("mx.provider.example", "192.0.2.99").preference(20);
        let report = report(&observation().of([
            endpoint().with_ptr(no_ptr()),
            elsewhere().without_starttls().relay(Some(open_relay())),
            endpoint().at("mx2.example.com", "192.0.2.11").relay(Some(open_relay())).without_starttls(),
            elsewhere().at("mx9.provider.example", "192.0.2.98").banner("554 no service"),
        ]));
        let fixes = fixes(&report);
        let told: Vec<_> =
            fixes.iter().map(|fix| (fix.issue.code, fix.is_others_to_mend(report.domain()))).collect();
        assert_eq!(
            told[..6],
            [
                ("smtp.starttls.missing", false),
                ("smtp.open_relay", false),
                ("smtp.mta_sts.no_starttls", false),
                ("smtp.dane.no_tls", false),
                ("smtp.banner.not_220", true),
                ("smtp.ptr.missing", false)
            ],
            "{told:?}"
        );
        assert_eq!(fixes[1].places.len(), 2);
    }

    #[test]
    fn a_host_is_of_the_domain_or_elsewhere() {
        for (host, want) in [
            ("example.com", false),
            ("mx.example.com", false),
            ("a.b.example.com", false),
            ("mx.badexample.com", true),
            ("example.com.evil.example", true),
            ("mx.example.net", true),
        ] {
            assert_eq!(is_elsewhere(&mx(host), &domain()), want, "{host}");
        }
    }
}
