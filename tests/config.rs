//! What the configuration takes, and what it says of all else: one `config/invalid-*.yml` for each class of error,
//! and one line in `config/messages.txt` for each of them.
#![expect(clippy::expect_used, clippy::unwrap_used, reason = "what goes wrong here fails the test")]

use mx_exporter::config::{self, Config, Domain, Settings, kind};
use mx_exporter::name::{DomainName, HeloName, Mailbox, MxName};
use mx_exporter::rules::{Tests, TrustedBy};
use proptest::prelude::*;
use std::collections::BTreeSet;
use std::fmt::Write;
use std::fs;
use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

const EXAMPLE: &str = include_str!("../config/example.yml");

#[test]
fn every_class_of_error_has_its_message() {
    let folder = Path::new("tests/config");
    let files = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let files: BTreeSet<PathBuf> = files.filter(|path| path.extension().unwrap() == "yml").collect();
    let messages = fs::read_to_string(folder.join("messages.txt")).unwrap();
    let mut messages = messages.lines();
    for file in files {
        let said = config::load(&file).expect_err(&format!("{file:?} is valid")).to_string();
        assert_eq!(said.strip_prefix("tests/config/"), messages.next(), "{file:?}");
    }
    assert_eq!(messages.next(), None, "a message without a file");
}

#[test]
fn a_file_that_cannot_be_read_says_which_and_why() {
    let error = config::load(Path::new("tests/config/absent.yml")).unwrap_err();
    assert_eq!(error.to_string(), "tests/config/absent.yml: cannot be read");
    let source = std::error::Error::source(&error).unwrap();
    assert!(source.to_string().contains("No such file"), "{source}");
}

#[test]
fn a_file_without_end_is_not_read_for_ever() {
    let error = config::load(Path::new("/dev/zero")).unwrap_err();
    assert_eq!(error.to_string(), "/dev/zero: larger than 32 MiB");
}

#[test]
fn defaults_are_those_of_the_contract() {
    let Config { defaults, domains, dns, network, tls } = read("domains:");
    assert_eq!(
        defaults,
        Settings {
            interval: minutes(15),
            transactions_interval: minutes(60),
            timeout: minutes(2),
            helo_name: None,
            mail_from: None,
            tests: Tests { null_sender: true, postmaster: true, open_relay: true },
            test_probe_address: vec![mailbox("postmaster@example.com")],
        }
    );
    assert_eq!(domains, []);
    assert_eq!(dns, config::Dns { nameservers: vec![], dnssec: true, trust_anchor: None });
    assert_eq!(
        network,
        config::Network {
            port: 25,
            allow_targets: vec![],
            trusted_by: vec![],
            max_sessions: 64,
            new_connections_per_second: 20,
            min_spacing: minutes(1),
            source_addresses: vec![],
        }
    );
    assert_eq!(tls, config::Tls { ca_file: None });
}

#[test]
fn the_example_states_the_defaults() {
    let example = read(EXAMPLE);
    assert_eq!(Config { domains: vec![], ..example.clone() }, Config::default());
    assert_eq!(*example.domains[0], by_default("example.com"));
    assert_eq!(*example.domains[1], Domain { interval: minutes(5), ..by_default("example.org") });
}

#[test]
fn the_example_mentions_every_key() {
    let written: BTreeSet<&str> = EXAMPLE
        .lines()
        .filter_map(|line| line.trim_start_matches([' ', '#', '-']).split_once(':'))
        .map(|(key, _)| key)
        .collect();
    for text in [
        "unheard_of: 1",
        "defaults: {unheard_of: 1}",
        "domains: [{unheard_of: 1}]",
        "dns: {unheard_of: 1}",
        "network: {unheard_of: 1}",
        "tls: {unheard_of: 1}",
    ] {
        let said = refused(text);
        for key in said.split_once("an unknown key, allowed: ").unwrap().1.split(", ") {
            assert!(written.contains(key), "{key}");
        }
    }
}

#[test]
fn what_the_example_leaves_out_can_be_put_in() {
    let is_key =
        |line: &str| line.trim_start().strip_prefix('#').is_some_and(|key| !key.starts_with([' ', '\n']));
    let mut left_out = 0;
    for (number, line) in EXAMPLE.lines().enumerate().filter(|(_, line)| is_key(line) && line.len() > 3) {
        let key = line.trim_start_matches([' ', '#']).split(':').next().unwrap();
        let put_in = |(n, other): (usize, &str)| match other {
            other if n == number => other.replacen('#', "", 1),
            other if other.trim_start().starts_with(&format!("{key}:")) => String::new(),
            other => other.to_owned(),
        };
        let text: Vec<String> = EXAMPLE.lines().enumerate().map(put_in).collect();
        assert_ne!(read(&text.join("\n")), read(EXAMPLE), "{line}");
        left_out += 1;
    }
    assert_eq!(left_out, 8);
}

#[test]
fn durations_are_read_as_people_write_them() {
    for (text, seconds) in
        [("12s", 12), ("15m", 900), ("1h30m", 5400), ("20d", 1_728_000), ("365d", 31_536_000)]
    {
        assert_eq!(kind::PERIOD.parse(text), Ok(Duration::from_secs(seconds)), "{text}");
        assert_eq!(kind::TIMEOUT.parse(text), Ok(Duration::from_secs(seconds)), "{text}");
        assert_eq!(kind::SPACING.parse(text), Ok(Duration::from_secs(seconds)), "{text}");
    }
    assert_eq!(kind::TIMEOUT.parse("12"), Ok(Duration::from_secs(12)));
    assert_eq!(kind::SPACING.parse("0s"), Ok(Duration::ZERO));
    let overflowing = "18446744073709551615s1000ms";
    for text in
        ["", "s", "0s", "999ms", "-1s", "+1s", "1", "5m5", "5 m", "15M", "1.5h", "9e99h", "366d", overflowing]
    {
        assert!(kind::PERIOD.parse(text).is_err(), "{text}");
    }
    for text in ["0", "0s", "-1", "1.5", "NaN", "99999999999999999999"] {
        assert!(kind::TIMEOUT.parse(text).is_err(), "{text}");
    }
}

#[test]
fn a_domain_has_what_it_sets_and_else_the_defaults() {
    let config = read(
        "
domains:
  - example.org.
  - domain: Example.COM
    timeout: 30
    mail_from: watch@probe.example.net
    test_postmaster: false
    test_probe_address: [a@relay.example, b@relay.example]
  - bücher.example
defaults:
  interval: 5m
  transactions_interval: 2h
  helo_name: probe.example.net
  test_open_relay: false
  test_probe_address: c@relay.example
",
    );
    let defaults = Settings {
        interval: minutes(5),
        transactions_interval: minutes(120),
        helo_name: HeloName::parse("probe.example.net").ok(),
        tests: Tests { null_sender: true, postmaster: true, open_relay: false },
        test_probe_address: vec![mailbox("c@relay.example")],
        ..Settings::default()
    };
    let own = Settings {
        timeout: Duration::from_secs(30),
        mail_from: Mailbox::parse("watch@probe.example.net").ok(),
        tests: Tests { null_sender: true, postmaster: false, open_relay: false },
        test_probe_address: vec![mailbox("a@relay.example"), mailbox("b@relay.example")],
        ..defaults.clone()
    };
    let domain = |name, settings: &Settings| settings.clone().domain(domain(name), Default::default());
    let want = [
        domain("example.com", &own),
        domain("example.org", &defaults),
        domain("xn--bcher-kva.example", &defaults),
    ];
    assert_eq!(config.domains, want.map(Arc::new), "sorted by name");
    assert_eq!(config.defaults, defaults);
}

#[test]
fn a_domain_that_is_not_in_the_file_has_the_defaults() {
    let config = read("defaults: {timeout: 30}\ndomains: [{domain: example.com, timeout: 60}]");
    let timeout = |name| config.domain(&domain(name)).timeout;
    assert_eq!(timeout("example.com"), Duration::from_secs(60));
    assert_eq!(timeout("example.org"), Duration::from_secs(30));
}

#[test]
fn the_network_is_read_in_all_its_forms() {
    let config = read(
        r#"
dns:
  nameservers: [192.0.2.53, 192.0.2.53:5353, "2001:db8::53", "[2001:db8::53]:5353"]
  dnssec: false
network:
  port: 2525
  allow_targets: [10.1.2.3/8, 192.0.2.1, "fd00::/8"]
  trusted_by: [192.0.2.0/24, "2001:db8::1", MX.Example.net.]
  max_sessions: 1
  new_connections_per_second: 65535
  min_spacing: 0s
  source_addresses: [192.0.2.1, "2001:db8::1"]
"#,
    );
    let servers = ["192.0.2.53:53", "192.0.2.53:5353", "[2001:db8::53]:53", "[2001:db8::53]:5353"];
    assert_eq!(config.dns.nameservers, servers.map(|server| server.parse().unwrap()));
    assert!(!config.dns.dnssec);
    let network = config.network;
    assert_eq!(network.port, 2525);
    let targets = ["10.0.0.0/8", "192.0.2.1/32", "fd00::/8"];
    assert_eq!(network.allow_targets, targets.map(|target| target.parse().unwrap()));
    let trusted = [
        TrustedBy::Network("192.0.2.0/24".parse().unwrap()),
        TrustedBy::Network("2001:db8::1/128".parse().unwrap()),
        TrustedBy::Mx(MxName::parse("mx.example.net").unwrap()),
    ];
    assert_eq!(network.trusted_by, trusted);
    assert_eq!((network.max_sessions, network.new_connections_per_second), (1, 65535));
    assert_eq!(network.min_spacing, Duration::ZERO);
    assert_eq!(
        network.source_addresses,
        ["192.0.2.1", "2001:db8::1"].map(|source| source.parse::<IpAddr>().unwrap())
    );
}

#[test]
fn paths_start_from_the_file() {
    let text = "dns: {trust_anchor: /keys/root.key}\ntls: {ca_file: roots/lab.pem}";
    for (file, ca_file) in
        [("mx-exporter.yml", "roots/lab.pem"), ("/etc/mx/exporter.yml", "/etc/mx/roots/lab.pem")]
    {
        let config = config::parse(text, Path::new(file)).unwrap();
        assert_eq!(config.tls.ca_file.as_deref(), Some(Path::new(ca_file)));
        assert_eq!(config.dns.trust_anchor.as_deref(), Some(Path::new("/keys/root.key")));
    }
}

#[test]
fn sections_and_lists_may_be_left_empty() {
    assert_eq!(read("defaults:\ndomains:\ndns:\n  nameservers:\nnetwork: {}\ntls:"), Config::default());
}

#[test]
fn domains_may_share_settings_by_alias_and_merge() {
    let config = read(
        "
domains:
  - &customer
    domain: example.com
    interval: 5m
    timeout: 30
  - <<: *customer
    domain: example.org
    timeout: 60
",
    );
    let org = config.domain(&domain("example.org"));
    assert_eq!((org.interval, org.timeout), (minutes(5), Duration::from_secs(60)));
}

#[test]
fn a_hundred_thousand_domains_in_map_form_are_read() {
    let mut text = String::from("domains:\n");
    for n in 0..100_000 {
        writeln!(text, "- {{domain: d{n}.example, interval: 5m, rules: {{}}}}").unwrap();
    }
    let config = read(&text);
    assert_eq!(config.domains.len(), 100_000);
    assert!(config.domains.is_sorted_by(|a, b| a.name < b.name));
}

#[test]
fn the_summary_is_one_line() {
    let two = "domains: [example.com, example.org]\ndns: {nameservers: [192.0.2.53]}";
    for (text, summary) in [
        ("domains:", "0 domains, the system's resolver with DNSSEC, port 25, at most 64 sessions"),
        (two, "2 domains, 1 nameserver with DNSSEC, port 25, at most 64 sessions"),
    ] {
        assert_eq!(read(text).summary(), summary);
    }
}

#[test]
fn messages_do_not_repeat_what_could_forge_a_line() {
    let long = "a".repeat(10_000);
    for value in ["\\e[2J\\r\\nforged", "\\u202Emoc.elpmaxe", "\\0", &long] {
        for text in [format!("domains: [\"{value} \"]"), format!("{{\"{value}\": 1}}"), format!("!{value}")] {
            let said = refused(&text);
            assert!(said.chars().all(|c| !c.is_control() && c != '\u{202e}'), "{said:?}");
            assert!(said.len() < 1000, "{} octets", said.len());
        }
    }
}

proptest! {
    #[test]
    fn no_text_breaks_the_reader(text in any::<String>()) {
        let _ = config::parse(&text, Path::new("any.yml"));
    }

    #[test]
    fn no_slip_of_the_pen_breaks_the_reader(at in 0..EXAMPLE.len(), cut in 0..8_usize, slip in "\\PC{0,4}|[ \n:#&*!|>'\"{}\\[\\],-]{1,4}") {
        let from = EXAMPLE.floor_char_boundary(at);
        let to = EXAMPLE.ceil_char_boundary((at + cut).min(EXAMPLE.len()));
        let text = format!("{}{slip}{}", &EXAMPLE[..from], &EXAMPLE[to..]);
        if let Err(error) = config::parse(&text, Path::new("slip.yml")) {
            let said = error.to_string();
            prop_assert!(said.starts_with("slip.yml:") && !said.contains('\n'), "{said:?}");
        }
    }

    #[test]
    fn every_duration_that_is_read_is_sensible(text in "[0-9]{1,20}(ms|s|m|h|d|w|y|month)?([0-9]{0,20}[a-z]{0,3}){0,2}") {
        if let Ok(period) = kind::PERIOD.parse(&text) {
            prop_assert!((Duration::from_secs(1)..=minutes(365 * 24 * 60)).contains(&period), "{period:?}");
        }
    }
}

fn read(text: &str) -> Config {
    config::parse(text, Path::new("test.yml")).unwrap_or_else(|error| panic!("{error}"))
}

fn refused(text: &str) -> String {
    config::parse(text, Path::new("test.yml")).expect_err(text).to_string()
}

fn by_default(name: &str) -> Domain {
    Settings::default().domain(domain(name), Default::default())
}

fn domain(name: &str) -> DomainName {
    DomainName::parse(name).unwrap()
}

fn mailbox(text: &str) -> Mailbox {
    Mailbox::parse(text).unwrap()
}

fn minutes(minutes: u64) -> Duration {
    Duration::from_secs(minutes * 60)
}
