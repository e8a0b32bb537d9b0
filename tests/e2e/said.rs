//! What the daemon says: in `/metrics`, and in its JSON. The only place that knows the shape of either.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{Error, Read, Write};
use std::net::{Ipv4Addr, TcpStream};
use std::time::Duration;

use serde_json::Value;

/// Where the daemon listens; nobody else is in its network.
pub(crate) const PORT: u16 = 10525;

/// The body of a successful answer. HTTP/1.0, so that it comes in one piece.
pub(crate) fn get(path: &str) -> Result<String, Error> {
    let mut stream = TcpStream::connect((Ipv4Addr::LOCALHOST, PORT))?;
    stream.set_read_timeout(Some(Duration::from_secs(10)))?;
    write!(stream, "GET {path} HTTP/1.0\r\nHost: localhost\r\n\r\n")?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer)?;
    match answer.split_once("\r\n\r\n") {
        Some((head, body)) if head.split(' ').nth(1) == Some("200") => Ok(body.to_owned()),
        _ => Err(Error::other(format!("{path}: {}", answer.lines().next().unwrap_or("no answer")))),
    }
}

/// `smtp_rule_status`: domain, rule, value.
pub(crate) fn statuses(metrics: &str) -> BTreeMap<(String, String), String> {
    let samples = samples(metrics, "smtp_rule_status");
    samples
        .map(|(labels, value)| ((label(labels, "domain"), label(labels, "rule")), value.to_owned()))
        .collect()
}

/// When each domain was last looked at, by domain.
pub(crate) fn last_runs(metrics: &str) -> BTreeMap<String, String> {
    let samples = samples(metrics, "smtp_probe_last_run_timestamp_seconds");
    samples.map(|(labels, value)| (label(labels, "domain"), value.to_owned())).collect()
}

/// Everything about a domain, as JSON.
pub(crate) struct Domain(Value);

impl Domain {
    pub(crate) fn ask(domain: &str) -> Result<Self, Error> {
        Ok(Self(serde_json::from_str(&get(&format!("/api/v1/domains/{domain}"))?)?))
    }

    /// The codes of a rule's issues, over all its subjects.
    pub(crate) fn issues(&self, rule: &str) -> BTreeSet<String> {
        let rules = list(&self.0["rules"]).filter(|it| it["rule"] == rule);
        let subjects = rules.flat_map(|rule| list(&rule["subjects"]));
        let issues = subjects.flat_map(|subject| list(&subject["issues"]));
        issues.filter_map(|issue| issue["code"].as_str()).map(str::to_owned).collect()
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
