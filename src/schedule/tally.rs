//! How sessions went so far, over all endpoints together.

use crate::observe::{Histogram, Phase, Session, Unseen};
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
        let trouble = match (&session.scan, &session.dialogue) {
            (Some(scanned), _) => scanned.as_ref().err().map(Unseen::trouble),
            (None, Ok(dialogue)) => dialogue.trouble(),
            (None, Err(unseen)) => Some(unseen.trouble()),
        };
        *match trouble {
            None => &mut self.completed,
            Some(trouble) if trouble.cause.is_inconclusive() => &mut self.inconclusive,
            Some(_) => &mut self.failed,
        } += 1;
        if session.scan.is_some() {
            return; // what a scan waits for is not what a sender waits for
        }
        for (phase, took) in session.phases() {
            self.phases.entry(phase).or_default().add(took);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::observe::testing::{endpoint, failed, observation};
    use crate::observe::{Cause, Contact, Dialogue, Seen, Stage};
    use std::time::{Duration, SystemTime};

    fn session(dialogue: Seen<Dialogue>) -> Session {
        let at = SystemTime::UNIX_EPOCH;
        Session {
            at,
            dialogue,
            null_sender: None,
            relay: None,
            postmasters: Vec::new(),
            owed: false,
            scan: None,
        }
    }

    #[test]
    fn sessions_count_by_their_end_and_by_every_phase_that_was_answered() {
        let contact = |of: &Contact| session(of.dialogue.seen.clone());
        let endpoints = [endpoint(), endpoint().banner("421 4.7.0 later"), endpoint().without_starttls()];
        let mut tally = Tally::default();
        for endpoint in &observation().of(endpoints).build().endpoints {
            tally.count(&contact(&endpoint.contact));
        }
        tally.count(&session(failed(Stage::Connect, Cause::Refused)));
        assert_eq!((tally.completed, tally.inconclusive, tally.failed), (2, 1, 1));
        let count = |phase| tally.phases.get(&phase).map_or(0, Histogram::count);
        let counts = Phase::ALL.map(count);
        assert_eq!(counts, [3, 3, 2, 1, 1, 0], "a connect that failed is no answer");
        assert_eq!(tally.phases[&Phase::TlsHandshake].sum(), Duration::from_millis(40));
    }
}
