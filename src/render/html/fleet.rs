//! The fleet: every watched domain in a row, found, sorted and paged by the query.

use crate::name::DomainName;
use crate::observe::Endpoint;
use crate::render::answer::{Reach, reach};
use crate::render::fixes::fixes;
use crate::render::held::Held;
use crate::render::{time, words};
use crate::report::Report;
use crate::rules::{Status, Subject};
use crate::snapshot::Snapshot;
use askama::Template;
use serde::Deserialize;
use std::collections::BTreeSet;
use std::time::SystemTime;

/// Rows on one page.
const PAGE: usize = 200;

/// What to show; anything that is not understood shows everything.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub struct Query {
    /// A part of a domain's or an MX's name.
    pub q: String,
    /// Only this status.
    pub status: String,
    /// `worst` (the default), `name`, `expiry` or `age`.
    pub sort: String,
    /// From 1.
    pub page: String,
}

#[derive(Template)]
#[template(path = "fleet.html", config = "src/render/askama.toml")]
pub(super) struct Fleet<'a> {
    root: &'static str,
    query: &'a Query,
    watched: usize,
    servers: usize,
    oldest: Option<String>,
    counts: Vec<Count>,
    sorts: [(&'static str, &'static str); 4],
    found: usize,
    from: usize,
    to: usize,
    previous: Option<usize>,
    next: Option<usize>,
    rows: Vec<Row<'a>>,
}

struct Count {
    status: &'static str,
    class: &'static str,
    domains: usize,
}

struct Row<'a> {
    domain: &'a str,
    unicode: String,
    status: &'static str,
    class: &'static str,
    worst: String,
    gets_in: &'static str,
    servers: String,
    tls: &'static str,
    certificate: String,
    age: String,
}

/// A domain with its report, if it has one.
#[derive(Clone, Copy)]
struct Entry<'a> {
    domain: &'a DomainName,
    report: Option<&'a Report>,
    status: Status,
}

impl<'a> Fleet<'a> {
    pub(super) fn of(snapshot: &'a Snapshot, query: &'a Query, now: SystemTime) -> Self {
        let all: Vec<_> = snapshot.domains.iter().map(|domain| Entry::of(snapshot, domain)).collect();
        let mut found: Vec<_> = all.iter().copied().filter(|entry| entry.fits(query)).collect();
        sort(&mut found, &query.sort);
        let last = found.len().div_ceil(PAGE).max(1);
        let page = query.page.parse().unwrap_or(1).clamp(1, last);
        let from = (page - 1) * PAGE;
        let rows: Vec<_> = found.iter().skip(from).take(PAGE).map(|entry| entry.row(now)).collect();
        let ages = snapshot.reports.iter().map(|report| report.observation.at);
        Self {
            root: "",
            query,
            watched: all.len(),
            servers: servers(snapshot),
            oldest: ages.min().map(|at| time::rough(time::age(at, now))),
            counts: counts(&all),
            sorts: [
                ("worst", "worst first"),
                ("name", "name"),
                ("expiry", "certificate's end"),
                ("age", "oldest result"),
            ],
            found: found.len(),
            from: (from + 1).min(found.len()),
            to: from + rows.len(),
            previous: (page > 1).then(|| page - 1),
            next: (page < last).then(|| page + 1),
            rows,
        }
    }
}

fn servers(snapshot: &Snapshot) -> usize {
    let endpoints = snapshot.reports.iter().flat_map(|report| &report.observation.endpoints);
    endpoints.map(|endpoint| &endpoint.mx).collect::<BTreeSet<_>>().len()
}

fn counts(all: &[Entry<'_>]) -> Vec<Count> {
    let shown = [Status::Critical, Status::Warning, Status::Info, Status::Ok, Status::Unknown, Status::Error];
    let count = |status: Status| Count {
        status: status.as_str(),
        class: words::class(Some(status)),
        domains: all.iter().filter(|entry| entry.status == status).count(),
    };
    shown.map(count).into_iter().filter(|count| count.domains > 0 || count.status != "error").collect()
}

/// By name already; what has no value comes last.
fn sort(entries: &mut [Entry<'_>], by: &str) {
    let ranked =
        [Status::Critical, Status::Warning, Status::Error, Status::Unknown, Status::Info, Status::Ok];
    match by {
        "name" => {}
        "expiry" => entries.sort_by_key(|entry| {
            let end = entry.report.and_then(first_end);
            (end.is_none(), end)
        }),
        "age" => entries.sort_by_key(|entry| {
            let at = entry.report.map(|report| report.observation.at);
            (at.is_none(), at)
        }),
        _ => entries.sort_by_key(|entry| ranked.iter().position(|status| *status == entry.status)),
    }
}

impl<'a> Entry<'a> {
    fn of(snapshot: &'a Snapshot, domain: &'a DomainName) -> Self {
        let report = snapshot.report(domain).map(|report| &**report);
        Self { domain, report, status: report.map_or(Status::Unknown, Report::status) }
    }

    fn fits(&self, query: &Query) -> bool {
        let known = Status::ALL.iter().any(|status| status.as_str() == query.status);
        (!known || self.status.as_str() == query.status) && self.is_named(query.q.trim())
    }

    fn is_named(&self, part: &str) -> bool {
        let part = part.to_lowercase();
        let endpoints = self.report.iter().flat_map(|report| &report.observation.endpoints);
        part.is_empty()
            || self.domain.as_str().contains(&part)
            || self.domain.to_unicode().contains(&part)
            || endpoints.into_iter().any(|endpoint| endpoint.mx.as_str().contains(&part))
    }

    fn row(&self, now: SystemTime) -> Row<'a> {
        let report = self.report;
        let tls = |report: &Report| tls(report).map_or("–", |version| version.as_str());
        let end = report.and_then(first_end);
        Row {
            domain: self.domain.as_str(),
            unicode: self.domain.to_unicode(),
            status: self.status.as_str(),
            class: words::class(Some(self.status)),
            worst: report.map_or("not probed yet".to_owned(), worst),
            gets_in: report.map_or("–", |report| gets_in(reach(report))),
            servers: report.map_or("–".to_owned(), up),
            tls: report.map_or("–", tls),
            certificate: end.map_or("–".to_owned(), |end| format!("{} d", time::days_until(end, now))),
            age: report.map_or("–".to_owned(), |report| time::rough(time::age(report.observation.at, now))),
        }
    }
}

fn worst(report: &Report) -> String {
    let fixes = fixes(report);
    let Some(fix) = fixes.first() else {
        return if report.status() == Status::Ok {
            String::new()
        } else {
            crate::render::answer::answer(report)
        };
    };
    let title = fix.issue.title;
    match fix.hosts().as_slice() {
        [] => title.to_owned(),
        hosts => format!("{title}: {}", words::hosts(hosts)),
    }
}

fn gets_in(reach: Reach) -> &'static str {
    match reach {
        Reach::Declined => "not meant to",
        Reach::Up => "yes",
        Reach::Down => "no",
        Reach::Unknown => "not judged",
    }
}

/// Endpoints that hold a dialogue, of all that were judged.
fn up(report: &Report) -> String {
    let endpoints = report.observation.endpoints.iter();
    let judged: Vec<bool> = endpoints.filter_map(|endpoint| held(report, endpoint).is_up()).collect();
    match judged.len() {
        0 => "–".to_owned(),
        all => format!("{} / {all}", judged.iter().filter(|up| **up).count()),
    }
}

/// The oldest version in use.
fn tls(report: &Report) -> Option<crate::observe::TlsVersion> {
    encrypted(report).map(|tls| tls.version).min()
}

fn first_end(report: &Report) -> Option<SystemTime> {
    encrypted(report).filter_map(|tls| Some(tls.leaf()?.not_after)).min()
}

fn encrypted(report: &Report) -> impl Iterator<Item = &crate::observe::Tls> {
    let endpoints = report.observation.endpoints.iter();
    endpoints
        .filter(|endpoint| !held(report, endpoint).lacks_tls())
        .filter_map(|endpoint| endpoint.contact.latest.tls.as_deref())
}

fn held<'a>(report: &'a Report, endpoint: &Endpoint) -> Held<'a> {
    Held::of(report, &Subject::of(endpoint))
}
