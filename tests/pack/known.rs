//! What the code knows: metrics, labels, the closed sets behind labels, and codes of rules and issues.

use crate::promql::{Names, Selector};
use mx_exporter::observe::{Cause, Outcome, Phase};
use mx_exporter::render::metrics;
use mx_exporter::rules::{self, Status};
use mx_exporter::snapshot::SessionOutcome;
use std::collections::BTreeSet;

/// What Prometheus itself adds to every series.
const TARGET: [&str; 2] = ["job", "instance"];

/// The labels of a metric, those of the target included.
pub(crate) fn labels(metric: &str) -> BTreeSet<&'static str> {
    let own: &[&str] = match metric {
        "up" => &[],
        metric => metrics::labels().get(metric).unwrap_or_else(|| panic!("no metric is called {metric}")),
    };
    own.iter().copied().chain(TARGET).collect()
}

/// The labels of all that is named.
pub(crate) fn labels_of(names: &Names) -> BTreeSet<&'static str> {
    names.selectors.iter().flat_map(|selector| labels(&selector.metric)).collect()
}

/// Panics, naming the place, where metrics, labels or their values are none of ours.
pub(crate) fn check(names: &Names, place: &str) {
    for Selector { metric, matchers } in &names.selectors {
        for (label, values) in matchers {
            assert!(labels(metric).contains(label.as_str()), "{place}: {metric} has no label {label}");
            for value in values.split('|').filter(|_| metric != "up") {
                assert!(is_value(label, value), "{place}: {label} is never {value}");
            }
        }
    }
    let all = labels_of(names);
    for label in &names.labels {
        assert!(all.contains(label.as_str()), "{place}: nothing there has the label {label}");
    }
}

/// Whether a label can have that value; the values of open sets, and what is filled in later, are not known here.
fn is_value(label: &str, value: &str) -> bool {
    let any = |values: &[&str]| value.is_empty() || value.starts_with('$') || values.contains(&value);
    match label {
        "cause" => any(&Cause::ALL.map(Cause::as_str)),
        "family" => any(&["v4", "v6"]),
        "outcome" => any(&SessionOutcome::ALL.map(SessionOutcome::as_str)) || any(&Outcome::<()>::WORDS),
        "phase" => any(&Phase::ALL.map(Phase::as_str)),
        "rule" => any(&rules::ALL.iter().map(|rule| rule.code).collect::<Vec<_>>()),
        "status" => any(&Status::ALL.map(Status::as_str)),
        _ => true,
    }
}

/// Panics where anything in `text`, comments and prose included, looks like a metric or a code and is none.
pub(crate) fn check_prose(text: &str, place: &str) {
    let is_part = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '.';
    let words = || text.split(|c| !is_part(c)).map(|word| word.trim_end_matches('.'));
    let mut found = 0;
    for code in words().filter(|word| word.starts_with("smtp.")) {
        let is_issue = rules::issues().any(|(_, issue)| issue.code == code);
        assert!(is_issue || rules::ALL.iter().any(|rule| rule.code == code), "{place}: {code} is no code");
        found += 1;
    }
    let is_own = |word: &&str| word.starts_with("smtp_") || word.starts_with("mx_exporter_");
    for metric in words().filter(is_own).filter(|word| *word != EXTERNAL_LABEL) {
        labels(metric);
        found += 1;
    }
    assert!(found > 0, "{place} names nothing");
}

/// The label that tells Prometheus where the pages are.
pub(crate) const EXTERNAL_LABEL: &str = "mx_exporter_url";
