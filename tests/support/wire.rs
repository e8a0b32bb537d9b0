//! What both SMTP fakes read from and write to: any stream, plain or TLS, a line at a time; and the manners that a
//! client owes every server.
use std::fmt;
use std::io;
use std::mem;
use std::sync::Arc;
use std::task::Poll;

use rustls::ServerConfig;
use tokio::io::{
    AsyncBufRead, AsyncBufReadExt, AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, BufReader,
};
use tokio_rustls::TlsAcceptor;

/// Longest line that a fake reads before it gives up, in octets.
const LINE_LIMIT: u64 = 64 * 1024;
/// RFC 5321 §4.5.3.1.4: a command line has at most 512 octets, its CRLF included.
const COMMAND_LIMIT: usize = 512;
/// RFC 8446 §5.1: the content type of a record that holds handshake messages.
const TLS_HANDSHAKE: u8 = 22;
/// What a probe never says.
const FORBIDDEN: [&str; 5] = ["AUTH", "BDAT", "DATA", "EXPN", "VRFY"];
/// What travels alone: nothing before it and nothing behind it in one write.
const ALONE: [&str; 4] = ["EHLO", "HELO", "QUIT", "STARTTLS"];

/// Any stream, in a box.
pub trait Stream: AsyncRead + AsyncWrite + Unpin + Send {}
impl<T: AsyncRead + AsyncWrite + Unpin + Send> Stream for T {}

/// A server's end of a connection.
pub struct Wire {
    io: BufReader<Box<dyn Stream>>,
    more_came_along: bool,
}

impl Wire {
    pub fn over(stream: impl Stream + 'static) -> Self {
        Self { io: BufReader::new(Box::new(stream)), more_came_along: false }
    }

    /// The next line that the client writes, or `None` when it has left.
    pub async fn line(&mut self) -> Option<Line> {
        let mut bytes = Vec::new();
        let read = (&mut self.io).take(LINE_LIMIT).read_until(b'\n', &mut bytes).await;
        if read.is_err() || bytes.is_empty() {
            return None;
        }
        let came_behind = mem::replace(&mut self.more_came_along, !self.io.buffer().is_empty());
        Some(Line { bytes, came_behind, was_followed: self.has_surplus().await })
    }

    /// Whether the client has written something that nobody has read yet.
    pub async fn has_surplus(&mut self) -> bool {
        let io = &mut self.io;
        std::future::poll_fn(|cx| {
            let buffered = std::pin::Pin::new(&mut *io).poll_fill_buf(cx);
            Poll::Ready(matches!(buffered, Poll::Ready(Ok(bytes)) if !bytes.is_empty()))
        })
        .await
    }

    /// Ends when the client has left; what it writes before stays unread.
    pub async fn departure(&mut self) {
        match self.io.fill_buf().await {
            Ok(bytes) if !bytes.is_empty() => std::future::pending().await,
            Ok(_) | Err(_) => {}
        }
    }

    /// One TLS handshake record, header included; `Err` is what came instead, empty when the client has left.
    pub async fn handshake_record(&mut self) -> Result<Vec<u8>, Vec<u8>> {
        let arrived = self.io.fill_buf().await.unwrap_or_default();
        if arrived.first() != Some(&TLS_HANDSHAKE) {
            return Err(arrived.to_vec());
        }
        let mut record = vec![0; 5];
        self.io.read_exact(&mut record).await.map_err(|_| Vec::new())?;
        let length = usize::from(u16::from_be_bytes([record[3], record[4]]));
        record.resize(5 + length, 0);
        self.io.read_exact(&mut record[5..]).await.map_err(|_| Vec::new())?;
        Ok(record)
    }

    pub async fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.io.write_all(bytes).await?;
        self.io.flush().await
    }

    /// Says that nothing more will be written: close_notify inside TLS, then FIN.
    pub async fn half_close(&mut self) {
        let _ = self.io.shutdown().await; // the client may have left before
    }

    /// Accepts a handshake. When it fails, the wire below comes back beside the reason.
    pub async fn secure(self, config: Arc<ServerConfig>) -> Result<Self, (io::Error, Self)> {
        match TlsAcceptor::from(config).accept(self.io).into_fallible().await {
            Ok(stream) => Ok(Self::over(stream)),
            Err((error, io)) => Err((error, Self { io, more_came_along: false })),
        }
    }
}

/// A line that the client wrote.
pub struct Line {
    bytes: Vec<u8>,
    came_behind: bool,
    was_followed: bool,
}

impl Line {
    /// The verb in capitals.
    pub fn verb(&self) -> String {
        let text = self.to_string();
        text.split(' ').next().unwrap_or_default().to_ascii_uppercase()
    }

    /// Whether a probe never says this: DATA and its like.
    pub fn is_forbidden(&self) -> bool {
        FORBIDDEN.contains(&self.verb().as_str())
    }

    /// What a polite client would not have done, if anything.
    pub fn breach(&self) -> Option<&'static str> {
        let alone = ALONE.contains(&self.verb().as_str());
        [
            (self.is_forbidden(), "a probe never says this"),
            (!self.bytes.ends_with(b"\r\n"), "the line does not end with CRLF"),
            (self.has_stray_control(), "the line has a stray control character"),
            (self.bytes.len() > COMMAND_LIMIT, "the line is longer than 512 octets"),
            (alone && self.was_followed, "more was sent behind it in one go"),
            (alone && self.came_behind, "it was sent behind another command in one go"),
        ]
        .into_iter()
        .find_map(|(is_so, breach)| is_so.then_some(breach))
    }

    /// Whether this can be a command at all, and not a piece of TLS.
    pub fn is_text(&self) -> bool {
        self.bytes.is_ascii() && !self.has_stray_control()
    }

    fn has_stray_control(&self) -> bool {
        let text = self.bytes.strip_suffix(b"\r\n").unwrap_or(&self.bytes);
        text.iter().any(u8::is_ascii_control)
    }
}

/// The line without its end; control characters and octets above 127 are escaped.
impl fmt::Display for Line {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = self.bytes.strip_suffix(b"\n").unwrap_or(&self.bytes);
        let text = text.strip_suffix(b"\r").unwrap_or(text);
        for byte in text {
            match byte {
                b' '..=b'~' => write!(f, "{}", char::from(*byte))?,
                other => write!(f, "\\x{other:02x}")?,
            }
        }
        Ok(())
    }
}
