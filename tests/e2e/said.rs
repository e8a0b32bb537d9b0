//! What the daemon says: in `/metrics`, and in its JSON. The only place that knows the shape of either.

use std::collections::{BTreeMap, BTreeSet};
use std::io::Error;

use serde_json::Value;

use crate::http;

/// Where the daemon listens; nobody else is in its network.
pub(crate) const PORT: u16 = 10525;

/// The body of a successful answer.
pub(crate) fn get(path: &str) -> Result<String, Error> {
    http::get(PORT, path)
}

/// `smtp_rule_status`: domain, rule, value.
pub(crate) fn statuses(metrics: &str) -> BTreeMap<(String, String), String> {
    let samples = samples(metrics, "smtp_rule_status");
    samples
        .map(|(labels, value)| ((label(labels, "domain"), label(labels, "rule")), value.to_owned()))
        .collect()
}

/// `smtp_rule_inconclusive` of a domain: rule, cause. Of two causes of a rule, both.
pub(crate) fn inconclusive(metrics: &str, domain: &str) -> BTreeSet<(String, String)> {
    let samples =
        samples(metrics, "smtp_rule_inconclusive").filter(|(labels, _)| label(labels, "domain") == domain);
    samples.map(|(labels, _)| (label(labels, "rule"), label(labels, "cause"))).collect()
}

/// `mx_exporter_vantage_blocked` of a family, `v4` or `v6`.
pub(crate) fn vantage_blocked(metrics: &str, family: &str) -> Option<bool> {
    let mut samples = samples(metrics, "mx_exporter_vantage_blocked");
    samples.find(|(labels, _)| label(labels, "family") == family).map(|(_, value)| value != "0")
}

/// When each domain was last looked at, by domain.
pub(crate) fn last_runs(metrics: &str) -> BTreeMap<String, String> {
    let samples = samples(metrics, "smtp_probe_last_run_timestamp_seconds");
    samples.map(|(labels, value)| (label(labels, "domain"), value.to_owned())).collect()
}

/// The name and type of every family of the text form.
pub(crate) fn families(metrics: &str) -> Vec<(String, String)> {
    let types = metrics.lines().filter_map(|line| line.strip_prefix("# TYPE ")?.split_once(' '));
    types.map(|(name, kind)| (name.to_owned(), kind.to_owned())).collect()
}

/// Everything about a domain, as JSON.
pub(crate) fn json(domain: &str) -> Result<Value, Error> {
    Ok(serde_json::from_str(&get(&format!("/api/v1/domains/{domain}"))?)?)
}

/// The same, for questions.
pub(crate) struct Domain(Value);

/// What is told of an issue.
pub(crate) struct Issue {
    pub(crate) is_info: bool,
    /// Its title, its code, what to do, its evidence; without the backticks, for which pages have a font.
    pub(crate) texts: [String; 4],
}

impl Domain {
    pub(crate) fn ask(domain: &str) -> Result<Self, Error> {
        json(domain).map(Self)
    }

    /// The codes of a rule's issues, over all its subjects.
    pub(crate) fn issues(&self, rule: &str) -> BTreeSet<String> {
        let rules = list(&self.0["rules"]).filter(|it| it["rule"] == rule);
        let subjects = rules.flat_map(|rule| list(&rule["subjects"]));
        let issues = subjects.flat_map(|subject| list(&subject["issues"]));
        issues.filter_map(|issue| issue["code"].as_str()).map(str::to_owned).collect()
    }

    /// Each issue that matters.
    pub(crate) fn told(&self) -> Vec<Issue> {
        let subjects = list(&self.0["rules"]).flat_map(|rule| list(&rule["subjects"]));
        let issues =
            subjects.flat_map(|subject| list(&subject["issues"])).filter(|issue| issue["severity"] != "off");
        let text = |issue: &Value, key: &str| issue[key].as_str().unwrap_or_default().replace('`', "");
        let told = |issue: &Value| Issue {
            is_info: issue["severity"] == "info",
            texts: ["title", "code", "fix", "evidence"].map(|key| text(issue, key)),
        };
        issues.map(told).collect()
    }

    /// What a sender that does DANE finds of it.
    pub(crate) fn dane(&self) -> String {
        self.0["dane"].as_str().unwrap_or("nothing").to_owned()
    }

    /// MX, address, and what such a sender finds there.
    pub(crate) fn dane_of_endpoints(&self) -> Vec<(String, String, String)> {
        let text = |value: &Value| value.as_str().unwrap_or("nothing").to_owned();
        list(&self.0["endpoints"])
            .map(|it| (text(&it["mx"]), text(&it["address"]), text(&it["dane"]["seen"])))
            .collect()
    }

    /// TLS version and suite of the endpoint at this address, or that it has none.
    pub(crate) fn tls(&self, address: &str) -> Result<Option<(String, String)>, Error> {
        let endpoint = list(&self.0["endpoints"]).find(|endpoint| endpoint["address"] == address);
        let tls = &endpoint.ok_or_else(|| Error::other("no such endpoint"))?["tls"];
        let text = |key: &str| Some(tls[key].as_str()?.to_owned());
        Ok(text("version").zip(text("cipher")))
    }
}

fn list(value: &Value) -> impl Iterator<Item = &Value> {
    value.as_array().into_iter().flatten()
}

/// Labels, as they stand between the braces, and value of each sample of this name.
fn samples<'a>(metrics: &'a str, name: &'a str) -> impl Iterator<Item = (&'a str, &'a str)> {
    metrics.lines().filter_map(move |line| line.strip_prefix(name)?.strip_prefix('{')?.split_once("} "))
}

/// The value of a label that needs no escaping: a domain, a rule.
fn label(labels: &str, name: &str) -> String {
    let pairs = labels.split(',').filter_map(|pair| pair.split_once('='));
    let mut values =
        pairs.filter(|(key, _)| *key == name).map(|(_, value)| value.trim_matches('"').to_owned());
    values.next().unwrap_or_default()
}
