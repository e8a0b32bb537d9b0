//! The pages and their style sheet.

use super::render::Renderer;
use crate::render::html;
use axum::extract::rejection::{PathRejection, QueryRejection};
use axum::extract::{Path, Query, State};
use axum::http::{StatusCode, header};
use axum::response::{Html, IntoResponse, Response};

/// `/`
pub(super) async fn fleet(
    State(renderer): State<Renderer>,
    query: Result<Query<html::Query>, QueryRejection>,
) -> Response {
    let query = query.map(|Query(query)| query).unwrap_or_default();
    let page = renderer.render(move |snapshot, now| html::fleet(snapshot, &query, now)).await;
    page.map(Html).into_response()
}

/// `/domains/{domain}`
pub(super) async fn domain(
    State(renderer): State<Renderer>,
    path: Result<Path<String>, PathRejection>,
) -> Response {
    let home = State(renderer.clone());
    let Some(domain) = super::named(path) else { return not_found(home).await };
    let page = renderer.render(move |snapshot, now| match snapshot.report(&domain) {
        Some(report) => Some(html::domain(report, now)),
        None => snapshot.is_watched(&domain).then(|| html::waiting(&domain)),
    });
    match page.await {
        Ok(Some(page)) => Html(page).into_response(),
        Ok(None) => not_found(home).await,
        Err(status) => status.into_response(),
    }
}

/// `/style.css`
pub(super) async fn style() -> impl IntoResponse {
    let headers =
        [(header::CONTENT_TYPE, "text/css; charset=utf-8"), (header::CACHE_CONTROL, "public, max-age=3600")];
    (headers, html::STYLE)
}

/// Anything else.
pub(super) async fn not_found(State(renderer): State<Renderer>) -> Response {
    let home = renderer.state().paths.home();
    (StatusCode::NOT_FOUND, Html(html::not_found(&home))).into_response()
}

/// Above the prefix: all there is to see is below it.
pub(super) async fn home(State(renderer): State<Renderer>) -> Response {
    (StatusCode::FOUND, [(header::LOCATION, renderer.state().paths.home())]).into_response()
}
