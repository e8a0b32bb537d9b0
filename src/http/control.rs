//! The configuration: what is in force, and reading it again, for those who may ask for it.

use super::State;
use super::render::Renderer;
use crate::render::config::yaml;
use axum::extract;
use axum::http::StatusCode;
use axum::response::{IntoResponse as _, Response};
use tokio::sync::{mpsc, oneshot};

/// Where requests for a reload go, each with the way back for what came of it.
pub type Reload = mpsc::Sender<oneshot::Sender<Result<(), String>>>;

/// `/config`, as text that browsers show.
pub(super) async fn config(extract::State(renderer): extract::State<Renderer>) -> Response {
    let config = renderer.state().config.borrow().clone();
    renderer.render(move |_, _| yaml(&config)).await.into_response()
}

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
