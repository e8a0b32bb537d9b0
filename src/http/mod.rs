//! The HTTP server: pages, metrics and JSON of the latest snapshot. It reads, it never probes, and where it is allowed to it
//! asks the daemon to reload; names in paths are keys to look up and nothing else.

mod accept;
mod api;
mod connections;
mod control;
mod guard;
mod health;
mod metrics;
mod negotiate;
mod pages;
mod paths;
mod patient;
mod read;
mod render;
mod stream;

pub use control::Reload;
pub use paths::{Paths, PathsError};

use crate::config::Config;
use crate::name::DomainName;
use crate::snapshot::Reader;
use axum::Router;
use axum::extract::Path;
use axum::extract::rejection::PathRejection;
use axum::middleware::{from_fn, map_response};
use axum::routing::{any, get, post};
use connections::Connections;
use std::sync::Arc;
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
    /// The configuration in force.
    pub config: watch::Receiver<Arc<Config>>,
    /// Where reloads are asked for; none where they may not be.
    pub reload: Option<Reload>,
    /// Where all of it is served.
    pub paths: Paths,
    /// Wall time, for ages.
    pub now: fn() -> SystemTime,
}

/// Serves until `stop` turns true or its sender is gone; then lets requests under way end, for some seconds.
pub async fn serve(listener: TcpListener, state: State, stop: watch::Receiver<bool>) {
    accept::serve(listener, router(state), Connections::new(MOST_CONNECTIONS), stop).await;
}

fn router(state: State) -> Router {
    let paths = state.paths.clone();
    let at = |path: &str| paths.route(path);
    let router = Router::new()
        .route(&at("/"), get(pages::fleet))
        .route(&at("/domains/{domain}"), get(pages::domain))
        .route(&at("/style.css"), get(pages::style))
        .route(&at("/metrics"), get(metrics::metrics))
        .nest(&at("/api/v1"), api::routes())
        .route(&at("/api/v1/"), any(api::nowhere))
        .route(&at("/config"), get(control::config))
        .route(&at("/-/healthy"), get(health::healthy))
        .route(&at("/-/ready"), get(health::ready))
        .route(&at("/-/reload"), post(control::reload).put(control::reload));
    let router = match paths.has_prefix() {
        true => router.route("/", get(pages::home)).route(&at(""), get(pages::home)),
        false => router,
    };
    router
        .fallback(pages::not_found)
        .layer(from_fn(guard::without_body))
        .layer(map_response(guard::with_headers))
        .with_state(render::Renderer::new(state))
}

/// The domain that a path names, where it names one at all.
fn named(path: Result<Path<String>, PathRejection>) -> Option<DomainName> {
    path.ok().and_then(|Path(text)| DomainName::parse(&text).ok())
}

#[cfg(any(test, fuzzing))]
pub(crate) mod fuzzing;
#[cfg(test)]
mod tests;
