//! What must hold of replies, hellos and certificates whatever octets they are made of; of whole sessions, in `session`, and of
//! TLSA records, in `tlsa`.

mod session;
mod tlsa;

pub(crate) use session::session;
pub(crate) use tlsa::tlsa;

use super::certificate::{self, describe};
use super::legacy_hello::flight::{Flight, Reader};
use super::reply::{Parser, Unreadable};
use super::starttls::TlsClient;
use super::verify::{Roots, covers};
use crate::observe::{Certificate, PeerText, Reply, TlsVersion};
use rustls::crypto::aws_lc_rs::default_provider;
use rustls::pki_types::{CertificateDer, ServerName};
use std::sync::LazyLock;
use std::time::{Duration, SystemTime};

/// More than any line, name or part of either becomes when every octet of it is escaped.
const ESCAPED: usize = 9 * 2_048;

/// The client of all inputs: its roots take longer to read than an input does.
static TLS: LazyLock<TlsClient> = LazyLock::new(|| match TlsClient::new(Vec::new()) {
    Ok(client) => client,
    Err(error) => panic!("the built-in roots cannot be used: {error}"),
});

static ROOTS: LazyLock<Roots> = LazyLock::new(|| {
    let algorithms = default_provider().signature_verification_algorithms;
    Roots::with(Vec::new(), algorithms).unwrap_or_else(|(number, error)| panic!("root {number}: {error}"))
});

/// Any cut of the stream gives the same replies, and what is kept of them is bounded and printable. The first octet
/// says where it is cut and whether the replies are to EHLO.
pub(crate) fn replies(input: &[u8]) {
    let Some((choice, octets)) = input.split_first() else { return };
    let parser = || if choice & 1 == 0 { Parser::new() } else { Parser::of_ehlo() };
    let whole = read(parser, octets, &mut |rest| rest);
    let one_by_one = read(parser, octets, &mut |_| 1);
    let mut seed = u32::from(*choice);
    let cut_anywhere = read(parser, octets, &mut |_| {
        seed = seed.wrapping_mul(1_103_515_245).wrapping_add(12_345);
        usize::try_from(seed >> 16).unwrap_or_default() % 97 + 1
    });
    assert_eq!(whole, one_by_one, "cut into octets");
    assert_eq!(whole, cut_anywhere, "cut anywhere");
    for reply in &whole.replies {
        assert!((200..=599).contains(&reply.code) && (1..=128).contains(&reply.lines.len()), "{reply:?}");
        reply.lines.iter().for_each(assert_printable);
        let mut flaws = reply.flaws.clone();
        flaws.dedup();
        assert_eq!(flaws, reply.flaws, "each kind once");
    }
    assert!(whole.unfinished.chars().count() <= 256);
    assert_printable(&PeerText::from(whole.unfinished.as_str()));
}

/// What one way of cutting gave.
#[derive(Debug, PartialEq)]
struct Read {
    replies: Vec<Reply>,
    end: Option<Unreadable>,
    unfinished: String,
}

/// Reads everything in pieces of the lengths that `cut` gives for what is left.
fn read(new: impl Fn() -> Parser, octets: &[u8], cut: &mut dyn FnMut(usize) -> usize) -> Read {
    let mut read = Read { replies: Vec::new(), end: None, unfinished: String::new() };
    let (mut parser, mut rest) = (new(), octets);
    while !rest.is_empty() {
        let (mut piece, behind) = rest.split_at(cut(rest.len()).min(rest.len()));
        rest = behind;
        while !piece.is_empty() {
            let (used, done) = parser.feed(piece);
            assert!((1..=piece.len()).contains(&used), "{used} of {}", piece.len());
            piece = piece.get(used..).unwrap_or_default();
            match done {
                Ok(None) => assert!(piece.is_empty(), "it stopped in the middle"),
                Ok(Some(reply)) => {
                    read.replies.push(reply);
                    parser = new();
                }
                Err(end) => return Read { end: Some(end), ..read },
            }
        }
    }
    Read { unfinished: parser.heard(), ..read }
}

/// Any cut of a server's first flight gives the same, and what is kept of it is one of a closed set but for the
/// certificate, which is shorter than the flight. The first octet says where it is cut.
pub(crate) fn hello(input: &[u8]) {
    let Some((choice, octets)) = input.split_first() else { return };
    let read = |piece: usize| {
        let mut reader = Reader::default();
        octets.chunks(piece).find_map(|octets| reader.feed(octets))
    };
    let whole = read(octets.len().max(1));
    assert_eq!(whole, read(1), "cut into octets");
    assert_eq!(whole, read(usize::from(*choice) % 97 + 2), "cut anywhere");
    if let Some(Flight::Chose { choice, leaf }) = whole {
        assert_eq!(choice.suite.is_of_13(), choice.version == TlsVersion::Tls13);
        let leaf = leaf.unwrap_or_default();
        assert!(leaf.len() <= octets.len());
        assert!(!choice.to_string().contains(char::is_control));
        describe(&CertificateDer::from(leaf));
    }
}

/// Every certificate has a description, however it was spoilt; it is the same every time, printable and bounded. What
/// else looks at a certificate takes it, too.
pub(crate) fn certificate(der: &[u8]) {
    let der = CertificateDer::from_slice(der);
    let described = describe(&der);
    assert_eq!(described, describe(&der));
    let Certificate { subject, issuer, names, key, signature, fingerprint, .. } = &described;
    assert!(names.len() <= certificate::NAMES, "{} names", names.len());
    for text in [subject, issuer, &key.algorithm, signature].into_iter().chain(names) {
        assert_printable(text);
    }
    assert!(fingerprint.len() == 64 && fingerprint.bytes().all(|b| b.is_ascii_hexdigit()), "{fingerprint}");
    let now = SystemTime::UNIX_EPOCH + Duration::from_secs(1_798_761_600);
    if let Err(trouble) = ROOTS.trust(&[der.clone(), der.clone()], now) {
        assert!(!format!("{trouble:?}").contains(char::is_control));
    }
    if let Ok(name) = ServerName::try_from("mx.example.test") {
        covers(&der, &name);
    }
}

/// A text of many parts may be as long as that many of them.
fn assert_printable(text: &PeerText) {
    let text = text.as_str();
    assert!(text.len() <= 32 * ESCAPED, "{} octets", text.len());
    assert!(!text.contains(|c: char| c.is_control() || ('\u{202a}'..='\u{202e}').contains(&c)), "{text:?}");
}
