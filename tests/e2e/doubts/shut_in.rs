//! A network that lets nothing out to port 25: known by servers in three networks that fail together, and by a canary.

use std::collections::{BTreeMap, BTreeSet};

use super::around;
use super::expected::{CALM, calm, differences};
use crate::prober::{Prober, Rule};
use crate::said;
use crate::tally::Tally;

/// Nothing gets out to port 25 over IPv4: it is this machine that is blocked, and no verdict changes; nor does one when
/// the way is open again.
pub(super) fn changes_nothing(tally: &mut Tally, probers: &[&Prober]) {
    for prober in probers {
        tally.compare_in_time(format!("{} is in no doubt of the others", prober.name), || all_calm(prober));
    }
    let before: Vec<_> = probers.iter().map(|prober| prober.statuses()).collect();
    let changed = || {
        let now = probers.iter().zip(&before);
        now.flat_map(|(prober, before)| changes(before, &prober.statuses())).collect::<Vec<String>>()
    };
    let mut ever_changed: BTreeSet<String> = BTreeSet::new();
    around::close_port_25();
    for prober in probers {
        tally.compare_in_time(format!("{} finds that it is shut in", prober.name), || {
            ever_changed.extend(changed());
            vantage(prober, true).into_iter().chain(in_sight(prober)).collect()
        });
    }
    around::open_port_25();
    for prober in probers {
        tally.compare_in_time(format!("{} finds that it is let out", prober.name), || {
            ever_changed.extend(changed());
            vantage(prober, false).into_iter().chain(all_calm(prober)).collect()
        });
    }
    tally.compare("no verdict changed all the while", ever_changed.into_iter().chain(changed()).collect());
}

/// IPv4 is blocked or not, and IPv6 is not.
fn vantage(prober: &Prober, v4: bool) -> Vec<String> {
    let metrics = prober.metrics();
    let blocked = ["v4", "v6"].map(|family| said::vantage_blocked(&metrics, family));
    differences(&[Some(v4), Some(false)], &blocked)
}

/// Whose servers are in no doubt when nothing is the matter, as far as the daemon watches them.
fn watched<'a>(prober: &'a Prober) -> impl Iterator<Item = &'static str> + 'a {
    CALM.into_iter().filter(|domain| prober.domains.contains(domain))
}

fn all_calm(prober: &Prober) -> Vec<String> {
    watched(prober).flat_map(|domain| calm(prober, domain)).collect()
}

/// Where a server could still be connected to, as far as the daemon knows.
fn in_sight(prober: &Prober) -> Vec<String> {
    let blocked = ("smtp.endpoint_reachable".to_owned(), "vantage_blocked".to_owned());
    let causes = watched(prober).map(|domain| (domain, prober.causes(domain)));
    let others = causes.filter(|(_, causes)| !causes.contains(&blocked));
    others.map(|(domain, causes)| format!("{domain}: {causes:?}")).collect()
}

/// Every rule whose status is another than before.
fn changes(before: &BTreeMap<Rule, String>, now: &BTreeMap<Rule, String>) -> Vec<String> {
    let rules: BTreeSet<&Rule> = before.keys().chain(now.keys()).collect();
    let changed = rules.into_iter().filter(|rule| before.get(*rule) != now.get(*rule));
    changed
        .map(|rule| format!("{} {}: {:?}, and before {:?}", rule.0, rule.1, now.get(rule), before.get(rule)))
        .collect()
}
