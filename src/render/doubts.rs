//! What the last run could not conclude: one entry a trouble, whatever number of servers and rules it concerns.

use crate::report::{Concluded, Doubt, Report};
use crate::rules::{Rule, Subject};
use std::collections::BTreeSet;

/// One trouble.
#[derive(Debug)]
pub(super) struct Open<'a> {
    /// The doubt that has lasted longest.
    pub(super) doubt: &'a Doubt,
    /// Whom it concerns.
    pub(super) subjects: BTreeSet<&'a Subject>,
    /// The rules that could not judge, each once.
    pub(super) rules: Vec<&'static Rule>,
    /// How many former verdicts are held meanwhile.
    pub(super) held: usize,
}

/// All of them, in the order of the rules.
pub(super) fn doubts(report: &Report) -> Vec<Open<'_>> {
    let mut all: Vec<Open<'_>> = Vec::new();
    for row in &report.standings {
        for (subject, standing) in &row.subjects {
            let Some(doubt) = &standing.doubt else { continue };
            let open = match all.iter().position(|open| open.doubt.trouble == doubt.trouble) {
                Some(at) => &mut all[at],
                None => all.push_mut(Open { doubt, subjects: BTreeSet::new(), rules: Vec::new(), held: 0 }),
            };
            open.join(row.rule, subject, doubt, standing.last.as_ref());
        }
    }
    all
}

impl<'a> Open<'a> {
    fn join(
        &mut self,
        rule: &'static Rule,
        subject: &'a Subject,
        doubt: &'a Doubt,
        last: Option<&Concluded>,
    ) {
        if doubt.since < self.doubt.since {
            self.doubt = doubt;
        }
        if !self.rules.contains(&rule) {
            self.rules.push(rule);
        }
        self.subjects.insert(subject);
        self.held += usize::from(last.is_some());
    }

    /// The servers; the domain only where it stands alone.
    pub(super) fn whom(&self) -> Vec<String> {
        let is_domain = |subject: &&Subject| **subject == Subject::Domain;
        let servers: Vec<&Subject> =
            self.subjects.iter().copied().filter(|subject| !is_domain(subject)).collect();
        match servers.as_slice() {
            [] => self.subjects.iter().map(|subject| subject.to_string()).collect(),
            servers => servers.iter().map(|subject| subject.to_string()).collect(),
        }
    }
}
