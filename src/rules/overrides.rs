//! What a domain's configuration makes of findings: severities of its own, and what is known and wanted for a while.

use super::{Issue, Rule, Severity, Subject};
use crate::name::MxName;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

const DAY: Duration = Duration::from_secs(24 * 60 * 60);

/// A domain's `rules:` and `accept:`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Overrides {
    /// Severities by rule or issue code; none is `off`.
    pub severities: BTreeMap<&'static str, Option<Severity>>,
    /// Findings that count as infos.
    pub accepted: Vec<Arc<Acceptance>>,
}

/// A finding that is known and wanted for a while.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Acceptance {
    /// The code of the issue.
    pub issue: &'static str,
    /// At this MX alone; none: wherever it is found.
    pub mx: Option<MxName>,
    /// The last day on which it counts, by its beginning (UTC).
    pub until: SystemTime,
    /// Why, for people.
    pub reason: Box<str>,
}

impl Overrides {
    /// The severity that `issue` of `rule` has here; an issue's own entry beats its rule's.
    pub fn severity(&self, rule: &Rule, issue: &Issue) -> Option<Severity> {
        let entry = self.severities.get(issue.code).or_else(|| self.severities.get(rule.code));
        entry.copied().unwrap_or(Some(issue.severity))
    }

    /// Whether the rule as a whole is switched off.
    pub fn is_off(&self, rule: &Rule) -> bool {
        self.severities.get(rule.code) == Some(&None)
    }

    /// Why `issue` of `subject` is known and wanted at that moment, if it is.
    pub fn acceptance(&self, issue: &Issue, subject: &Subject, now: SystemTime) -> Option<&Arc<Acceptance>> {
        self.accepted.iter().find(|accepted| accepted.covers(issue, subject, now))
    }
}

impl Acceptance {
    fn covers(&self, issue: &Issue, subject: &Subject, now: SystemTime) -> bool {
        let here = match (&self.mx, subject) {
            (None, _) => true,
            (Some(mx), Subject::Endpoint(host, _)) => mx == host,
            (Some(_), Subject::Domain) => false,
        };
        here && self.issue == issue.code && now < self.until + DAY
    }
}
