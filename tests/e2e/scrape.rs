//! Prometheus scrapes the daemon in both forms, and has of every family what the JSON says; alerts and dashboards work on it.

use std::collections::BTreeSet;
use std::io::Write;
use std::process::{Command, Stdio};
use std::thread::sleep;
use std::time::Duration;

use crate::claims::{CLAIMS, Fleet};
use crate::daemon::{Daemon, OFTEN};
use crate::expectations;
use crate::http::Relay;
use crate::pack;
use crate::prometheus::{Prometheus, Samples};
use crate::said;
use crate::tally::Tally;
use crate::world::wait_for;

const OPENMETRICS: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";
const TEXT: &str = "text/plain; version=0.0.4; charset=utf-8";

/// Has the daemon look at everything and then stand still, so that everybody reads the same.
pub(crate) fn agrees(tally: &mut Tally, daemon: &mut Daemon) {
    tally.compare("every domain looked at", daemon.watch(2));
    let table = expectations::read();
    daemon.reload(&table, "1h");
    wait_for("a daemon at rest", at_rest);

    for (name, accept, form) in
        [("OpenMetrics", None, OPENMETRICS), ("text", Some("text/plain;version=0.0.4"), TEXT)]
    {
        let relay = Relay::to(said::PORT, accept);
        let port = if accept.is_some() { 9091 } else { 9090 };
        let prometheus = Prometheus::start(port, &job(relay.port));
        let up = wait_for("a target that is up", || is_up(&prometheus));
        tally.compare(format!("target up in {name}"), up.into_iter().collect());
        let wanted = BTreeSet::from([form.to_owned()]);
        let got = relay.negotiated();
        tally.compare(format!("negotiated {name}"), difference(&wanted, &got).into_iter().collect());
        families(tally, name, &prometheus);
        if accept.is_none() {
            pack::alerts_tell(tally, &prometheus);
            pack::dashboard_asks(tally, &prometheus);
            removal(tally, daemon, &prometheus);
        }
    }
    promtool(tally);
    daemon.reload(&table, OFTEN);
}

fn job(port: u16) -> String {
    format!("- job_name: mx-exporter\n  static_configs: [{{targets: ['127.0.0.1:{port}']}}]\n")
}

/// No session under way, now and half a second ago.
fn at_rest() -> Result<(), String> {
    let sessions = || said::get("/metrics").map(|metrics| said::last_runs(&metrics));
    let before = sessions().map_err(|error| error.to_string())?;
    sleep(Duration::from_millis(1500));
    let after = sessions().map_err(|error| error.to_string())?;
    if before == after { Ok(()) } else { Err("it still looks at domains".to_owned()) }
}

fn is_up(prometheus: &Prometheus) -> Result<Vec<String>, String> {
    let up = prometheus.query("up").map_err(|error| error.to_string())?;
    match up.values().next() {
        Some(1.0) => Ok(vec![]),
        Some(_) => Err(prometheus.last_error()),
        None => Err("nothing scraped yet".to_owned()),
    }
}

/// Every family of the scrape: what the JSON says of it; of the prober itself, that it has a value at all.
fn families(tally: &mut Tally, form: &str, prometheus: &Prometheus) {
    let domains = expectations::read().into_keys();
    let fleet = domains.map(|domain| said::json(&domain)).collect::<Result<Vec<_>, _>>().map(Fleet);
    let fleet = fleet.unwrap_or_else(|error| panic!("JSON of every domain: {error}"));
    for (name, kind) in said::families(&said::get("/metrics").unwrap_or_default()) {
        let series = if kind == "histogram" { format!("{name}_count") } else { name.clone() };
        let got = prometheus.query(&series);
        let differences = match (got, CLAIMS.iter().find(|(family, _)| *family == name)) {
            (Err(error), _) => vec![error.to_string()],
            (Ok(got), Some((_, claim))) => differences(&name, &claim(&fleet), &got),
            (Ok(_), None) if name.starts_with("smtp_") => vec!["claims.rs says nothing of it".to_owned()],
            (Ok(got), None) if got.is_empty() => vec!["no series".to_owned()],
            (Ok(_), None) => vec![],
        };
        tally.compare(format!("{name} in {form}"), differences);
    }
}

/// The JSON's times have no part of a second, and its phases are rounded to microseconds.
fn differences(name: &str, wanted: &Samples, got: &Samples) -> Vec<String> {
    let slack = if name.ends_with("_timestamp_seconds") { 1.0 } else { 1e-6 };
    let same = |wanted: f64, got: f64| (wanted..wanted + slack).contains(&got) || (wanted - got).abs() < 1e-6;
    let mut labels: BTreeSet<_> = wanted.keys().collect();
    labels.extend(got.keys());
    let pairs = labels.into_iter().map(|labels| (labels, wanted.get(labels), got.get(labels)));
    let unequal =
        pairs.filter(|(_, wanted, got)| !wanted.zip(*got).is_some_and(|(wanted, got)| same(*wanted, *got)));
    unequal.map(|(labels, wanted, got)| format!("{labels:?}: wanted {wanted:?}, got {got:?}")).collect()
}

pub(crate) fn difference<T: std::fmt::Debug + PartialEq>(wanted: &T, got: &T) -> Option<String> {
    (wanted != got).then(|| format!("wanted {wanted:?}, got {got:?}"))
}

/// A reload that leaves a domain out ends its series at the next scrape, not when Prometheus forgets them.
fn removal(tally: &mut Tally, daemon: &Daemon, prometheus: &Prometheus) {
    let domain = "expires-soon.test";
    let families = ["smtp_rule_status", "smtp_domain_info", "smtp_probe_last_run_timestamp_seconds"];
    let shown = |family: &&str| {
        prometheus.query(&format!("{family}{{domain='{domain}'}}")).is_ok_and(|series| !series.is_empty())
    };
    let missing = families.iter().filter(|family| !shown(family));
    let mut differences: Vec<String> =
        missing.map(|family| format!("{family} was not there before")).collect();
    let mut table = expectations::read();
    table.remove(domain);
    daemon.reload(&table, "1h");
    for _ in 0..30 {
        sleep(Duration::from_millis(500)); // what Prometheus merely lacks it shows for five minutes
        if !families.iter().any(&shown) {
            break;
        }
    }
    let left = families.iter().filter(|family| shown(family));
    differences.extend(left.map(|family| format!("{family} still there")));
    if said::get("/metrics").is_ok_and(|metrics| metrics.contains(domain)) {
        differences.push("still in /metrics".to_owned());
    }
    if said::get(&format!("/domains/{domain}")).is_ok() {
        differences.push("still has a page".to_owned());
    }
    tally.compare(format!("{domain} is gone after a reload"), differences);

    daemon.reload(&expectations::read(), "1h");
    tally.compare_in_time(format!("{domain} is looked at when it comes back"), || {
        let metrics = said::get("/metrics").unwrap_or_default();
        if said::last_runs(&metrics).contains_key(domain) { vec![] } else { vec!["not yet".to_owned()] }
    });
}

/// The text form has nothing that Prometheus's own checker finds fault with.
fn promtool(tally: &mut Tally) {
    let metrics = said::get("/metrics").unwrap_or_default();
    let mut checker = Command::new("promtool")
        .args(["check", "metrics"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("promtool starts");
    let mut input = checker.stdin.take().expect("it is a pipe");
    input.write_all(metrics.as_bytes()).expect("promtool reads");
    drop(input);
    let output = checker.wait_with_output().expect("promtool ends");
    let said = String::from_utf8_lossy(&output.stdout) + String::from_utf8_lossy(&output.stderr);
    let mut complaints: Vec<String> = said.lines().map(str::to_owned).collect();
    if !output.status.success() || metrics.is_empty() {
        complaints.push(output.status.to_string());
    }
    tally.compare("promtool check metrics", complaints);
}
