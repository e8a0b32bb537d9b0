//! A daemon of a step's own, and what it says.

use std::collections::{BTreeMap, BTreeSet};
use std::process::{Child, Command};

use serde_json::Value;

use crate::daemon::{CONFIGURATION, PROGRAM, end, spawn, spawn_by, write};
use crate::http;
use crate::namespace::HOME;
use crate::said;

pub(crate) struct Prober {
    pub(crate) name: &'static str,
    pub(crate) domains: Vec<&'static str>,
    pub(crate) configuration: String,
    port: u16,
    process: Child,
}

/// Domain and rule.
pub(crate) type Rule = (String, String);

/// One subject of a rule that could not be concluded.
pub(crate) struct Doubt {
    pub(crate) rule: String,
    pub(crate) cause: String,
    /// The text of the trouble: a reply, or what happened in its place.
    pub(crate) detail: String,
}

impl Prober {
    /// Has it run on these domains, with `network` added to what the other daemon is told of it, and a
    /// state of its own.
    pub(crate) fn start(name: &'static str, port: u16, network: &str, domains: &[&'static str]) -> Self {
        let text = CONFIGURATION
            .replace("defaults:\n", "defaults:\n  tls_scan_interval: off\n")
            .replace("network:\n", &format!("network:\n{network}"))
            .replace("/state\n", &format!("/{name}-state\n"));
        let configuration = write(format!("{HOME}/{name}.yml"), &text, domains);
        let process = spawn(&configuration, port, &format!("{HOME}/log/{name}"));
        Self { name, domains: domains.to_vec(), configuration, port, process }
    }

    pub(crate) fn metrics(&self) -> String {
        http::get(self.port, "/metrics").unwrap_or_default()
    }

    pub(crate) fn json(&self, domain: &str) -> Value {
        let text = http::get(self.port, &format!("/api/v1/domains/{domain}")).unwrap_or_default();
        serde_json::from_str(&text).unwrap_or_default()
    }

    /// The status of every rule.
    pub(crate) fn statuses(&self) -> BTreeMap<Rule, String> {
        said::statuses(&self.metrics())
    }

    /// Every doubt about a domain.
    pub(crate) fn doubts(&self, domain: &str) -> Vec<Doubt> {
        let json = self.json(domain);
        let rules = list(&json["rules"]).flat_map(|rule| {
            list(&rule["subjects"]).map(|subject| (text(rule, "rule"), &subject["inconclusive"]))
        });
        let doubts = rules.filter(|(_, doubt)| !doubt.is_null());
        doubts
            .map(|(rule, doubt)| Doubt { rule, cause: text(doubt, "cause"), detail: text(doubt, "detail") })
            .collect()
    }

    /// The rules of a domain that are in doubt, each with its cause.
    pub(crate) fn causes(&self, domain: &str) -> BTreeSet<Rule> {
        self.doubts(domain).into_iter().map(|doubt| (doubt.rule, doubt.cause)).collect()
    }

    /// What became of a rule of a domain so far, in the order of time: `ok to critical`.
    pub(crate) fn changes(&self, domain: &str, rule: &str) -> Vec<String> {
        let json = self.json(domain);
        let mut changes: Vec<String> = list(&json["history"])
            .filter(|change| change["rule"] == rule)
            .map(|change| format!("{} to {}", text(change, "from"), text(change, "to")))
            .collect();
        changes.reverse();
        changes
    }

    /// The only endpoint of a domain.
    pub(crate) fn endpoint(&self, domain: &str) -> Value {
        self.json(domain)["endpoints"][0].clone()
    }

    /// Ends it, and starts it again on its state by a clock that is two hours ahead.
    pub(crate) fn two_hours_later(self) -> Self {
        end(self.process).expect("it ends when asked to");
        let mut ahead = Command::new(PROGRAM);
        ahead.env("LD_PRELOAD", "/usr/$LIB/faketime/libfaketimeMT.so.1"); // the loader knows where $LIB is
        ahead.envs([("FAKETIME", "+2h"), ("FAKETIME_DONT_FAKE_MONOTONIC", "1")]);
        let log = format!("{HOME}/log/{}-later", self.name);
        let process = spawn_by(ahead, &self.configuration, self.port, &log);
        Self { process, ..self }
    }

    /// What was wrong with its end.
    pub(crate) fn stop(self) -> Vec<String> {
        end(self.process).err().into_iter().collect()
    }
}

pub(crate) fn list(value: &Value) -> impl Iterator<Item = &Value> {
    value.as_array().into_iter().flatten()
}

/// A member's text; of none, that it is none.
pub(crate) fn text(value: &Value, name: &str) -> String {
    value[name].as_str().unwrap_or("none").to_owned()
}
