//! The snapshot as metrics need it: every endpoint once, however many domains use it.

use crate::name::MxName;
use crate::observe::{Contact, Endpoint};
use crate::render::held::Held;
use crate::report::Report;
use crate::rules::Subject;
use crate::snapshot::Snapshot;
use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::Arc;

/// A snapshot and its endpoints.
pub(super) struct View<'a> {
    pub(super) snapshot: &'a Snapshot,
    /// Sorted by MX and address.
    pub(super) endpoints: Vec<Shared<'a>>,
}

/// One endpoint over all the domains that use it.
pub(super) struct Shared<'a> {
    pub(super) mx: &'a str,
    pub(super) address: String,
    pub(super) is_v4: bool,
    /// The youngest contact that any domain has.
    pub(super) contact: &'a Contact,
    /// What stands, by the youngest verdict of any domain.
    pub(super) held: Held<'a>,
}

impl<'a> View<'a> {
    pub(super) fn of(snapshot: &'a Snapshot) -> Self {
        let mut endpoints: BTreeMap<(&MxName, IpAddr), Shared<'a>> = BTreeMap::new();
        for report in snapshot.reports.iter() {
            for endpoint in &report.observation.endpoints {
                let key = (&endpoint.mx, endpoint.address());
                endpoints.entry(key).or_insert_with(|| Shared::new(endpoint)).absorb(report, endpoint);
            }
        }
        Self { snapshot, endpoints: endpoints.into_values().collect() }
    }

    pub(super) fn reports(&self) -> impl Iterator<Item = &'a Arc<Report>> {
        self.snapshot.reports.iter()
    }
}

impl<'a> Shared<'a> {
    fn new(endpoint: &'a Endpoint) -> Self {
        Self {
            mx: endpoint.mx.as_str(),
            address: endpoint.address().to_string(),
            is_v4: endpoint.address().is_ipv4(),
            contact: &endpoint.contact,
            held: Held::default(),
        }
    }

    fn absorb(&mut self, report: &'a Report, endpoint: &'a Endpoint) {
        if endpoint.contact.dialogue.at > self.contact.dialogue.at {
            self.contact = &endpoint.contact;
        }
        self.held.absorb(report, &Subject::of(endpoint));
    }

    /// The labels that name it, and more behind them.
    pub(super) fn labels<const N: usize>(
        &self,
        more: [(&'static str, &'a str); N],
    ) -> Vec<(&'static str, &str)> {
        [("mx", self.mx), ("address", self.address.as_str())].into_iter().chain(more).collect()
    }
}
