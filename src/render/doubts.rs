//! What the last run could not conclude: one entry a trouble, whatever number of servers and rules it concerns.

use crate::observe::{Cause, Stage};
use crate::report::{Concluded, Doubt, Report};
use crate::rules::{Rule, Status, Subject};
use std::collections::{BTreeMap, BTreeSet};
use std::time::SystemTime;

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
    /// How many of them there are of each status.
    pub(super) stands: BTreeMap<Status, usize>,
    /// When the oldest of them was last confirmed.
    pub(super) oldest: Option<SystemTime>,
}

/// What a domain's doubts come to, with the first cause of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Extent {
    /// Every doubtful verdict stands as it was.
    Held(Cause),
    /// Something was never judged.
    NotJudged(Cause),
}

/// The extent of a domain's doubts; none where it has none.
pub(super) fn extent(report: &Report) -> Option<Extent> {
    let standings = || report.standings.iter().flat_map(|row| row.subjects.values());
    let cause = |doubt: &Doubt| doubt.trouble.cause;
    let unjudged = standings().filter(|standing| standing.last.is_none());
    let not_judged = unjudged.filter_map(|standing| standing.doubt.as_ref()).next();
    not_judged.map(|doubt| Extent::NotJudged(cause(doubt))).or_else(|| {
        let held = standings().find_map(|standing| standing.doubt.as_ref());
        held.map(|doubt| Extent::Held(cause(doubt)))
    })
}

/// All of them, in the order of the rules.
pub(super) fn doubts(report: &Report) -> Vec<Open<'_>> {
    let mut all: Vec<Open<'_>> = Vec::new();
    for row in &report.standings {
        for (subject, standing) in &row.subjects {
            let Some(doubt) = &standing.doubt else { continue };
            let open = match all.iter().position(|open| open.doubt.trouble == doubt.trouble) {
                Some(at) => &mut all[at],
                None => all.push_mut(Open::new(doubt)),
            };
            open.join(row.rule, subject, doubt, standing.last.as_ref());
        }
    }
    all
}

impl<'a> Open<'a> {
    fn new(doubt: &'a Doubt) -> Self {
        let (subjects, rules, stands) = Default::default();
        Self { doubt, subjects, rules, held: 0, stands, oldest: None }
    }

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
        if let Some(last) = last {
            self.held += 1;
            *self.stands.entry(last.status()).or_default() += 1;
            self.oldest = Some(self.oldest.unwrap_or(last.at).min(last.at));
        }
    }

    /// Whether only tests with MAIL and RCPT are in doubt, which have a timetable of their own.
    pub(super) fn is_of_transactions(&self) -> bool {
        self.doubt.trouble.stage >= Stage::Mail
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::observe::testing::{endpoint, observation, ordinary};
    use crate::render::testing::{after, report};

    #[test]
    fn what_never_was_judged_weighs_more_than_what_is_held() {
        let throttled = || observation().of([endpoint().banner("421 4.7.0 too many connections")]);
        let greylists = endpoint().postmaster(Some(Ok(ordinary("250 ok", "450 4.2.0 greylisted"))));
        let fine = report(&observation().of([endpoint()]));
        for (report, want) in [
            (fine.clone(), None),
            (after(&fine, &throttled()), Some(Extent::Held(Cause::Throttled))),
            (report(&throttled()), Some(Extent::NotJudged(Cause::Throttled))),
            (report(&observation().of([greylists])), Some(Extent::NotJudged(Cause::Greylisted))),
        ] {
            assert_eq!(extent(&report), want);
        }
    }

    #[test]
    fn one_trouble_is_told_once_with_what_stands_meanwhile() {
        let first = report(&observation().of([endpoint()]));
        let throttled = endpoint().banner("421 4.7.0 too many connections");
        let second = after(
            &first,
            &observation().of([throttled.clone(), throttled.at("mx2.example.com", "192.0.2.11")]),
        );
        let doubts = doubts(&second);
        let open = &doubts[0];
        assert_eq!(open.whom().len(), 2);
        assert_eq!(open.stands.values().sum::<usize>(), open.held);
        assert!(open.held > 5 && open.stands.contains_key(&Status::Ok), "{:?}", open.stands);
        assert_eq!(open.oldest, Some(crate::observe::testing::now()));
        assert!(!open.is_of_transactions());
    }

    #[test]
    fn tests_of_delivery_are_told_apart() {
        let greylists = endpoint().postmaster(Some(Ok(ordinary("250 ok", "450 4.2.0 greylisted"))));
        let report = report(&observation().of([greylists]));
        assert!(doubts(&report)[0].is_of_transactions());
    }
}
