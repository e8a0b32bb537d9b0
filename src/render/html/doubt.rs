//! Why something could not be judged, as a card a cause: whom it concerns, what they said, what it means, what can be
//! done, what stands meanwhile, when it is tried again.

use super::when::When;
use super::whom::Host;
use crate::observe::Cause;
use crate::render::advice::{self, Advice};
use crate::render::doubts::{self, Extent, Open};
use crate::render::words::{self, Piece};
use crate::report::Report;
use crate::rules::{Status, Subject};
use std::collections::BTreeMap;
use std::time::SystemTime;

pub(super) struct Doubt<'a> {
    cause: Cause,
    pub(super) tag: &'static str,
    pub(super) title: &'static str,
    pub(super) meaning: &'static str,
    pub(super) remedy: Vec<Piece>,
    pub(super) met: Vec<Met<'a>>,
    /// Those that could not judge.
    pub(super) rules: Vec<&'static str>,
    /// How many verdicts of each status are held meanwhile.
    stands: BTreeMap<Status, usize>,
    oldest: Option<SystemTime>,
    now: SystemTime,
}

/// Where it was met, and what was said there.
pub(super) struct Met<'a> {
    /// Empty for the domain as a whole.
    pub(super) hosts: Vec<Host<'a>>,
    pub(super) stage: &'static str,
    /// Verbatim; empty where nothing was said.
    pub(super) said: &'a str,
    pub(super) since: When,
    pub(super) times: u32,
    pub(super) last: When,
    pub(super) again: When,
}

impl<'a> Doubt<'a> {
    /// All of a domain's.
    pub(super) fn all(report: &'a Report, now: SystemTime) -> Vec<Self> {
        let mut all: Vec<Self> = Vec::new();
        for open in doubts::doubts(report) {
            let cause = open.doubt.trouble.cause;
            let doubt = match all.iter().position(|doubt| doubt.cause == cause) {
                Some(at) => &mut all[at],
                None => all.push_mut(Self::new(cause, now)),
            };
            doubt.join(open, report);
        }
        all
    }

    fn new(cause: Cause, now: SystemTime) -> Self {
        let Advice { tag, title, meaning, remedy } = advice::advice(cause);
        let (met, rules, stands) = Default::default();
        let remedy = words::pieces(remedy);
        Self { cause, tag, title, meaning, remedy, met, rules, stands, oldest: None, now }
    }

    fn join(&mut self, open: Open<'a>, report: &Report) {
        for rule in &open.rules {
            if !self.rules.contains(&rule.code) {
                self.rules.push(rule.code);
            }
        }
        for (status, count) in &open.stands {
            *self.stands.entry(*status).or_default() += count;
        }
        self.oldest = [self.oldest, open.oldest].into_iter().flatten().min();
        self.met.push(Met::of(open, report, self.now));
    }

    /// `8 ok, 1 critical`, worst first; empty where nothing stands.
    pub(super) fn stands(&self) -> String {
        let told = self.stands.iter().rev().map(|(status, count)| format!("{count} {}", status.as_str()));
        told.collect::<Vec<_>>().join(", ")
    }

    /// When the oldest of what stands was last confirmed.
    pub(super) fn oldest(&self) -> Option<When> {
        self.oldest.map(|at| When::ago(at, self.now))
    }
}

impl<'a> Met<'a> {
    fn of(open: Open<'a>, report: &Report, now: SystemTime) -> Self {
        let doubt = open.doubt;
        Self {
            stage: words::stage(doubt.trouble.stage),
            said: &doubt.trouble.detail,
            since: When::ago(doubt.since, now),
            times: doubt.count,
            last: When::ago(doubt.at, now),
            again: When::until(again(&open, report), now),
            hosts: Host::all(open.subjects),
        }
    }
}

/// When the doubt is looked at again: a test when it is due or was put off to, a session with the next run, neither while
/// the address rests.
fn again(open: &Open<'_>, report: &Report) -> SystemTime {
    let tests = open.is_of_transactions();
    let due = if tests { report.next.transactions } else { report.next.run };
    let endpoints = report.observation.endpoints.iter();
    let concerned = endpoints.filter(|endpoint| open.subjects.contains(&&Subject::of(endpoint)));
    let next = concerned.map(|endpoint| {
        let retry = endpoint.retry_at.filter(|_| tests).unwrap_or(due);
        endpoint.rests_until.map_or(retry, |rests| rests.max(retry))
    });
    next.min().unwrap_or(due)
}

/// The extent of a domain's doubts in a tag: `held: greylisted`.
pub(super) fn tag(extent: Extent) -> String {
    match extent {
        Extent::Held(cause) => format!("held: {}", advice::advice(cause).tag),
        Extent::NotJudged(cause) => format!("not judged: {}", advice::advice(cause).tag),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::observe::testing::{endpoint, no_ptr, now, observation, ordinary};
    use crate::render::testing::{after, report};

    #[test]
    fn a_cause_is_told_once_with_each_place_and_what_stands_meanwhile() {
        let broken = || endpoint().starttls_refused("554 no").with_ptr(no_ptr());
        let second = || endpoint().at("mx2.example.com", "192.0.2.11");
        let first = report(&observation().of([broken(), second()]));
        let throttled = [broken().banner("421 later"), second().banner("421 not now")];
        let report = after(&first, &observation().of(throttled));
        let doubts = Doubt::all(&report, now());
        assert_eq!(doubts.len(), 1);
        let said: Vec<_> = doubts[0].met.iter().map(|met| met.said).filter(|said| !said.is_empty()).collect();
        assert_eq!(said, ["421 later", "421 not now"]);
        let stands = doubts[0].stands();
        assert!(stands.starts_with("3 critical, ") && stands.ends_with(" ok"), "{stands}");
        assert!(doubts[0].oldest().is_some());
    }

    #[test]
    fn tests_of_delivery_are_repeated_by_their_own_timetable() {
        let greylists = endpoint().postmaster(Some(Ok(ordinary("250 ok", "450 4.2.0 greylisted"))));
        for (endpoint, want) in [(greylists, "in 41 min"), (endpoint().banner("421 later"), "in 11 min")] {
            let report = report(&observation().of([endpoint]));
            let doubts = Doubt::all(&report, now());
            let again = doubts[0].met[0].again.to_string();
            assert!(again.contains(want) && doubts[0].stands().is_empty(), "{again}");
        }
    }

    #[test]
    fn a_tag_says_whether_anything_stands() {
        assert_eq!(tag(Extent::Held(Cause::Greylisted)), "held: greylisted");
        assert_eq!(tag(Extent::NotJudged(Cause::Throttled)), "not judged: throttled");
    }
}
