//! TLS: handshakes that fail or stall, certificates of every kind, and what a server may do once it is encrypted.

use crate::meet::Meeting;
use crate::smtp::{WELCOME, goodbye, offered};
use crate::support::smtp::Script;
use rustls::{ServerConfig, SupportedProtocolVersion, version};
use std::sync::Arc;
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader, DuplexStream};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;

mod certificates;
mod handshake;
mod inside;
mod keys;
mod legacy;

type Versions = &'static [&'static SupportedProtocolVersion];
const ONLY_12: Versions = &[&version::TLS12];
const ONLY_13: Versions = &[&version::TLS13];

/// A server that goes on inside TLS as it should.
fn served(config: Arc<ServerConfig>) -> Script {
    let inside = offered().say("220 go ahead").tls_with(config).hear("EHLO probe.test");
    goodbye(inside.say(WELCOME))
}

/// A server that shakes hands, should the client want to, and what is encrypted then.
async fn shaken(
    stream: DuplexStream,
    config: Arc<ServerConfig>,
) -> Option<TlsStream<BufReader<DuplexStream>>> {
    let mut stream = BufReader::new(stream);
    stream.write_all(b"220 mx\r\n").await.unwrap();
    stream.read_line(&mut String::new()).await.unwrap();
    stream.write_all(b"250-mx\r\n250 STARTTLS\r\n").await.unwrap();
    stream.read_line(&mut String::new()).await.unwrap();
    stream.write_all(b"220 go ahead\r\n").await.unwrap();
    TlsAcceptor::from(config).accept(stream).await.ok()
}

/// A session that only looks.
fn looking(meeting: Meeting) -> Meeting {
    let mut meeting = meeting;
    (meeting.plan.null_sender, meeting.plan.relay, meeting.plan.postmasters) = (None, None, vec![]);
    meeting
}
