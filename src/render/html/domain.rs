//! One domain: the answer, what to fix, the servers, their dialogues, all rules, what changed.

use super::dialogue::Dialogue;
use super::mx::MxRow;
use super::rule::{Change, RuleRow};
use crate::observe::Outcome;
use crate::render::doubts::{self, Open};
use crate::render::fixes::{self, Place};
use crate::render::servers::{self, Server};
use crate::render::words::Piece;
use crate::render::{answer, time, words};
use crate::report::Report;
use crate::rules::{Status, Subject};
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
    answer: String,
    probed: String,
    probed_at: String,
    /// Empty where it is not watched.
    next: String,
    fixes: Vec<Fix<'a>>,
    doubts: Vec<Doubt>,
    servers: Vec<Server<'a>>,
    dialogues: Vec<Dialogue<'a>>,
    mx: Vec<MxRow>,
    mx_note: String,
    rules: Vec<RuleRow>,
    history: Vec<Change>,
    version: &'static str,
}

struct Fix<'a> {
    code: &'static str,
    severity: &'static str,
    class: &'static str,
    title: &'static str,
    why: Vec<Piece>,
    fix: Vec<Piece>,
    reference: &'static str,
    section: String,
    since: String,
    places: Vec<Evidence<'a>>,
}

struct Evidence<'a> {
    /// Empty for the domain as a whole.
    server: String,
    text: &'a str,
    held: Option<String>,
    accepted: Option<String>,
}

/// What could not be judged this time.
struct Doubt {
    whom: Vec<String>,
    why: String,
    since: String,
    rules: Vec<&'static str>,
    held: usize,
}

impl<'a> Domain<'a> {
    pub(super) fn of(report: &'a Report, now: SystemTime) -> Self {
        let observation = &report.observation;
        let status = report.status();
        Self {
            root: "../",
            anchor: String::new(),
            domain: observation.domain.as_str(),
            unicode: observation.domain.to_unicode(),
            status: status.as_str(),
            class: words::class(Some(status)),
            answer: answer::answer(report),
            probed: time::ago(observation.at, now),
            probed_at: time::minute(observation.at),
            next: time::until(report.next.run, now),
            fixes: fixes::fixes(report).iter().map(|fix| Fix::of(fix, now)).collect(),
            doubts: doubts::doubts(report).iter().map(|open| Doubt::of(open, now)).collect(),
            servers: servers::servers(report, now),
            dialogues: observation.endpoints.iter().map(|endpoint| Dialogue::of(endpoint, now)).collect(),
            mx: MxRow::all(&observation.dns),
            mx_note: mx_note(report),
            rules: RuleRow::all(report, now),
            history: report.history.iter().map(Change::of).collect(),
            version: env!("CARGO_PKG_VERSION"),
        }
    }
}

impl Domain<'_> {
    /// The same as one of several that were probed once, with this verdict.
    pub(super) fn among_others(self, verdict: Status) -> Self {
        let (status, class) = (verdict.as_str(), words::class(Some(verdict)));
        Self { anchor: format!("{}-", self.domain), next: String::new(), status, class, ..self }
    }
}

/// What stands above the table of MX records, or in its place.
fn mx_note(report: &Report) -> String {
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

impl<'a> Fix<'a> {
    fn of(fix: &fixes::Fix<'a>, now: SystemTime) -> Self {
        Self {
            code: fix.issue.code,
            severity: fix.severity.as_str(),
            class: words::class(Some(fix.severity.into())),
            title: fix.issue.title,
            why: words::pieces(fix.issue.why),
            fix: words::pieces(fix.issue.fix),
            reference: fix.issue.reference,
            section: words::reference(fix.issue.reference),
            since: fix.since().map(time::minute).unwrap_or_default(),
            places: fix.places.iter().map(|place| Evidence::of(place, now)).collect(),
        }
    }
}

impl<'a> Evidence<'a> {
    fn of(place: &Place<'a>, now: SystemTime) -> Self {
        let held = place.doubt.map(|doubt| {
            format!(
                "seen {}, not judged since: {}",
                time::ago(place.at, now),
                words::cause(doubt.trouble.cause)
            )
        });
        let server = match place.subject {
            Subject::Domain => String::new(),
            Subject::Endpoint(mx, address) => format!("{mx} {address}"),
        };
        Self { server, text: place.evidence, held, accepted: place.accepted.map(words::accepted) }
    }
}

impl Doubt {
    fn of(open: &Open<'_>, now: SystemTime) -> Self {
        Self {
            whom: open.whom(),
            why: words::trouble(&open.doubt.trouble),
            since: time::ago(open.doubt.since, now),
            rules: open.rules.iter().map(|rule| rule.code).collect(),
            held: open.held,
        }
    }
}
