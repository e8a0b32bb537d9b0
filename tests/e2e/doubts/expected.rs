//! What this step's servers should be found to be.

use std::collections::BTreeMap;
use std::fmt::Debug;

use crate::expectations;
use crate::prober::{Prober, Rule};

pub(super) const STOPPED: &str = "stopped.test";

/// What a TLS scan tells; the daemons of this step scan nobody, because their connections are counted.
pub(super) const SCANNED: &str = "smtp.tls_version";

/// Whose servers are in no doubt when nothing is the matter.
pub(super) const CALM: [&str; 4] = [STOPPED, "here.test", "elsewhere.test", "far-away.test"];

/// What is not as usual: no server of this step but one has IPv6, postscreen offers a stranger no PIPELINING when it
/// tests for it, and the fault of the two that are far away.
const NOT_OK: [(&str, &str, &str); 9] = [
    ("postscreen-deep.test", "smtp.extension_posture", "2"),
    ("postscreen-deep.test", "smtp.ipv6_reachable", "2"),
    ("postgrey.test", "smtp.ipv6_reachable", "2"),
    ("two-connections.test", "smtp.ipv6_reachable", "2"),
    ("stopped.test", "smtp.ipv6_reachable", "2"),
    ("elsewhere.test", "smtp.ipv6_reachable", "2"),
    ("elsewhere.test", "smtp.reverse_dns", "3"),
    ("far-away.test", "smtp.ipv6_reachable", "2"),
    ("far-away.test", "smtp.reverse_dns", "3"),
];

/// Everything is known of a domain, and nothing is wrong but what is in `NOT_OK`.
pub(super) fn calm(prober: &Prober, domain: &str) -> Vec<String> {
    let mut wrong = differences(&sound(domain), &of(domain, &prober.statuses()));
    wrong.extend(prober.causes(domain).iter().map(|(rule, cause)| format!("{domain}: {rule}: {cause}")));
    wrong
}

/// What every rule of a domain should be.
pub(super) fn sound(domain: &str) -> BTreeMap<String, String> {
    let faults = NOT_OK.iter().filter(|(of, ..)| *of == domain).map(|(_, rule, status)| (*rule, *status));
    let usual = expectations::usual().into_iter();
    let mut rules: BTreeMap<String, String> =
        usual.filter_map(|(rule, standing)| Some((rule, standing.status?))).collect();
    rules.remove(SCANNED);
    rules.extend(faults.map(|(rule, status)| (rule.to_owned(), status.to_owned())));
    rules
}

/// The status of every rule of a domain.
pub(super) fn of(domain: &str, statuses: &BTreeMap<Rule, String>) -> BTreeMap<String, String> {
    let rules = statuses.iter().filter(|((of, _), _)| of == domain);
    rules.map(|((_, rule), status)| (rule.clone(), status.clone())).collect()
}

pub(super) fn differences<W: Debug + PartialEq<G>, G: Debug>(wanted: &W, got: &G) -> Vec<String> {
    if wanted == got { vec![] } else { vec![format!("wanted {wanted:?}, got {got:?}")] }
}
