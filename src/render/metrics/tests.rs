//! What the metrics say of built reports, and that both formats hold together.

use super::*;
use crate::name::DomainName;
use crate::observe::testing::{
    asks_relay, bounce, endpoint, no_ptr, now, null_sender, observation, open_relay, relay,
};
use crate::observe::{Cause, ChainTrouble, Histogram, Outcome, PeerText, Phase};
use crate::render::testing::{accepting, after, report, run, snapshot};
use crate::rules::{ALL, Overrides, Severity, Status};
use crate::snapshot::{ConfigRead, ProberFacts, ProcessFacts, SessionOutcome, Shard, StateFacts};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

mod changes;
mod pools;
mod prober;
use prober::prober;

const MX1: &str = r#"mx="mx1.example.com",address="192.0.2.10""#;

/// The samples of an exposition by series; panics where the text breaks a rule of either format.
fn parse(text: &str) -> BTreeMap<String, String> {
    let mut samples = BTreeMap::new();
    let mut families: BTreeSet<String> = BTreeSet::new();
    let (mut helped, mut family, mut suffixes) = (String::new(), String::new(), &[""][..]);
    for line in text.lines().take_while(|line| *line != "# EOF") {
        let words: Vec<&str> = line.splitn(4, ' ').collect();
        match *words {
            ["#", "HELP", name, help] => {
                assert!(!help.ends_with('.') && !help.contains(['\\', '"']), "{line}");
                helped = name.to_owned();
            }
            ["#", "TYPE", name, kind] => {
                assert_eq!(name, helped, "TYPE without HELP");
                let suffix = match kind {
                    "info" => "_info",
                    "counter" if !name.ends_with("_total") => "_total",
                    "counter" | "gauge" | "histogram" => "",
                    other => panic!("what is {other}?"),
                };
                suffixes = if kind == "histogram" { &["_sum", "_count", "_bucket"] } else { &[""] };
                family = format!("{name}{suffix}");
                assert!(families.last().is_none_or(|last| *last < family), "unsorted: {family}");
                families.insert(family.clone());
            }
            ["#", "UNIT", name, unit] => assert!(name.ends_with(unit) && name == helped, "{line}"),
            _ => {
                let (series, value) = line.rsplit_once(' ').unwrap_or_else(|| panic!("no value: {line}"));
                let name = series.split('{').next().unwrap();
                assert!(
                    suffixes.iter().any(|suffix| name == format!("{family}{suffix}")),
                    "a stray series: {line}"
                );
                value.parse::<f64>().unwrap_or_else(|_| panic!("no number: {line}"));
                assert!(series == name || series.ends_with("\"}") && !series.contains("{}"), "{line}");
                assert!(samples.insert(series.to_owned(), value.to_owned()).is_none(), "twice: {series}");
            }
        }
    }
    samples
}

fn text(snapshot: &Snapshot) -> String {
    let mut text = String::new();
    openmetrics(snapshot, &mut text).expect("a string takes everything");
    text
}

fn samples(snapshot: &Snapshot) -> BTreeMap<String, String> {
    let openmetrics = text(snapshot);
    assert!(openmetrics.ends_with("\n# EOF\n") && openmetrics.matches("# EOF").count() == 1);
    let mut classic = String::new();
    super::classic(snapshot, &mut classic).expect("a string takes everything");
    assert!(!classic.contains("# EOF") && !classic.contains("# UNIT") && !classic.contains(" info\n"));
    let samples = parse(&openmetrics);
    assert_eq!(samples, parse(&classic), "the formats differ");
    samples
}

/// Whether each series has the value; `-` is absence.
fn says(samples: &BTreeMap<String, String>, wants: &[(&str, &str)]) {
    for (series, want) in wants {
        let found = samples.get(*series).map_or("-", String::as_str);
        assert_eq!(found, *want, "{series}");
    }
}

#[test]
fn a_healthy_domain_has_every_family_of_its_facts() {
    let samples = samples(&snapshot([report(&observation())]));
    says(
        &samples,
        &[
            (r#"smtp_domain_info{domain="example.com"}"#, "1"),
            (r#"smtp_domain_up{domain="example.com"}"#, "1"),
            (r#"smtp_mta_sts_mode_info{domain="example.com",mode="enforce"}"#, "1"),
            (r#"smtp_mx_hosts{domain="example.com"}"#, "1"),
            (r#"smtp_endpoints{domain="example.com"}"#, "2"),
            (r#"smtp_probe_interval_seconds{domain="example.com"}"#, "900.0"),
            (r#"smtp_probe_duration_seconds{domain="example.com"}"#, "1.42"),
            (r#"smtp_probe_last_run_timestamp_seconds{domain="example.com"}"#, "1800000000.0"),
            (r#"smtp_probe_last_conclusive_timestamp_seconds{domain="example.com"}"#, "1800000000.0"),
            (r#"smtp_probe_next_due_timestamp_seconds{domain="example.com"}"#, "1800000660.0"),
            (r#"smtp_rule_status{domain="example.com",rule="smtp.open_relay"}"#, "1"),
            (r#"smtp_rule_domains{rule="smtp.open_relay",status="ok"}"#, "1"),
            (r#"smtp_rule_domains{rule="smtp.open_relay",status="critical"}"#, "0"),
            (
                r#"smtp_domain_endpoint_info{domain="example.com",mx="mx1.example.com",address="2001:db8::10",preference="10"}"#,
                "1",
            ),
            (r#"smtp_domain_certificate_not_after_timestamp_seconds{domain="example.com"}"#, "1805184000.0"),
        ],
    );
    for (name, more, want) in [
        ("smtp_endpoint_up", "", "1"),
        ("smtp_endpoint_reachable", "", "1"),
        ("smtp_endpoint_info", r#",family="v4",software="postfix""#, "1"),
        ("smtp_open_relay", "", "0"),
        ("smtp_open_relay_last_test_timestamp_seconds", "", "1800000000.0"),
        ("smtp_starttls_offered", "", "1"),
        ("smtp_auth_before_tls", "", "0"),
        ("smtp_reverse_dns_ok", "", "1"),
        ("smtp_extension_info", r#",extension="8BITMIME""#, "1"),
        ("smtp_size_limit_bytes", "", "10240000.0"),
        ("smtp_tls_version", "", "1.3"),
        ("smtp_tls_info", r#",version="1.3",cipher="TLS_AES_256_GCM_SHA384",key_exchange="X25519""#, "1"),
        ("smtp_certificate_valid", "", "1"),
        ("smtp_certificate_not_after_timestamp_seconds", "", "1805184000.0"),
        ("smtp_phase_duration_seconds", r#",phase="tls_handshake""#, "0.04"),
    ] {
        says(&samples, &[(&format!("{name}{{{MX1}{more}}}"), want)]);
    }
    assert!(!samples.keys().any(|series| series.starts_with("smtp_endpoint_failure_info")));
    assert!(!samples.keys().any(|series| series.starts_with("smtp_") && series.contains("inconclusive")));
}

#[test]
fn every_broken_thing_shows_in_its_series() {
    let relays = endpoint().relay(Some(open_relay()));
    let rejected = endpoint().banner("554 5.7.1 No SMTP service here");
    for (endpoint, name, more, want) in [
        (relays, "smtp_open_relay", "", "1"),
        (endpoint().unreachable(Cause::Refused), "smtp_endpoint_reachable", "", "0"),
        (endpoint().unreachable(Cause::Refused), "smtp_endpoint_up", "", "0"),
        (
            endpoint().unreachable(Cause::Refused),
            "smtp_endpoint_failure_info",
            r#",stage="connect",cause="refused""#,
            "1",
        ),
        (endpoint().unreachable(Cause::Refused), "smtp_starttls_offered", "", "-"),
        (rejected.clone(), "smtp_endpoint_reachable", "", "1"),
        (rejected.clone(), "smtp_endpoint_up", "", "0"),
        (rejected, "smtp_endpoint_failure_info", r#",stage="banner",cause="rejected""#, "1"),
        (endpoint().without_starttls(), "smtp_starttls_offered", "", "0"),
        (endpoint().without_starttls(), "smtp_tls_version", "", "0.0"),
        (endpoint().without_starttls(), "smtp_certificate_valid", "", "-"),
        (endpoint().without_starttls(), "smtp_endpoint_up", "", "1"),
        (endpoint().starttls_refused("502 5.5.1 no"), "smtp_tls_version", "", "0.0"),
        (endpoint().untrusted(ChainTrouble::SelfSigned), "smtp_certificate_valid", "", "0"),
        (endpoint().tls(|tls| tls.name_matches = false), "smtp_certificate_valid", "", "0"),
        (endpoint().with_ptr(no_ptr()), "smtp_reverse_dns_ok", "", "0"),
        (
            endpoint().ehlo("250-mx\n250-STARTTLS\n250-AUTH LOGIN PLAIN\n250 PIPELINING"),
            "smtp_auth_before_tls",
            "",
            "1",
        ),
        (
            endpoint().banner("421 4.7.0 too many connections"),
            "smtp_endpoint_inconclusive",
            r#",stage="banner",cause="throttled""#,
            "1",
        ),
        (endpoint().banner("421 4.7.0 too many connections"), "smtp_endpoint_up", "", "-"),
        (endpoint().banner("421 4.7.0 too many connections"), "smtp_endpoint_reachable", "", "1"),
    ] {
        let samples = samples(&snapshot([report(&observation().of([endpoint.clone()]))]));
        says(&samples, &[(&format!("{name}{{{MX1}{more}}}"), want)]);
    }
}

#[test]
fn a_verdict_is_held_while_nothing_new_is_known() {
    let throttled = endpoint().banner("421 4.7.0 too many connections");
    let first = report(&observation().of([endpoint().relay(Some(open_relay()))]));
    let second = after(&first, &observation().of([throttled]));
    let samples = samples(&snapshot([second]));
    says(
        &samples,
        &[
            (&format!("smtp_open_relay{{{MX1}}}"), "1"),
            (&format!("smtp_endpoint_up{{{MX1}}}"), "1"),
            (r#"smtp_domain_up{domain="example.com"}"#, "1"),
            (r#"smtp_rule_status{domain="example.com",rule="smtp.open_relay"}"#, "4"),
            (r#"smtp_rule_inconclusive{domain="example.com",rule="smtp.open_relay",cause="throttled"}"#, "1"),
        ],
    );
    let since =
        r#"smtp_rule_inconclusive_since_timestamp_seconds{domain="example.com",rule="smtp.open_relay"}"#;
    assert!(samples.contains_key(since));
}

#[test]
fn a_run_is_conclusive_where_it_tells_whether_a_server_is_up() {
    let throttled = || endpoint().banner("421 4.7.0 too many connections");
    let dead = || endpoint().at("mx2.example.com", "192.0.2.11").unreachable(Cause::Refused);
    for (observation, want) in [
        (observation(), "1800000000.0"),
        (observation().of([dead()]), "1800000000.0"),
        (observation().of([throttled()]), "-"),
        (observation().of([throttled(), dead()]), "1800000000.0"),
        (observation().of([endpoint().unreachable(Cause::VantageBlocked)]), "-"),
        (observation().of([]).mx([(0, ".")]), "1800000000.0"),
        (observation().mx_lookup(Outcome::Timeout), "-"),
    ] {
        let samples = samples(&snapshot([report(&observation)]));
        says(&samples, &[(r#"smtp_probe_last_conclusive_timestamp_seconds{domain="example.com"}"#, want)]);
    }
    let mut hour_ago = report(&observation().of([endpoint()]));
    let standings = hour_ago.standings.iter_mut().flat_map(|row| row.subjects.values_mut());
    for last in standings.filter_map(|standing| standing.last.as_mut()) {
        last.at = now() - Duration::from_secs(3600);
    }
    let samples = samples(&snapshot([after(&hour_ago, &observation().of([throttled()]))]));
    let held = r#"smtp_probe_last_conclusive_timestamp_seconds{domain="example.com"}"#;
    says(&samples, &[(held, "1799996400.0")]);
}

#[test]
fn an_endpoint_of_many_domains_is_one_series() {
    let domains = ["a.example", "b.example", "c.example"];
    let reports = domains.map(|domain| report(&observation().named(domain)));
    let samples = samples(&snapshot(reports));
    let relay: Vec<_> = samples.keys().filter(|series| series.starts_with("smtp_open_relay{")).collect();
    assert_eq!(relay.len(), 2, "{relay:?}");
    let joins = samples.keys().filter(|series| series.starts_with("smtp_domain_endpoint_info{"));
    assert_eq!(joins.count(), 6);
}

#[test]
fn an_endpoint_is_judged_whatever_one_domain_calls_severe() {
    let relays = observation().of([endpoint().relay(Some(open_relay()))]);
    for (code, severity) in [("smtp.open_relay", Some(Severity::Info)), ("smtp.open_relay", None)] {
        let severities = BTreeMap::from([(code, severity)]);
        let overrides = Overrides { severities, ..Overrides::default() };
        for (lenient, strict) in [("a.example", "b.example"), ("b.example", "a.example")] {
            let lenient = run(None, &relays.clone().named(lenient), &overrides);
            let strict = report(&relays.clone().named(strict));
            let samples = samples(&snapshot([lenient, strict]));
            says(&samples, &[(&format!("smtp_open_relay{{{MX1}}}"), "1")]);
        }
    }
}

#[test]
fn whether_a_domain_is_up_is_said_only_where_it_is_known() {
    let dead = || endpoint().unreachable(Cause::Refused);
    let v6 =
        |endpoint: crate::observe::testing::EndpointBuilder| endpoint.at("mx1.example.com", "2001:db8::10");
    let throttled = || endpoint().at("mx2.example.com", "192.0.2.11").banner("421 later");
    for (observation, want) in [
        (observation(), "1"),
        (observation().of([dead()]), "0"),
        (observation().of([dead(), v6(dead())]), "0"),
        (observation().of([dead(), endpoint().at("mx2.example.com", "192.0.2.11")]), "1"),
        (observation().of([dead(), throttled()]), "-"),
        (observation().of([dead(), v6(endpoint().unreachable(Cause::VantageBlocked))]), "0"),
        (observation().of([endpoint().unreachable(Cause::VantageBlocked)]), "-"),
        (observation().of([dead().on_first_look()]), "-"),
        (observation().of([endpoint().unreachable(Cause::NotPublic)]), "0"),
        (observation().of([]).mx([(0, ".")]), "-"),
        (observation().mx_lookup(Outcome::NoSuchName), "0"),
        (observation().mx_lookup(Outcome::Timeout), "-"),
    ] {
        let samples = samples(&snapshot([report(&observation)]));
        says(&samples, &[(r#"smtp_domain_up{domain="example.com"}"#, want)]);
    }
}

#[test]
fn the_fleet_is_counted_by_every_rule_and_status() {
    let healthy = report(&observation());
    let null = report(&observation().named("null.example").of([]).mx([(0, ".")]));
    let samples = samples(&snapshot([healthy, null]));
    let rows = samples.keys().filter(|series| series.starts_with("smtp_rule_domains{")).count();
    assert_eq!(rows, ALL.len() * Status::ALL.len());
    says(
        &samples,
        &[
            (r#"smtp_rule_domains{rule="smtp.null_mx",status="info"}"#, "1"),
            (r#"smtp_rule_domains{rule="smtp.null_mx",status="ok"}"#, "1"),
            (r#"smtp_rule_status_code_info{code="4",status="critical"}"#, "1"),
        ],
    );
}

#[test]
fn labels_stand_beside_the_name_of_their_domain_and_nowhere_else() {
    let names = ["a.example", "b.example", "c.example"].map(|name| DomainName::parse(name).unwrap());
    let labels = |labels: &[(&str, &str)]| {
        let labels = labels.iter().map(|(name, value)| ((*name).into(), (*value).into()));
        Arc::new(labels.collect::<BTreeMap<Box<str>, Box<str>>>())
    };
    let a = labels(&[("team", "mail"), ("zone", "a \"b\" \\ c")]);
    let labels = BTreeMap::from([(names[0].clone(), a), (names[2].clone(), labels(&[("mx", "own")]))]);
    let reports = ["a.example", "b.example"].map(|name| report(&observation().named(name)));
    let snapshot = Snapshot { domains: names.into(), labels: Arc::new(labels), ..snapshot(reports) };
    let samples = samples(&snapshot);
    says(
        &samples,
        &[
            (r#"smtp_domain_info{domain="a.example",team="mail",zone="a \"b\" \\ c"}"#, "1"),
            (r#"smtp_domain_info{domain="b.example"}"#, "1"),
            (r#"smtp_domain_info{domain="c.example",mx="own"}"#, "1"),
        ],
    );
    assert_eq!(samples.keys().filter(|series| series.contains("team")).count(), 1);
}

#[test]
fn what_is_accepted_counts_as_an_info_and_stays_a_fact() {
    let relays = observation().of([endpoint().relay(Some(open_relay()))]);
    let samples = samples(&snapshot([run(None, &relays, &accepting("smtp.open_relay"))]));
    let status = r#"smtp_rule_status{domain="example.com",rule="smtp.open_relay"}"#;
    says(&samples, &[(status, "2"), (&format!("smtp_open_relay{{{MX1}}}"), "1")]);
}

#[test]
fn nothing_is_said_of_what_was_never_probed() {
    let domains = [crate::name::DomainName::parse("waiting.example").unwrap()];
    let samples = samples(&Snapshot { domains: domains.into(), ..Snapshot::default() });
    says(&samples, &[(r#"smtp_domain_info{domain="waiting.example"}"#, "1"), ("mx_exporter_domains", "1")]);
    assert!(!samples.keys().any(|series| series.starts_with("smtp_probe") || series.contains("_up")));
    assert!(!samples.contains_key("mx_exporter_config_last_reload_successful"));
    assert!(!samples.keys().any(|series| series.contains("_state_")));
}

#[test]
fn peer_text_is_never_a_label() {
    let evil = "\"}\nsmtp_open_relay{mx=\"x\"} 1\n<script>evil";
    let name = PeerText::from(evil);
    let hostile = endpoint()
        .banner_is(Ok(crate::observe::Reply {
            code: 220,
            lines: vec![format!("220 {evil}").as_str().into()],
            flaws: Vec::new(),
        }))
        .ehlo(&format!("250-mx\n250-STARTTLS\n250 {}", evil.replace('\n', " ")))
        .relay(Some(relay(vec![asks_relay("relaytest@example.org", "554 evil")], None)))
        .null_sender(Some(null_sender(bounce("250 ok evil", "250 ok"), None)));
    let report = report(&observation().of([hostile.with_ptr(crate::observe::testing::ptr(name.as_str()))]));
    let openmetrics = text(&snapshot([report]));
    assert!(!openmetrics.contains("evil") && !openmetrics.contains("<script"), "{openmetrics}");
}

#[test]
fn what_left_the_snapshot_left_the_metrics() {
    let both =
        snapshot([report(&observation().named("a.example")), report(&observation().named("b.example"))]);
    assert!(text(&both).contains("b.example"));
    assert!(!text(&snapshot([report(&observation().named("a.example"))])).contains("b.example"));
}

#[test]
fn every_metric_has_the_labels_it_declares() {
    let broken = |name, endpoint| report(&observation().named(name).of([endpoint]));
    let reports = [
        report(&changes::changed()),
        broken("dead.example", endpoint().at("mx.dead.example", "192.0.2.20").unreachable(Cause::Refused)),
        broken("busy.example", endpoint().at("mx.busy.example", "192.0.2.21").banner("421 later")),
    ];
    let prober = ProberFacts {
        v4_blocked: Some(false),
        v6_blocked: Some(true),
        config: Some(ConfigRead { successful: true, last_success: now() }),
        domain_files: Arc::new([("a.yml".to_owned(), true)].into()),
        state: Some(StateFacts { write_failures: 0, successful: true }),
        ..prober()
    };
    let mut written: BTreeMap<String, BTreeSet<Vec<String>>> = BTreeMap::new();
    for series in samples(&Snapshot { prober, ..snapshot(reports) }).into_keys() {
        let (name, rest) = series.split_once('{').unwrap_or((&series, ""));
        let pairs = rest.split("\",").filter_map(|pair| Some(pair.split_once('=')?.0.to_owned()));
        written.entry(name.to_owned()).or_default().insert(pairs.collect());
    }
    let declared = labels()
        .into_iter()
        .map(|(name, labels)| (name, BTreeSet::from([labels.iter().copied().map(str::to_owned).collect()])));
    assert_eq!(written, declared.collect());
    let names: BTreeSet<_> = families().iter().map(|family| family.name).collect();
    assert_eq!(families().len(), names.len(), "a name is taken twice");
}
