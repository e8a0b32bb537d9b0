//! Whether this process lives, and whether it has something to tell.

use super::render::Renderer;
use axum::extract::State;
use axum::http::StatusCode;

/// `/-/healthy`: it answers.
pub(super) async fn healthy() -> &'static str {
    "mx-exporter is healthy.\n"
}

/// `/-/ready`: the configuration is loaded and the first snapshot is there, even if no run has finished.
pub(super) async fn ready(State(renderer): State<Renderer>) -> (StatusCode, &'static str) {
    match renderer.is_ready() {
        true => (StatusCode::OK, "mx-exporter is ready.\n"),
        false => (StatusCode::SERVICE_UNAVAILABLE, "mx-exporter is not ready yet.\n"),
    }
}
