//! Prometheus as a process of this test, and what it answers.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::Error;
use std::process::{Child, Command};

use serde_json::Value;

use crate::http;
use crate::namespace::HOME;

pub(crate) struct Prometheus {
    process: Child,
    port: u16,
}

pub(crate) struct Alert {
    pub(crate) name: String,
    /// Empty where it is about no domain.
    pub(crate) domain: String,
    pub(crate) description: String,
    pub(crate) is_firing: bool,
}

/// The labels of series, without its name and those that tell where it was scraped, and their values.
pub(crate) type Samples = BTreeMap<BTreeMap<String, String>, f64>;

impl Prometheus {
    /// Starts one that scrapes as this part of a configuration says, every second, and weighs the project's alerts.
    pub(crate) fn start(port: u16, scrape_configs: &str) -> Self {
        let folder = format!("{HOME}/prometheus-{port}");
        fs::create_dir_all(&folder).expect("the home is writable");
        let alerts = concat!(env!("CARGO_MANIFEST_DIR"), "/alerts/mx-exporter.rules.yml");
        let configuration = format!(
            "global: {{scrape_interval: 1s, scrape_timeout: 1s, evaluation_interval: 1s}}\n\
             rule_files: [{alerts}]\nscrape_configs:\n{scrape_configs}"
        );
        fs::write(format!("{folder}/prometheus.yml"), configuration).expect("the home is writable");
        let log = File::create(format!("{HOME}/log/prometheus-{port}")).expect("the home is writable");
        let process = Command::new("prometheus")
            .arg(format!("--config.file={folder}/prometheus.yml"))
            .arg(format!("--storage.tsdb.path={folder}/data"))
            .arg(format!("--web.listen-address=127.0.0.1:{port}"))
            .stdout(log.try_clone().expect("a second handle"))
            .stderr(log)
            .spawn()
            .expect("Prometheus starts");
        Self { process, port }
    }

    /// What an expression is now, a point a series.
    pub(crate) fn query(&self, expression: &str) -> Result<Samples, Error> {
        let answer = self.ask(&format!("query?query={}", http::percent_encoded(expression)))?;
        Ok(list(&answer["result"]).filter_map(sample).collect())
    }

    /// Each rule and its health, as in `MxOpenRelay: ok`.
    pub(crate) fn rules(&self) -> Result<Vec<String>, Error> {
        let answer = self.ask("rules")?;
        let rules = list(&answer["groups"]).flat_map(|group| list(&group["rules"]));
        Ok(rules
            .map(|rule| {
                let words = ["health", "lastError"].map(|key| rule[key].as_str().unwrap_or_default());
                format!("{}: {}", rule["name"].as_str().unwrap_or_default(), words.join(" ").trim_end())
            })
            .collect())
    }

    /// All alerts that are firing or about to.
    pub(crate) fn alerts(&self) -> Result<Vec<Alert>, Error> {
        let answer = self.ask("alerts")?;
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        let alert = |alert: &Value| Alert {
            name: text(&alert["labels"]["alertname"]),
            domain: text(&alert["labels"]["domain"]),
            description: text(&alert["annotations"]["description"]),
            is_firing: alert["state"] == "firing",
        };
        Ok(list(&answer["alerts"]).map(alert).collect())
    }

    /// The labels with which a job's targets were found, before any relabelling.
    pub(crate) fn discovered(&self, job: &str) -> Result<Vec<Value>, Error> {
        let answer = self.ask("targets")?;
        let targets = list(&answer["activeTargets"]).filter(|target| target["scrapePool"] == job);
        Ok(targets.map(|target| target["discoveredLabels"].clone()).collect())
    }

    /// Why its target is down.
    pub(crate) fn last_error(&self) -> String {
        let answer = self.ask("targets").unwrap_or_default();
        list(&answer["activeTargets"]).map(|target| target["lastError"].to_string()).collect()
    }

    /// The data of an answer of its API.
    fn ask(&self, path: &str) -> Result<Value, Error> {
        let mut answer: Value = serde_json::from_str(&http::get(self.port, &format!("/api/v1/{path}"))?)?;
        Ok(answer["data"].take())
    }
}

impl Drop for Prometheus {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

fn sample(series: &Value) -> Option<(BTreeMap<String, String>, f64)> {
    let labels = series["metric"].as_object()?.iter();
    let own = labels.filter(|(name, _)| !["__name__", "instance", "job"].contains(&name.as_str()));
    let labels = own.filter_map(|(name, value)| Some((name.clone(), value.as_str()?.to_owned()))).collect();
    Some((labels, series["value"][1].as_str()?.parse().ok()?))
}

fn list(value: &Value) -> impl Iterator<Item = &Value> {
    value.as_array().into_iter().flatten()
}
