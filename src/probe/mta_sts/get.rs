//! One GET over an encrypted connection, and what of its answer counts.

use super::failed;
use crate::name::MxName;
use crate::observe::{Cause, Fetched, PeerText, PolicyText, Seen, Stage, Unseen};
use crate::probe::trouble;
use hyper::body::{Body as _, Bytes, Incoming};
use hyper::client::conn::http1;
use hyper::header::{
    ACCEPT, ACCEPT_ENCODING, CONNECTION, CONTENT_ENCODING, CONTENT_TYPE, HOST, HeaderName, USER_AGENT,
};
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use std::error::Error as _;
use std::future::poll_fn;
use std::io;
use std::pin::{Pin, pin};
use tokio::io::{AsyncRead, AsyncWrite};

const PATH: &str = "/.well-known/mta-sts.txt";
const US: &str = concat!("mx-exporter/", env!("CARGO_PKG_VERSION"));
/// The longest policy (RFC 8461 §3.3 leaves it to the client; no honest one comes near).
const BODY: usize = 64 << 10;
/// The longest head of an answer.
const HEAD: usize = 16 << 10;
const HEADERS: usize = 64;
/// How much of a header's value is kept, in octets.
const VALUE: usize = 256;

/// Asks for the policy. Neither redirects nor encodings are followed.
pub(super) async fn policy(stream: impl AsyncRead + AsyncWrite + Unpin, host: &MxName) -> Seen<Fetched> {
    let mut client = http1::Builder::new();
    client.max_buf_size(HEAD).max_headers(HEADERS);
    let (mut sender, connection) =
        client.handshake(TokioIo::new(stream)).await.map_err(|error| unseen(&error))?;
    let request = Request::get(PATH)
        .header(HOST, host.as_str())
        .header(USER_AGENT, US)
        .header(ACCEPT, "text/plain")
        .header(ACCEPT_ENCODING, "identity")
        .header(CONNECTION, "close")
        .body(String::new())
        .map_err(|error| failed(Cause::ProberError, error.to_string()))?;
    let mut exchange = pin!(async {
        let response = sender.send_request(request).await.map_err(|error| unseen(&error))?;
        read(response).await
    });
    tokio::select! {
        biased;
        fetched = &mut exchange => fetched,
        _ = connection => exchange.await, // what it has read is still to be had
    }
}

async fn read(response: Response<Incoming>) -> Seen<Fetched> {
    let header = |name: HeaderName| {
        let value = response.headers().get(name)?.as_bytes();
        Some(PeerText::from_bytes(&value[..value.len().min(VALUE)]))
    };
    match response.status().as_u16() {
        200 => {}
        429 => return Err(failed(Cause::Throttled, "HTTP status 429".to_owned())),
        status @ 502..=504 => return Err(failed(Cause::Tempfail, format!("HTTP status {status}"))),
        status => return Ok(Fetched::Status(status)),
    }
    let is_plain = |encoding: &PeerText| encoding.as_str().eq_ignore_ascii_case("identity");
    if let Some(encoding) = header(CONTENT_ENCODING).filter(|encoding| !is_plain(encoding)) {
        return Ok(Fetched::Encoded(encoding));
    }
    let content_type = header(CONTENT_TYPE);
    let mut body = response.into_body();
    let mut octets = Vec::new();
    if body.size_hint().lower() > BODY as u64 {
        return Ok(Fetched::TooLarge);
    }
    while let Some(more) = data(&mut body).await {
        octets.extend_from_slice(&more.map_err(|error| unseen(&error))?);
        if octets.len() > BODY {
            return Ok(Fetched::TooLarge);
        }
    }
    Ok(Fetched::Text(PolicyText::read(content_type, &octets)))
}

/// The next piece of a body; trailers are none.
async fn data(body: &mut Incoming) -> Option<hyper::Result<Bytes>> {
    let frame = poll_fn(|cx| Pin::new(&mut *body).poll_frame(cx)).await?;
    Some(frame.map(|frame| frame.into_data().unwrap_or_default()))
}

/// What a failed exchange says: of the connection where it broke, else of the host, which does not speak HTTP.
fn unseen(error: &hyper::Error) -> Unseen {
    if let Some(io) = error.source().and_then(|source| source.downcast_ref::<io::Error>()) {
        return trouble::of_io(Stage::Fetch, io);
    }
    let detail = PeerText::from(error.to_string().as_str()).to_string();
    let cause = if error.is_incomplete_message() || error.is_closed() || error.is_canceled() {
        Cause::Closed
    } else if error.is_parse_too_large() {
        Cause::Oversize
    } else {
        Cause::ProtocolError
    };
    failed(cause, detail)
}
