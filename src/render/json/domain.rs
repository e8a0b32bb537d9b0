//! Everything about one domain.

use super::dns::Dns;
use super::endpoint::Endpoint;
use super::policy::Policies;
use super::rule::{Change, Rule};
use crate::grade::{Grade, grade};
use crate::name::DomainName;
use crate::render::{answer, time};
use crate::report::{NextDue, Report, Sender};
use crate::rules::Status;
use serde::Serialize;
use std::time::SystemTime;

#[derive(Serialize)]
pub(super) struct Domain<'a> {
    domain: &'a str,
    unicode: String,
    status: &'static str,
    code: u8,
    answer: Option<String>,
    grade: Option<Graded>,
    deliverable: Option<Deliverable>,
    /// What a sender that does DANE finds, by the last conclusive verdicts.
    dane: Option<&'static str>,
    last_run: Option<String>,
    age_seconds: Option<u64>,
    took_seconds: Option<f64>,
    next: Option<Next>,
    rules: Vec<Rule<'a>>,
    endpoints: Vec<Endpoint<'a>>,
    dns: Option<Dns<'a>>,
    policies: Option<Policies<'a>>,
    history: Vec<Change>,
}

/// The letter, none where there is none to give, and why it is no better.
#[derive(Serialize)]
struct Graded {
    grade: Option<&'static str>,
    code: Option<u8>,
    reasons: Vec<String>,
}

/// Whether each kind of sender gets through; none where nobody can tell, or none is to.
#[derive(Serialize)]
struct Deliverable {
    opportunistic: Option<bool>,
    mta_sts: Option<bool>,
    dane: Option<bool>,
}

#[derive(Serialize)]
struct Next {
    run: String,
    transactions: String,
    interval_seconds: f64,
    transactions_interval_seconds: f64,
}

impl<'a> Domain<'a> {
    pub(super) fn of(report: &'a Report, now: SystemTime) -> Self {
        let status = report.status();
        let observation = &report.observation;
        Self {
            domain: observation.domain.as_str(),
            unicode: observation.domain.to_unicode(),
            status: status.as_str(),
            code: status.code(),
            answer: Some(answer::answer(report)),
            grade: Some(Graded::of(report)),
            deliverable: Some(Deliverable::of(report)),
            dane: report.dane().map(|state| state.as_str()),
            last_run: Some(time::rfc3339(observation.at)),
            age_seconds: Some(time::age(observation.at, now).as_secs()),
            took_seconds: Some(report.took.as_secs_f64()),
            next: Some(Next::of(report.next)),
            rules: report.standings.iter().map(Rule::of).collect(),
            endpoints: observation.endpoints.iter().map(|one| Endpoint::of(report, one, now)).collect(),
            dns: Some(Dns::of(&observation.dns)),
            policies: Some(Policies::of(&observation.policy)),
            history: report.history.iter().map(Change::of).collect(),
        }
    }

    pub(super) fn waiting(domain: &'a DomainName) -> Self {
        Self {
            domain: domain.as_str(),
            unicode: domain.to_unicode(),
            status: Status::Unknown.as_str(),
            code: Status::Unknown.code(),
            answer: None,
            grade: None,
            deliverable: None,
            dane: None,
            last_run: None,
            age_seconds: None,
            took_seconds: None,
            next: None,
            rules: Vec::new(),
            endpoints: Vec::new(),
            dns: None,
            policies: None,
            history: Vec::new(),
        }
    }
}

impl Graded {
    fn of(report: &Report) -> Self {
        let graded = grade(report);
        let (letter, code) = (graded.grade.map(Grade::as_str), graded.grade.map(Grade::code));
        Self { grade: letter, code, reasons: graded.reasons }
    }
}

impl Deliverable {
    fn of(report: &Report) -> Self {
        let [opportunistic, mta_sts, dane] = Sender::ALL.map(|sender| report.delivery(sender).as_flag());
        Self { opportunistic, mta_sts, dane }
    }
}

impl Next {
    fn of(next: NextDue) -> Self {
        Self {
            run: time::rfc3339(next.run),
            transactions: time::rfc3339(next.transactions),
            interval_seconds: next.interval.as_secs_f64(),
            transactions_interval_seconds: next.transactions_interval.as_secs_f64(),
        }
    }
}
