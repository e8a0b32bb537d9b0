//! What many domains have in common is kept once: a fleet that repeats itself costs no more than one that uses
//! `defaults:`.

use super::error::Problem;
use super::interval::Interval;
use super::kind;
use super::node::{Node, Value};
use super::settings::Settings;
use std::collections::{HashMap, HashSet};
use std::sync::Arc;

/// Values seen so far in one reading.
#[derive(Default)]
pub(super) struct Pool {
    /// By their text: cron expressions are slow to read and large.
    intervals: HashMap<Box<str>, Interval>,
    settings: HashSet<Arc<Settings>>,
}

impl Pool {
    pub(super) fn with(defaults: &Arc<Settings>) -> Self {
        Self { intervals: HashMap::new(), settings: HashSet::from([defaults.clone()]) }
    }

    /// Reads an interval.
    pub(super) fn interval(&mut self, node: &Node) -> Result<Interval, Problem> {
        if let Value::Text(text) = &node.value
            && let Some(known) = self.intervals.get(text)
        {
            return Ok(known.clone());
        }
        let interval = node.read("interval", &kind::INTERVAL)?;
        if let Value::Text(text) = &node.value {
            self.intervals.insert(text.clone(), interval.clone());
        }
        Ok(interval)
    }

    /// These settings, shared with all that are equal.
    pub(super) fn settings(&mut self, settings: Settings) -> Arc<Settings> {
        if let Some(known) = self.settings.get(&settings) {
            return known.clone();
        }
        let settings = Arc::new(settings);
        self.settings.insert(settings.clone());
        settings
    }
}
