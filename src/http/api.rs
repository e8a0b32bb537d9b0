//! `/api/v1`: the same as the pages, as JSON.

use super::render::Renderer;
use crate::render::json;
use axum::extract::rejection::PathRejection;
use axum::extract::{Path, State};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};

/// `/api/v1/domains`
pub(super) async fn domains(State(renderer): State<Renderer>) -> Response {
    renderer.render(json::domains).await.map(written).into_response()
}

/// `/api/v1/domains/{domain}`
pub(super) async fn domain(
    State(renderer): State<Renderer>,
    path: Result<Path<String>, PathRejection>,
) -> Response {
    let Some(domain) = super::named(path) else { return unknown() };
    let told = renderer.render(move |snapshot, now| match snapshot.report(&domain) {
        Some(report) => Some(json::domain(report, now)),
        None => snapshot.is_watched(&domain).then(|| json::waiting(&domain)),
    });
    match told.await {
        Ok(Some(told)) => written(told).into_response(),
        Ok(None) => unknown(),
        Err(status) => status.into_response(),
    }
}

fn unknown() -> Response {
    (StatusCode::NOT_FOUND, written(r#"{"error":"no such domain"}"#.to_owned())).into_response()
}

fn written(json: String) -> impl IntoResponse {
    ([(header::CONTENT_TYPE, "application/json")], json)
}
