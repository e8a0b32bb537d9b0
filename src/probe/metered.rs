//! A transport under TLS that ends where no honest peer gets to. Records without data, tickets and new keys never
//! become a reply, so that the limits on replies do not see them.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// What may come on the wire in one encrypted session: twice what its replies may have, certificates included.
const ON_THE_WIRE: usize = 512 * 1_024;

/// A stream that counts what is read.
pub(super) struct Metered<S> {
    stream: S,
    left: usize,
}

/// The end of it.
#[derive(Debug, thiserror::Error)]
#[error("more than 512 KiB on the wire")]
pub(super) struct TooMuch;

impl<S> Metered<S> {
    /// Nothing is read yet.
    pub(super) fn new(stream: S) -> Self {
        Self { stream, left: ON_THE_WIRE }
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Metered<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        if self.left == 0 {
            return Poll::Ready(Err(io::Error::other(TooMuch)));
        }
        let before = buffer.filled().len();
        let polled = Pin::new(&mut self.stream).poll_read(cx, buffer);
        self.left = self.left.saturating_sub(buffer.filled().len() - before);
        polled
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Metered<S> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, octets: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(cx, octets)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}
