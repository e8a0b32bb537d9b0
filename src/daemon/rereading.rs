//! The domain files, looked at every so often off the async threads.

use crate::config::Config;
use std::sync::Arc;
use std::time::Duration;
use tokio::task::{JoinHandle, spawn_blocking};
use tokio::time::{Instant, sleep_until};
use tracing::error;

/// Between two looks.
const PERIOD: Duration = Duration::from_secs(10);

/// When the next look is due, or the one under way.
pub(super) struct Rereading {
    due: Instant,
    look: Option<JoinHandle<Option<Config>>>,
}

impl Rereading {
    /// The files have just been read.
    pub(super) fn start() -> Self {
        Self { due: Instant::now() + PERIOD, look: None }
    }

    /// The configuration with its domain files as they are now, once any of them has changed. May be dropped and called
    /// again.
    pub(super) async fn changed(&mut self, config: &Arc<Config>) -> Config {
        if !config.has_domain_files() {
            std::future::pending::<()>().await;
        }
        loop {
            let look = match &mut self.look {
                Some(look) => look,
                None => {
                    sleep_until(self.due).await;
                    let config = config.clone();
                    self.look.insert(spawn_blocking(move || config.reread()))
                }
            };
            let seen = look.await;
            *self = Self::start();
            match seen {
                Ok(None) => {}
                Ok(Some(config)) => return config,
                Err(_) => error!("reading the domain files again ended by a fault of this program"),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config;
    use std::fs;
    use std::path::PathBuf;
    use tokio::time::timeout;

    /// Six looks and half the time to the next, so that none is under way when it is over.
    const SIX_LOOKS: Duration = Duration::from_secs(65);

    fn folder(test: &str) -> PathBuf {
        let folder = std::env::temp_dir().join(format!("mx-exporter-{}-{test}", std::process::id()));
        fs::create_dir_all(&folder).unwrap();
        folder
    }

    #[tokio::test(start_paused = true)]
    async fn a_change_is_seen_within_seconds_and_once() {
        let folder = folder("change");
        let (main, list) = (folder.join("mx.yml"), folder.join("list.txt"));
        fs::write(&main, "domain_files: [list.txt]").unwrap();
        fs::write(&list, "a.example").unwrap();
        let config = Arc::new(config::load(&main, None).unwrap());
        let mut rereading = Rereading::start();
        assert!(timeout(SIX_LOOKS, rereading.changed(&config)).await.is_err(), "nothing has changed");
        fs::write(&list, "a.example\nb.example").unwrap();
        let begun = Instant::now();
        let changed = Arc::new(rereading.changed(&config).await);
        assert!(begun.elapsed() <= PERIOD);
        assert_eq!(changed.domains.len(), 2);
        assert!(timeout(SIX_LOOKS, rereading.changed(&changed)).await.is_err(), "nothing has changed since");
        fs::remove_dir_all(folder).unwrap();
    }

    #[tokio::test(start_paused = true)]
    async fn without_files_there_is_nothing_to_look_at() {
        let mut rereading = Rereading::start();
        let config = Arc::new(Config::default());
        assert!(timeout(SIX_LOOKS, rereading.changed(&config)).await.is_err());
        assert!(rereading.look.is_none());
    }
}
