//! One letter for a domain, from the verdicts that stand: the worst endpoint decides, and what could not be concluded
//! changes nothing.

use crate::observe::{Cause, DaneState, Endpoint, TlsVersion};
use crate::report::{Held, Report, Weighed};
use crate::rules::Subject;

mod ladder;
#[cfg(test)]
mod tests;

/// How well a domain's mail is looked after; the numbers are `smtp_grade`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Grade {
    /// Mail cannot get in or gets in without TLS everywhere, or a server relays for strangers.
    F = 0,
    /// Some server cannot be reached or does no TLS, or senders that insist on TLS keep their mail.
    D = 1,
    /// Some server speaks only what is obsolete, or shows a certificate that nobody can trust.
    C = 2,
    /// A certificate or reverse DNS needs care.
    B = 3,
    /// Nothing needs care.
    A = 4,
    /// Nothing needs care, TLS 1.3 everywhere, and senders are told to insist on TLS.
    APlus = 5,
}

/// A domain's grade, and why it is no better.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Graded {
    /// None where there is none to give.
    pub grade: Option<Grade>,
    /// What decided, worst first, as clauses for people.
    pub reasons: Vec<String>,
}

impl Grade {
    /// Every grade, worst first.
    pub const ALL: [Self; 6] = [Self::F, Self::D, Self::C, Self::B, Self::A, Self::APlus];

    /// The letter.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::F => "F",
            Self::D => "D",
            Self::C => "C",
            Self::B => "B",
            Self::A => "A",
            Self::APlus => "A+",
        }
    }

    /// The number used in metrics.
    pub fn code(self) -> u8 {
        self as u8
    }
}

/// The grade of what stands; the first of the steps that decides is the last that is asked.
pub fn grade(report: &Report) -> Graded {
    if report.declines_mail() {
        return Graded::none(["it accepts no mail, by null MX".to_owned()]);
    }
    let ground = Ground::of(report);
    if let Some(reasons) = some(ladder::failing(&ground)) {
        return Graded::of(Grade::F, reasons);
    }
    if let Some(reasons) = some(ladder::undetermined(&ground)) {
        return Graded::none(reasons);
    }
    for (grade, issues) in ladder::STEPS {
        if let Some(reasons) = some(ground.found(issues)) {
            return Graded::of(*grade, reasons);
        }
    }
    match some(ladder::short_of_the_best(&ground)) {
        Some(reasons) => Graded::of(Grade::A, reasons),
        None => Graded::of(Grade::APlus, Vec::new()),
    }
}

fn some(reasons: Vec<String>) -> Option<Vec<String>> {
    Some(reasons).filter(|reasons| !reasons.is_empty())
}

impl Graded {
    fn of(grade: Grade, reasons: Vec<String>) -> Self {
        Self { grade: Some(grade), reasons }
    }

    fn none(reasons: impl Into<Vec<String>>) -> Self {
        Self { grade: None, reasons: reasons.into() }
    }
}

/// What stands of a domain and of each server that has a say.
struct Ground<'a> {
    report: &'a Report,
    domain: Held<'a>,
    endpoints: Vec<(&'a Endpoint, Held<'a>)>,
}

impl<'a> Ground<'a> {
    /// Servers in a family that this machine cannot reach have no say, as long as another one has.
    fn of(report: &'a Report) -> Self {
        let held = |endpoint: &'a Endpoint| (endpoint, Held::of(report, &Subject::of(endpoint)));
        let all = || report.observation.endpoints.iter().map(held);
        let within: Vec<_> = all().filter(|(_, held)| !held.is_out_of_our_reach()).collect();
        let endpoints = if within.is_empty() { all().collect() } else { within };
        Self { report, domain: Held::of(report, &Subject::Domain), endpoints }
    }

    /// Whether a server was left out because this machine cannot reach its family.
    fn is_partial(&self) -> bool {
        self.endpoints.len() < self.report.observation.endpoints.len()
    }

    /// The findings of these issues that count, each with its servers.
    fn found(&self, issues: &[&str]) -> Vec<String> {
        let of_domain = findings(&self.domain, issues).map(|title| (title, None));
        let of_endpoints = self.endpoints.iter().flat_map(|(endpoint, held)| {
            findings(held, issues).map(|title| (title, Some(endpoint.mx.as_str())))
        });
        let mut reasons: Vec<(&str, Vec<&str>)> = Vec::new();
        for (title, host) in of_domain.chain(of_endpoints) {
            let at = reasons.iter().position(|(other, _)| *other == title);
            let hosts = match at {
                Some(at) => &mut reasons[at].1,
                None => &mut reasons.push_mut((title, Vec::new())).1,
            };
            hosts.extend(host.filter(|host| !hosts.contains(host)));
        }
        reasons.into_iter().map(|(title, hosts)| clause(title, &hosts)).collect()
    }
}

/// The titles of what was found and counts.
fn findings<'a>(held: &'a Held<'_>, issues: &'a [&str]) -> impl Iterator<Item = &'static str> + 'a {
    let wanted = |weighed: &&Weighed| weighed.counts() && issues.contains(&weighed.finding.issue.code);
    held.findings().filter(wanted).map(|weighed| weighed.finding.issue.title)
}

fn clause(title: &str, hosts: &[&str]) -> String {
    const SHOWN: usize = 3;
    match hosts.len() {
        0 => title.to_owned(),
        more if more > SHOWN => {
            format!("{title} ({} and {} more)", hosts[..SHOWN].join(", "), more - SHOWN)
        }
        _ => format!("{title} ({})", hosts.join(", ")),
    }
}
