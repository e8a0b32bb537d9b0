//! One line a domain.

use crate::grade::{Grade, grade};
use crate::name::DomainName;
use crate::render::{fixes, time};
use crate::report::Report;
use crate::rules::Status;
use crate::snapshot::Snapshot;
use serde::Serialize;
use std::time::SystemTime;

#[derive(Serialize)]
pub(super) struct Fleet<'a> {
    domains: Vec<Line<'a>>,
}

#[derive(Serialize)]
struct Line<'a> {
    domain: &'a str,
    unicode: String,
    status: &'static str,
    code: u8,
    grade: Option<&'static str>,
    worst: Option<Worst>,
    last_run: Option<String>,
    age_seconds: Option<u64>,
    next_run: Option<String>,
    endpoints: Option<usize>,
}

#[derive(Serialize)]
struct Worst {
    code: &'static str,
    severity: &'static str,
    title: &'static str,
}

impl<'a> Fleet<'a> {
    pub(super) fn of(snapshot: &'a Snapshot, now: SystemTime) -> Self {
        let line =
            |domain: &'a DomainName| Line::of(domain, snapshot.report(domain).map(|report| &**report), now);
        Self { domains: snapshot.domains.iter().map(line).collect() }
    }
}

impl<'a> Line<'a> {
    fn of(domain: &'a DomainName, report: Option<&Report>, now: SystemTime) -> Self {
        let status = report.map_or(Status::Unknown, Report::status);
        Self {
            domain: domain.as_str(),
            unicode: domain.to_unicode(),
            status: status.as_str(),
            code: status.code(),
            grade: report.and_then(|report| grade(report).grade).map(Grade::as_str),
            worst: report.and_then(worst),
            last_run: report.map(|report| time::rfc3339(report.observation.at)),
            age_seconds: report.map(|report| time::age(report.observation.at, now).as_secs()),
            next_run: report.map(|report| time::rfc3339(report.next.run)),
            endpoints: report.map(|report| report.observation.endpoints.len()),
        }
    }
}

fn worst(report: &Report) -> Option<Worst> {
    let fix = fixes::fixes(report).into_iter().next()?;
    Some(Worst { code: fix.issue.code, severity: fix.severity.as_str(), title: fix.issue.title })
}
