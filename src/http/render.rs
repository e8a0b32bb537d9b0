//! Renders the latest snapshot off the threads that serve, a few at a time, and never under a lock.

use super::State;
use super::negotiate::Coding;
use super::stream::Streams;
use crate::snapshot::Snapshot;
use axum::body::Body;
use axum::http::StatusCode;
use std::fmt;
use std::sync::Arc;
use std::time::SystemTime;
use tokio::sync::Semaphore;
use tokio::task::spawn_blocking;

/// As many texts are made at once; each may hold a whole fleet.
const AT_ONCE: usize = 4;

/// The state of every handler.
#[derive(Clone, Debug)]
pub(super) struct Renderer {
    state: State,
    turns: Arc<Semaphore>,
    streams: Streams,
}

impl Renderer {
    pub(super) fn new(state: State) -> Self {
        Self { state, turns: Arc::new(Semaphore::new(AT_ONCE)), streams: Streams::new() }
    }

    /// What `render` makes of the latest snapshot and the time.
    pub(super) async fn render<T: Send + 'static>(
        &self,
        render: impl FnOnce(&Snapshot, SystemTime) -> T + Send + 'static,
    ) -> Result<T, StatusCode> {
        let turn = self.turns.clone().acquire_owned().await.map_err(|_| StatusCode::SERVICE_UNAVAILABLE)?;
        let state = self.state.clone();
        let rendering = spawn_blocking(move || {
            let _turn = turn;
            render(&state.reader.latest(), (state.now)())
        });
        rendering.await.map_err(|_| StatusCode::INTERNAL_SERVER_ERROR)
    }

    /// What `write` writes of the latest snapshot, as it is read.
    pub(super) async fn stream(
        &self,
        coding: Coding,
        write: impl FnOnce(&Snapshot, &mut dyn fmt::Write) -> fmt::Result + Send + 'static,
    ) -> Result<Body, StatusCode> {
        let reader = self.state.reader.clone();
        self.streams.start(coding, move |out| write(&reader.latest(), out)).await
    }

    /// What the server was started with.
    pub(super) fn state(&self) -> &State {
        &self.state
    }

    /// Whether there is anything to tell yet.
    pub(super) fn is_ready(&self) -> bool {
        self.state.reader.is_published()
    }
}
