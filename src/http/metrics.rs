//! `/metrics` in the format that the scraper asks for.

use super::negotiate::{Format, format};
use super::render::Renderer;
use crate::render::metrics;
use axum::extract::State;
use axum::http::{HeaderMap, header};
use axum::response::{IntoResponse, Response};

/// `/metrics`
pub(super) async fn metrics(State(renderer): State<Renderer>, headers: HeaderMap) -> Response {
    let format = format(&headers);
    let text = renderer.render(move |snapshot, _| {
        let openmetrics = metrics::openmetrics(snapshot);
        match format {
            Format::OpenMetrics => openmetrics,
            Format::Text => metrics::classic(&openmetrics),
        }
    });
    let headers = [(header::CONTENT_TYPE, format.content_type()), (header::VARY, "Accept")];
    text.await.map(|text| (headers, text)).into_response()
}
