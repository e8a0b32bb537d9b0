//! The orders of the fleet: above all, what "worst first" means.

use super::Entry;
use crate::grade::grade;
use crate::render::html::glance::first_end;
use crate::render::verdict::WORST_FIRST;
use crate::report::{Delivery, Report, Sender};
use crate::rules::{Severity, Status};
use std::cmp::Reverse;
use std::collections::BTreeSet;

/// Puts entries, which are in the order of their names, into another; what has no value there comes last.
pub(super) fn sort(entries: &mut [Entry<'_>], by: &str) {
    match by {
        "name" => {}
        "grade" => entries.sort_by_cached_key(|entry| {
            let grade = entry.report.and_then(|report| grade(report).grade);
            (grade.is_none(), grade)
        }),
        "expiry" => entries.sort_by_cached_key(|entry| {
            let end = entry.report.and_then(first_end);
            (end.is_none(), end)
        }),
        "age" => entries.sort_by_key(|entry| {
            let at = entry.report.map(|report| report.observation.at);
            (at.is_none(), at)
        }),
        _ => entries.sort_by_cached_key(worst_first),
    }
}

/// By status; within one what is urgent first, then by how many findings there are of that status, then those in doubt.
fn worst_first(entry: &Entry<'_>) -> impl Ord + use<> {
    let status = WORST_FIRST.iter().position(|status| *status == entry.status);
    let is_urgent = entry.status == Status::Critical && entry.report.is_some_and(is_urgent);
    let findings = entry.report.map_or(0, |report| findings(report, entry.status));
    (status, Reverse(is_urgent), Reverse(findings), entry.doubt.is_none())
}

/// Whether each hour counts: strangers abuse a server, or no mail gets in.
fn is_urgent(report: &Report) -> bool {
    let relays = report.rule("smtp.open_relay").is_some_and(|row| row.status() == Status::Critical);
    relays || report.delivery(Sender::Opportunistic) == Delivery::Fails
}

/// How many different issues of that severity there are.
fn findings(report: &Report, status: Status) -> usize {
    let severity = [Severity::Critical, Severity::Warning, Severity::Info]
        .into_iter()
        .find(|severity| Status::from(*severity) == status);
    let lasts = report.standings.iter().flat_map(|row| row.subjects.values()).filter_map(|s| s.last.as_ref());
    let weighed = lasts.flat_map(|last| &last.findings).filter(|weighed| weighed.severity.is_some());
    let alike = weighed.filter(|weighed| weighed.severity == severity);
    alike.map(|weighed| weighed.finding.issue.code).collect::<BTreeSet<_>>().len()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::observe::Cause;
    use crate::observe::testing::{EndpointBuilder, endpoint, no_ptr, observation, open_relay};
    use crate::render::testing::{after, report, snapshot};
    use crate::snapshot::Snapshot;

    fn of(name: &str, endpoint: EndpointBuilder) -> Report {
        report(&observation().named(name).of([endpoint]))
    }

    fn throttled() -> EndpointBuilder {
        endpoint().banner("421 4.7.0 too many connections")
    }

    fn fleet() -> Snapshot {
        let held = of("k-held.example", endpoint());
        snapshot([
            of("z-relay.example", endpoint().relay(Some(open_relay()))),
            of("y-down.example", endpoint().unreachable(Cause::Refused)),
            of("x-two.example", endpoint().without_starttls()),
            of("a-one.example", endpoint().starttls_refused("554 no")),
            of("b-warning.example", endpoint().with_ptr(no_ptr())),
            of("c-throttled.example", throttled()),
            after(&held, &observation().named("k-held.example").of([throttled()])),
            of("d-info.example", endpoint()),
            report(&observation().named("e-ok.example")),
        ])
    }

    /// The first letters of the domains in that order.
    fn order(by: &str) -> String {
        let fleet = fleet();
        let mut entries: Vec<_> = fleet.domains.iter().map(|domain| Entry::of(&fleet, domain)).collect();
        sort(&mut entries, by);
        entries.iter().map(|entry| &entry.domain.as_str()[..1]).collect()
    }

    #[test]
    fn worst_first_is_by_what_hurts_most() {
        assert_eq!(order(""), "yzxabckde");
    }

    #[test]
    fn those_without_a_grade_come_behind_all_grades() {
        assert_eq!(order("grade"), "axyzbdekc");
    }
}
