//! What holds for every request and every answer: no request has a body, no page runs or loads anything foreign.

use axum::extract::Request;
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};

/// Pages may use their own style sheet and send their own form, nothing else.
const POLICY: &str =
    "default-src 'none'; style-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'";

/// Refuses a request with a body, so that nothing can hide behind one; the connection ends with the answer.
pub(super) async fn without_body(request: Request, next: Next) -> Response {
    if has_body(request.headers()) {
        let close = [(header::CONNECTION, "close")];
        return (StatusCode::BAD_REQUEST, close, "a request has no body here\n").into_response();
    }
    next.run(request).await
}

fn has_body(headers: &HeaderMap) -> bool {
    let mut lengths = headers.get_all(header::CONTENT_LENGTH).iter();
    headers.contains_key(header::TRANSFER_ENCODING) || lengths.any(|length| length != "0")
}

/// Adds what keeps browsers from doing harm with a page. What has not said how long it keeps is always asked for anew.
pub(super) async fn with_headers(mut response: Response) -> Response {
    let always: [(HeaderName, &str); 5] = [
        (header::CONTENT_SECURITY_POLICY, POLICY),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::X_FRAME_OPTIONS, "DENY"),
        (header::REFERRER_POLICY, "no-referrer"),
        (HeaderName::from_static("cross-origin-resource-policy"), "same-origin"),
    ];
    let headers = response.headers_mut();
    for (name, value) in always {
        headers.insert(name, HeaderValue::from_static(value));
    }
    headers.entry(header::CACHE_CONTROL).or_insert(HeaderValue::from_static("no-cache"));
    response
}
