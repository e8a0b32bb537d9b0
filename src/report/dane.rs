//! What stands of DANE, put together from the verdicts of its rule.

use super::{Report, Standing};
use crate::observe::DaneState;
use crate::rules::Subject;

/// The issues that decide the state, the worst first.
const DECISIVE: [(&str, DaneState); 4] = [
    ("smtp.dane.bogus", DaneState::Bogus),
    ("smtp.dane.mismatch", DaneState::Mismatch),
    ("smtp.dane.no_tls", DaneState::NoTls),
    ("smtp.dane.lookup_failed", DaneState::LookupFailed),
];

impl Report {
    /// What a sender that does DANE finds of the domain, by the last conclusive verdicts; none before the first, or
    /// where there is nothing to judge.
    pub fn dane(&self) -> Option<DaneState> {
        let row = self.rule("smtp.dane")?;
        let all: Vec<&str> = row.subjects.values().flat_map(found).collect();
        if let Some((_, state)) = DECISIVE.iter().find(|(code, _)| all.contains(code)) {
            return Some(*state);
        }
        let domain = row.subjects.get(&Subject::Domain)?;
        domain.last.as_ref()?;
        let found: Vec<&str> = found(domain).collect();
        for (code, state) in
            [("smtp.dane.insecure_zone", DaneState::Insecure), ("smtp.dane.absent", DaneState::Absent)]
        {
            if found.contains(&code) {
                return Some(state);
            }
        }
        let servers = || row.subjects.iter().filter(|(subject, _)| **subject != Subject::Domain);
        if servers().next().is_none() {
            return found.contains(&"smtp.dane.unusable").then_some(DaneState::Unusable);
        }
        let all_known = servers().all(|(_, standing)| standing.last.is_some());
        let state = match (found.contains(&"smtp.dane.partial"), found.contains(&"smtp.dane.insecure_mx")) {
            (true, _) => DaneState::Partial,
            (false, true) => DaneState::InsecureMx,
            (false, false) => DaneState::Valid,
        };
        all_known.then_some(state)
    }

    /// The same of one endpoint whose host has TLSA records that can be used.
    pub fn dane_at(&self, subject: &Subject) -> Option<DaneState> {
        let standing = self.rule("smtp.dane")?.subjects.get(subject)?;
        standing.last.as_ref()?;
        let found: Vec<&str> = found(standing).collect();
        let decisive = DECISIVE.iter().find(|(code, _)| found.contains(code));
        Some(decisive.map_or(DaneState::Valid, |(_, state)| *state))
    }
}

fn found(standing: &Standing) -> impl Iterator<Item = &'static str> {
    let findings = standing.last.as_ref().map(|last| last.findings.as_slice()).unwrap_or_default();
    findings.iter().map(|weighed| weighed.finding.issue.code)
}
