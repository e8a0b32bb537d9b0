//! Severities as a domain's configuration sets them.

use super::{Issue, Rule, Severity};
use std::collections::BTreeMap;

/// The severities that a domain's `rules:` set, by rule or issue code; none is `off`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Overrides(pub BTreeMap<&'static str, Option<Severity>>);

impl Overrides {
    /// The severity that `issue` of `rule` has here; an issue's own entry beats its rule's.
    pub fn severity(&self, rule: &Rule, issue: &Issue) -> Option<Severity> {
        let entry = self.0.get(issue.code).or_else(|| self.0.get(rule.code));
        entry.copied().unwrap_or(Some(issue.severity))
    }

    /// Whether the rule as a whole is switched off.
    pub fn is_off(&self, rule: &Rule) -> bool {
        self.0.get(rule.code) == Some(&None)
    }
}
