//! `/metrics` in the format and the coding that the scraper asks for.

use super::negotiate::{Coding, Format, coding, format};
use super::render::Renderer;
use crate::render::metrics;
use axum::extract::State;
use axum::http::{HeaderMap, HeaderValue, header};
use axum::response::{IntoResponse, Response};

/// `/metrics`
pub(super) async fn metrics(State(renderer): State<Renderer>, headers: HeaderMap) -> Response {
    let (format, coding) = (format(&headers), coding(&headers));
    let body = renderer.stream(coding, move |snapshot, mut out| match format {
        Format::OpenMetrics => metrics::openmetrics(snapshot, &mut out),
        Format::Text => metrics::classic(snapshot, &mut out),
    });
    let mut response = match body.await {
        Ok(body) => ([(header::CONTENT_TYPE, format.content_type())], body).into_response(),
        Err(status) => return (status, [(header::RETRY_AFTER, "10")]).into_response(),
    };
    let headers = response.headers_mut();
    headers.insert(header::VARY, HeaderValue::from_static("Accept, Accept-Encoding"));
    if coding == Coding::Gzip {
        headers.insert(header::CONTENT_ENCODING, HeaderValue::from_static("gzip"));
    }
    response
}
