//! The HTTP server: pages, metrics and JSON of the latest snapshot. It reads, it never probes; names in paths are keys to
//! look up and nothing else.

mod accept;
mod api;
mod connections;
mod guard;
mod health;
mod metrics;
mod negotiate;
mod pages;
mod patient;
mod render;

use crate::name::DomainName;
use crate::snapshot::Reader;
use axum::Router;
use axum::extract::Path;
use axum::extract::rejection::PathRejection;
use axum::middleware::{from_fn, map_response};
use axum::routing::get;
use connections::Connections;
use std::time::SystemTime;
use tokio::net::TcpListener;
use tokio::sync::watch;

/// Connections at once, of one listener.
pub const MOST_CONNECTIONS: usize = 512;

/// What the server tells of.
#[derive(Clone, Debug)]
pub struct State {
    /// Where the latest snapshot is.
    pub reader: Reader,
    /// Wall time, for ages.
    pub now: fn() -> SystemTime,
}

/// Serves until `stop` turns true or its sender is gone; then lets requests under way end, for some seconds.
pub async fn serve(listener: TcpListener, state: State, stop: watch::Receiver<bool>) {
    accept::serve(listener, router(state), Connections::new(MOST_CONNECTIONS), stop).await;
}

fn router(state: State) -> Router {
    Router::new()
        .route("/", get(pages::fleet))
        .route("/domains/{domain}", get(pages::domain))
        .route("/style.css", get(pages::style))
        .route("/metrics", get(metrics::metrics))
        .route("/api/v1/domains", get(api::domains))
        .route("/api/v1/domains/{domain}", get(api::domain))
        .route("/-/healthy", get(health::healthy))
        .route("/-/ready", get(health::ready))
        .fallback(pages::not_found)
        .layer(from_fn(guard::without_body))
        .layer(map_response(guard::with_headers))
        .with_state(render::Renderer::new(state))
}

/// The domain that a path names, where it names one at all.
fn named(path: Result<Path<String>, PathRejection>) -> Option<DomainName> {
    path.ok().and_then(|Path(text)| DomainName::parse(&text).ok())
}

#[cfg(test)]
mod tests;
