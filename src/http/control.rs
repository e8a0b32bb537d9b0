//! `POST /-/reload`: reading the configuration again, for those who may ask for it.

use super::State;
use super::render::Renderer;
use axum::extract;
use axum::http::StatusCode;
use tokio::sync::{mpsc, oneshot};

/// Where requests for a reload go, each with the way back for what came of it.
pub type Reload = mpsc::Sender<oneshot::Sender<Result<(), String>>>;

/// `/-/reload`
pub(super) async fn reload(extract::State(renderer): extract::State<Renderer>) -> (StatusCode, String) {
    let State { reload, .. } = renderer.state();
    match reload {
        None => (StatusCode::FORBIDDEN, "Lifecycle API is not enabled.\n".to_owned()),
        Some(reload) => match ask(reload).await {
            Ok(()) => (StatusCode::OK, "The configuration is reloaded.\n".to_owned()),
            Err(reason) => {
                (StatusCode::INTERNAL_SERVER_ERROR, format!("failed to reload config: {reason}\n"))
            }
        },
    }
}

async fn ask(reload: &Reload) -> Result<(), String> {
    let (answer, answered) = oneshot::channel();
    let stopping = || "the daemon is stopping".to_owned();
    reload.send(answer).await.map_err(|_| stopping())?;
    answered.await.unwrap_or_else(|_| Err(stopping()))
}
