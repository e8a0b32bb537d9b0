//! One metric family: its name, what it says, and how its series are written. The library writes the text.

use super::View;
use crate::observe::Histogram;
use prometheus_client::encoding::{
    DescriptorEncoder, EncodeCounterValue, EncodeGaugeValue, MetricEncoder, NoLabelSet,
};
use prometheus_client::metrics::MetricType;
use prometheus_client::registry::Unit;
use std::fmt;

/// A family.
pub(super) struct Family {
    /// As people ask for it, suffixes and unit included.
    pub(super) name: &'static str,
    /// The labels that every series has, in the order they are written; a histogram's sum and count have no `le`.
    pub(super) labels: &'static [&'static str],
    /// What it says, on one line.
    pub(super) help: &'static str,
    /// What kind of number it is.
    pub(super) kind: Kind,
    /// Writes every series, sorted by its labels.
    pub(super) write: fn(&View<'_>, &mut Series<'_>) -> fmt::Result,
}

/// The kinds in use.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// Ends in `_total`.
    Counter,
    /// Any number.
    Gauge,
    /// A count for each of some bounds; ends in its unit.
    Histogram,
    /// Ends in `_info`; the value is 1.
    Info,
}

/// Labels in the order they are written.
pub(super) type Labels<'a> = &'a [(&'a str, &'a str)];

static SECONDS: Unit = Unit::Seconds;
static BYTES: Unit = Unit::Bytes;

impl Family {
    /// Every metric it consists of, with its labels.
    pub(super) fn metrics(&self) -> Vec<(String, &'static [&'static str])> {
        let named = |suffix: &str| format!("{}{suffix}", self.name);
        match self.kind {
            Kind::Histogram => vec![
                (named("_bucket"), self.labels),
                (named("_count"), &self.labels[1..]),
                (named("_sum"), &self.labels[1..]),
            ],
            Kind::Counter | Kind::Gauge | Kind::Info => vec![(named(""), self.labels)],
        }
    }

    /// What precedes the suffixes that the library adds by kind and unit.
    fn stem(&self) -> (&'static str, Option<&'static Unit>) {
        let cut = |suffix: &str| self.name.strip_suffix(suffix);
        let (stem, unit) = match self.kind {
            Kind::Counter if self.name.ends_with("_seconds_total") => (cut("_seconds_total"), Some(&SECONDS)),
            Kind::Counter => (cut("_total"), None),
            Kind::Info => (cut("_info"), None),
            _ if self.name.ends_with("_seconds") => (cut("_seconds"), Some(&SECONDS)),
            _ if self.name.ends_with("_bytes") => (cut("_bytes"), Some(&BYTES)),
            Kind::Gauge | Kind::Histogram => (None, None),
        };
        (stem.unwrap_or(self.name), unit)
    }
}

/// Where the series of one family go.
#[derive(Debug)]
pub(super) struct Series<'a>(MetricEncoder<'a>);

impl<'a> Series<'a> {
    /// Writes the head of a family.
    pub(super) fn begin(encoder: &'a mut DescriptorEncoder<'_>, family: &Family) -> Result<Self, fmt::Error> {
        let (stem, unit) = family.stem();
        let kind = match family.kind {
            Kind::Counter => MetricType::Counter,
            Kind::Gauge => MetricType::Gauge,
            Kind::Histogram => MetricType::Histogram,
            Kind::Info => MetricType::Info,
        };
        encoder.encode_descriptor(stem, family.help, unit, kind).map(Self)
    }

    /// Writes one gauge.
    pub(super) fn gauge(&mut self, labels: Labels<'_>, value: impl EncodeGaugeValue) -> fmt::Result {
        match labels {
            [] => self.0.encode_gauge(&value),
            labels => self.0.encode_family(&labels)?.encode_gauge(&value),
        }
    }

    /// Writes one gauge of 0 or 1.
    pub(super) fn flag(&mut self, labels: Labels<'_>, value: bool) -> fmt::Result {
        self.gauge(labels, i64::from(value))
    }

    /// Writes one gauge that counts things.
    pub(super) fn count(&mut self, labels: Labels<'_>, value: usize) -> fmt::Result {
        self.gauge(labels, i64::try_from(value).unwrap_or(i64::MAX))
    }

    /// Writes one counter.
    pub(super) fn counter(&mut self, labels: Labels<'_>, value: impl EncodeCounterValue) -> fmt::Result {
        match labels {
            [] => self.0.encode_counter::<NoLabelSet, _, f64>(&value, None),
            labels => self.0.encode_family(&labels)?.encode_counter::<NoLabelSet, _, f64>(&value, None),
        }
    }

    /// Writes one histogram.
    pub(super) fn histogram(&mut self, labels: Labels<'_>, histogram: &Histogram) -> fmt::Result {
        let (sum, count) = (histogram.sum().as_secs_f64(), histogram.count());
        let buckets: Vec<_> = histogram.buckets().collect();
        self.0.encode_family(&labels)?.encode_histogram::<NoLabelSet>(sum, count, &buckets, None)
    }

    /// Writes one info.
    pub(super) fn info(&mut self, labels: Labels<'_>) -> fmt::Result {
        self.0.encode_info(&labels)
    }
}
