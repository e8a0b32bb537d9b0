//! The alerts, their unit tests, and the example for Alertmanager.

use crate::known::{self, EXTERNAL_LABEL};
use crate::promql::{Names, names};
use crate::{file, templates};
use serde::Deserialize;
use std::collections::{BTreeMap, BTreeSet};

const RULES: &str = "alerts/mx-exporter.rules.yml";
const TESTS: &str = "alerts/mx-exporter.test.yml";
const ROUTES: &str = "alerts/alertmanager.example.yml";

#[derive(Deserialize)]
struct Rules {
    groups: Vec<Group>,
}

#[derive(Deserialize)]
struct Group {
    name: String,
    rules: Vec<Alert>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Alert {
    alert: String,
    expr: String,
    #[serde(rename = "for")]
    _pending: String,
    #[serde(rename = "keep_firing_for")]
    _keep: Option<String>,
    labels: BTreeMap<String, String>,
    annotations: BTreeMap<String, String>,
}

#[derive(Deserialize)]
struct UnitTests {
    tests: Vec<UnitTest>,
}

#[derive(Deserialize)]
struct UnitTest {
    name: String,
    input_series: Vec<Input>,
    alert_rule_test: Vec<Moment>,
}

#[derive(Deserialize)]
struct Input {
    series: String,
}

/// What one alert does at one time.
#[derive(Deserialize)]
struct Moment {
    eval_time: String,
    alertname: String,
    exp_alerts: Vec<serde_json::Value>,
}

#[derive(Deserialize)]
struct Routes {
    inhibit_rules: Vec<Inhibition>,
}

#[derive(Deserialize)]
struct Inhibition {
    source_matchers: Vec<String>,
    target_matchers: Vec<String>,
    #[serde(default)]
    equal: Vec<String>,
}

#[test]
fn every_alert_asks_for_what_exists() {
    for Alert { alert, expr, annotations, .. } in alerts() {
        let asked = names(&expr);
        known::check(&asked, &alert);
        for text in annotations.values() {
            check_template(text, &asked, &alert);
        }
    }
    known::check_prose(&file(RULES), RULES);
}

fn check_template(text: &str, asked: &Names, alert: &str) {
    let mut queried = Names::default();
    for query in templates::queries(text) {
        let query = names(&query);
        known::check(&query, alert);
        queried.selectors.extend(query.selectors);
    }
    for (prefix, names) in [("$labels.", asked), ("{{ .Labels.", &queried)] {
        let known = known::labels_of(names);
        for label in templates::words_after(text, prefix) {
            assert!(known.contains(label), "{alert}: nothing there has the label {label}");
        }
    }
    let external = templates::words_after(text, "$externalLabels.");
    assert!(external.iter().all(|label| *label == EXTERNAL_LABEL), "{alert}: {external:?}");
}

#[test]
fn every_alert_is_complete() {
    let mut seen = BTreeSet::new();
    for (group, alert) in groups() {
        let Alert { alert, labels, annotations, .. } = alert;
        let severity = labels.get("severity").map(String::as_str);
        assert!(matches!(severity, Some("critical" | "warning" | "info")), "{alert}: {severity:?}");
        let text = |name: &str| annotations.get(name).map(|text| text.trim()).filter(|text| !text.is_empty());
        let summary = text("summary").unwrap_or_else(|| panic!("{alert} has no summary"));
        let description = text("description").unwrap_or_else(|| panic!("{alert} has no description"));
        assert!(summary.len() < 100 && !summary.ends_with('.'), "{alert}: {summary}");
        if group == "mx-exporter domains" {
            let page = "http://{{ $labels.instance }}{{ end }}/domains/{{ $labels.domain }}";
            assert!(description.ends_with(page), "{alert} does not end in its page: {description}");
        }
        assert!(seen.insert(alert.clone()), "{alert} is there twice");
    }
    assert!(seen.len() > 10, "{seen:?}");
}

#[test]
fn every_alert_is_tested_firing_nearly_firing_and_resolved() {
    let tests: UnitTests = serde_yaml::from_str(&file(TESTS)).unwrap();
    for Alert { alert, .. } in alerts() {
        let (mut fires, mut comes_close, mut is_resolved) = (false, false, false);
        for timeline in tests.tests.iter().map(|test| timeline(test, &alert)) {
            let first = timeline.iter().find(|(_, firing)| *firing).map(|(at, _)| *at);
            let mut quiet = timeline.iter().filter(|(_, firing)| !firing).map(|(at, _)| *at);
            fires |= first.is_some();
            is_resolved |= first.is_some_and(|first| quiet.clone().any(|at| at > first));
            comes_close |= quiet.any(|at| first.is_none_or(|first| at < first));
        }
        assert!(fires && comes_close && is_resolved, "{alert}: {fires} {comes_close} {is_resolved}");
    }
}

/// When, in minutes, the alert is looked at in one test, and whether it fires.
fn timeline(test: &UnitTest, alert: &str) -> Vec<(u32, bool)> {
    let moments = test.alert_rule_test.iter().filter(|moment| moment.alertname == alert);
    let minutes = |time: &str| time.strip_suffix('m').and_then(|minutes| minutes.parse().ok());
    moments
        .map(|moment| {
            let at = minutes(&moment.eval_time).unwrap_or_else(|| panic!("{}: a time in minutes", test.name));
            (at, !moment.exp_alerts.is_empty())
        })
        .collect()
}

#[test]
fn the_tests_are_fed_what_the_exporter_says() {
    let tests: UnitTests = serde_yaml::from_str(&file(TESTS)).unwrap();
    let known: BTreeSet<String> = alerts().map(|alert| alert.alert).collect();
    for UnitTest { name, input_series, alert_rule_test } in tests.tests {
        for Input { series } in input_series {
            let names = names(&series);
            known::check(&names, &name);
            let [selector] = names.selectors.as_slice() else { panic!("{name}: {series} is no series") };
            let given: BTreeSet<&str> = selector.matchers.iter().map(|(label, _)| label.as_str()).collect();
            assert_eq!(given, known::labels(&selector.metric), "{name}: {series}");
        }
        for Moment { alertname, .. } in alert_rule_test {
            assert!(known.contains(&alertname), "{name}: no alert is called {alertname}");
        }
    }
    known::check_prose(&file(TESTS), TESTS);
}

#[test]
fn inhibitions_name_alerts_that_exist() {
    let routes: Routes = serde_yaml::from_str(&file(ROUTES)).unwrap();
    let alerts: Vec<Alert> = alerts().collect();
    for Inhibition { source_matchers, target_matchers, equal } in routes.inhibit_rules {
        for matcher in source_matchers.iter().chain(&target_matchers) {
            for pattern in matcher.split('"').nth(1).expect("a quoted value").split('|') {
                let fits = |alert: &Alert| match pattern.strip_suffix(".+") {
                    Some(prefix) => alert.alert.starts_with(prefix),
                    None => alert.alert == pattern,
                };
                assert!(alerts.iter().any(fits), "no alert fits {pattern}");
            }
        }
        for label in equal {
            let has = |alert: &Alert| known::labels_of(&names(&alert.expr)).contains(label.as_str());
            assert!(alerts.iter().any(has), "no alert has the label {label}");
        }
    }
}

fn groups() -> impl Iterator<Item = (String, Alert)> {
    let rules: Rules = serde_yaml::from_str(&file(RULES)).unwrap();
    let of_group = |group: Group| group.rules.into_iter().map(move |alert| (group.name.clone(), alert));
    rules.groups.into_iter().flat_map(of_group)
}

fn alerts() -> impl Iterator<Item = Alert> {
    groups().map(|(_, alert)| alert)
}
