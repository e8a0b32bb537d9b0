//! What the log says: a line for each run and one for each verdict that it changed; what became of domain files.

use crate::config::Config;
use crate::report::Report;
use crate::rules::Status;
use crate::schedule::{Reach, Vantage};
use std::collections::BTreeMap;
use std::path::Path;
use tracing::{error, info, warn};

pub(super) fn tell(report: &Report) {
    let (domain, at) = (report.domain(), report.observation.at);
    for change in report.history.iter().take_while(|change| change.at == at) {
        let word = |status: Option<Status>| status.map_or("none", Status::as_str);
        let (rule, subject) = (change.rule.code, &change.subject);
        info!(%domain, rule, %subject, from = word(change.from), to = word(change.to), "verdict changed");
    }
    let status = report.status().as_str();
    let endpoints = report.observation.endpoints.len();
    let seconds = report.took.as_secs_f64();
    info!(%domain, status, endpoints, seconds, "run finished");
}

/// Which families came in reach or went out of it.
pub(super) fn tell_vantage(before: Vantage, now: Vantage) {
    for (family, before, now) in [("v4", before.v4, now.v4), ("v6", before.v6, now.v6)] {
        match now {
            _ if before == now => {}
            Some(Reach::Blocked(outage)) => {
                warn!(family, "port 25 is out of reach, no server is blamed for it: {outage}");
            }
            Some(Reach::Open) if before.is_some() => info!(family, "port 25 is in reach again"),
            Some(Reach::Open) | None => {}
        }
    }
}

/// What is new about the domain files, after they were read again.
pub(super) fn tell_files(before: &Config, now: &Config) {
    let faults: BTreeMap<&Path, Option<&str>> = before.domain_files().collect();
    for (path, fault) in now.domain_files() {
        if let Some(fault) = fault.filter(|fault| faults.get(path) != Some(&Some(*fault))) {
            error!(file = %path.display(), "a domain file keeps the domains it had: {fault}");
        }
    }
    for warning in now.warnings.iter().filter(|warning| !before.warnings.contains(warning)) {
        warn!("{warning}");
    }
    info!("domain files read again: {}", now.summary());
}
