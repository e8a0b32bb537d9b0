//! The fleet: every watched domain in a row, found, sorted and paged by the query.

mod notices;
mod rank;
mod row;

use super::when::When;
use crate::name::DomainName;
use crate::render::doubts::{self, Extent};
use crate::render::verdict::WORST_FIRST;
use crate::render::{answer, words};
use crate::report::Report;
use crate::rules::Status;
use crate::snapshot::Snapshot;
use askama::Template;
use row::Row;
use serde::Deserialize;
use std::collections::BTreeSet;
use std::time::SystemTime;

/// Rows on one page.
const PAGE: usize = 200;
/// What is asked for in place of a status, for domains of any status that are in doubt.
const DOUBTS: &str = "doubts";

/// What to show; anything that is not understood shows everything.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub struct Query {
    /// A part of a domain's or an MX's name.
    pub q: String,
    /// Only this status, or `doubts`.
    pub status: String,
    /// `worst` (the default), `grade`, `name`, `expiry` or `age`.
    pub sort: String,
    /// From 1.
    pub page: String,
}

#[derive(Template)]
#[template(path = "fleet.html", config = "src/render/askama.toml")]
pub(super) struct Fleet<'a> {
    root: &'static str,
    query: &'a Query,
    notices: Vec<String>,
    watched: usize,
    servers: usize,
    oldest: Option<When>,
    counts: Vec<Count>,
    sorts: [(&'static str, &'static str); 5],
    found: usize,
    from: usize,
    to: usize,
    previous: Option<usize>,
    next: Option<usize>,
    rows: Vec<Row<'a>>,
}

/// So many domains are so, and this is how to see only them.
struct Count {
    status: &'static str,
    words: &'static str,
    class: &'static str,
    domains: usize,
}

/// A domain with its report, if it has one.
#[derive(Clone, Copy)]
struct Entry<'a> {
    domain: &'a DomainName,
    report: Option<&'a Report>,
    status: Status,
    doubt: Option<Extent>,
}

impl<'a> Fleet<'a> {
    pub(super) fn of(snapshot: &'a Snapshot, query: &'a Query, now: SystemTime) -> Self {
        let all: Vec<_> = snapshot.domains.iter().map(|domain| Entry::of(snapshot, domain)).collect();
        let mut found: Vec<_> = all.iter().copied().filter(|entry| entry.fits(query)).collect();
        rank::sort(&mut found, &query.sort);
        let last = found.len().div_ceil(PAGE).max(1);
        let page = query.page.parse().unwrap_or(1).clamp(1, last);
        let from = (page - 1) * PAGE;
        let rows: Vec<_> = found.iter().skip(from).take(PAGE).map(|entry| Row::of(entry, now)).collect();
        let ages = snapshot.reports.iter().map(|report| report.observation.at);
        Self {
            root: "",
            query,
            notices: notices::notices(&snapshot.prober),
            watched: all.len(),
            servers: servers(snapshot),
            oldest: ages.min().map(|at| When::age(at, now)),
            counts: counts(&all),
            sorts: [
                ("worst", "worst first"),
                ("grade", "grade, worst first"),
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

    fn is_narrowed(&self) -> bool {
        !self.query.q.is_empty() || !self.query.status.is_empty()
    }
}

fn servers(snapshot: &Snapshot) -> usize {
    let endpoints = snapshot.reports.iter().flat_map(|report| &report.observation.endpoints);
    endpoints.map(|endpoint| &endpoint.mx).collect::<BTreeSet<_>>().len()
}

/// Each status with its number, and then, of any status, those in doubt. The prober's own errors are told only where
/// there are some.
fn counts(all: &[Entry<'_>]) -> Vec<Count> {
    let count = |status: Status| Count {
        status: status.as_str(),
        words: words::status(status),
        class: words::class(Some(status)),
        domains: all.iter().filter(|entry| entry.status == status).count(),
    };
    let mut counts: Vec<_> = WORST_FIRST.map(count).into();
    counts.retain(|count| count.domains > 0 || count.status != Status::Error.as_str());
    let doubtful = all.iter().filter(|entry| entry.doubt.is_some()).count();
    counts.push(Count { status: DOUBTS, words: "with doubts", class: "doubts", domains: doubtful });
    counts
}

impl<'a> Entry<'a> {
    fn of(snapshot: &'a Snapshot, domain: &'a DomainName) -> Self {
        let report = snapshot.report(domain).map(|report| &**report);
        let status = report.map_or(Status::Unknown, answer::overall);
        Self { domain, report, status, doubt: report.and_then(doubts::extent) }
    }

    fn fits(&self, query: &Query) -> bool {
        let wanted = match query.status.as_str() {
            DOUBTS => self.doubt.is_some(),
            status if Status::ALL.iter().any(|known| known.as_str() == status) => {
                self.status.as_str() == status
            }
            _ => true,
        };
        wanted && self.is_named(query.q.trim())
    }

    fn is_named(&self, part: &str) -> bool {
        let part = part.to_lowercase();
        let endpoints = self.report.iter().flat_map(|report| &report.observation.endpoints);
        part.is_empty()
            || self.domain.as_str().contains(&part)
            || self.domain.to_unicode().contains(&part)
            || endpoints.into_iter().any(|endpoint| endpoint.mx.as_str().contains(&part))
    }
}
