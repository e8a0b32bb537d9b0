//! The configuration in force, as YAML that would be read as the same again. Every key is named here, so that none is
//! printed by accident: the first one with a secret is to be printed as `<secret>`.

use super::time;
use crate::config::{self, Config, Interval, Labels, Settings};
use crate::rules::{Acceptance, Overrides, Severity, TrustedBy};
use serde::{Serialize, Serializer};
use std::collections::BTreeMap;
use std::fmt::Display;
use std::path::Path;
use std::time::Duration;

/// Defaults filled in; the domains of `domain_files` among the others.
pub fn yaml(config: &Config) -> String {
    let domains = config.domains.iter();
    let file = File {
        defaults: Keys::of(&config.defaults, None),
        domains: domains.map(|domain| Entry::of(domain, &config.defaults)).collect(),
        dns: Dns::of(&config.dns),
        network: Network::of(&config.network),
        tls: Tls { ca_file: config.tls.ca_file.as_deref().map(path) },
        state: State { path: config.state.path.as_deref().map(path) },
    };
    // Plain data under keys of text always becomes YAML.
    serde_yaml::to_string(&file).unwrap_or_default()
}

#[derive(Serialize)]
struct File<'a> {
    defaults: Keys<'a>,
    domains: Vec<Entry<'a>>,
    dns: Dns,
    network: Network,
    tls: Tls,
    state: State,
}

/// A domain: its name where it has nothing of its own.
enum Entry<'a> {
    Plain(&'a str),
    Own(Box<Keys<'a>>),
}

/// The keys of `defaults`, or those of a domain that it does not share with them.
#[derive(Default, Serialize)]
struct Keys<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    domain: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    interval: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    transactions_interval: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    tls_scan_interval: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    timeout: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    helo_name: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    mail_from: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    test_null_sender: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    test_postmaster: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    test_open_relay: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    test_probe_address: Option<Vec<String>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    expect_mx: Option<Vec<String>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    thresholds: Option<Thresholds>,
    #[serde(skip_serializing_if = "Option::is_none")]
    labels: Option<BTreeMap<&'a str, &'a str>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    rules: Option<BTreeMap<&'a str, &'static str>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    accept: Option<Vec<Accepted<'a>>>,
}

#[derive(PartialEq, Serialize)]
struct Thresholds {
    certificate_expires_soon: String,
    persistent: String,
}

#[derive(Serialize)]
struct Accepted<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    mx: Option<&'a str>,
    issue: &'a str,
    until: String,
    reason: &'a str,
}

#[derive(Serialize)]
struct Dns {
    nameservers: Vec<String>,
    dnssec: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    trust_anchor: Option<String>,
}

#[derive(Serialize)]
struct Network {
    port: u16,
    allow_targets: Vec<String>,
    trusted_by: Vec<String>,
    max_sessions: usize,
    new_connections_per_second: u32,
    min_spacing: String,
    source_addresses: Vec<String>,
    canaries: Vec<String>,
}

#[derive(Serialize)]
struct Tls {
    #[serde(skip_serializing_if = "Option::is_none")]
    ca_file: Option<String>,
}

#[derive(Serialize)]
struct State {
    #[serde(skip_serializing_if = "Option::is_none")]
    path: Option<String>,
}

impl Serialize for Entry<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Plain(name) => name.serialize(serializer),
            Self::Own(keys) => keys.serialize(serializer),
        }
    }
}

impl<'a> Entry<'a> {
    fn of(domain: &'a config::Domain, defaults: &Settings) -> Self {
        let config::Domain { name, settings, overrides } = domain;
        let name = name.as_str();
        if **settings == *defaults && *overrides == Overrides::default() {
            return Self::Plain(name);
        }
        let Overrides { severities, accepted } = overrides;
        let rules = severities.iter().map(|(code, level)| (*code, level.map_or("off", Severity::as_str)));
        let accept = accepted.iter().map(|acceptance| Accepted::of(acceptance));
        Self::Own(Box::new(Keys {
            domain: Some(name),
            rules: (!severities.is_empty()).then(|| rules.collect()),
            accept: (!accepted.is_empty()).then(|| accept.collect()),
            ..Keys::of(settings, Some(defaults))
        }))
    }
}

impl<'a> Keys<'a> {
    /// All keys, or those that `defaults` have otherwise.
    fn of(own: &'a Settings, defaults: Option<&Settings>) -> Self {
        /// What one of the keys has, unless the defaults have the same.
        fn unless_same<T, U: PartialEq>(
            (own, defaults): (&Settings, Option<&Settings>),
            key: impl Fn(&Settings) -> U,
            written: impl Fn(U) -> T,
        ) -> Option<T> {
            let value = key(own);
            (defaults.map(&key).as_ref() != Some(&value)).then(|| written(value))
        }
        let of = (own, defaults);
        Self {
            interval: unless_same(of, |s| s.interval.clone(), |interval| written_interval(&interval)),
            transactions_interval: unless_same(of, |s| s.transactions_interval, duration),
            tls_scan_interval: unless_same(of, |s| s.tls_scan_interval, duration_or_off),
            timeout: unless_same(of, |s| s.timeout, duration),
            helo_name: unless_same(of, |s| text(s.helo_name.as_ref()), |name| name).flatten(),
            mail_from: unless_same(of, |s| text(s.mail_from.as_ref()), |mailbox| mailbox).flatten(),
            test_null_sender: unless_same(of, |s| s.tests.null_sender, |test| test),
            test_postmaster: unless_same(of, |s| s.tests.postmaster, |test| test),
            test_open_relay: unless_same(of, |s| s.tests.open_relay, |test| test),
            test_probe_address: unless_same(of, |s| texts(&s.test_probe_address), |addresses| addresses),
            expect_mx: unless_same(of, |s| texts(&s.expect_mx), |hosts| hosts),
            thresholds: unless_same(of, |s| Thresholds::of(s.thresholds), |thresholds| thresholds),
            labels: labels(&own.labels, defaults.map(|defaults| &*defaults.labels)),
            ..Self::default()
        }
    }
}

/// A domain adds to the labels that all have.
fn labels<'a>(own: &'a Labels, defaults: Option<&Labels>) -> Option<BTreeMap<&'a str, &'a str>> {
    let own = own.iter().filter(|(name, value)| defaults.and_then(|all| all.get(*name)) != Some(*value));
    let labels: BTreeMap<_, _> = own.map(|(name, value)| (&**name, &**value)).collect();
    (defaults.is_none() || !labels.is_empty()).then_some(labels)
}

impl Thresholds {
    fn of(thresholds: config::Thresholds) -> Self {
        let config::Thresholds { certificate_expires_soon, persistent } = thresholds;
        Self {
            certificate_expires_soon: duration(certificate_expires_soon),
            persistent: duration(persistent),
        }
    }
}

impl<'a> Accepted<'a> {
    fn of(acceptance: &'a Acceptance) -> Self {
        let Acceptance { issue, mx, until, reason } = acceptance;
        Self { mx: mx.as_ref().map(|mx| mx.as_str()), issue, until: time::iso_day(*until), reason }
    }
}

impl Dns {
    fn of(dns: &config::Dns) -> Self {
        let config::Dns { nameservers, dnssec, trust_anchor } = dns;
        Self {
            nameservers: texts(nameservers),
            dnssec: *dnssec,
            trust_anchor: trust_anchor.as_deref().map(path),
        }
    }
}

impl Network {
    fn of(network: &config::Network) -> Self {
        let trusted = |trusted: &TrustedBy| match trusted {
            TrustedBy::Mx(mx) => mx.to_string(),
            TrustedBy::Network(network) => network.to_string(),
        };
        Self {
            port: network.port,
            allow_targets: texts(&network.allow_targets),
            trusted_by: network.trusted_by.iter().map(trusted).collect(),
            max_sessions: network.max_sessions,
            new_connections_per_second: network.new_connections_per_second,
            min_spacing: duration(network.min_spacing),
            source_addresses: texts(&network.source_addresses),
            canaries: texts(&network.canaries),
        }
    }
}

fn written_interval(interval: &Interval) -> String {
    match interval {
        Interval::Every(period) => duration(*period),
        Interval::Cron(cron) => cron.to_string(),
    }
}

/// `1h30m`: whole units, the largest first, as the file takes them; in the smallest of them alone where that would be too
/// long to be taken.
fn duration_or_off(period: Option<Duration>) -> String {
    period.map_or_else(|| "off".to_owned(), duration)
}

fn duration(duration: Duration) -> String {
    const UNITS: [(&str, u128); 7] = [
        ("d", 86_400_000_000_000),
        ("h", 3_600_000_000_000),
        ("m", 60_000_000_000),
        ("s", 1_000_000_000),
        ("ms", 1_000_000),
        ("us", 1_000),
        ("ns", 1),
    ];
    let (mut text, mut rest) = (String::new(), duration.as_nanos());
    let mut smallest = format!("{}s", duration.as_secs());
    for (unit, nanos) in UNITS {
        let (whole, left) = (rest / nanos, rest % nanos);
        if whole > 0 {
            text.push_str(&format!("{whole}{unit}"));
            smallest = format!("{}{unit}", duration.as_nanos() / nanos);
        }
        rest = left;
    }
    if text.is_empty() || text.len() > config::kind::LONGEST_TEXT { smallest } else { text }
}

/// As it was made of the file's path and what stands in the file: starts from where the program was started.
fn path(path: &Path) -> String {
    path.display().to_string()
}

fn text(value: Option<&impl Display>) -> Option<String> {
    value.map(|value| value.to_string())
}

fn texts(values: &[impl Display]) -> Vec<String> {
    values.iter().map(|value| value.to_string()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// What `yaml` printed of what was read from `text`, after that was read again as the same.
    fn printed(text: &str) -> String {
        let machine = || crate::name::HeloName::parse("probe.example.net").ok();
        let here = Path::new("mx-exporter.yml");
        let config =
            config::parse(text, here, machine()).unwrap_or_else(|error| panic!("{error:?} in {text}"));
        let printed = yaml(&config);
        let again =
            config::parse(&printed, here, machine()).unwrap_or_else(|error| panic!("{error:?} in {printed}"));
        let parts = |config: Config| {
            (config.defaults, config.domains, config.dns, config.network, config.tls, config.state)
        };
        assert_eq!(parts(again), parts(config), "{printed}");
        printed
    }

    #[test]
    fn what_nobody_set_is_filled_in() {
        assert_eq!(
            printed("domains: [b.example, bücher.example, {domain: a.example}]"),
            "\
defaults:
  interval: 15m
  transactions_interval: 1h
  tls_scan_interval: 1d
  timeout: 2m
  helo_name: probe.example.net
  test_null_sender: true
  test_postmaster: true
  test_open_relay: true
  test_probe_address:
  - postmaster@example.com
  expect_mx: []
  thresholds:
    certificate_expires_soon: 20d
    persistent: 4h
  labels: {}
domains:
- a.example
- b.example
- xn--bcher-kva.example
dns:
  nameservers: []
  dnssec: true
network:
  port: 25
  allow_targets: []
  trusted_by: []
  max_sessions: 64
  new_connections_per_second: 20
  min_spacing: 1m
  source_addresses: []
  canaries: []
tls: {}
state: {}
"
        );
    }

    #[test]
    fn a_domain_shows_what_is_its_own() {
        let text = r#"
defaults: {labels: {team: mail, site: "off"}, helo_name: "[192.0.2.7]", interval: "*/30 6-20 * * 1-5"}
domains:
  - domain: a.example
    interval: 90s
    labels: {site: 'a: "b" # c'}
    rules: {smtp.reverse_dns: off, smtp.open_relay: info}
    accept: [{mx: mx0.example.org, issue: smtp.tcp.unreachable, until: 2027-01-31, reason: nolisting}]
    thresholds: {persistent: 1d}
    test_open_relay: false
"#;
        let printed = printed(text);
        let (_, domain) = printed.split_once("domains:\n").unwrap();
        let (domain, _) = domain.split_once("dns:\n").unwrap();
        for (line, is_there) in [
            ("domain: a.example", true),
            ("interval: 1m30s", true),
            ("smtp.reverse_dns: off", true),
            ("until: 2027-01-31", true),
            ("test_open_relay: false", true),
            ("team:", false),
            ("timeout:", false),
            ("helo_name:", false),
        ] {
            let bare = domain.replace(['"', '\''], "");
            assert_eq!(bare.contains(line), is_there, "{line} in {domain}");
        }
    }

    #[test]
    fn every_part_is_read_as_the_same_again() {
        printed(
            r#"
defaults:
  timeout: 45
  test_probe_address: [a@example.com, b@example.org]
  expect_mx: [mx1.example.net]
domains:
  - {domain: a.example, expect_mx: [], mail_from: "!#$%&'*+-/=?^_`{|}~@example.net", interval: "@daily"}
dns: {nameservers: [192.0.2.53, "[2001:db8::53]:5353"], dnssec: false, trust_anchor: "a: b.key"}
network:
  port: 2525
  allow_targets: [10.1.2.3/8, "fd00::/8", 192.0.2.1]
  trusted_by: [192.0.2.0/24, mx.example.net, "2001:db8::1"]
  max_sessions: 3
  min_spacing: 0s
  source_addresses: [192.0.2.1, "2001:db8::1"]
  canaries: [mx.example.net]
tls: {ca_file: /etc/ssl/extra roots.pem}
state: {path: /var/lib/mx-exporter}
"#,
        );
    }

    proptest! {
        #[test]
        fn any_label_survives(value in "[ -~à-ÿ]{1,30}|[0-9._eExXoO+-]{1,8}|null|~|true|off|[.]inf|[.]nan|---|- a|\\|") {
            prop_assume!(!value.trim().is_empty());
            let quoted = value.replace('\'', "''");
            printed(&format!("domains: [{{domain: a.example, labels: {{team: '{quoted}'}}}}]"));
        }

        #[test]
        fn any_duration_survives(millis in 1_000_u64..31_536_000_000) {
            printed(&format!("defaults: {{interval: {millis}ms, transactions_interval: {}s}}", millis / 1_000));
        }
    }
}
