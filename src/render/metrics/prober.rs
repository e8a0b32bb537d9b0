//! Series about the prober itself. What it does not know yet is absent.

use super::family::{Family, Kind};
use crate::observe::{Histogram, Phase};
use crate::render::time::unix_seconds;
use crate::snapshot::SessionOutcome;

pub(super) static FAMILIES: &[&Family] = &[
    &Family {
        name: "mx_exporter_build_info",
        labels: &["version"],
        help: "The version that runs",
        kind: Kind::Info,
        write: |_, out| out.info(&[("version", env!("CARGO_PKG_VERSION"))]),
    },
    &Family {
        name: "mx_exporter_config_last_reload_successful",
        labels: &[],
        help: "1 where the configuration was read without fault the last time it was tried",
        kind: Kind::Gauge,
        write: |view, out| match view.snapshot.prober.config {
            Some(config) => out.flag(&[], config.successful),
            None => Ok(()),
        },
    },
    &Family {
        name: "mx_exporter_config_last_reload_success_timestamp_seconds",
        labels: &[],
        help: "When the configuration was last read without fault",
        kind: Kind::Gauge,
        write: |view, out| match view.snapshot.prober.config {
            Some(config) => out.gauge(&[], unix_seconds(config.last_success)),
            None => Ok(()),
        },
    },
    &Family {
        name: "mx_exporter_domains_file_last_load_successful",
        labels: &["file"],
        help: "1 where the domains of a file are those that stand in it now, 0 where it keeps the ones it had",
        kind: Kind::Gauge,
        write: |view, out| {
            let files = view.snapshot.prober.domain_files.iter();
            files.into_iter().try_for_each(|(file, successful)| out.flag(&[("file", file)], *successful))
        },
    },
    &Family {
        name: "mx_exporter_state_write_failures_total",
        labels: &[],
        help: "Times since the start that the state could not be written to state.path, or read from it",
        kind: Kind::Counter,
        write: |view, out| match view.snapshot.prober.state {
            Some(state) => out.counter(&[], state.write_failures),
            None => Ok(()),
        },
    },
    &Family {
        name: "mx_exporter_state_last_write_successful",
        labels: &[],
        help: "1 where the state was written to state.path the last time it was tried, 0 where a restart would lose what was learnt since",
        kind: Kind::Gauge,
        write: |view, out| match view.snapshot.prober.state {
            Some(state) => out.flag(&[], state.successful),
            None => Ok(()),
        },
    },
    &Family {
        name: "mx_exporter_domains",
        labels: &[],
        help: "Domains that are watched",
        kind: Kind::Gauge,
        write: |view, out| out.count(&[], view.snapshot.domains.len()),
    },
    &Family {
        name: "mx_exporter_vantage_blocked",
        labels: &["family"],
        help: "1 where this machine cannot reach port 25 in that family, whatever the servers do",
        kind: Kind::Gauge,
        write: |view, out| {
            let prober = &view.snapshot.prober;
            let families = [("v4", prober.v4_blocked), ("v6", prober.v6_blocked)];
            let known = families.into_iter().filter_map(|(family, blocked)| Some((family, blocked?)));
            known.into_iter().try_for_each(|(family, blocked)| out.flag(&[("family", family)], blocked))
        },
    },
    &Family {
        name: "mx_exporter_sessions_total",
        labels: &["outcome"],
        help: "Sessions that ended since the start, by outcome",
        kind: Kind::Counter,
        write: |view, out| {
            SessionOutcome::ALL.into_iter().try_for_each(|outcome| {
                let count = view.snapshot.prober.sessions.get(&outcome).copied().unwrap_or_default();
                out.counter(&[("outcome", outcome.as_str())], count)
            })
        },
    },
    &Family {
        name: "mx_exporter_task_panics_total",
        labels: &[],
        help: "Runs since the start that ended by a fault of this program",
        kind: Kind::Counter,
        write: |view, out| out.counter(&[], view.snapshot.prober.panics),
    },
    &Family {
        name: "mx_exporter_sessions_in_flight",
        labels: &[],
        help: "Sessions under way",
        kind: Kind::Gauge,
        write: |view, out| out.count(&[], view.snapshot.prober.sessions_in_flight),
    },
    &Family {
        name: "mx_exporter_addresses_over_capacity",
        labels: &[],
        help: "Addresses of which more is wanted than min_spacing allows, so that the intervals of their domains are stretched",
        kind: Kind::Gauge,
        write: |view, out| match view.snapshot.prober.addresses_over_capacity {
            Some(count) => out.count(&[], count),
            None => Ok(()),
        },
    },
    &Family {
        name: "mx_exporter_schedule_lag_seconds",
        labels: &[],
        help: "How long the run or session that has waited longest has been ready to begin, for want of a place: of max_sessions, new_connections_per_second or the look-ups; 0 where none waits",
        kind: Kind::Gauge,
        write: |view, out| match view.snapshot.prober.schedule_lag {
            Some(lag) => out.gauge(&[], lag.as_secs_f64()),
            None => Ok(()),
        },
    },
    &Family {
        name: "mx_exporter_phase_seconds",
        labels: &["le", "phase"],
        help: "How long each phase of a session took until its answer, over all sessions since the start",
        kind: Kind::Histogram,
        write: |view, out| {
            Phase::ALL.into_iter().try_for_each(|phase| {
                let none = Histogram::default();
                let histogram = view.snapshot.prober.phases.get(&phase).unwrap_or(&none);
                out.histogram(&[("phase", phase.as_str())], histogram)
            })
        },
    },
    &Family {
        name: "mx_exporter_dns_lookups_total",
        labels: &["type", "outcome"],
        help: "DNS look-ups that ended since the start, those answered from memory included, by record type and outcome",
        kind: Kind::Counter,
        write: |view, out| {
            view.snapshot.prober.lookups.iter().try_for_each(|(kind, outcomes)| {
                let labels = |outcome| [("type", *kind), ("outcome", outcome)];
                outcomes.iter().try_for_each(|(outcome, count)| out.counter(&labels(*outcome), *count))
            })
        },
    },
    &Family {
        name: "mx_exporter_shard_ordinal",
        labels: &[],
        help: "Which of the machines that share the domains this is, from 0",
        kind: Kind::Gauge,
        write: |view, out| out.gauge(&[], i64::from(view.snapshot.prober.shard.ordinal)),
    },
    &Family {
        name: "mx_exporter_total_shards",
        labels: &[],
        help: "How many machines share the domains among them",
        kind: Kind::Gauge,
        write: |view, out| out.gauge(&[], i64::from(view.snapshot.prober.shard.total)),
    },
];
