//! All rules in rows, also those that do not apply, and the changes of their verdicts.

use super::when::When;
use crate::render::{time, words};
use crate::report::{self, Concluded, Report, RuleStanding, Standing};
use crate::rules::{ALL, Rule, Status, Subject};
use std::collections::{BTreeMap, BTreeSet};
use std::time::SystemTime;

pub(super) struct RuleRow {
    pub(super) code: &'static str,
    pub(super) title: &'static str,
    pub(super) applies: bool,
    pub(super) status: &'static str,
    pub(super) class: &'static str,
    /// The age of the oldest verdict that could not be renewed, if there is such a one.
    pub(super) held: Option<When>,
    pub(super) says: String,
    /// Since when the status stands.
    pub(super) since: Option<When>,
    /// When the oldest of its verdicts was last confirmed.
    pub(super) judged: Option<When>,
}

impl RuleRow {
    pub(super) fn all(report: &Report, now: SystemTime) -> Vec<Self> {
        let row = |rule: &&'static Rule| match report.rule(rule.code) {
            Some(standing) => Self::of(standing, now),
            None => Self::without_standing(rule),
        };
        ALL.iter().map(row).collect()
    }

    fn of(row: &RuleStanding, now: SystemTime) -> Self {
        let status = row.status();
        let lasts = || row.subjects.values().filter_map(|standing| standing.last.as_ref());
        let is_held = |standing: &&Standing| standing.doubt.is_some();
        let held = row.subjects.values().filter(is_held).filter_map(|standing| standing.last.as_ref());
        let worst = lasts().filter(|last| last.status() == status);
        Self {
            code: row.rule.code,
            title: row.rule.title,
            applies: true,
            status: words::status(status),
            class: words::class(Some(status)),
            held: held.map(|last| last.at).min().map(|at| When::age(at, now)),
            says: says(row, now),
            since: worst.map(|last| last.since).min().map(When::minute),
            judged: lasts().map(|last| last.at).min().map(|at| When::ago(at, now)),
        }
    }

    fn without_standing(rule: &'static Rule) -> Self {
        Self {
            code: rule.code,
            title: rule.title,
            applies: false,
            status: "not applicable",
            class: "none",
            held: None,
            says: String::new(),
            since: None,
            judged: None,
        }
    }
}

/// What was found, on how many servers the rest is well, and what keeps others from being judged.
fn says(row: &RuleStanding, now: SystemTime) -> String {
    let mut parts: Vec<String> = titles(row).into_iter().map(str::to_owned).collect();
    parts.extend(servers(row));
    let doubt =
        |(cause, since): (&str, SystemTime)| format!("{cause}, for {}", time::rough(time::age(since, now)));
    parts.extend(doubts(row).into_iter().map(doubt));
    parts.join("; ")
}

/// How many of the addresses that were judged pass; none where that says no more than the status does.
fn servers(row: &RuleStanding) -> Option<String> {
    let judged = row.subjects.iter().filter(|(subject, _)| **subject != Subject::Domain);
    let judged: Vec<&Concluded> = judged.filter_map(|(_, standing)| standing.last.as_ref()).collect();
    let passing = judged.iter().filter(|last| last.status() == Status::Ok).count();
    (judged.len() > 1).then(|| format!("{passing} of {} addresses pass", judged.len()))
}

fn titles(row: &RuleStanding) -> BTreeSet<&'static str> {
    let last = row.subjects.values().filter_map(|standing| standing.last.as_ref());
    let findings = last.flat_map(|last| &last.findings).filter(|weighed| weighed.severity.is_some());
    findings.map(|weighed| weighed.finding.issue.title).collect()
}

/// Each cause with the first time it was met.
fn doubts(row: &RuleStanding) -> BTreeMap<&'static str, SystemTime> {
    let mut doubts = BTreeMap::new();
    for doubt in row.subjects.values().filter_map(|standing| standing.doubt.as_ref()) {
        let since = doubts.entry(words::cause(doubt.trouble.cause)).or_insert(doubt.since);
        *since = doubt.since.min(*since);
    }
    doubts
}

/// One change.
pub(super) struct Change {
    pub(super) at: When,
    pub(super) code: &'static str,
    pub(super) subject: String,
    /// None where nothing stood before.
    pub(super) from: Option<&'static str>,
    pub(super) to: &'static str,
    pub(super) class: &'static str,
}

impl Change {
    pub(super) fn of(change: &report::Change) -> Self {
        Self {
            at: When::minute(change.at),
            code: change.rule.code,
            subject: change.subject.to_string(),
            from: change.from.map(words::status),
            to: change.to.map_or("not applicable", words::status),
            class: words::class(change.to),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::observe::testing::{endpoint, no_ptr, now, observation};
    use crate::render::testing::{after, report};
    use std::time::Duration;

    fn row(report: &Report, code: &str) -> RuleRow {
        let later = now() + Duration::from_secs(240);
        RuleRow::all(report, later).into_iter().find(|row| row.code == code).unwrap()
    }

    #[test]
    fn a_row_says_what_was_found_and_where_all_is_well() {
        let second = || endpoint().at("mx2.example.com", "192.0.2.11");
        for (endpoints, want) in [
            (vec![endpoint()], ""),
            (vec![endpoint(), second()], "2 of 2 addresses pass"),
            (vec![endpoint().with_ptr(no_ptr())], "The address has no PTR record"),
            (
                vec![endpoint().with_ptr(no_ptr()), second()],
                "The address has no PTR record; 1 of 2 addresses pass",
            ),
        ] {
            let row = row(&report(&observation().of(endpoints)), "smtp.reverse_dns");
            assert_eq!(row.says, want);
        }
    }

    #[test]
    fn a_held_verdict_keeps_its_age() {
        let first = report(&observation().of([endpoint()]));
        let second = after(&first, &observation().of([endpoint().banner("421 later")]));
        let held = row(&second, "smtp.starttls_offered");
        assert_eq!((held.status, &*held.says), ("ok", "the server limits our rate, for 4 min"));
        assert!(held.held.is_some_and(|held| held.to_string().contains(">4 min<")));
        let fresh = row(&second, "smtp.endpoint_reachable");
        assert!(fresh.held.is_none() && fresh.judged.is_some() && fresh.since.is_some());
        let never =
            row(&report(&observation().of([endpoint().banner("421 later")])), "smtp.starttls_offered");
        assert!(never.held.is_none() && never.judged.is_none() && never.status == "not judged");
    }
}
