//! Snapshots for unit tests.

pub(super) use crate::report::testing::{accepting, after, report, run};

use crate::report::Report;
use crate::snapshot::Snapshot;
use std::sync::Arc;

/// A snapshot of these reports.
pub(super) fn snapshot(reports: impl IntoIterator<Item = Report>) -> Snapshot {
    let mut reports: Vec<Arc<Report>> = reports.into_iter().map(Arc::new).collect();
    reports.sort_by(|one, other| one.domain().cmp(other.domain()));
    let domains = reports.iter().map(|report| report.domain().clone()).collect();
    Snapshot { reports: reports.into(), domains, ..Snapshot::default() }
}
