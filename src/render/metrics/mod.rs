//! `/metrics`, computed from one snapshot: OpenMetrics 1.0, and the older text format as a filter over it. It keeps
//! nothing, so that what is gone from the snapshot is gone from here.

mod classic;
mod domains;
mod endpoints;
mod family;
mod prober;
mod rules;
mod view;

pub use classic::classic;

use crate::snapshot::Snapshot;
use family::{Family, Series};
use prometheus_client::collector::Collector;
use prometheus_client::encoding::DescriptorEncoder;
use prometheus_client::registry::Registry;
use std::collections::BTreeMap;
use std::fmt;
use view::View;

/// Everything as OpenMetrics 1.0: families by name, series by label, each series once.
pub fn openmetrics(snapshot: &Snapshot) -> String {
    let mut registry = Registry::default();
    registry.register_collector(Box::new(Fleet(snapshot.clone())));
    let mut text = String::new();
    // A string takes all that is written. Were it not so, the missing end mark would fail the scrape.
    prometheus_client::encoding::text::encode(&mut text, &registry).ok();
    text
}

/// Every metric with the labels that each of its series has: what alerts and dashboards may ask for.
pub fn labels() -> BTreeMap<&'static str, &'static [&'static str]> {
    families().iter().map(|family| (family.name, family.labels)).collect()
}

fn families() -> Vec<&'static Family> {
    let mut all: Vec<_> =
        [domains::FAMILIES, endpoints::FAMILIES, prober::FAMILIES, rules::FAMILIES].concat();
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
