//! One more run folded into what stood before: verdicts that could not be renewed are held, changes are remembered.

use super::{Change, Concluded, Doubt, NextDue, Report, RuleStanding, Standing, Weighed};
use crate::observe::{Observation, Unseen};
use crate::rules::{Finding, Judged, Overrides, Rule, Subject, Verdict};
use std::collections::VecDeque;
use std::time::{Duration, SystemTime};

/// How many changes a domain remembers.
const HISTORY: usize = 50;

/// The report after a run. Subjects that the run did not judge, and rules that are switched off, are gone.
pub fn fold(
    previous: Option<&Report>,
    seen: Observation,
    judged: Vec<Judged>,
    overrides: &Overrides,
    (next, took): (NextDue, Duration),
) -> Report {
    let now = seen.at;
    let mut history = previous.map(|report| report.history.clone()).unwrap_or_default();
    let mut standings: Vec<RuleStanding> = Vec::new();
    for judged in judged.into_iter().filter(|judged| !overrides.is_off(judged.rule)) {
        let Judged { rule, subject, .. } = &judged;
        let before = previous.and_then(|report| report.standing(rule, subject));
        let after = stand(before, &judged, overrides, now);
        remember(&mut history, change(now, rule, subject, before, after.as_ref()));
        let Some(standing) = after else { continue };
        let row = match standings.iter().position(|row| row.rule == judged.rule) {
            Some(at) => &mut standings[at],
            None => standings.push_mut(RuleStanding { rule: judged.rule, subjects: Default::default() }),
        };
        row.subjects.insert(judged.subject, standing);
    }
    Report { observation: seen, standings, history, next, took }
}

impl Report {
    fn standing(&self, rule: &Rule, subject: &Subject) -> Option<&Standing> {
        self.standings.iter().find(|row| row.rule == rule)?.subjects.get(subject)
    }
}

/// What stands after one judgement; none where the rule does not apply.
fn stand(
    before: Option<&Standing>,
    judged: &Judged,
    overrides: &Overrides,
    now: SystemTime,
) -> Option<Standing> {
    let held = before.and_then(|standing| standing.last.clone());
    let findings = match &judged.judgement {
        Ok(Verdict::NotApplicable) => return None,
        Ok(Verdict::Pass) => Vec::new(),
        Ok(Verdict::Findings(findings)) => weigh(judged.rule, findings, overrides),
        Err(unseen) => {
            let doubt = doubt(before.and_then(|standing| standing.doubt.as_ref()), unseen, judged.at);
            return Some(Standing { last: held, doubt: Some(doubt) });
        }
    };
    let mut last = Concluded { at: judged.at, since: now, findings };
    if let Some(held) = held.filter(|held| held.status() == last.status()) {
        last.since = held.since;
    }
    Some(Standing { last: Some(last), doubt: None })
}

fn weigh(rule: &Rule, findings: &[Finding], overrides: &Overrides) -> Vec<Weighed> {
    let weigh = |finding: &Finding| Weighed {
        severity: overrides.severity(rule, finding.issue),
        finding: finding.clone(),
    };
    findings.iter().map(weigh).collect()
}

/// Counts looks, not runs: a fact that was merely not due again is the same look.
fn doubt(before: Option<&Doubt>, unseen: &Unseen, at: SystemTime) -> Doubt {
    let trouble = unseen.trouble().clone();
    match before {
        Some(before) if before.at == at => Doubt { trouble, ..before.clone() },
        Some(before) => Doubt { trouble, since: before.since, at, count: before.count.saturating_add(1) },
        None => Doubt { trouble, since: at, at, count: 1 },
    }
}

/// A change of the conclusive status; the first pass of all is none.
fn change(
    at: SystemTime,
    rule: &'static Rule,
    subject: &Subject,
    before: Option<&Standing>,
    after: Option<&Standing>,
) -> Option<Change> {
    let status = |standing: Option<&Standing>| standing?.last.as_ref().map(Concluded::status);
    let (from, to) = (status(before), status(after));
    let first_pass = from.is_none() && to == Some(crate::rules::Status::Ok);
    (from != to && !first_pass).then(|| Change { at, rule, subject: subject.clone(), from, to })
}

fn remember(history: &mut VecDeque<Change>, change: Option<Change>) {
    if let Some(change) = change {
        history.push_front(change);
        history.truncate(HISTORY);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::name::DomainName;
    use crate::observe::{Cause, Dnssec, DomainDns, Lookup, Outcome, Stage};
    use crate::rules::{Issue, Severity, Source, Status};
    use std::collections::BTreeMap;

    static BROKEN: Issue = Issue {
        code: "smtp.broken",
        severity: Severity::Critical,
        title: "",
        why: "",
        fix: "",
        reference: "",
    };
    static RULE: Rule =
        Rule { code: "smtp.rule", title: "", issues: &[&BROKEN], source: Source::Dns, checks: &[] };

    fn minute(minutes: u64) -> SystemTime {
        SystemTime::UNIX_EPOCH + Duration::from_secs(1_800_000_000 + minutes * 60)
    }

    fn seen(at: SystemTime) -> Observation {
        let mx = Lookup { outcome: Outcome::NoData, dnssec: Dnssec::Unchecked, took: Duration::ZERO };
        let dns = DomainDns { mx, implicit: false, hosts: BTreeMap::new(), truncated: false };
        Observation { domain: DomainName::parse("example.com").unwrap(), at, dns, endpoints: Vec::new() }
    }

    fn run(
        previous: Option<&Report>,
        minutes: u64,
        judgement: crate::rules::Judgement,
        overrides: &Overrides,
    ) -> Report {
        let at = minute(minutes);
        let next = NextDue { run: at, transactions: at, interval: Duration::from_secs(900) };
        let judged = vec![Judged { rule: &RULE, subject: Subject::Domain, at, judgement }];
        fold(previous, seen(at), judged, overrides, (next, Duration::ZERO))
    }

    fn standing(report: &Report) -> &Standing {
        &report.rule("smtp.rule").unwrap().subjects[&Subject::Domain]
    }

    fn throttled() -> crate::rules::Judgement {
        Err(Unseen::failed(Stage::Banner, Cause::Throttled, "421 later"))
    }

    #[test]
    fn an_inconclusive_run_holds_the_verdict_and_counts_the_doubt() {
        let none = Overrides::default();
        let first = run(None, 0, Ok(Verdict::Pass), &none);
        let second = run(Some(&first), 15, throttled(), &none);
        let third = run(Some(&second), 30, throttled(), &none);
        let standing = standing(&third);
        assert_eq!(standing.status(), Status::Ok);
        assert_eq!(standing.last.as_ref().map(|last| last.at), Some(minute(0)));
        let doubt = standing.doubt.as_ref().unwrap();
        assert_eq!((doubt.since, doubt.at, doubt.count), (minute(15), minute(30), 2));
        assert!(third.history.is_empty(), "{:?}", third.history);
    }

    #[test]
    fn nothing_ever_concluded_is_unknown_or_our_own_error() {
        let none = Overrides::default();
        assert_eq!(standing(&run(None, 0, throttled(), &none)).status(), Status::Unknown);
        let ours = Err(Unseen::failed(Stage::Connect, Cause::ProberError, "too many open files"));
        assert_eq!(standing(&run(None, 0, ours, &none)).status(), Status::Error);
    }

    #[test]
    fn a_status_keeps_its_since_until_it_changes() {
        let none = Overrides::default();
        let first = run(None, 0, Ok(BROKEN.found("a")), &none);
        let second = run(Some(&first), 15, Ok(BROKEN.found("b")), &none);
        let last = standing(&second).last.as_ref().unwrap();
        assert_eq!((last.since, last.at), (minute(0), minute(15)));
        let third = run(Some(&second), 30, Ok(Verdict::Pass), &none);
        assert_eq!(standing(&third).last.as_ref().unwrap().since, minute(30));
        let changes: Vec<_> = third.history.iter().map(|change| (change.from, change.to)).collect();
        assert_eq!(changes, [(Some(Status::Critical), Some(Status::Ok)), (None, Some(Status::Critical))]);
    }

    #[test]
    fn overrides_weigh_issues_and_switch_rules_off() {
        for (code, severity, want) in [
            ("smtp.broken", Some(Severity::Info), Some(Status::Info)),
            ("smtp.broken", None, Some(Status::Ok)),
            ("smtp.rule", Some(Severity::Warning), Some(Status::Warning)),
            ("smtp.rule", None, None),
        ] {
            let overrides = Overrides(BTreeMap::from([(code, severity)]));
            let report = run(None, 0, Ok(BROKEN.found("a")), &overrides);
            assert_eq!(report.rule("smtp.rule").map(RuleStanding::status), want, "{code} {severity:?}");
        }
    }

    #[test]
    fn what_no_longer_applies_is_gone() {
        let none = Overrides::default();
        let first = run(None, 0, Ok(BROKEN.found("a")), &none);
        let second = run(Some(&first), 15, Ok(Verdict::NotApplicable), &none);
        assert!(second.standings.is_empty());
        assert_eq!(second.history.front().map(|change| change.to), Some(None));
    }
}
