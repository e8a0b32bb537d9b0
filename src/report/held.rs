//! What stands for one subject, put together from the standings of all rules: the verdicts behind pages and metrics.
//! It asks which issues were found, never how severe a domain's configuration calls them.

use super::{Concluded, Doubt, Report, Standing, Weighed};
use crate::observe::Contact;
use crate::rules::Subject;
use std::collections::BTreeMap;
use std::time::SystemTime;

/// The last conclusive verdict of each rule on one subject, and the doubts since.
#[derive(Debug, Default)]
pub struct Held<'a>(BTreeMap<&'static str, Stand<'a>>);

#[derive(Clone, Copy, Debug, Default)]
struct Stand<'a> {
    last: Option<&'a Concluded>,
    doubt: Option<&'a Doubt>,
}

/// The issues that make a certificate useless to whoever checks it.
pub const CERTIFICATE_INVALID: &[&str] = &[
    "smtp.cert.expired",
    "smtp.cert.host_mismatch",
    "smtp.cert.not_yet_valid",
    "smtp.cert.self_signed",
    "smtp.cert.untrusted",
];

impl<'a> Held<'a> {
    /// What stands for `subject` in one domain's report.
    pub fn of(report: &'a Report, subject: &Subject) -> Self {
        let mut held = Self::default();
        held.absorb(report, subject);
        held
    }

    /// Adds what another domain's report says of the same subject: of two verdicts the younger stands, and so does
    /// the doubt of the younger look.
    pub fn absorb(&mut self, report: &'a Report, subject: &Subject) {
        for row in &report.standings {
            if let Some(standing) = row.subjects.get(subject) {
                self.0.entry(row.rule.code).or_default().absorb(standing);
            }
        }
    }

    /// The last conclusive verdict of a rule.
    pub fn last(&self, rule: &str) -> Option<&'a Concluded> {
        self.0.get(rule)?.last
    }

    /// Why the last look of a rule could not conclude, if it could not.
    pub fn doubt(&self, rule: &str) -> Option<&'a Doubt> {
        self.0.get(rule)?.doubt
    }

    /// The doubts of all rules, in the rules' order by name.
    pub fn doubts(&self) -> impl Iterator<Item = (&'static str, &'a Doubt)> {
        self.0.iter().filter_map(|(rule, stand)| Some((*rule, stand.doubt?)))
    }

    /// Everything that was found and could not be refuted since, whatever rule it is of.
    pub fn findings(&self) -> impl Iterator<Item = &'a Weighed> {
        self.0.values().filter_map(|stand| stand.last).flat_map(|last| &last.findings)
    }

    /// The codes of all that a rule found.
    pub fn found(&self, rule: &str) -> impl Iterator<Item = &'static str> {
        let findings = self.last(rule).map(|last| last.findings.as_slice()).unwrap_or_default();
        findings.iter().map(|weighed| weighed.finding.issue.code)
    }

    /// Whether the rule passed, as far as `issues` go; none before its first conclusive verdict.
    fn lacks(&self, rule: &str, issues: &[&str]) -> Option<bool> {
        self.last(rule).map(|_| !self.found(rule).any(|code| issues.contains(&code)))
    }

    fn passes(&self, rule: &str) -> Option<bool> {
        self.last(rule).map(|last| last.findings.is_empty())
    }

    /// Whether a TCP connection comes about. A broken IPv6 address beside a working IPv4 one is another rule's finding.
    pub fn is_reachable(&self) -> Option<bool> {
        match self.is_broken_ipv6() {
            true => Some(false),
            false => self.lacks("smtp.endpoint_reachable", &["smtp.tcp.unreachable"]),
        }
    }

    /// Whether it is an IPv6 address that takes no connections beside an IPv4 one that does.
    pub fn is_broken_ipv6(&self) -> bool {
        self.found("smtp.ipv6_reachable").any(|code| code == "smtp.ipv6.unreachable")
    }

    /// Whether it greets with a 220.
    pub fn greets(&self) -> Option<bool> {
        self.lacks("smtp.banner_sanity", &["smtp.banner.missing", "smtp.banner.not_220"])
    }

    /// Whether it takes EHLO, or HELO behind a refused one: only then is there anything to say of STARTTLS.
    fn welcomes(&self) -> Option<bool> {
        let fatal = ["smtp.ehlo.rejected", "smtp.protocol.unsolicited_data"];
        let takes_ehlo = self.lacks("smtp.ehlo_supported", &fatal)?;
        Some(takes_ehlo || self.offers_starttls().is_some())
    }

    /// Whether it holds an SMTP dialogue: a 220, and EHLO (or HELO behind it) accepted.
    pub fn is_up(&self) -> Option<bool> {
        match (self.is_reachable(), self.greets(), self.welcomes()) {
            (Some(false), ..) | (_, Some(false), _) | (.., Some(false)) => Some(false),
            (_, Some(true), Some(true)) => Some(true),
            _ => None,
        }
    }

    /// When a look last told whether it is up: the age of the oldest verdict that says so. None while any is missing.
    pub fn known_up_or_down_at(&self) -> Option<SystemTime> {
        let rules =
            ["smtp.endpoint_reachable", "smtp.ipv6_reachable", "smtp.banner_sanity", "smtp.ehlo_supported"];
        let stands = rules.iter().filter_map(|rule| self.0.get(rule));
        stands.map(|stand| stand.last.map(|last| last.at)).min().flatten()
    }

    /// Whether STARTTLS is among the extensions.
    pub fn offers_starttls(&self) -> Option<bool> {
        self.passes("smtp.starttls_offered")
    }

    /// Whether it is known that no TLS comes about: not offered, refused or failing.
    pub fn lacks_tls(&self) -> bool {
        self.offers_starttls() == Some(false) || self.passes("smtp.starttls_handshake") == Some(false)
    }

    /// Whether its certificate would satisfy a sender that checks it: chain, name and dates.
    pub fn has_valid_certificate(&self) -> Option<bool> {
        self.lacks("smtp.tls_quality", CERTIFICATE_INVALID)
    }

    /// Whether it offers AUTH before TLS.
    pub fn offers_auth_before_tls(&self) -> Option<bool> {
        self.passes("smtp.auth_posture").map(|passes| !passes)
    }

    /// Whether its address has a PTR that leads back to it.
    pub fn has_reverse_dns(&self) -> Option<bool> {
        self.passes("smtp.reverse_dns")
    }

    /// Whether it relays for strangers.
    pub fn is_open_relay(&self) -> Option<bool> {
        self.passes("smtp.open_relay").map(|passes| !passes)
    }

    /// Whether it took a recipient of its own domain from anybody.
    pub fn takes_mail(&self) -> bool {
        ["smtp.null_sender", "smtp.postmaster"].iter().any(|rule| self.passes(rule) == Some(true))
    }

    /// Whether nobody could ever hold a dialogue here: judged so, or an address that must not be contacted.
    pub fn is_down(&self, contact: &Contact) -> bool {
        let never_judged =
            || self.doubt("smtp.endpoint_reachable").is_none() && self.is_reachable().is_none();
        match self.is_up() {
            Some(up) => !up,
            None => never_judged() && contact.dialogue().is_err_and(|unseen| !unseen.is_inconclusive()),
        }
    }
}

impl<'a> Stand<'a> {
    fn absorb(&mut self, standing: &'a Standing) {
        let looked = |last: Option<&Concluded>, doubt: Option<&Doubt>| {
            last.map(|last| last.at).max(doubt.map(|doubt| doubt.at))
        };
        if looked(standing.last.as_ref(), standing.doubt.as_ref()) >= looked(self.last, self.doubt) {
            self.doubt = standing.doubt.as_ref();
        }
        self.last = match (self.last, &standing.last) {
            (Some(mine), Some(other)) if mine.at >= other.at => Some(mine),
            (mine, other) => other.as_ref().or(mine),
        };
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::observe::testing::{endpoint, observation};
    use crate::report::testing::report;
    use crate::rules::{ALL, issues};

    /// Every rule and issue code between quotes wherever one is asked for.
    fn codes() -> impl Iterator<Item = &'static str> {
        let sources = [
            include_str!("held.rs"),
            include_str!("../grade.rs"),
            include_str!("../render/answer.rs"),
            include_str!("../render/servers.rs"),
            include_str!("../render/metrics/view.rs"),
        ];
        let own = sources.into_iter().map(|source| source.split("#[cfg(test)]").next().unwrap_or_default());
        let quoted = own.flat_map(|source| source.split('"').skip(1).step_by(2));
        quoted.filter(|text| text.starts_with("smtp.") && !text.ends_with('.'))
    }

    #[test]
    fn every_code_that_is_asked_for_exists() {
        let known =
            |code: &str| ALL.iter().any(|rule| rule.code == code) || issues().any(|(_, i)| i.code == code);
        let unknown: Vec<_> = codes().filter(|code| !known(code)).collect();
        assert!(unknown.is_empty() && codes().count() > 30, "{unknown:?}");
    }

    #[test]
    fn a_server_that_knows_only_helo_is_up() {
        for (endpoint, want) in [
            (endpoint(), Some(true)),
            (endpoint().helo("502 5.5.2 what?", "250 mx1.example.com"), Some(true)),
            (endpoint().helo("502 5.5.2 what?", "550 5.7.1 go away"), Some(false)),
            (endpoint().ehlo("550 5.7.1 not here"), Some(false)),
            (endpoint().ehlo("421 4.7.0 later"), None),
        ] {
            let report = report(&observation().of([endpoint.clone()]));
            let subject = Subject::of(&report.observation.endpoints[0]);
            assert_eq!(Held::of(&report, &subject).is_up(), want, "{endpoint:?}");
        }
    }
}
