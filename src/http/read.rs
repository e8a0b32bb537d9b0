//! The body of an answer that keeps its connection from counting as idle until it has been read.

use super::connections::Reading;
use axum::body::{Body, Bytes};
use hyper::body::{Body as HttpBody, Frame, SizeHint};
use std::pin::Pin;
use std::task::{Context, Poll};

/// A body and its reader.
#[derive(Debug)]
pub(super) struct Read {
    body: Body,
    _reading: Reading,
}

impl Read {
    pub(super) fn by(body: Body, reading: Reading) -> Self {
        Self { body, _reading: reading }
    }
}

impl HttpBody for Read {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        Pin::new(&mut self.body).poll_frame(cx)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
