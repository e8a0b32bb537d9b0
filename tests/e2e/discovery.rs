//! Prometheus finds domains and endpoints by asking the daemon (HTTP SD), and loses what a reload removes.

use std::collections::BTreeSet;

use serde_json::Value;

use crate::daemon::{Daemon, OFTEN};
use crate::expectations;
use crate::prometheus::Prometheus;
use crate::said;
use crate::tally::Tally;

/// What is found is not scraped for what it is: every target leads to the daemon.
const JOBS: &str = "
- job_name: domains
  scrape_interval: 1m
  http_sd_configs: [{url: 'http://127.0.0.1:10525/api/v1/sd/domains', refresh_interval: 1s}]
  relabel_configs: &apart
    - {action: labelmap, regex: '__meta_(.*)'}
    - {source_labels: [__address__], target_label: found}
    - {target_label: __address__, replacement: '127.0.0.1:10525'}
- job_name: endpoints
  scrape_interval: 1m
  http_sd_configs: [{url: 'http://127.0.0.1:10525/api/v1/sd/endpoints', refresh_interval: 1s}]
  relabel_configs: *apart
";

/// Whose TLS a sender must insist on, because MTA-STS enforces it or valid TLSA records promise it.
const REQUIRED: [(&str, bool); 6] = [
    ("exim.test", true),
    ("sts-cert.test", true),
    ("sts-testing.test", true),
    ("sts-not-ready.test", false),
    ("dane-bogus.test", false),
    ("tls12.test", false),
];

pub(crate) fn finds_all(tally: &mut Tally, daemon: &mut Daemon) {
    tally.compare("every domain looked at", daemon.watch(1));
    let prometheus = Prometheus::start(9092, JOBS);
    let mut table = expectations::read();
    for (domain, wanted) in REQUIRED {
        tally.compare(format!("TLS required of {domain}: {wanted}"), required(domain, wanted));
    }
    tally.compare_in_time("domains are found", || domains(&prometheus, table.keys()));
    tally.compare_in_time("endpoints are found", || endpoints(&prometheus, table.keys()));

    table.remove("exim.test");
    daemon.reload(&table, OFTEN);
    tally.compare_in_time("a removed domain is lost", || domains(&prometheus, table.keys()));
    tally.compare_in_time("and its endpoints", || {
        let left = prometheus.discovered("endpoints").unwrap_or_default();
        let left = left.iter().filter(|labels| labels.to_string().contains("mx.exim.test"));
        left.map(|labels| format!("still there: {labels}")).collect()
    });
    daemon.reload(&expectations::read(), OFTEN);
}

/// What is said to other programs of each of a domain's endpoints.
fn required(domain: &str, wanted: bool) -> Vec<String> {
    let text = said::get(&format!("/api/v1/discovery?domain={domain}")).unwrap_or_default();
    let entries: Value = serde_json::from_str(&text).unwrap_or_default();
    let entries: Vec<&Value> = entries.as_array().into_iter().flatten().collect();
    let as_wanted = |entry: &&Value| entry["payload"]["require_starttls"] == wanted;
    if !entries.is_empty() && entries.iter().all(as_wanted) { vec![] } else { vec![format!("got {text}")] }
}

fn domains<'a>(prometheus: &Prometheus, wanted: impl Iterator<Item = &'a String>) -> Vec<String> {
    let found = prometheus.discovered("domains").unwrap_or_default();
    let found: BTreeSet<&str> = found.iter().filter_map(|labels| labels["__address__"].as_str()).collect();
    let wanted: BTreeSet<&str> = wanted.map(String::as_str).collect();
    found.symmetric_difference(&wanted).map(|domain| format!("not in both: {domain}")).collect()
}

/// Each endpoint that the JSON has is a target whose labels tell its domain, its MX and its address.
fn endpoints<'a>(prometheus: &Prometheus, domains: impl Iterator<Item = &'a String>) -> Vec<String> {
    let found = prometheus.discovered("endpoints").unwrap_or_default();
    let mut missing = Vec::new();
    for domain in domains {
        let json = said::json(domain).unwrap_or_default();
        for endpoint in json["endpoints"].as_array().into_iter().flatten() {
            let told =
                [&json["domain"], &endpoint["mx"], &endpoint["address"]].map(|it| it.as_str().unwrap_or("?"));
            if !found.iter().any(|labels| told.iter().all(|text| has_value(labels, text))) {
                missing.push(format!("not found: {told:?}"));
            }
        }
    }
    missing
}

fn has_value(labels: &Value, wanted: &str) -> bool {
    let mut values = labels.as_object().into_iter().flatten().filter_map(|(_, value)| value.as_str());
    values.any(|value| value.split([',', ' ']).any(|part| part == wanted))
}
