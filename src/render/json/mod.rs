//! The snapshot for programs: `/api/v1/domains` and `/api/v1/domains/{domain}`. Instants are RFC 3339 in UTC, durations
//! numbers with their unit in the key, words and codes those of the metrics. What is not known is `null`.

mod dane;
mod dns;
mod domain;
mod endpoint;
mod fleet;
mod policy;
mod rule;
mod scan;
mod tls;

use crate::name::DomainName;
use crate::report::Report;
use crate::snapshot::Snapshot;
use serde::Serialize;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::SystemTime;

/// Every watched domain in a few words.
pub fn domains(snapshot: &Snapshot, now: SystemTime) -> String {
    text(&fleet::Fleet::of(snapshot, now))
}

/// Everything about one domain.
pub fn domain(report: &Report, now: SystemTime) -> String {
    text(&domain::Domain::of(report, now))
}

/// A list of reports, each as [`domain()`] has it.
pub fn reports(reports: &[Arc<Report>], now: SystemTime) -> String {
    text(&reports.iter().map(|report| domain::Domain::of(report, now)).collect::<Vec<_>>())
}

/// A watched domain that no run has finished for yet.
pub fn waiting(domain: &DomainName) -> String {
    text(&domain::Domain::waiting(domain))
}

/// Why there is no answer.
pub fn error(reason: &str) -> String {
    text(&BTreeMap::from([("error", reason)]))
}

/// Plain data under string keys always becomes JSON.
pub(super) fn text(value: &impl Serialize) -> String {
    serde_json::to_string(value).unwrap_or_default()
}

#[cfg(test)]
mod tests;
