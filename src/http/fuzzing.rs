//! What must hold of every request whatever its path, its query and its wishes are. The octets of requests on the wire
//! are hyper's; its readers are not ours to fuzz.

use super::negotiate::{Coding, Format, coding, format};
use super::{Paths, State, router};
use crate::config::Config;
use crate::name::DomainName;
use crate::render::{fuzzing, html};
use crate::snapshot::channel;
use axum::Router;
use axum::body::Body;
use axum::extract::Query;
use axum::http::{HeaderValue, Request, Response, header};
use hyper::body::Body as _;
use hyper::service::Service;
use hyper_util::service::TowerToHyperService;
use std::future::poll_fn;
use std::pin::Pin;
use std::sync::{Arc, LazyLock};
use std::time::{Duration, SystemTime};
use tokio::runtime::{Builder, Runtime};
use tokio::sync::watch;

/// The server of all inputs, over one fleet.
struct Site {
    runtime: Runtime,
    router: Router,
}

static SITE: LazyLock<Site> = LazyLock::new(|| {
    let runtime = Builder::new_current_thread().enable_time().max_blocking_threads(2).build();
    let runtime = runtime.unwrap_or_else(|error| panic!("no runtime: {error}"));
    Site { runtime, router: router(state()) }
});

fn state() -> State {
    let (writer, reader) = channel();
    writer.publish(fuzzing::fleet(b"postfix\0SIZE 1000"));
    let config = watch::Sender::new(Arc::new(Config::default())).subscribe();
    let paths = Paths::parse(Some("https://mon.example.net/mx/"), Some("/mx"));
    let paths = paths.unwrap_or_else(|error| panic!("{error}"));
    let now = || SystemTime::UNIX_EPOCH + Duration::from_secs(1_800_000_000);
    State { reader, config, reload: None, paths, now }
}

/// The first line is a path with its query; those behind it are what the client accepts, and in which coding.
fn asked(input: &[u8]) -> Option<Request<Body>> {
    let mut lines = input.split(|octet| *octet == b'\n');
    let path = lines.next().and_then(|line| str::from_utf8(line).ok()).unwrap_or_default();
    let mut request = Request::get(path);
    for (name, value) in [header::ACCEPT, header::ACCEPT_ENCODING].into_iter().zip(lines) {
        if let Ok(value) = HeaderValue::from_bytes(value) {
            request = request.header(name, value);
        }
    }
    request.body(Body::empty()).ok()
}

/// What is understood of a request, without an answer: a format or a coding only where it is named; of the query no more
/// than stands in it; a domain only as it is written everywhere else.
pub(crate) fn wishes(input: &[u8]) {
    let Some(request) = asked(input) else { return };
    let names = |header, name: &str| {
        let values = request.headers().get_all(header).iter().filter_map(|value| value.to_str().ok());
        values.map(str::to_ascii_lowercase).any(|value| value.contains(name))
    };
    let wants_openmetrics = format(request.headers()) == Format::OpenMetrics;
    assert!(!wants_openmetrics || names(header::ACCEPT, "application/openmetrics-text"));
    let wants_gzip = coding(request.headers()) == Coding::Gzip;
    assert!(!wants_gzip || names(header::ACCEPT_ENCODING, "gzip"));
    if let Ok(Query(query)) = Query::<html::Query>::try_from_uri(request.uri()) {
        let html::Query { q, status, sort, page } = query;
        // An octet that is no UTF-8 becomes a character of three.
        let most = 3 * request.uri().query().unwrap_or_default().len();
        assert!(q.len() + status.len() + sort.len() + page.len() <= most);
    }
    let last = request.uri().path().rsplit('/').next().unwrap_or_default();
    if let Ok(domain) = DomainName::parse(last) {
        assert_eq!(DomainName::parse(domain.as_str()), Ok(domain.clone()), "{last:?}");
    }
}

/// Anything is answered, at once, by a page, JSON or text that holds together; nothing of what was asked for becomes a
/// header.
pub(crate) fn request(input: &[u8]) {
    let Some(request) = asked(input) else { return };
    let path = request.uri().to_string();
    let Site { runtime, router } = &*SITE;
    let response = runtime.block_on(TowerToHyperService::new(router.clone()).call(request));
    let Ok(response) = response;
    assert_headers(&response);
    let status = response.status().as_u16();
    assert!(matches!(status, 200 | 302 | 400 | 404 | 405), "{status} for {path:?}");
    let kind = response.headers().get(header::CONTENT_TYPE).and_then(|kind| kind.to_str().ok());
    let (kind, packed) =
        (kind.unwrap_or_default().to_owned(), response.headers().contains_key(header::CONTENT_ENCODING));
    let body = runtime.block_on(read(response.into_body()));
    let text = || str::from_utf8(&body).unwrap_or_else(|error| panic!("{error} in the answer to {path:?}"));
    match kind.as_str() {
        _ if packed => assert_eq!(body.get(..3), Some(&[0x1f, 0x8b, 8][..]), "gzip (RFC 1952)"),
        "text/html; charset=utf-8" => fuzzing::assert_page(text()),
        "application/json" => {
            serde_json::from_str::<serde::de::IgnoredAny>(text())
                .unwrap_or_else(|error| panic!("{error} for {path:?}"));
        }
        kind if kind.starts_with("application/openmetrics-text") => fuzzing::assert_openmetrics(text()),
        kind if kind.starts_with("text/plain; version=0.0.4") => fuzzing::assert_classic(text()),
        "" => assert!(body.is_empty() && matches!(status, 302 | 405)),
        kind => assert!(kind.starts_with("text/"), "{kind} for {path:?}"),
    }
}

fn assert_headers(response: &Response<Body>) {
    let headers = response.headers();
    assert!(headers.contains_key(header::CONTENT_SECURITY_POLICY));
    assert_eq!(headers.get(header::X_CONTENT_TYPE_OPTIONS), Some(&HeaderValue::from_static("nosniff")));
    if let Some(location) = headers.get(header::LOCATION) {
        assert_eq!(location, "/mx/");
    }
    assert!(headers.iter().count() <= 12, "{headers:?}");
}

async fn read(mut body: Body) -> Vec<u8> {
    let mut octets = Vec::new();
    while let Some(frame) = poll_fn(|cx| Pin::new(&mut body).poll_frame(cx)).await {
        let frame = frame.unwrap_or_else(|error| panic!("the answer broke off: {error}"));
        octets.extend_from_slice(frame.data_ref().map_or(&[][..], |data| data));
    }
    octets
}
