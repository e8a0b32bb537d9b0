//! One domain in the fleet's table.

use super::Entry;
use crate::grade::grade;
use crate::render::fixes::{Fix, fixes};
use crate::render::html::doubt;
use crate::render::html::glance::{Fact, Glance};
use crate::render::html::when::When;
use crate::render::{answer, words};
use crate::report::Report;
use crate::rules::{Severity, Status};
use std::time::SystemTime;

pub(super) struct Row<'a> {
    pub(super) domain: &'a str,
    pub(super) unicode: String,
    /// The grade; a dash where there is none.
    pub(super) letter: Fact,
    pub(super) status: &'static str,
    pub(super) class: &'static str,
    /// That something is in doubt, and why.
    pub(super) doubt: Option<String>,
    pub(super) worst: Worst,
    /// None before the first run.
    pub(super) glance: Option<Glance>,
    pub(super) age: Option<When>,
}

/// What is wrong, or why that is not known; all empty where nothing is.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Worst {
    pub(super) what: String,
    pub(super) hosts: String,
    /// How many more things there are to mend.
    pub(super) more: usize,
}

impl<'a> Row<'a> {
    pub(super) fn of(entry: &Entry<'a>, now: SystemTime) -> Self {
        let status = if entry.report.is_some() { words::status(entry.status) } else { "not probed yet" };
        let letter = entry.report.and_then(|report| Fact::letter(&grade(report)));
        Self {
            domain: entry.domain.as_str(),
            unicode: entry.domain.to_unicode(),
            letter: letter.unwrap_or_else(Fact::unknown),
            status,
            class: words::class(Some(entry.status)),
            doubt: entry.doubt.map(doubt::tag),
            worst: entry.report.map(|report| Worst::of(report, entry.status)).unwrap_or_default(),
            glance: entry.report.map(|report| Glance::of(report, now)),
            age: entry.report.map(|report| When::age(report.observation.at, now)),
        }
    }

    /// Whether the status says nothing that the doubt does not say better.
    pub(super) fn is_all_doubt(&self) -> bool {
        self.class == "none" && self.doubt.is_some()
    }
}

impl Worst {
    fn of(report: &Report, status: Status) -> Self {
        let fixes = fixes(report);
        match fixes.first() {
            Some(fix) if !matches!(status, Status::Unknown | Status::Error) => Self {
                what: fix.issue.title.to_owned(),
                hosts: if fix.hosts().is_empty() { String::new() } else { words::hosts(&fix.hosts()) },
                more: further(&fixes),
            },
            None if status == Status::Ok => Self::default(),
            _ => Self { what: answer::answer(report), ..Self::default() },
        }
    }
}

/// How many follow the first; infos count only behind an info.
fn further(fixes: &[Fix<'_>]) -> usize {
    let counts = |fix: &&Fix<'_>| fix.severity > Severity::Info || fixes[0].severity == Severity::Info;
    fixes.iter().skip(1).filter(counts).count()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::observe::testing::{endpoint, no_ptr, observation};
    use crate::render::testing::report;

    #[test]
    fn the_worst_thing_is_named_and_the_others_are_counted() {
        let worst = |what: &str, hosts: &str, more| Worst { what: what.into(), hosts: hosts.into(), more };
        let bad = || endpoint().with_ptr(no_ptr()).starttls_refused("554 5.7.0 no");
        for (observation, want) in [
            (observation(), worst("", "", 0)),
            (
                observation().of([endpoint().with_ptr(no_ptr())]),
                worst("The address has no PTR record", "mx1.example.com", 0),
            ),
            (
                observation().of([bad()]),
                worst("The server offers STARTTLS and then refuses it", "mx1.example.com", 3),
            ),
            (
                observation().of([endpoint().banner("421 later")]),
                worst("Not judged yet: the server limits our rate.", "", 0),
            ),
        ] {
            let report = report(&observation);
            assert_eq!(Worst::of(&report, answer::overall(&report)), want);
        }
    }
}
