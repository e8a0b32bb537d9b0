//! A server of old times: it reads a ClientHello and answers as its versions, suites and certificate let it, up to
//! ServerHelloDone. It has no cryptography; nobody who stops there can tell.

use std::ops::RangeInclusive;
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader, DuplexStream};

/// What it speaks.
#[derive(Clone)]
pub(super) struct Old {
    /// The second octet of a version: 0 for SSL 3.0, 3 for TLS 1.2.
    pub(super) versions: RangeInclusive<u8>,
    /// In its own order.
    pub(super) suites: &'static [u16],
    pub(super) certificate: &'static [u8],
}

/// How it says that there is nothing for it.
const HANDSHAKE_FAILURE: u8 = 40;
const PROTOCOL_VERSION: u8 = 70;

impl Old {
    /// One connection, and what was said behind STARTTLS after the hello.
    pub(super) async fn serve(self, stream: DuplexStream) -> Vec<u8> {
        let mut stream = BufReader::new(stream);
        for (heard, said) in
            [("", "220 mx ESMTP"), ("EHLO ", "250-mx\r\n250 STARTTLS"), ("STARTTLS", "220 go ahead")]
        {
            let mut line = String::new();
            if !heard.is_empty() {
                stream.read_line(&mut line).await.unwrap();
            }
            assert!(line.starts_with(heard), "{line:?} in place of {heard:?}");
            stream.write_all(format!("{said}\r\n").as_bytes()).await.unwrap();
        }
        let mut header = [0; 5];
        stream.read_exact(&mut header).await.unwrap();
        let mut hello = vec![0; usize::from(u16::from_be_bytes([header[3], header[4]]))];
        stream.read_exact(&mut hello).await.unwrap();
        stream.write_all(&self.answer(&hello)).await.unwrap();
        let mut behind = vec![];
        stream.read_to_end(&mut behind).await.unwrap();
        behind
    }

    fn answer(&self, hello: &[u8]) -> Vec<u8> {
        let (highest, offered) = (hello[5], suites(hello));
        let version = highest.min(*self.versions.end());
        if !self.versions.contains(&version) {
            return vec![21, 3, version, 0, 2, 2, PROTOCOL_VERSION];
        }
        let Some(suite) = self.suites.iter().find(|suite| offered.contains(suite)) else {
            return vec![21, 3, version, 0, 2, 2, HANDSHAKE_FAILURE];
        };
        let mut flight =
            message(2, &[&[3, version][..], &[9; 32], &[0], &suite.to_be_bytes(), &[0]].concat());
        flight.extend(message(11, &vector24(&vector24(self.certificate))));
        flight.extend(key_exchange(*suite));
        flight.extend(message(14, &[]));
        let records = flight
            .chunks(1_000)
            .map(|part| [&[22, 3, version][..], &u16::to_be_bytes(part.len() as u16), part].concat());
        records.flatten().collect()
    }
}

/// Behind version, random and session.
fn suites(hello: &[u8]) -> Vec<u16> {
    let at = 4 + 2 + 32 + 1 + usize::from(hello[38]);
    let length = usize::from(u16::from_be_bytes([hello[at], hello[at + 1]]));
    hello[at + 2..at + 2 + length].chunks(2).map(|pair| u16::from_be_bytes([pair[0], pair[1]])).collect()
}

/// A ServerKeyExchange where the suite has one: of a curve, or of a prime with 1,024 bits.
fn key_exchange(suite: u16) -> Vec<u8> {
    match suite >> 8 {
        0xc0 | 0xcc => message(12, &[3, 0, 23, 1, 4]),
        _ if matches!(suite, 0x33 | 0x39 | 0x9e | 0x9f) => {
            message(12, &[&[0, 128, 0xff][..], &[7; 127], &[0, 1, 2, 0, 1, 4]].concat())
        }
        _ => vec![],
    }
}

fn message(kind: u8, body: &[u8]) -> Vec<u8> {
    [&[kind][..], &vector24(body)].concat()
}

fn vector24(content: &[u8]) -> Vec<u8> {
    [&(content.len() as u32).to_be_bytes()[1..], content].concat()
}
