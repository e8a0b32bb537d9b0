//! The project's alerts and dashboard, in a Prometheus that has scraped the daemon.

use std::collections::BTreeSet;
use std::fs;

use serde_json::Value;

use crate::expectations::{self, Standing};
use crate::prometheus::{Alert, Prometheus};
use crate::said;
use crate::scrape::difference;
use crate::tally::Tally;

/// Every alert is weighed without error, the one on the open relay fires, and each critical domain is told of by one.
pub(crate) fn alerts_tell(tally: &mut Tally, prometheus: &Prometheus) {
    let active = || prometheus.alerts().unwrap_or_default();
    tally.compare_in_time("the alert on the open relay fires", || {
        let relays: Vec<Alert> =
            active().into_iter().filter(|it| it.name == "MxOpenRelay" && it.is_firing).collect();
        let wanted = vec!["open-relay.test"];
        let got: Vec<&str> = relays.iter().map(|alert| alert.domain.as_str()).collect();
        let page = |alert: &Alert| format!("/domains/{}", alert.domain);
        let dead = relays.iter().filter(|alert| !alert.description.ends_with(&page(alert)));
        let dead = dead.map(|alert| format!("leads to no page: {}", alert.description));
        difference(&wanted, &got).into_iter().chain(dead).collect()
    });
    tally.compare(
        "its page",
        said::get("/domains/open-relay.test").err().map(|it| it.to_string()).into_iter().collect(),
    );
    tally.compare_in_time("every alert is weighed without error", || match prometheus.rules() {
        Ok(rules) if rules.is_empty() => vec!["there is none".to_owned()],
        Ok(rules) => rules.into_iter().filter(|rule| !rule.ends_with(": ok")).collect(),
        Err(error) => vec![error.to_string()],
    });
    tally.compare_in_time("every critical domain is told of", || {
        let told: BTreeSet<String> = active().into_iter().map(|alert| alert.domain).collect();
        let table = expectations::read().into_iter();
        let critical = table.filter(|(_, rules)| rules.values().any(Standing::is_critical));
        critical.map(|(domain, _)| domain).filter(|domain| !told.contains(domain)).collect()
    });
}

/// Every expression of the dashboard works on what was scraped; most find something.
pub(crate) fn dashboard_asks(tally: &mut Tally, prometheus: &Prometheus) {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/dashboards/mx-exporter.json");
    let read = fs::read_to_string(path).and_then(|text| Ok(serde_json::from_str::<Value>(&text)?));
    let dashboard = match read {
        Ok(dashboard) => dashboard,
        Err(error) => return tally.compare("the dashboard", vec![format!("{path}: {error}")]),
    };
    let mut expressions = BTreeSet::new();
    collect_expressions(&dashboard, &mut expressions);
    let mut failed = Vec::new();
    let mut found = 0;
    for expression in &expressions {
        match prometheus.query(&filled_in(expression)) {
            Ok(samples) => found += usize::from(!samples.is_empty()),
            Err(error) => failed.push(format!("{expression}: {error}")),
        }
    }
    tally.compare(format!("{} expressions of the dashboard", expressions.len()), failed);
    let few = (found * 2 < expressions.len() || found == 0).then(|| format!("only {found} find anything"));
    tally.compare("most of them find something", few.into_iter().collect());
}

/// The texts of all `expr`, at any depth; and the queries of its variables.
fn collect_expressions(value: &Value, into: &mut BTreeSet<String>) {
    match value {
        Value::Object(members) => {
            into.extend(members.get("expr").and_then(Value::as_str).map(str::to_owned));
            let variable = members.get("definition").and_then(Value::as_str);
            let series =
                variable.and_then(|it| it.strip_prefix("label_values(")?.rsplit_once(',')).map(|(it, _)| it);
            into.extend(series.map(str::to_owned));
            members.values().for_each(|member| collect_expressions(member, into));
        }
        Value::Array(items) => items.iter().for_each(|item| collect_expressions(item, into)),
        _ => {}
    }
}

/// With what Grafana would put in place of its variables.
fn filled_in(expression: &str) -> String {
    let values = [
        ("$__rate_interval", "1m"),
        ("$__interval", "1m"),
        ("$__range", "1h"),
        ("${domain}", "open-relay.test"),
        ("${domain:regex}", "open-relay.test"),
        ("$domain", "open-relay.test"),
        ("$job", "mx-exporter"),
        ("$instance", ".*"),
    ];
    values.iter().fold(expression.to_owned(), |text, (name, value)| text.replace(name, value))
}
