//! How sessions went so far, over all endpoints together.

use crate::observe::{Histogram, Phase, Session};
use std::collections::BTreeMap;

/// How sessions ended, how many have not yet, and how long their phases took.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    /// Went all the way.
    pub completed: u64,
    /// Ended by what proves something about the server.
    pub failed: u64,
    /// Ended by what proves nothing.
    pub inconclusive: u64,
    /// Under way.
    pub in_flight: usize,
    /// Every phase that was ever reached and answered.
    pub phases: BTreeMap<Phase, Histogram>,
}

impl Tally {
    pub(super) fn count(&mut self, session: &Session) {
        let trouble = match &session.dialogue {
            Ok(dialogue) => dialogue.trouble(),
            Err(unseen) => Some(unseen.trouble()),
        };
        *match trouble {
            None => &mut self.completed,
            Some(trouble) if trouble.cause.is_inconclusive() => &mut self.inconclusive,
            Some(_) => &mut self.failed,
        } += 1;
        for (phase, took) in session.phases() {
            self.phases.entry(phase).or_default().add(took);
        }
    }
}
