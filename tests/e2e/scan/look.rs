//! One look with a scan, by a daemon that watches nothing else and keeps no distance, from an address of its own.

use std::collections::BTreeSet;
use std::mem::replace;
use std::thread::sleep;
use std::time::Duration;

use serde_json::Value;
use tokio::time::Instant;

use super::count;
use crate::daemon::{CONFIGURATION, OFTEN, end, spawn, write};
use crate::expectations::Spoken;
use crate::http;
use crate::namespace::HOME;

pub(super) struct Look {
    pub(super) spoken: Spoken,
    /// Version and IANA name of every suite that the server chose.
    pub(super) suites: BTreeSet<(String, String)>,
    pub(super) grade: String,
    pub(super) connections: usize,
    /// From the start of the program to the last connection, give or take a look at the server's count.
    pub(super) took: Duration,
}

/// Where it looks from.
pub(super) const FROM: &str = "192.0.2.201";

const PORT: u16 = 10530;

/// Looks at the only server of a domain, and waits a while for this grade; or what went wrong.
pub(super) fn at(domain: &str, address: &str, grade: &str) -> Result<Look, String> {
    let own = format!("network:\n  source_addresses: [{FROM}]\n");
    let settings = CONFIGURATION
        .replace(OFTEN, "1h")
        .replace("network:\n", &own)
        .replace("new_connections_per_second: 100", "new_connections_per_second: 1000")
        .replace("/state\n", &format!("/{domain}-scan-state\n"));
    let configuration = write(format!("{HOME}/scan.yml"), &settings, &[domain]);
    let (begun, mut made, mut took) = (Instant::now(), 0, Duration::ZERO);
    let process = spawn(&configuration, PORT, &format!("{HOME}/log/scan"));
    let scanned = wait_for(domain, |json| {
        let before = replace(&mut made, count::connections(FROM, address));
        took = if made > before { begun.elapsed() } else { took };
        !scan_of(json, address).is_null()
    });
    let graded = || wait_for(domain, |json| grade_of(json) == grade).or_else(|_| wait_for(domain, |_| true));
    let json = scanned.and_then(|_| graded());
    end(process)?;
    let json = json?;
    let scan = scan_of(&json, address);
    Ok(Look {
        spoken: spoken(&json, scan),
        suites: list(&scan["chosen"]).map(|it| (text(it, "version"), text(it, "cipher"))).collect(),
        grade: grade_of(&json).to_owned(),
        connections: scan["connections"].as_u64().unwrap_or_default() as usize,
        took,
    })
}

/// All that is told of the domain, once it is so.
fn wait_for(domain: &str, mut is_told: impl FnMut(&Value) -> bool) -> Result<Value, String> {
    let mut json = Value::Null;
    for _ in 0..1000 {
        let text = http::get(PORT, &format!("/api/v1/domains/{domain}")).unwrap_or_default();
        json = serde_json::from_str(&text).unwrap_or_default();
        if is_told(&json) {
            return Ok(json);
        }
        sleep(Duration::from_millis(20));
    }
    Err(format!("not told within 20 seconds: {json}"))
}

/// The letter; of a domain that is not graded, `none`.
fn grade_of(json: &Value) -> &str {
    json["grade"]["grade"].as_str().unwrap_or("none")
}

fn scan_of<'a>(json: &'a Value, address: &str) -> &'a Value {
    let endpoint = list(&json["endpoints"]).find(|endpoint| endpoint["address"] == address);
    endpoint.map_or(&Value::Null, |endpoint| &endpoint["tls_scan"])
}

fn spoken(json: &Value, scan: &Value) -> Spoken {
    let known = |of: &str| {
        let members = scan[of].as_object().into_iter().flatten();
        let yes = members.filter(|(_, it)| **it == Value::Bool(true)).map(|(name, _)| name.clone());
        yes.collect::<BTreeSet<String>>()
    };
    let rule = list(&json["rules"]).find(|rule| rule["rule"] == "smtp.tls_version").unwrap_or(&Value::Null);
    let issues = list(&rule["subjects"]).flat_map(|subject| list(&subject["issues"]));
    let mut codes = issues.filter_map(|issue| issue["code"].as_str());
    let is_obsolete =
        codes.any(|code| ["smtp.tls.legacy_only", "smtp.tls.obsolete_key_exchange"].contains(&code));
    Spoken::new(
        &known("versions"),
        scan["worst_suite_class"].as_str().unwrap_or("none"),
        &known("key_types"),
        is_obsolete,
    )
}

fn list(value: &Value) -> impl Iterator<Item = &Value> {
    value.as_array().into_iter().flatten()
}

/// Empty where there is none.
fn text(value: &Value, name: &str) -> String {
    value[name].as_str().unwrap_or_default().to_owned()
}
