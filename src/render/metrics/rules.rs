//! Series about rules: their status per domain and over the fleet, and what they could not conclude.

use super::family::{Family, Kind, Series};
use super::view::View;
use crate::render::time::unix_seconds;
use crate::report::{Doubt, RuleStanding};
use crate::rules::{ALL, Status};
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

pub(super) static FAMILIES: &[&Family] = &[
    &Family {
        name: "smtp_rule_status",
        labels: &["domain", "rule"],
        help: "Status of a rule over all its subjects, by the last conclusive verdicts: 0 unknown, 1 ok, 2 info, 3 warning, 4 critical, 5 error",
        kind: Kind::Gauge,
        write: status,
    },
    &Family {
        name: "smtp_rule_inconclusive",
        labels: &["domain", "rule", "cause"],
        help: "1 while the latest run could not conclude, by cause; the status is held meanwhile",
        kind: Kind::Gauge,
        write: inconclusive,
    },
    &Family {
        name: "smtp_rule_inconclusive_since_timestamp_seconds",
        labels: &["domain", "rule"],
        help: "When the first of the inconclusive runs in a row was",
        kind: Kind::Gauge,
        write: inconclusive_since,
    },
    &Family {
        name: "smtp_rule_status_code_info",
        labels: &["code", "status"],
        help: "The words for the numbers of smtp_rule_status",
        kind: Kind::Info,
        write: status_codes,
    },
    &Family {
        name: "smtp_rule_domains",
        labels: &["rule", "status"],
        help: "Domains by rule and status",
        kind: Kind::Gauge,
        write: fleet,
    },
];

fn status(view: &View<'_>, out: &mut Series<'_>) -> fmt::Result {
    each(view, |domain, row| {
        out.count(&[("domain", domain), ("rule", row.rule.code)], row.status().code().into())
    })
}

fn inconclusive(view: &View<'_>, out: &mut Series<'_>) -> fmt::Result {
    each(view, |domain, row| {
        let causes: BTreeSet<_> = doubts(row).map(|doubt| doubt.trouble.cause.as_str()).collect();
        causes.into_iter().try_for_each(|cause| {
            out.flag(&[("domain", domain), ("rule", row.rule.code), ("cause", cause)], true)
        })
    })
}

fn inconclusive_since(view: &View<'_>, out: &mut Series<'_>) -> fmt::Result {
    each(view, |domain, row| match doubts(row).map(|doubt| doubt.since).min() {
        Some(since) => out.gauge(&[("domain", domain), ("rule", row.rule.code)], unix_seconds(since)),
        None => Ok(()),
    })
}

fn status_codes(_: &View<'_>, out: &mut Series<'_>) -> fmt::Result {
    Status::ALL
        .iter()
        .try_for_each(|status| out.info(&[("code", &status.code().to_string()), ("status", status.as_str())]))
}

fn fleet(view: &View<'_>, out: &mut Series<'_>) -> fmt::Result {
    let mut counts: BTreeMap<(&str, Status), usize> = BTreeMap::new();
    for row in view.reports().flat_map(|report| &report.standings) {
        *counts.entry((row.rule.code, row.status())).or_default() += 1;
    }
    let every = ALL.iter().flat_map(|rule| Status::ALL.map(|status| (rule.code, status)));
    every.into_iter().try_for_each(|(rule, status)| {
        let count = counts.get(&(rule, status)).copied().unwrap_or_default();
        out.count(&[("rule", rule), ("status", status.as_str())], count)
    })
}

/// Every standing of every domain.
fn each<'a>(view: &View<'a>, mut write: impl FnMut(&'a str, &'a RuleStanding) -> fmt::Result) -> fmt::Result {
    view.reports().try_for_each(|report| {
        report.standings.iter().try_for_each(|row| write(report.domain().as_str(), row))
    })
}

fn doubts(row: &RuleStanding) -> impl Iterator<Item = &Doubt> {
    row.subjects.values().filter_map(|standing| standing.doubt.as_ref())
}
