//! What the log says of a run: a line for the run and one for each verdict that it changed.

use crate::report::Report;
use crate::rules::Status;
use tracing::info;

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
