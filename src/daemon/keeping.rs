//! The state on disk as the daemon sees it: something is to be handed over every few seconds, and once more at the end.

use crate::schedule::Remembered;
use crate::snapshot::StateFacts;
use crate::state::{Keeper, Kept};
use std::time::Duration;
use tokio::task::spawn_blocking;
use tokio::time::{Instant, sleep_until, timeout};
use tracing::warn;

/// Between two pictures: what is a second older is on disk within five.
const PERIOD: Duration = Duration::from_secs(4);
/// How long the end waits for the disk.
const LAST_WRITE: Duration = Duration::from_secs(3);

/// Whoever keeps it, if anybody does.
pub(super) struct Keeping {
    keeper: Option<Keeper>,
    at: Instant,
}

impl Keeping {
    /// In memory only.
    pub(super) fn nothing() -> Self {
        Self { keeper: None, at: Instant::now() }
    }

    pub(super) fn by(keeper: Keeper) -> Self {
        Self { keeper: Some(keeper), at: Instant::now() + PERIOD }
    }

    /// Until the next picture is due. May be dropped and called again.
    pub(super) async fn due(&self) {
        match self.keeper {
            Some(_) => sleep_until(self.at).await,
            None => std::future::pending().await,
        }
    }

    /// Hands a picture over.
    pub(super) fn offer(&mut self, picture: impl FnOnce() -> (Vec<Kept>, Remembered)) {
        if let Some(keeper) = &self.keeper {
            let (reports, manners) = picture();
            keeper.offer(reports, manners);
            self.at = Instant::now() + PERIOD;
        }
    }

    pub(super) fn facts(&self) -> Option<StateFacts> {
        let health = self.keeper.as_ref()?.health();
        Some(StateFacts { write_failures: health.failures, successful: health.successful })
    }

    /// Waits for the last write, as long as an end may take.
    pub(super) async fn finish(&mut self) {
        let Some(keeper) = self.keeper.take() else { return };
        if timeout(LAST_WRITE, spawn_blocking(move || keeper.finish())).await.is_err() {
            warn!("the disk does not take the last state; the next start begins with an earlier one");
        }
    }
}
