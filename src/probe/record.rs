//! What one session keeps while its connection comes, changes and goes: the clock, the transcript, the octets read.

use super::deadline::Clock;
use crate::observe::{Reply, Seen, Stage, Step};
use std::time::Duration;

/// What a session may read in all.
const READ_IN_ALL: usize = 256 * 1_024;

/// The record of one session.
pub(super) struct Record {
    /// The session's time.
    pub(super) clock: Clock,
    /// What it read so far.
    pub(super) intake: Intake,
    steps: Vec<Step>,
}

/// Counts the octets that came in.
#[derive(Default)]
pub(super) struct Intake(usize);

impl Record {
    /// Begins an empty one.
    pub(super) fn new(clock: Clock) -> Self {
        Self { clock, intake: Intake::default(), steps: Vec::new() }
    }

    /// Writes down an exchange that began `at` and ends now.
    pub(super) fn note(
        &mut self,
        stage: Stage,
        at: Duration,
        sent: Option<String>,
        reply: Option<Seen<Reply>>,
    ) {
        let took = self.clock.elapsed().saturating_sub(at);
        self.steps.push(Step { stage, sent, reply, at, took });
    }

    /// The transcript.
    pub(super) fn into_steps(self) -> Vec<Step> {
        self.steps
    }
}

impl Intake {
    /// Counts these too; false once they are more than a session may read.
    pub(super) fn count(&mut self, octets: usize) -> bool {
        self.0 = self.0.saturating_add(octets);
        self.0 <= READ_IN_ALL
    }
}
