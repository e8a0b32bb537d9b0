//! The snapshot as metrics need it: every endpoint once, however many domains use it, with no more kept of each than
//! is written.

use crate::name::MxName;
use crate::observe::{Cause, Contact, Endpoint, Place, Stage};
use crate::report::Held;
use crate::report::Report;
use crate::rules::Subject;
use crate::snapshot::Snapshot;
use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::SystemTime;

/// A snapshot and its endpoints.
pub(super) struct View<'a> {
    pub(super) snapshot: &'a Snapshot,
    /// Sorted by MX and place.
    pub(super) endpoints: Vec<Shared<'a>>,
}

/// One endpoint over all the domains that use it.
pub(super) struct Shared<'a> {
    pub(super) mx: &'a MxName,
    pub(super) place: Place,
    /// As it is written.
    pub(super) address: String,
    /// The youngest contact that any domain has.
    pub(super) contact: &'a Contact,
    pub(super) verdicts: Verdicts,
}

/// What stands of an endpoint, by the youngest verdict of any domain; nothing where no domain has one.
#[derive(Debug)]
pub(super) struct Verdicts {
    pub(super) open_relay: Option<bool>,
    /// When the relay test was last conclusive.
    pub(super) relay_tested: Option<SystemTime>,
    pub(super) up: Option<bool>,
    pub(super) reachable: Option<bool>,
    pub(super) starttls_offered: Option<bool>,
    pub(super) auth_before_tls: Option<bool>,
    pub(super) reverse_dns: Option<bool>,
    pub(super) certificate_valid: Option<bool>,
    /// It is known that no TLS comes about.
    pub(super) lacks_tls: bool,
    /// Where and why its own rules could not conclude; the postmaster is a matter of each domain.
    pub(super) doubts: Box<[(Stage, Cause)]>,
}

/// An endpoint as one domain has it.
type Use<'a> = (&'a Report, &'a Endpoint);

impl<'a> View<'a> {
    pub(super) fn of(snapshot: &'a Snapshot) -> Self {
        let mut uses: Vec<Use<'a>> = Vec::new();
        for report in snapshot.reports.iter() {
            uses.extend(report.observation.endpoints.iter().map(|endpoint| (&**report, endpoint)));
        }
        uses.sort_by_key(key);
        let endpoints = uses.chunk_by(|one, other| key(one) == key(other));
        Self { snapshot, endpoints: endpoints.filter_map(Shared::of).collect() }
    }

    pub(super) fn reports(&self) -> impl Iterator<Item = &'a Arc<Report>> {
        self.snapshot.reports.iter()
    }
}

fn key<'a>((_, endpoint): &Use<'a>) -> (&'a MxName, Place) {
    (&endpoint.mx, endpoint.place())
}

impl<'a> Shared<'a> {
    fn of(uses: &[Use<'a>]) -> Option<Self> {
        let youngest = uses.iter().rev().max_by_key(|(_, endpoint)| endpoint.contact.dialogue.at);
        let (_, endpoint) = youngest?;
        let (Endpoint { mx, contact, .. }, place) = (endpoint, endpoint.place());
        Some(Self { mx, place, address: place.to_string(), contact, verdicts: Verdicts::of(uses) })
    }

    /// The labels that name it, and more behind them.
    pub(super) fn labels<const N: usize>(
        &self,
        more: [(&'static str, &'a str); N],
    ) -> Vec<(&'static str, &str)> {
        [("mx", self.mx.as_str()), ("address", self.address.as_str())].into_iter().chain(more).collect()
    }
}

impl Verdicts {
    fn of(uses: &[Use<'_>]) -> Self {
        let mut held = Held::default();
        for (report, endpoint) in uses {
            held.absorb(report, &Subject::of(endpoint));
        }
        let own = held.doubts().filter(|(rule, _)| *rule != "smtp.postmaster");
        let doubts: BTreeSet<_> = own.map(|(_, doubt)| (doubt.trouble.stage, doubt.trouble.cause)).collect();
        Self {
            open_relay: held.is_open_relay(),
            relay_tested: held.last("smtp.open_relay").map(|last| last.at),
            up: held.is_up(),
            reachable: held.is_reachable(),
            starttls_offered: held.offers_starttls(),
            auth_before_tls: held.offers_auth_before_tls(),
            reverse_dns: held.has_reverse_dns(),
            certificate_valid: held.has_valid_certificate(),
            lacks_tls: held.lacks_tls(),
            doubts: doubts.into_iter().collect(),
        }
    }
}
