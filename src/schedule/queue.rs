//! What is ready to begin and waits for a place: how far the schedule lags behind. It lets nobody in; it only remembers
//! who waits since when.

use std::collections::BTreeSet;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::time::Instant;

/// All who wait.
#[derive(Debug, Default)]
pub struct Queue(Mutex<State>);

#[derive(Debug, Default)]
struct State {
    next: u64,
    waiting: BTreeSet<(Instant, u64)>,
}

/// One who waits; it has its place, or gives up, when this is dropped.
#[derive(Debug)]
pub struct Waiting<'a> {
    queue: &'a Queue,
    entry: (Instant, u64),
}

impl Queue {
    /// Joins the queue.
    pub fn join(&self, now: Instant) -> Waiting<'_> {
        let mut state = self.state();
        let entry = (now, state.next);
        state.next += 1;
        state.waiting.insert(entry);
        drop(state);
        Waiting { queue: self, entry }
    }

    /// How long the one that came first has been waiting; nothing where nobody waits.
    pub fn longest(&self, now: Instant) -> Duration {
        let first = self.state().waiting.first().map(|(since, _)| *since);
        first.map_or(Duration::ZERO, |since| now.saturating_duration_since(since))
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.queue.state().waiting.remove(&self.entry);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_lag_is_that_of_the_one_who_waits_longest() {
        let start = Instant::now();
        let at = |seconds| start + Duration::from_secs(seconds);
        let queue = Queue::default();
        assert_eq!(queue.longest(at(100)), Duration::ZERO);
        let (second, first, twin) = (queue.join(at(20)), queue.join(at(10)), queue.join(at(10)));
        assert_eq!(queue.longest(at(30)), Duration::from_secs(20));
        drop(first);
        assert_eq!(queue.longest(at(30)), Duration::from_secs(20));
        drop(twin);
        assert_eq!(queue.longest(at(30)), Duration::from_secs(10));
        drop(second);
        assert_eq!(queue.longest(at(30)), Duration::ZERO);
    }
}
