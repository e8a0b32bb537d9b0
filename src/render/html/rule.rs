//! All rules in rows, also those that do not apply, and the changes of their verdicts.

use crate::render::{time, words};
use crate::report::{self, Concluded, Report, RuleStanding, Standing};
use crate::rules::{ALL, Rule, Status, Subject};
use std::collections::{BTreeMap, BTreeSet};
use std::time::SystemTime;

pub(super) struct RuleRow {
    pub(super) code: &'static str,
    pub(super) title: &'static str,
    pub(super) status: &'static str,
    pub(super) class: &'static str,
    pub(super) held: bool,
    pub(super) says: String,
    pub(super) since: String,
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
        let is_worst = |standing: &&Standing| standing.status() == status;
        let worst: Vec<&Concluded> =
            row.subjects.values().filter(is_worst).filter_map(|standing| standing.last.as_ref()).collect();
        Self {
            code: row.rule.code,
            title: row.rule.title,
            status: status.as_str(),
            class: words::class(Some(status)),
            held: row.subjects.values().any(|standing| standing.last.is_some() && standing.doubt.is_some()),
            says: says(row, now),
            since: worst.iter().map(|last| last.since).min().map(time::minute).unwrap_or_default(),
        }
    }

    fn without_standing(rule: &'static Rule) -> Self {
        Self {
            code: rule.code,
            title: rule.title,
            status: "not applicable",
            class: "none",
            held: false,
            says: String::new(),
            since: String::new(),
        }
    }
}

/// How many servers pass, what was found, and what keeps the others from being judged.
fn says(row: &RuleStanding, now: SystemTime) -> String {
    let mut parts: Vec<String> = servers(row).into_iter().collect();
    parts.extend(titles(row).into_iter().map(str::to_owned));
    let doubt =
        |(cause, since): (&str, SystemTime)| format!("not judged since {}: {cause}", time::ago(since, now));
    parts.extend(doubts(row).into_iter().map(doubt));
    parts.join("; ")
}

fn servers(row: &RuleStanding) -> Option<String> {
    let servers = || row.subjects.iter().filter(|(subject, _)| **subject != Subject::Domain);
    let passing = servers().filter(|(_, standing)| standing.status() == Status::Ok).count();
    let all = servers().count();
    (all > 0).then(|| format!("{passing} of {all} ok"))
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
    pub(super) at: String,
    pub(super) code: &'static str,
    pub(super) subject: String,
    pub(super) from: &'static str,
    pub(super) to: &'static str,
    pub(super) class: &'static str,
}

impl Change {
    pub(super) fn of(change: &report::Change) -> Self {
        Self {
            at: time::minute(change.at),
            code: change.rule.code,
            subject: change.subject.to_string(),
            from: change.from.map_or("nothing", Status::as_str),
            to: change.to.map_or("not applicable", Status::as_str),
            class: words::class(change.to),
        }
    }
}
