//! One thing to mend, as a card: where it was seen and with what evidence, why it matters, how to mend it.

use super::when::When;
use super::whom::Host;
use crate::name::{DomainName, MxName};
use crate::render::fixes::{self, Place};
use crate::render::words::Piece;
use crate::render::{time, words};
use crate::rules::Subject;
use std::time::SystemTime;

/// So much evidence is shown at once.
const SHOWN: usize = 4;

pub(super) struct Fix<'a> {
    pub(super) code: &'static str,
    pub(super) severity: &'static str,
    pub(super) class: &'static str,
    pub(super) title: &'static str,
    pub(super) why: Vec<Piece>,
    pub(super) fix: Vec<Piece>,
    pub(super) reference: &'static str,
    pub(super) section: String,
    pub(super) since: Option<When>,
    /// What was seen, as far as all can be read.
    pub(super) evidence: Vec<Evidence<'a>>,
    /// The rest of it.
    pub(super) more: Vec<Evidence<'a>>,
    /// That it is for somebody else to mend, if it is.
    pub(super) others: Option<String>,
}

/// What was seen alike in some places.
pub(super) struct Evidence<'a> {
    /// Empty for the domain as a whole.
    pub(super) hosts: Vec<Host<'a>>,
    pub(super) text: &'a str,
    /// Why it was not seen again, if it was not.
    pub(super) held: Option<String>,
    /// Until when it is wanted, and why, if it is.
    pub(super) accepted: Option<String>,
}

impl<'a> Fix<'a> {
    pub(super) fn of(fix: &fixes::Fix<'a>, domain: &DomainName, now: SystemTime) -> Self {
        let mut evidence: Vec<_> =
            alike(&fix.places).iter().map(|places| Evidence::of(places, now)).collect();
        let more = evidence.split_off(evidence.len().min(SHOWN));
        Self {
            code: fix.issue.code,
            severity: fix.severity.as_str(),
            class: words::class(Some(fix.severity.into())),
            title: fix.issue.title,
            why: words::pieces(fix.issue.why),
            fix: words::pieces(fix.issue.fix),
            reference: fix.issue.reference,
            section: words::reference(fix.issue.reference),
            since: fix.since().map(When::minute),
            evidence,
            more,
            others: fix.is_others_to_mend(domain).then(|| others(&fix.hosts())),
        }
    }
}

fn others(hosts: &[&MxName]) -> String {
    let (are, them) = if hosts.len() == 1 { ("is", "it") } else { ("are", "them") };
    format!(
        "{} {are} outside this domain: if a provider runs {them}, tell the provider.",
        words::hosts(hosts)
    )
}

/// Places with the same evidence together, in the order of the first of each.
fn alike<'p, 'a>(places: &'p [Place<'a>]) -> Vec<Vec<&'p Place<'a>>> {
    let key = |place: &Place<'a>| (place.evidence, place.doubt.map(|doubt| &doubt.trouble), place.accepted);
    let mut groups: Vec<Vec<&Place<'a>>> = Vec::new();
    for place in places {
        match groups.iter_mut().find(|group| key(group[0]) == key(place)) {
            Some(group) => group.push(place),
            None => groups.push(vec![place]),
        }
    }
    groups
}

impl<'a> Evidence<'a> {
    /// Of places that are alike; at least one.
    fn of(places: &[&Place<'a>], now: SystemTime) -> Self {
        let subjects: Vec<&'a Subject> = places.iter().map(|place| place.subject).collect();
        let doubt = places[0].doubt;
        let oldest = places.iter().map(|place| place.at).min();
        let held = doubt.zip(oldest).map(|(doubt, oldest)| {
            format!(
                "seen {}, not judged since: {}",
                time::ago(oldest, now),
                words::cause(doubt.trouble.cause)
            )
        });
        let accepted = places[0].accepted.map(words::accepted);
        Self { hosts: Host::all(subjects), text: places[0].evidence, held, accepted }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::observe::Cause;
    use crate::observe::testing::{domain, endpoint, now, observation};
    use crate::render::testing::report;

    #[test]
    fn what_was_seen_alike_is_told_once() {
        let at = |address| endpoint().at("mx2.example.com", address);
        let report = report(&observation().of([
            at("192.0.2.11").starttls_refused("554 5.7.0 not here"),
            at("192.0.2.12").starttls_refused("554 5.7.0 not now"),
            at("192.0.2.13").starttls_refused("554 5.7.0 not here"),
        ]));
        let fixes = fixes::fixes(&report);
        let fix = Fix::of(&fixes[0], &domain(), now());
        let told: Vec<_> = fix.evidence.iter().map(|seen| seen.hosts[0].addresses.len()).collect();
        assert_eq!((fix.code, told), ("smtp.starttls.refused", vec![2, 1]));
    }

    #[test]
    fn much_evidence_is_folded() {
        let at = |last: u8| {
            endpoint().at("mx2.example.com", &format!("192.0.2.{last}")).unreachable(Cause::Refused)
        };
        let report = report(&observation().of((1..=10).map(at)));
        let fix = Fix::of(&fixes::fixes(&report)[0], &domain(), now());
        assert_eq!((fix.evidence.len(), fix.more.len()), (4, 6));
    }

    #[test]
    fn whose_it_is_to_mend_is_said_only_of_others() {
        let at = |name| endpoint().at(name, "192.0.2.11").unreachable(Cause::Refused);
        for (hosts, want) in [
            (vec!["mx.example.com"], None),
            (vec!["mx.example.com", "mx.provider.example"], None),
            (vec!["mx.provider.example"], Some("mx.provider.example is outside")),
            (vec!["mx.provider.example", "b.example", "c.example"], Some("3 servers are outside")),
        ] {
            let report = report(&observation().of(hosts.into_iter().map(at)));
            let fix = Fix::of(&fixes::fixes(&report)[0], &domain(), now());
            assert_eq!(fix.others.is_some(), want.is_some());
            assert!(fix.others.iter().zip(want).all(|(told, want)| told.starts_with(want)), "{want:?}");
        }
    }
}
