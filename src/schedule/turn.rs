//! Whose turn it is at an address: one visitor at a time, and those whom a run waits for before those whom nobody does.

use std::sync::atomic::{AtomicUsize, Ordering};
use tokio::sync::{Mutex, MutexGuard};
use tokio::task::yield_now;

/// An address that one visitor at a time may go to.
#[derive(Debug, Default)]
pub(super) struct Turn {
    /// Given in the order of asking.
    visit: Mutex<()>,
    /// So many wait in a hurry.
    hurried: AtomicUsize,
}

impl Turn {
    /// The next turn for somebody in a hurry.
    pub(super) async fn hurried(&self) -> MutexGuard<'_, ()> {
        let _waiting = Waiting::among(&self.hurried);
        self.visit.lock().await
    }

    /// A turn once nobody waits in a hurry.
    pub(super) async fn patient(&self) -> MutexGuard<'_, ()> {
        loop {
            let turn = self.visit.lock().await;
            if self.hurried.load(Ordering::Acquire) == 0 {
                return turn;
            }
            drop(turn);
            yield_now().await;
        }
    }
}

/// One that waits; counted until it has its turn or goes away.
struct Waiting<'a>(&'a AtomicUsize);

impl<'a> Waiting<'a> {
    fn among(count: &'a AtomicUsize) -> Self {
        count.fetch_add(1, Ordering::AcqRel);
        Self(count)
    }
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::AcqRel);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::{Arc, Mutex as Shared};

    #[tokio::test]
    async fn those_in_a_hurry_go_first_in_their_order() {
        let (turn, order) = (Arc::new(Turn::default()), Arc::new(Shared::new(Vec::new())));
        let first = turn.patient().await;
        let mut visits = tokio::task::JoinSet::new();
        for (name, in_a_hurry) in [("errand", false), ("one", true), ("other errand", false), ("two", true)] {
            let (turn, order) = (turn.clone(), order.clone());
            visits.spawn(async move {
                let _turn = if in_a_hurry { turn.hurried().await } else { turn.patient().await };
                order.lock().unwrap().push(name);
            });
            yield_now().await;
        }
        drop(first);
        visits.join_all().await;
        let order = order.lock().unwrap();
        assert_eq!((&order[..2], order.len()), (&["one", "two"][..], 4));
    }

    #[tokio::test]
    async fn who_goes_away_keeps_nobody_waiting() {
        let turn = Turn::default();
        let first = turn.patient().await;
        let mut gone = Box::pin(turn.hurried());
        assert!(still_waits(gone.as_mut()).await);
        drop((gone, first));
        drop(turn.patient().await);
    }

    /// Lets a future run as far as it comes; whether it is still pending.
    async fn still_waits(future: std::pin::Pin<&mut impl Future>) -> bool {
        tokio::time::timeout(std::time::Duration::ZERO, future).await.is_err()
    }
}
