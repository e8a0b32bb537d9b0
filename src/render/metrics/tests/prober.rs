//! What the prober tells of itself.

use super::*;

/// What the daemon counts and the kernel knows.
pub(super) fn prober() -> ProberFacts {
    let mut banners = Histogram::default();
    banners.add(Duration::from_millis(40));
    banners.add(Duration::from_secs(6));
    ProberFacts {
        addresses_over_capacity: Some(3),
        schedule_lag: Some(Duration::from_millis(2_500)),
        phases: BTreeMap::from([(Phase::Banner, banners)]),
        lookups: BTreeMap::from([("MX", BTreeMap::from([("answer", 7), ("timeout", 0)]))]),
        shard: Shard { ordinal: 2, total: 3 },
        process: Some(ProcessFacts {
            cpu: Duration::from_millis(1_500),
            resident_bytes: 30 << 20,
            virtual_bytes: 100 << 20,
            max_virtual_bytes: None,
            open_fds: 12,
            max_fds: Some(1024),
            started: now() - Duration::from_secs(3_600),
        }),
        ..ProberFacts::default()
    }
}

#[test]
fn the_prober_tells_of_itself() {
    let prober = ProberFacts {
        v4_blocked: Some(false),
        v6_blocked: Some(true),
        sessions: BTreeMap::from([(SessionOutcome::Completed, 41)]),
        sessions_in_flight: 3,
        panics: 2,
        config: Some(ConfigRead { successful: false, last_success: now() - Duration::from_secs(60) }),
        state: Some(StateFacts { write_failures: 5, successful: false }),
        domain_files: Arc::new([("a.yml".to_owned(), true), ("b \"c\".txt".to_owned(), false)].into()),
        ..prober()
    };
    says(
        &samples(&Snapshot { prober, ..Snapshot::default() }),
        &[
            (r#"mx_exporter_vantage_blocked{family="v4"}"#, "0"),
            (r#"mx_exporter_vantage_blocked{family="v6"}"#, "1"),
            (r#"mx_exporter_sessions_total{outcome="completed"}"#, "41"),
            (r#"mx_exporter_sessions_total{outcome="failed"}"#, "0"),
            ("mx_exporter_sessions_in_flight", "3"),
            ("mx_exporter_task_panics_total", "2"),
            ("mx_exporter_config_last_reload_successful", "0"),
            ("mx_exporter_state_write_failures_total", "5"),
            ("mx_exporter_state_last_write_successful", "0"),
            (r#"mx_exporter_domains_file_last_load_successful{file="a.yml"}"#, "1"),
            (r#"mx_exporter_domains_file_last_load_successful{file="b \"c\".txt"}"#, "0"),
            ("mx_exporter_config_last_reload_success_timestamp_seconds", "1799999940.0"),
            ("mx_exporter_addresses_over_capacity", "3"),
            ("mx_exporter_schedule_lag_seconds", "2.5"),
            (r#"mx_exporter_phase_seconds_sum{phase="banner"}"#, "6.04"),
            (r#"mx_exporter_phase_seconds_count{phase="banner"}"#, "2"),
            (r#"mx_exporter_phase_seconds_bucket{le="0.025",phase="banner"}"#, "0"),
            (r#"mx_exporter_phase_seconds_bucket{le="0.05",phase="banner"}"#, "1"),
            (r#"mx_exporter_phase_seconds_bucket{le="10.0",phase="banner"}"#, "2"),
            (r#"mx_exporter_phase_seconds_bucket{le="+Inf",phase="banner"}"#, "2"),
            (r#"mx_exporter_phase_seconds_count{phase="transaction"}"#, "0"),
            (r#"mx_exporter_dns_lookups_total{type="MX",outcome="answer"}"#, "7"),
            (r#"mx_exporter_dns_lookups_total{type="MX",outcome="timeout"}"#, "0"),
            ("mx_exporter_shard_ordinal", "2"),
            ("mx_exporter_total_shards", "3"),
            ("process_cpu_seconds_total", "1.5"),
            ("process_resident_memory_bytes", "31457280.0"),
            ("process_virtual_memory_bytes", "104857600.0"),
            ("process_virtual_memory_max_bytes", "18446744073709553000.0"),
            ("process_open_fds", "12.0"),
            ("process_max_fds", "1024.0"),
            ("process_start_time_seconds", "1799996400.0"),
            (concat!("mx_exporter_build_info{version=\"", env!("CARGO_PKG_VERSION"), "\"}"), "1"),
        ],
    );
}
