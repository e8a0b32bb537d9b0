//! `/metrics`, computed from one snapshot: OpenMetrics 1.0, and the older text format as a filter over it. It keeps
//! nothing, so that what is gone from the snapshot is gone from here.

mod classic;
mod domains;
mod endpoints;
mod family;
mod prober;
mod process;
mod rules;
mod view;

use crate::snapshot::Snapshot;
use classic::Classic;
use family::{Family, Series};
use prometheus_client::collector::Collector;
use prometheus_client::encoding::DescriptorEncoder;
use prometheus_client::registry::Registry;
use std::collections::BTreeMap;
use std::fmt;
use view::View;

/// Writes everything as OpenMetrics 1.0: families by name, series by label, each series once. No more is held in memory
/// than some words for each endpoint.
///
/// # Errors
/// Where `out` takes no more.
pub fn openmetrics(snapshot: &Snapshot, out: &mut impl fmt::Write) -> fmt::Result {
    let mut registry = Registry::default();
    registry.register_collector(Box::new(Fleet(snapshot.clone())));
    prometheus_client::encoding::text::encode(out, &registry)
}

/// Writes the same in the text format 0.0.4.
///
/// # Errors
/// Where `out` takes no more.
pub fn classic(snapshot: &Snapshot, out: &mut impl fmt::Write) -> fmt::Result {
    openmetrics(snapshot, &mut Classic::new(out))
}

/// Every metric with the labels that each of its series has: what alerts and dashboards may ask for.
pub fn labels() -> BTreeMap<String, &'static [&'static str]> {
    families().iter().flat_map(|family| family.metrics()).collect()
}

fn families() -> Vec<&'static Family> {
    let mut all: Vec<_> =
        [domains::FAMILIES, endpoints::FAMILIES, prober::FAMILIES, process::FAMILIES, rules::FAMILIES]
            .concat();
    all.sort_by_key(|family| family.name);
    all
}

#[derive(Debug)]
struct Fleet(Snapshot);

impl Collector for Fleet {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> fmt::Result {
        let view = View::of(&self.0);
        for family in families() {
            let mut series = Series::begin(&mut encoder, family)?;
            (family.write)(&view, &mut series)?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests;
