//! The series that every Prometheus component has about its own process.

use super::family::{Family, Kind, Series};
use super::view::View;
use crate::render::time::unix_seconds;
use crate::snapshot::ProcessFacts;
use std::fmt;

pub(super) static FAMILIES: &[&Family] = &[
    &Family {
        name: "process_cpu_seconds_total",
        labels: &[],
        help: "User and system CPU time spent in seconds",
        kind: Kind::Counter,
        write: |view, out| match view.snapshot.prober.process {
            Some(process) => out.counter(&[], process.cpu.as_secs_f64()),
            None => Ok(()),
        },
    },
    &Family {
        name: "process_max_fds",
        labels: &[],
        help: "Most file descriptors that may be open",
        kind: Kind::Gauge,
        write: |view, out| number(view, out, |process| limit(process.max_fds)),
    },
    &Family {
        name: "process_open_fds",
        labels: &[],
        help: "Open file descriptors",
        kind: Kind::Gauge,
        write: |view, out| number(view, out, |process| process.open_fds as f64),
    },
    &Family {
        name: "process_resident_memory_bytes",
        labels: &[],
        help: "Resident memory in bytes",
        kind: Kind::Gauge,
        write: |view, out| number(view, out, |process| process.resident_bytes as f64),
    },
    &Family {
        name: "process_start_time_seconds",
        labels: &[],
        help: "When the process began, in seconds since 1970",
        kind: Kind::Gauge,
        write: |view, out| number(view, out, |process| unix_seconds(process.started)),
    },
    &Family {
        name: "process_virtual_memory_bytes",
        labels: &[],
        help: "Virtual memory in bytes",
        kind: Kind::Gauge,
        write: |view, out| number(view, out, |process| process.virtual_bytes as f64),
    },
    &Family {
        name: "process_virtual_memory_max_bytes",
        labels: &[],
        help: "Most virtual memory in bytes that there may be; 2^64 where there is no limit",
        kind: Kind::Gauge,
        write: |view, out| number(view, out, |process| limit(process.max_virtual_bytes)),
    },
];

fn number(view: &View<'_>, out: &mut Series<'_>, number: impl Fn(&ProcessFacts) -> f64) -> fmt::Result {
    view.snapshot.prober.process.as_ref().map_or(Ok(()), |process| out.gauge(&[], number(process)))
}

/// As other components write what has no limit.
fn limit(most: Option<u64>) -> f64 {
    most.unwrap_or(u64::MAX) as f64
}
