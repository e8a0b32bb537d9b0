//! One domain: the answer, what to fix, what could not be judged, the servers, their dialogues, the policies, all rules, what changed.

use super::dialogue::Dialogue;
use super::doubt::{self, Doubt};
use super::fix::Fix;
use super::glance::{Fact, Glance};
use super::hosts::Mx;
use super::mx::{self, MxRow};
use super::policy::PolicyRow;
use super::rule::{Change, RuleRow};
use super::when::When;
use crate::grade::grade;
use crate::observe::{MxFacts, MxRecord, Outcome};
use crate::render::{answer, doubts, fixes, grades, time, words};
use crate::report::Report;
use crate::rules::{Severity, Status};
use askama::Template;
use std::time::SystemTime;

#[derive(Template)]
#[template(path = "domain.html", config = "src/render/askama.toml", blocks = ["content"])]
pub(super) struct Domain<'a> {
    root: &'static str,
    /// What the anchors of this domain begin with, where it shares its page with others.
    anchor: String,
    pub(super) domain: &'a str,
    pub(super) unicode: String,
    pub(super) status: &'static str,
    pub(super) class: &'static str,
    /// That something is in doubt, and why, in a few words.
    doubtful: Option<String>,
    answer: String,
    /// None where there is no grade.
    letter: Option<Fact>,
    /// The grade and its reasons.
    graded: String,
    glance: Glance,
    probed: When,
    took: String,
    /// None where it is not watched.
    next: Option<Next>,
    /// What should be mended.
    fixes: Vec<Fix<'a>>,
    /// What is worth knowing.
    notes: Vec<Fix<'a>>,
    doubts: Vec<Doubt<'a>>,
    mx: Vec<Mx<'a>>,
    records: Vec<MxRow>,
    records_note: String,
    /// None where they never were seen to change.
    records_changed: Option<When>,
    /// What every name below the domain has; empty where there is no wildcard.
    wildcard: String,
    dialogues: Vec<Dialogue<'a>>,
    policies: [PolicyRow<'a>; 2],
    rules: Vec<RuleRow>,
    history: Vec<Change>,
}

/// When it is probed again, and how often.
struct Next {
    run: When,
    interval: String,
}

impl<'a> Domain<'a> {
    pub(super) fn of(report: &'a Report, now: SystemTime) -> Self {
        let observation = &report.observation;
        let status = answer::overall(report);
        let graded = grade(report);
        let (notes, fixes): (Vec<_>, Vec<_>) =
            fixes::fixes(report).into_iter().partition(|fix| fix.severity == Severity::Info);
        let cards =
            |fixes: &[fixes::Fix<'a>]| fixes.iter().map(|fix| Fix::of(fix, report.domain(), now)).collect();
        Self {
            root: "../",
            anchor: String::new(),
            domain: observation.domain.as_str(),
            unicode: observation.domain.to_unicode(),
            status: words::status(status),
            class: words::class(Some(status)),
            doubtful: doubts::extent(report).map(doubt::tag),
            answer: answer::answer(report),
            letter: Fact::letter(&graded),
            graded: grades::sentence(&graded),
            glance: Glance::of(report, now),
            probed: When::ago(observation.at, now),
            took: time::precise(report.took),
            next: Some(Next {
                run: When::until(report.next.run, now),
                interval: time::rough(report.next.interval),
            }),
            fixes: cards(&fixes),
            notes: cards(&notes),
            doubts: Doubt::all(report, now),
            mx: Mx::all(report, now),
            records: MxRow::all(&observation.dns),
            records_note: records_note(report),
            records_changed: observation.dns.facts.changed().map(|at| When::ago(at, now)),
            wildcard: wildcard(&observation.dns.facts),
            dialogues: observation.endpoints.iter().map(|one| Dialogue::of(observation, one, now)).collect(),
            policies: PolicyRow::all(&observation.policy, now),
            rules: RuleRow::all(report, now),
            history: report.history.iter().map(Change::of).collect(),
        }
    }

    /// The same as one of several that were probed once, with this verdict.
    pub(super) fn among_others(self, verdict: Status) -> Self {
        let (status, class) = (words::status(verdict), words::class(Some(verdict)));
        Self { anchor: format!("{}-", self.domain), next: None, status, class, ..self }
    }

    /// Whether doubts are the first thing to tell: where there is nothing to mend, they are all there is.
    fn doubts_come_first(&self) -> bool {
        self.fixes.is_empty()
    }
}

/// `10 mx1.example.com`
fn wildcard(facts: &MxFacts) -> String {
    let records = facts.wildcards.iter().flat_map(|wildcards| &wildcards.mx);
    let written =
        records.map(|MxRecord { preference, target }| format!("{preference} {}", mx::written(target)));
    written.collect::<Vec<_>>().join(", ")
}

/// What stands above the table of MX records, or in its place.
fn records_note(report: &Report) -> String {
    let dns = &report.observation.dns;
    let said = match &dns.mx.outcome {
        Outcome::Answer(_) => "",
        Outcome::NoData | Outcome::NoSuchName if dns.implicit => {
            "There are no MX records: the domain's own addresses stand in for them."
        }
        Outcome::NoData => "There are no MX records.",
        Outcome::NoSuchName => "The domain does not exist in DNS.",
        Outcome::ServerFailure => "The MX records could not be looked up: server failure.",
        Outcome::Timeout => "The MX records could not be looked up: no answer in time.",
        Outcome::Refused => "The MX records could not be looked up: refused.",
        Outcome::Loop => "The MX records could not be looked up: a chain of CNAMEs without an end.",
    };
    let more = if dns.truncated { " More is published than is probed." } else { "" };
    format!("{said}{more}").trim_start().to_owned()
}
