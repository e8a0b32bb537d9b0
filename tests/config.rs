//! What the configuration takes, and what it says of all else: one `config/invalid-*.yml` for each class of error,
//! and one line in `config/messages.txt` for each of them.
#![expect(clippy::expect_used, clippy::unwrap_used, reason = "what goes wrong here fails the test")]

use mx_exporter::config::{self, Config, Domain, Interval, Settings, Thresholds, kind};
use mx_exporter::name::{DomainName, HeloName, Mailbox, MxName};
use mx_exporter::rules::{Acceptance, Severity, Tests, TrustedBy};
use proptest::prelude::*;
use std::collections::BTreeSet;
use std::fmt::Write;
use std::fs;
use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

const EXAMPLE: &str = include_str!("../config/example.yml");

#[test]
fn every_class_of_error_has_its_message() {
    let folder = Path::new("tests/config");
    let files = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let files: BTreeSet<PathBuf> =
        files.filter(|path| path.extension().is_some_and(|it| it == "yml")).collect();
    let messages = fs::read_to_string(folder.join("messages.txt")).unwrap();
    let mut messages = messages.lines();
    for file in files {
        let said = config::load(&file, None).expect_err(&format!("{file:?} is valid")).to_string();
        assert_eq!(said.strip_prefix("tests/config/"), messages.next(), "{file:?}");
    }
    assert_eq!(messages.next(), None, "a message without a file");
}

#[test]
fn a_file_that_cannot_be_read_says_which_and_why() {
    let error = config::load(Path::new("tests/config/absent.yml"), None).unwrap_err();
    assert_eq!(error.to_string(), "tests/config/absent.yml: cannot be read");
    let source = std::error::Error::source(&error).unwrap();
    assert!(source.to_string().contains("No such file"), "{source}");
}

#[test]
fn a_file_without_end_is_not_read_for_ever() {
    let error = config::load(Path::new("/dev/zero"), None).unwrap_err();
    assert_eq!(error.to_string(), "/dev/zero: larger than 32 MiB");
}

#[test]
fn defaults_are_those_of_the_contract() {
    let Config { defaults, domains, dns, network, tls, state, .. } = read("domains:");
    assert_eq!(
        *defaults,
        Settings {
            interval: Interval::Every(minutes(15)),
            transactions_interval: minutes(60),
            tls_scan_interval: Some(minutes(24 * 60)),
            timeout: minutes(2),
            helo_name: None,
            mail_from: None,
            tests: Tests { null_sender: true, postmaster: true, open_relay: true },
            test_probe_address: vec![mailbox("postmaster@example.com")],
            expect_mx: vec![],
            thresholds: Thresholds {
                certificate_expires_soon: minutes(20 * 24 * 60),
                persistent: minutes(4 * 60),
            },
            labels: Arc::default(),
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
            canaries: vec![],
        }
    );
    assert_eq!(tls, config::Tls { ca_file: None });
    assert_eq!(state, config::State { path: None });
}

#[test]
fn the_example_states_the_defaults() {
    let (example, defaults) = (read(EXAMPLE), Config::default());
    assert_eq!(example.defaults, defaults.defaults);
    assert_eq!(
        (&example.dns, &example.network, &example.tls, &example.state),
        (&defaults.dns, &defaults.network, &defaults.tls, &defaults.state)
    );
    assert_eq!((example.has_domain_files(), example.warnings.len()), (false, 0));
    assert_eq!(*example.domains[0], by_default("example.com"));
    let own = Settings { interval: Interval::Every(minutes(5)), ..Settings::default() };
    assert_eq!(*example.domains[1], Domain { settings: Arc::new(own), ..by_default("example.org") });
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
        "defaults: {thresholds: {unheard_of: 1}}",
        "network: {unheard_of: 1}",
        "tls: {unheard_of: 1}",
        "state: {unheard_of: 1}",
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
    assert_eq!(left_out, 16);
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
  tls_scan_interval: off
  helo_name: probe.example.net
  test_open_relay: false
  test_probe_address: c@relay.example
",
    );
    let defaults = Settings {
        interval: Interval::Every(minutes(5)),
        transactions_interval: minutes(120),
        tls_scan_interval: None,
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
    let domain = |name, settings: &Settings| Domain::plain(domain(name), Arc::new(settings.clone()));
    let want = [
        domain("example.com", &own),
        domain("example.org", &defaults),
        domain("xn--bcher-kva.example", &defaults),
    ];
    assert_eq!(config.domains, want.map(Arc::new), "sorted by name");
    assert_eq!(*config.defaults, defaults);
}

#[test]
fn a_number_beside_a_unit_or_fields_of_a_calendar_are_intervals() {
    assert_eq!(kind::INTERVAL.parse("15m"), Ok(Interval::Every(minutes(15))));
    for text in ["*/15 6-20 * * 1-5", "0 3 * * *", "@daily", "0 3 1 jan *"] {
        assert!(matches!(kind::INTERVAL.parse(text), Ok(Interval::Cron(_))), "{text}");
    }
    for text in ["15", "* * * *", "61 * * * *", "0 3 30 2 *", "0 3 29 2 *"] {
        assert!(kind::INTERVAL.parse(text).is_err(), "{text}");
    }
}

#[test]
fn a_domain_has_labels_and_thresholds_beside_those_of_the_defaults() {
    let config = read(
        r#"
defaults:
  labels: {team: mail, site: "a \"b\""}
  thresholds: {persistent: 8h}
domains:
  - example.com
  - domain: example.org
    labels: {team: web, tier: 1}
    thresholds: {certificate_expires_soon: 5d}
"#,
    );
    let settings = |name| config.domain(&domain(name)).settings.clone();
    let labels = |name| settings(name).labels.iter().map(|(k, v)| format!("{k}={v}")).collect::<Vec<_>>();
    assert_eq!(labels("example.com"), ["site=a \"b\"", "team=mail"]);
    assert_eq!(labels("example.org"), ["site=a \"b\"", "team=web", "tier=1"]);
    let thresholds = |name| {
        let Thresholds { certificate_expires_soon: soon, persistent } = settings(name).thresholds;
        (soon.as_secs() / 86_400, persistent.as_secs() / 3600)
    };
    assert_eq!((thresholds("example.com"), thresholds("example.org")), ((20, 8), (5, 8)));
}

#[test]
fn labels_are_names_that_prometheus_leaves_free() {
    for name in ["team", "_team", "Team2", "mx", &"a".repeat(64)] {
        assert!(kind::LABEL.parse(name).is_ok(), "{name}");
    }
    let long = "a".repeat(65);
    for name in
        ["", "2team", "team-name", "té", "__team", "domain", "job", "instance", "le", "quantile", &long]
    {
        assert!(kind::LABEL.parse(name).is_err(), "{name}");
    }
    let long = "é".repeat(201);
    for value in ["", "  ", "two\nlines", "\u{202e}lia", &long] {
        assert!(kind::WORDS.parse(value).is_err(), "{value:?}");
    }
    assert!(kind::WORDS.parse(&"é".repeat(200)).is_ok());
}

#[test]
fn findings_are_accepted_by_issue_day_and_reason() {
    let config = read(
        "
domains:
  - domain: example.com
    rules: {smtp.reverse_dns: off, smtp.ptr.missing: critical}
    accept:
      - {mx: MX0.Example.com., issue: smtp.tcp.unreachable, until: 2027-01-31, reason: nolisting}
      - {issue: smtp.mx.implicit, until: 1970-01-01, reason: too small for an MX}
",
    );
    let overrides = &config.domain(&domain("example.com")).overrides;
    let severities = [("smtp.ptr.missing", Some(Severity::Critical)), ("smtp.reverse_dns", None)];
    assert_eq!(overrides.severities, severities.into());
    let accepted = |issue, mx: Option<&str>, days: u64, reason: &str| {
        let until = SystemTime::UNIX_EPOCH + Duration::from_secs(days * 86_400);
        Arc::new(Acceptance {
            issue,
            mx: mx.map(|mx| MxName::parse(mx).unwrap()),
            until,
            reason: reason.into(),
        })
    };
    let want = [
        accepted("smtp.tcp.unreachable", Some("mx0.example.com"), 20_849, "nolisting"),
        accepted("smtp.mx.implicit", None, 0, "too small for an MX"),
    ];
    assert_eq!(overrides.accepted, want);
}

#[test]
fn days_are_written_as_they_are_in_standards() {
    for day in ["2027-01-31", "2028-02-29", "1970-01-01"] {
        assert!(kind::DAY.parse(day).is_ok(), "{day}");
    }
    for day in
        ["", "2027-1-31", "31.1.2027", "2027-02-29", "2027-W04-7", "20270131", "2027-01-31T00:00", "tomorrow"]
    {
        assert!(kind::DAY.parse(day).is_err(), "{day}");
    }
}

#[test]
fn the_machine_goes_by_its_name_where_no_other_is_set() {
    let machine = HeloName::parse("machine.example.net").unwrap();
    let text = "domains: [example.com, {domain: example.org, helo_name: probe.example.net}]";
    let config = config::parse(text, Path::new("test.yml"), Some(machine.clone())).unwrap();
    let settings = |name| config.domain(&domain(name)).settings.clone();
    assert_eq!(settings("example.com").helo_name, Some(machine.clone()));
    assert_eq!(settings("example.com").sender(), Some(mailbox("postmaster@machine.example.net")));
    assert_eq!(settings("example.org").sender(), Some(mailbox("postmaster@probe.example.net")));
    assert_eq!(Config::of_machine(Some(machine)).defaults, settings("example.com"));
    assert_eq!(Settings::default().sender(), None);
}

#[test]
fn domains_that_are_watched_alike_share_their_settings() {
    let config = read(
        r#"
domains:
  - {domain: a.example, interval: "0 3 * * *"}
  - {domain: b.example, interval: "0 3 * * *", rules: {smtp.reverse_dns: off}}
  - {domain: c.example, interval: "0 3 * * *", timeout: 30}
  - {domain: d.example, interval: 15m}
"#,
    );
    let settings = |name| config.domain(&domain(name)).settings.clone();
    assert!(Arc::ptr_eq(&settings("a.example"), &settings("b.example")));
    assert!(Arc::ptr_eq(&settings("d.example"), &config.defaults));
    let cron = |name| match &settings(name).interval {
        Interval::Cron(cron) => cron.clone(),
        other => panic!("{other:?}"),
    };
    assert!(Arc::ptr_eq(&cron("a.example"), &cron("c.example")));
}

#[test]
fn names_that_look_like_others_are_told_and_taken() {
    let config = read("domains:\n  - bücher.example\n  - p\u{430}ypal.example");
    assert_eq!(config.domains.len(), 2);
    let told = "test.yml:3:5: domain: xn--pypal-4ve.example (p\u{430}ypal.example) looks like `paypal`";
    assert_eq!(config.warnings, [told]);
    let text: String = (0..1000).map(|n| format!("  - p\u{430}ypal.d{n}.example\n")).collect();
    let warnings = read(&format!("domains:\n{text}")).warnings;
    assert_eq!((warnings.len(), warnings[20].as_str()), (21, "test.yml: 980 more names like these"));
}

#[test]
fn a_domain_that_is_not_in_the_file_has_the_defaults() {
    let config = read("defaults: {timeout: 30}\ndomains: [{domain: example.com, timeout: 60}]");
    let timeout = |name| config.domain(&domain(name)).settings.timeout;
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
  canaries: [MX.Example.net., mx2.example.net]
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
    assert_eq!(
        network.canaries,
        ["mx.example.net", "mx2.example.net"].map(|name| MxName::parse(name).unwrap())
    );
}

#[test]
fn paths_start_from_the_file() {
    let text = "dns: {trust_anchor: /keys/root.key}\ntls: {ca_file: roots/lab.pem}\nstate: {path: kept}";
    for (file, ca_file, state) in [
        ("mx-exporter.yml", "roots/lab.pem", "kept"),
        ("/etc/mx/exporter.yml", "/etc/mx/roots/lab.pem", "/etc/mx/kept"),
    ] {
        let config = config::parse(text, Path::new(file), None).unwrap();
        assert_eq!(config.tls.ca_file.as_deref(), Some(Path::new(ca_file)));
        assert_eq!(config.state.path.as_deref(), Some(Path::new(state)));
        assert_eq!(config.dns.trust_anchor.as_deref(), Some(Path::new("/keys/root.key")));
    }
}

#[test]
fn sections_and_lists_may_be_left_empty() {
    let empty = "defaults:\n  labels:\n  thresholds:\ndomains:\ndomain_files:\ndns:\n  nameservers:\nnetwork: {}\ntls:\nstate:";
    assert_eq!(read(empty), read("domains:"));
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
    let org = config.domain(&domain("example.org")).settings.clone();
    assert_eq!((&org.interval, org.timeout), (&Interval::Every(minutes(5)), Duration::from_secs(60)));
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
        let _ = config::parse(&text, Path::new("any.yml"), None);
    }

    #[test]
    fn no_slip_of_the_pen_breaks_the_reader(at in 0..EXAMPLE.len(), cut in 0..8_usize, slip in "\\PC{0,4}|[ \n:#&*!|>'\"{}\\[\\],-]{1,4}") {
        let from = EXAMPLE.floor_char_boundary(at);
        let to = EXAMPLE.ceil_char_boundary((at + cut).min(EXAMPLE.len()));
        let text = format!("{}{slip}{}", &EXAMPLE[..from], &EXAMPLE[to..]);
        if let Err(error) = config::parse(&text, Path::new("slip.yml"), None) {
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
    config::parse(text, Path::new("test.yml"), None).unwrap_or_else(|error| panic!("{error}"))
}

fn refused(text: &str) -> String {
    config::parse(text, Path::new("test.yml"), None).expect_err(text).to_string()
}

fn by_default(name: &str) -> Domain {
    Domain::plain(domain(name), Arc::default())
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
