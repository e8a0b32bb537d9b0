//! What stands for a rule: every subject with its issues, and what could not be concluded.

use crate::observe::Trouble;
use crate::render::time;
use crate::report::{self, Doubt, RuleStanding, Standing, Weighed};
use crate::rules::{Acceptance, Status, Subject};
use serde::Serialize;

#[derive(Serialize)]
pub(super) struct Rule<'a> {
    rule: &'static str,
    title: &'static str,
    status: &'static str,
    code: u8,
    subjects: Vec<Judged<'a>>,
}

#[derive(Serialize)]
struct Judged<'a> {
    subject: String,
    status: &'static str,
    code: u8,
    /// When the verdict was last confirmed.
    at: Option<String>,
    /// Since when it has been of this status.
    since: Option<String>,
    issues: Vec<Issue<'a>>,
    inconclusive: Option<Inconclusive<'a>>,
}

#[derive(Serialize)]
struct Issue<'a> {
    code: &'static str,
    /// `off` where the configuration switched the issue off.
    severity: &'static str,
    title: &'static str,
    evidence: &'a str,
    why: &'static str,
    fix: &'static str,
    reference: &'static str,
    accepted: Option<Accepted<'a>>,
}

/// Why an issue is known and wanted.
#[derive(Serialize)]
struct Accepted<'a> {
    /// The last day of it, in UTC.
    until: String,
    reason: &'a str,
}

#[derive(Serialize)]
struct Inconclusive<'a> {
    cause: &'static str,
    stage: &'static str,
    since: String,
    at: String,
    count: u32,
    detail: &'a str,
}

/// A verdict that changed.
#[derive(Serialize)]
pub(super) struct Change {
    at: String,
    rule: &'static str,
    subject: String,
    from: Option<&'static str>,
    to: Option<&'static str>,
}

impl<'a> Rule<'a> {
    pub(super) fn of(row: &'a RuleStanding) -> Self {
        Self {
            rule: row.rule.code,
            title: row.rule.title,
            status: row.status().as_str(),
            code: row.status().code(),
            subjects: row.subjects.iter().map(|(subject, standing)| Judged::of(subject, standing)).collect(),
        }
    }
}

impl<'a> Judged<'a> {
    fn of(subject: &Subject, standing: &'a Standing) -> Self {
        let last = standing.last.as_ref();
        let findings = last.map(|last| last.findings.as_slice()).unwrap_or_default();
        Self {
            subject: subject.to_string(),
            status: standing.status().as_str(),
            code: standing.status().code(),
            at: last.map(|last| time::rfc3339(last.at)),
            since: last.map(|last| time::rfc3339(last.since)),
            issues: findings.iter().map(Issue::of).collect(),
            inconclusive: standing.doubt.as_ref().map(Inconclusive::of),
        }
    }
}

impl<'a> Issue<'a> {
    fn of(weighed: &'a Weighed) -> Self {
        let issue = weighed.finding.issue;
        Self {
            code: issue.code,
            severity: weighed.severity.map_or("off", |severity| severity.as_str()),
            title: issue.title,
            evidence: &weighed.finding.evidence,
            why: issue.why,
            fix: issue.fix,
            reference: issue.reference,
            accepted: weighed.accepted.as_deref().map(Accepted::of),
        }
    }
}

impl<'a> Accepted<'a> {
    fn of(acceptance: &'a Acceptance) -> Self {
        Self { until: time::iso_day(acceptance.until), reason: &acceptance.reason }
    }
}

impl<'a> Inconclusive<'a> {
    fn of(doubt: &'a Doubt) -> Self {
        let Trouble { stage, cause, detail } = &doubt.trouble;
        Self {
            cause: cause.as_str(),
            stage: stage.as_str(),
            since: time::rfc3339(doubt.since),
            at: time::rfc3339(doubt.at),
            count: doubt.count,
            detail,
        }
    }
}

impl Change {
    pub(super) fn of(change: &report::Change) -> Self {
        Self {
            at: time::rfc3339(change.at),
            rule: change.rule.code,
            subject: change.subject.to_string(),
            from: change.from.map(Status::as_str),
            to: change.to.map(Status::as_str),
        }
    }
}
