//! Reloading the configuration: asked for by a signal or over HTTP, read off the async threads, answered when done.

use crate::config::{self, Config};
use crate::logging;
use std::sync::Arc;
use tokio::sync::{mpsc, oneshot};
use tokio::task::{JoinHandle, spawn_blocking};

/// Where a request for a reload is told how it went.
pub type Answer = oneshot::Sender<Result<(), String>>;

/// The requests for a reload, and how to read the configuration.
pub struct Reloads {
    asked: mpsc::Receiver<Answer>,
    read: Arc<dyn Fn() -> Result<Config, config::Error> + Send + Sync>,
}

/// A reload under way, and all who asked for it.
pub(super) struct Loading {
    read: JoinHandle<Result<Config, config::Error>>,
    answers: Vec<Answer>,
}

/// A way to ask for reloads, and the requests as the daemon takes them. `read` may block.
pub fn reloads(
    read: impl Fn() -> Result<Config, config::Error> + Send + Sync + 'static,
) -> (mpsc::Sender<Answer>, Reloads) {
    let (ask, asked) = mpsc::channel(64);
    (ask, Reloads { asked, read: Arc::new(read) })
}

impl Reloads {
    /// Reads the configuration here and now, for the start.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn read(&self) -> Result<Config, config::Error> {
        (self.read)()
    }

    /// The next request, together with all that wait behind it: one reading answers them all.
    pub(super) async fn next(&mut self) -> Loading {
        let Some(first) = self.asked.recv().await else { return std::future::pending().await };
        let mut answers = vec![first];
        while let Ok(answer) = self.asked.try_recv() {
            answers.push(answer);
        }
        let read = self.read.clone();
        Loading { read: spawn_blocking(move || read()), answers }
    }
}

impl Loading {
    /// What was read, once it is; never, where nothing is being read.
    pub(super) async fn done(loading: &mut Option<Self>) -> Result<Config, String> {
        match loading {
            Some(Self { read, .. }) => match read.await {
                Ok(read) => read.map_err(|error| logging::with_sources(&error)),
                Err(_) => Err("reading the configuration ended by a fault of this program".to_owned()),
            },
            None => std::future::pending().await,
        }
    }

    /// Tells all who asked. Those who no longer listen are passed over.
    pub(super) fn answer(self, result: &Result<(), String>) {
        for answer in self.answers {
            answer.send(result.clone()).ok();
        }
    }
}
