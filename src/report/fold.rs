//! One more run folded into what stood before: verdicts that could not be renewed are held, changes are remembered.

use super::{Change, Concluded, Doubt, NextDue, Report, RuleStanding, Standing, Weighed};
use crate::observe::{Cause, Observation, Place, Unseen};
use crate::rules::{Finding, Judged, Overrides, Rule, Severity, Subject, Verdict};
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
        let row = self.standings.iter().find(|row| row.rule == rule)?;
        row.subjects.get(subject).or_else(|| self.inherited(row, subject))
    }

    /// What stood under another name: a pool goes on with the latest verdict on any of its addresses, and an address
    /// that is one by itself again with that of the pool which was last seen there.
    fn inherited<'a>(&self, row: &'a RuleStanding, subject: &Subject) -> Option<&'a Standing> {
        let Subject::Endpoint(mx, place) = subject else { return None };
        match place {
            Place::Pool(family) => {
                let others = row.subjects.iter().filter(|(other, _)| {
                    matches!(other, Subject::Endpoint(host, at) if host == mx && at.family() == *family)
                });
                others
                    .map(|(_, standing)| standing)
                    .max_by_key(|standing| standing.last.as_ref().map(|last| last.at))
            }
            Place::Address(address) => {
                let mut endpoints = self.observation.endpoints.iter();
                let pool = endpoints.find(|e| e.pooled && e.mx == *mx && e.address() == *address)?;
                row.subjects.get(&Subject::of(pool))
            }
        }
    }
}

/// What stands after one judgement; none where the rule does not apply.
fn stand(
    before: Option<&Standing>,
    judged: &Judged,
    overrides: &Overrides,
    now: SystemTime,
) -> Option<Standing> {
    let held = before.and_then(|standing| standing.last.as_ref());
    let weigh = |finding: &Finding| weigh(judged, finding, overrides, now);
    let concluded = |at: SystemTime, findings: Vec<Weighed>| {
        let mut last = Concluded { at, since: now, findings };
        if let Some(held) = held.filter(|held| held.status() == last.status()) {
            last.since = held.since;
        }
        Some(last)
    };
    match &judged.judgement {
        Ok(Verdict::NotApplicable) => None,
        Ok(Verdict::Pass) => Some(Standing { last: concluded(judged.at, Vec::new()), doubt: None }),
        Ok(Verdict::Findings(findings)) => {
            let findings = findings.iter().map(weigh).collect();
            Some(Standing { last: concluded(judged.at, findings), doubt: None })
        }
        Err(unseen) => {
            let again = |held: &Concluded| held.findings.iter().map(|held| weigh(&held.finding)).collect();
            let held = held.filter(|held| held.findings.is_empty() || !is_explained_by(unseen));
            let last = held.and_then(|held| concluded(held.at, again(held)));
            let doubt = doubt(before.and_then(|standing| standing.doubt.as_ref()), unseen, judged.at);
            Some(Standing { last, doubt: Some(doubt) })
        }
    }
}

/// Whether what was found before is now known to be seen from this machine alone, so that it stands no longer.
fn is_explained_by(unseen: &Unseen) -> bool {
    unseen.cause() == Cause::TrustedVantage
}

/// What a finding counts for today, also one that is held: what is accepted for a while ends on its day.
fn weigh(judged: &Judged, finding: &Finding, overrides: &Overrides, now: SystemTime) -> Weighed {
    let severity = overrides.severity(judged.rule, finding.issue);
    let accepted = severity.and_then(|_| overrides.acceptance(finding.issue, &judged.subject, now)).cloned();
    let severity =
        if accepted.is_some() || finding.excused { severity.min(Some(Severity::Info)) } else { severity };
    Weighed { finding: finding.clone(), severity, accepted }
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
    use crate::observe::testing::{EndpointBuilder, endpoint};
    use crate::observe::{Dnssec, DomainDns, Endpoint, Lookup, Outcome, Place, Stage};
    use crate::rules::{Acceptance, Issue, Severity, Source, Status};
    use std::collections::BTreeMap;
    use std::sync::Arc;

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
        let mx = Lookup::ended(Outcome::NoData, Dnssec::Unchecked, Duration::ZERO);
        let dns = DomainDns::of(mx);
        Observation {
            domain: DomainName::parse("example.com").unwrap(),
            at,
            dns,
            policy: crate::observe::Policy::unseen(),
            endpoints: Vec::new(),
        }
    }

    fn run(
        previous: Option<&Report>,
        minutes: u64,
        judgement: crate::rules::Judgement,
        overrides: &Overrides,
    ) -> Report {
        let at = minute(minutes);
        let next = NextDue {
            run: at,
            transactions: at,
            interval: Duration::from_secs(900),
            transactions_interval: Duration::from_secs(3600),
        };
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
    fn what_only_a_trusted_client_sees_stands_no_longer() {
        let none = Overrides::default();
        let trusted = || Err(Unseen::failed(Stage::Rcpt, Cause::TrustedVantage, "accepted"));
        for (before, want) in [(Ok(BROKEN.found("a")), Status::Unknown), (Ok(Verdict::Pass), Status::Ok)] {
            let first = run(None, 0, before, &none);
            let second = run(Some(&first), 15, trusted(), &none);
            assert_eq!(standing(&second).status(), want);
            assert!(standing(&second).doubt.is_some());
        }
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
            let severities = BTreeMap::from([(code, severity)]);
            let overrides = Overrides { severities, ..Overrides::default() };
            let report = run(None, 0, Ok(BROKEN.found("a")), &overrides);
            assert_eq!(report.rule("smtp.rule").map(RuleStanding::status), want, "{code} {severity:?}");
        }
    }

    fn accepting(days: u64) -> Overrides {
        let (until, reason) = (minute(days * 24 * 60), "nolisting".into());
        let acceptance = Acceptance { issue: "smtp.broken", mx: None, until, reason };
        Overrides { accepted: vec![Arc::new(acceptance)], ..Overrides::default() }
    }

    #[test]
    fn what_is_accepted_is_an_info_until_the_end_of_its_day() {
        let (accepting, day) = (accepting(1), 24 * 60);
        for (minutes, want) in
            [(0, Status::Info), (day, Status::Info), (2 * day - 1, Status::Info), (2 * day, Status::Critical)]
        {
            let report = run(None, minutes, Ok(BROKEN.found("a")), &accepting);
            assert_eq!(standing(&report).status(), want, "after {minutes} minutes");
            let last = standing(&report).last.as_ref().unwrap();
            assert_eq!(last.findings[0].accepted.is_some(), want == Status::Info);
        }
    }

    #[test]
    fn what_is_accepted_ends_although_nothing_new_is_seen() {
        let accepting = accepting(1);
        let first = run(None, 0, Ok(BROKEN.found("a")), &accepting);
        let second = run(Some(&first), 15, throttled(), &accepting);
        assert_eq!(standing(&second).status(), Status::Info);
        let third = run(Some(&second), 3 * 24 * 60, throttled(), &accepting);
        let last = standing(&third).last.as_ref().unwrap();
        assert_eq!((last.status(), last.at), (Status::Critical, minute(0)));
        assert_eq!(last.since, minute(3 * 24 * 60));
        assert_eq!(third.history.front().map(|change| change.to), Some(Some(Status::Critical)));
    }

    #[test]
    fn what_is_off_stays_off_and_what_is_accepted_is_named() {
        let mut off = accepting(1);
        off.severities = BTreeMap::from([("smtp.broken", None)]);
        let report = run(None, 0, Ok(BROKEN.found("a")), &off);
        let finding = &standing(&report).last.as_ref().unwrap().findings[0];
        assert_eq!((finding.severity, &finding.accepted), (None, &None));
        let mut other = accepting(1);
        Arc::make_mut(&mut other.accepted[0]).issue = "smtp.other";
        let report = run(None, 0, Ok(BROKEN.found("a")), &other);
        assert_eq!(standing(&report).status(), Status::Critical);
    }

    #[test]
    fn what_is_accepted_at_one_server_is_not_elsewhere() {
        let mut accepting = accepting(1);
        let mx = |name: &str| crate::name::MxName::parse(name).unwrap();
        let address = Place::Address([192, 0, 2, 1].into());
        Arc::make_mut(&mut accepting.accepted[0]).mx = Some(mx("mx0.example"));
        for (subject, want) in [
            (Subject::Endpoint(mx("mx0.example"), address), true),
            (Subject::Endpoint(mx("mx1.example"), address), false),
            (Subject::Domain, false),
        ] {
            let found = accepting.acceptance(&BROKEN, &subject, minute(0));
            assert_eq!(found.is_some(), want, "{subject:?}");
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

    fn run_at(previous: Option<&Report>, minutes: u64, endpoints: &[(&EndpointBuilder, bool)]) -> Report {
        let at = minute(minutes);
        let mut endpoints: Vec<_> =
            endpoints.iter().map(|(endpoint, is_well)| (endpoint.build(), *is_well)).collect();
        let judged = |(endpoint, is_well): &(Endpoint, bool)| {
            let judgement = if *is_well { Ok(Verdict::Pass) } else { Ok(BROKEN.found("a")) };
            Judged { rule: &RULE, subject: Subject::of(endpoint), at, judgement }
        };
        let judged = endpoints.iter().map(judged).collect();
        let seen = Observation {
            endpoints: endpoints.drain(..).map(|(endpoint, _)| endpoint).collect(),
            ..seen(at)
        };
        let span = Duration::from_secs(900);
        let next = NextDue { run: at, transactions: at, interval: span, transactions_interval: span };
        fold(previous, seen, judged, &Overrides::default(), (next, Duration::ZERO))
    }

    #[test]
    fn a_pool_goes_on_with_the_latest_verdict_on_its_addresses_and_leaves_it_to_the_last_one() {
        let one = endpoint().at("mx1.example.com", "192.0.2.1");
        let other = endpoint().at("mx1.example.com", "192.0.2.2");
        let host = endpoint().at("mx2.example.com", "192.0.2.3");
        let first = run_at(None, 0, &[(&one, true), (&host, true)]);
        let second = run_at(Some(&first), 15, &[(&other, false), (&host, true)]);
        let pooled = run_at(Some(&second), 30, &[(&one.clone().pooled(), false), (&host, true)]);
        let since = |report: &Report, endpoint: &EndpointBuilder| {
            let standing = &report.rule("smtp.rule").unwrap().subjects[&Subject::of(&endpoint.build())];
            (standing.status(), standing.last.as_ref().map(|last| last.since))
        };
        assert_eq!(since(&pooled, &one.clone().pooled()), (Status::Critical, Some(minute(15))));
        assert_eq!(pooled.history, second.history, "the same server under another name is no change");
        let alone = run_at(Some(&pooled), 45, &[(&one, false), (&host, true)]);
        assert_eq!(since(&alone, &one), (Status::Critical, Some(minute(15))));
        assert_eq!(alone.history, second.history);
        let well = run_at(Some(&pooled), 45, &[(&other.pooled(), true), (&host, true)]);
        assert_eq!(
            well.history.len(),
            second.history.len() + 1,
            "the pool's verdict is that of the last look"
        );
    }
}
