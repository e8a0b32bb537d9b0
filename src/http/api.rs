//! `/api/v1`: the same as the pages, as JSON, and lists for programs that watch what is found here. What goes wrong is
//! JSON, too.

use super::render::Renderer;
use crate::name::DomainName;
use crate::render::{discovery, json, sd};
use crate::snapshot::Snapshot;
use axum::Router;
use axum::extract::rejection::{PathRejection, QueryRejection};
use axum::extract::{Path, Query, State};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use serde::Deserialize;
use std::time::SystemTime;

/// All of it.
pub(super) fn routes() -> Router<Renderer> {
    Router::new()
        .route("/domains", get(domains))
        .route("/domains/{domain}", get(domain))
        .route("/discovery", get(discovery))
        .route("/sd/domains", get(sd_domains))
        .route("/sd/endpoints", get(sd_endpoints))
        .fallback(nowhere)
        .method_not_allowed_fallback(async || {
            failed(StatusCode::METHOD_NOT_ALLOWED, "only GET and HEAD are allowed")
        })
}

/// Anything else below `/api/v1`.
pub(super) async fn nowhere() -> Response {
    failed(StatusCode::NOT_FOUND, "no such path")
}

#[derive(Deserialize)]
struct Of {
    domain: Option<String>,
}

async fn domains(State(renderer): State<Renderer>) -> Response {
    answer(renderer, |snapshot, now| Some(json::domains(snapshot, now))).await
}

async fn domain(State(renderer): State<Renderer>, path: Result<Path<String>, PathRejection>) -> Response {
    let Some(domain) = super::named(path) else { return unknown() };
    let told = move |snapshot: &Snapshot, now| match snapshot.report(&domain) {
        Some(report) => Some(json::domain(report, now)),
        None => snapshot.is_watched(&domain).then(|| json::waiting(&domain)),
    };
    answer(renderer, told).await
}

async fn discovery(State(renderer): State<Renderer>, of: Result<Query<Of>, QueryRejection>) -> Response {
    let Ok(Query(of)) = of else {
        return failed(StatusCode::BAD_REQUEST, "at most one domain may be asked for");
    };
    match of.domain.map(|domain| DomainName::parse(&domain)) {
        None => list(renderer, |snapshot| is_probed(snapshot).then(|| discovery::fleet(snapshot))).await,
        Some(Ok(domain)) => answer(renderer, move |snapshot, _| discovery::domain(snapshot, &domain)).await,
        Some(Err(_)) => unknown(),
    }
}

async fn sd_domains(State(renderer): State<Renderer>) -> Response {
    list(renderer, |snapshot| Some(sd::domains(snapshot))).await
}

async fn sd_endpoints(State(renderer): State<Renderer>) -> Response {
    list(renderer, |snapshot| is_probed(snapshot).then(|| sd::endpoints(snapshot))).await
}

/// Whether there is anything to list, or nothing to probe.
fn is_probed(snapshot: &Snapshot) -> bool {
    snapshot.domains.is_empty() || !snapshot.reports.is_empty()
}

/// A list, as soon as it says anything: whoever took an empty one at its word would stop watching.
async fn list(renderer: Renderer, list: fn(&Snapshot) -> Option<String>) -> Response {
    let is_ready = renderer.is_ready();
    match renderer.render(move |snapshot, _| list(snapshot).filter(|_| is_ready)).await {
        Ok(Some(list)) => written(StatusCode::OK, list),
        Ok(None) => failed(StatusCode::SERVICE_UNAVAILABLE, "nothing has been probed yet"),
        Err(status) => fault(status),
    }
}

async fn answer(
    renderer: Renderer,
    told: impl FnOnce(&Snapshot, SystemTime) -> Option<String> + Send + 'static,
) -> Response {
    match renderer.render(told).await {
        Ok(Some(told)) => written(StatusCode::OK, told),
        Ok(None) => unknown(),
        Err(status) => fault(status),
    }
}

fn unknown() -> Response {
    failed(StatusCode::NOT_FOUND, "no such domain")
}

fn fault(status: StatusCode) -> Response {
    failed(status, "this could not be answered")
}

fn failed(status: StatusCode, reason: &str) -> Response {
    written(status, json::error(reason))
}

fn written(status: StatusCode, json: String) -> Response {
    (status, [(header::CONTENT_TYPE, "application/json")], json).into_response()
}
