//! A long answer: written piece by piece on a thread of its own, passed on as fast as its reader takes it. Neither the
//! whole text nor a lock is held meanwhile, and a reader that takes too long is given up.

use super::negotiate::Coding;
use axum::body::Body;
use axum::http::StatusCode;
use flate2::Compression;
use flate2::write::GzEncoder;
use hyper::body::{Body as HttpBody, Bytes, Frame};
use std::fmt;
use std::io::{self, BufWriter, ErrorKind, Write};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;
use tokio::sync::{Semaphore, mpsc};
use tokio::task::spawn_blocking;
use tokio::time::timeout;

/// Octets of one piece.
const PIECE: usize = 64 * 1024;
/// Pieces that wait for the reader.
const AHEAD: usize = 4;
/// As many are written at once; each keeps a thread and what it knows of the snapshot.
const AT_ONCE: usize = 8;
/// Until one of those has ended.
const PATIENCE: Duration = Duration::from_secs(10);
/// From the first piece to the last: as long as the longest scrapes take.
const LONGEST: Duration = Duration::from_secs(60);

/// The long answers under way.
#[derive(Clone, Debug)]
pub(super) struct Streams(Arc<Semaphore>);

/// What passes from the thread to the reader. An answer without an end was cut short.
#[derive(Debug)]
enum Piece {
    Text(Bytes),
    End,
}

impl Streams {
    pub(super) fn new() -> Self {
        Self(Arc::new(Semaphore::new(AT_ONCE)))
    }

    /// An answer that `write` writes, once there is room for one more.
    pub(super) async fn start(
        &self,
        coding: Coding,
        write: impl FnOnce(&mut dyn fmt::Write) -> fmt::Result + Send + 'static,
    ) -> Result<Body, StatusCode> {
        let place = timeout(PATIENCE, self.0.clone().acquire_owned()).await;
        let Ok(Ok(place)) = place else { return Err(StatusCode::SERVICE_UNAVAILABLE) };
        let (to, written) = mpsc::channel(1);
        let (passed, pieces) = mpsc::channel(AHEAD);
        spawn_blocking(move || {
            let _place = place;
            // It fails only where the reader has gone or was given up.
            encode(coding, Pieces(to), write).and_then(Pieces::end).ok();
        });
        tokio::spawn(timeout(LONGEST, pass_on(written, passed)));
        Ok(Body::new(Streamed(pieces)))
    }
}

/// Ends as soon as either side does.
async fn pass_on(mut from: mpsc::Receiver<Piece>, to: mpsc::Sender<Piece>) {
    while let Some(piece) = from.recv().await {
        if to.send(piece).await.is_err() {
            return;
        }
    }
}

fn encode(
    coding: Coding,
    out: Pieces,
    write: impl FnOnce(&mut dyn fmt::Write) -> fmt::Result,
) -> io::Result<Pieces> {
    match coding {
        Coding::Gzip => write_all(GzEncoder::new(out, Compression::fast()), write)?.finish(),
        Coding::Identity => write_all(out, write),
    }
}

fn write_all<W: Write>(out: W, write: impl FnOnce(&mut dyn fmt::Write) -> fmt::Result) -> io::Result<W> {
    let mut text = Text(BufWriter::with_capacity(PIECE, out));
    write(&mut text).map_err(|fmt::Error| ErrorKind::BrokenPipe)?;
    Ok(text.0.into_inner()?)
}

/// Text into octets.
struct Text<W: Write>(BufWriter<W>);

impl<W: Write> fmt::Write for Text<W> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        self.0.write_all(text.as_bytes()).map_err(|_| fmt::Error)
    }
}

/// Octets into pieces.
struct Pieces(mpsc::Sender<Piece>);

impl Pieces {
    fn end(self) -> io::Result<()> {
        self.send(Piece::End)
    }

    fn send(&self, piece: Piece) -> io::Result<()> {
        self.0.blocking_send(piece).map_err(|_| ErrorKind::BrokenPipe.into())
    }
}

impl Write for Pieces {
    fn write(&mut self, octets: &[u8]) -> io::Result<usize> {
        self.send(Piece::Text(Bytes::copy_from_slice(octets)))?;
        Ok(octets.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Pieces into the body of an answer.
#[derive(Debug)]
struct Streamed(mpsc::Receiver<Piece>);

impl HttpBody for Streamed {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, io::Error>>> {
        Poll::Ready(match ready!(self.0.poll_recv(cx)) {
            Some(Piece::Text(octets)) => Some(Ok(Frame::data(octets))),
            Some(Piece::End) => None,
            None => Some(Err(ErrorKind::UnexpectedEof.into())),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::pin::pin;
    use tokio::time::advance;

    /// As much as anybody takes.
    fn endless(out: &mut dyn fmt::Write) -> fmt::Result {
        loop {
            out.write_str("more ")?;
        }
    }

    /// How it ends, and how many octets came before that.
    async fn read(body: Body) -> (usize, bool) {
        let mut body = pin!(body);
        let mut length = 0;
        while let Some(frame) = std::future::poll_fn(|cx| body.as_mut().poll_frame(cx)).await {
            match frame {
                Ok(frame) => length += frame.data_ref().map_or(0, Bytes::len),
                Err(_) => return (length, false),
            }
        }
        (length, true)
    }

    #[tokio::test]
    async fn what_was_written_is_read_to_its_end() {
        let streams = Streams::new();
        for length in [0, 1, PIECE - 1, PIECE, 10 * PIECE + 1] {
            let body = streams.start(Coding::Identity, move |out| out.write_str(&"x".repeat(length)));
            assert_eq!(read(body.await.unwrap()).await, (length, true));
        }
    }

    #[tokio::test]
    async fn a_writer_that_fails_leaves_no_whole_answer() {
        let streams = Streams::new();
        let body = streams.start(Coding::Gzip, |out| {
            out.write_str("some")?;
            Err(fmt::Error)
        });
        assert!(!read(body.await.unwrap()).await.1);
    }

    #[tokio::test(start_paused = true)]
    async fn readers_that_stand_still_are_given_up_so_that_others_get_their_turn() {
        let streams = Streams::new();
        let mut slow = Vec::new();
        for _ in 0..AT_ONCE {
            slow.push(streams.start(Coding::Identity, endless).await.unwrap());
        }
        let refused = tokio::spawn({
            let streams = streams.clone();
            async move { streams.start(Coding::Identity, endless).await.err() }
        });
        tokio::task::yield_now().await;
        advance(PATIENCE).await;
        assert_eq!(refused.await.unwrap(), Some(StatusCode::SERVICE_UNAVAILABLE));
        advance(LONGEST).await;
        let body = streams.start(Coding::Identity, |out| out.write_str("at last")).await.unwrap();
        assert_eq!(read(body).await, (7, true));
        for body in slow {
            let (length, whole) = read(body).await;
            assert!(!whole && length <= (AHEAD + 1) * PIECE, "{length}");
        }
    }
}
