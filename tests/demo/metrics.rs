//! `/metrics` and the lists over the whole demonstration world: whatever is wrong with a domain, both formats stay whole,
//! no series is there twice, and every list says the same.

use std::collections::BTreeSet;

use serde_json::Value;
use tokio::time::Instant;

use crate::client::{Client, list};
use crate::{PATIENCE, watched};

#[tokio::test(flavor = "multi_thread")]
async fn the_whole_world_is_told_without_a_fault() {
    watched(async |_, client| {
        let domains = client.when_all_are_probed().await;
        let classic = both_formats_say_the_same(client).await;
        has_the_series_of_every_component(&classic);
        the_lists_agree(client, &domains).await;
    })
    .await;
}

/// Series come and go as the world is probed: so, as soon as two answers in a row have the same.
async fn both_formats_say_the_same(client: &Client) -> Exposition {
    let start = Instant::now();
    loop {
        let openmetrics = Exposition::read(&client.get("/metrics", "application/openmetrics-text").await);
        let classic = Exposition::read(&client.get("/metrics", "text/plain").await);
        assert!(classic.families.is_sorted(), "{:?}", classic.families);
        assert_eq!(classic.bare(), openmetrics.bare());
        if classic.series == openmetrics.series {
            return classic;
        }
        let other: Vec<_> = classic.series.symmetric_difference(&openmetrics.series).collect();
        assert!(start.elapsed() < PATIENCE, "only one of them has {other:?}");
    }
}

fn has_the_series_of_every_component(exposition: &Exposition) {
    for series in [
        "process_cpu_seconds_total",
        "process_resident_memory_bytes",
        "process_virtual_memory_bytes",
        "process_virtual_memory_max_bytes",
        "process_open_fds",
        "process_max_fds",
        "process_start_time_seconds",
        "mx_exporter_schedule_lag_seconds",
        "mx_exporter_config_last_reload_successful",
        "mx_exporter_phase_seconds_count{phase=\"banner\"}",
        "mx_exporter_dns_lookups_total{type=\"MX\",outcome=\"answer\"}",
        "mx_exporter_dns_lookups_total{type=\"PTR\",outcome=\"no_such_name\"}",
        "mx_exporter_dns_lookups_total{type=\"AAAA\",outcome=\"timeout\"}",
    ] {
        assert!(exposition.series.contains(series), "{series} is missing");
    }
}

/// What discovery and the targets for Prometheus name is what the domains have.
async fn the_lists_agree(client: &Client, domains: &[String]) {
    let (mut hosts, mut targets) = (BTreeSet::new(), BTreeSet::new());
    for domain in domains {
        let report = client.json(&format!("/api/v1/domains/{domain}")).await;
        let own: BTreeSet<_> = list(&report["endpoints"]).iter().map(|at| with_port(at, "mx")).collect();
        let of = client.json(&format!("/api/v1/discovery?domain={domain}")).await;
        assert_eq!(texts(&of, "/ref"), own.iter().cloned().collect::<Vec<_>>(), "{domain}");
        hosts.extend(own);
        let address = |at: &Value| with_port(at, "address");
        targets.extend(list(&report["endpoints"]).iter().map(address));
    }
    assert!(hosts.len() > 5 && targets.len() > 5, "{hosts:?} {targets:?}");
    let fleet = client.json("/api/v1/discovery").await;
    assert_eq!(texts(&fleet, "/ref"), hosts.into_iter().collect::<Vec<_>>());
    let endpoints = client.json("/api/v1/sd/endpoints").await;
    assert_eq!(texts(&endpoints, "/targets/0").into_iter().collect::<BTreeSet<_>>(), targets);
    assert_eq!(texts(&client.json("/api/v1/sd/domains").await, "/targets/0"), domains);
}

fn with_port(endpoint: &Value, key: &str) -> String {
    let (name, port) = (endpoint[key].as_str().unwrap(), &endpoint["port"]);
    if name.contains(':') { format!("[{name}]:{port}") } else { format!("{name}:{port}") }
}

fn texts(list_of: &Value, pointer: &str) -> Vec<String> {
    list(list_of).iter().map(|entry| entry.pointer(pointer).unwrap().as_str().unwrap().to_owned()).collect()
}

/// What one answer says, in its order.
struct Exposition {
    families: Vec<String>,
    series: BTreeSet<String>,
}

impl Exposition {
    /// Panics where a family or a series comes twice, or a series outside its family.
    fn read(text: &str) -> Self {
        let mut told = Self { families: Vec::new(), series: BTreeSet::new() };
        for line in text.lines().filter(|line| !line.starts_with("# UNIT") && *line != "# EOF") {
            let words: Vec<&str> = line.splitn(4, ' ').collect();
            match *words {
                ["#", "HELP", name, help] => {
                    assert!(!told.families.iter().any(|family| family == name), "{name} is there twice");
                    assert!(help.len() > 10 && help.starts_with(|c: char| !c.is_lowercase()), "{line}");
                    told.families.push(name.to_owned());
                }
                ["#", "TYPE", name, _] => assert_eq!(told.families.last().map(String::as_str), Some(name)),
                _ => told.take(line),
            }
        }
        assert!(told.series.len() > 500, "{} series", told.series.len());
        told
    }

    fn take(&mut self, line: &str) {
        let (series, value) = line.rsplit_once(' ').unwrap_or_else(|| panic!("no value: {line}"));
        let family = self.families.last().unwrap();
        assert!(series.starts_with(family.as_str()), "{line} stands below {family}");
        assert!(value.parse::<f64>().is_ok_and(f64::is_finite), "no number: {line}");
        assert!(self.series.insert(series.to_owned()), "twice: {series}");
    }

    /// Families without what the formats write differently.
    fn bare(&self) -> Vec<&str> {
        self.families.iter().map(|name| name.trim_end_matches("_total").trim_end_matches("_info")).collect()
    }
}
