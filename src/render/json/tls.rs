//! The encrypted session as last negotiated, and its certificates.

use crate::observe::{self, ChainTrouble, PeerText};
use crate::render::{time, words};
use serde::Serialize;

#[derive(Serialize)]
pub(super) struct Tls<'a> {
    version: &'static str,
    /// By its IANA name.
    cipher: &'static str,
    key_exchange: Option<&'static str>,
    /// Whether the MX name was sent as SNI.
    sni: bool,
    name_matches: bool,
    /// Whether the chain leads to a root, the leaf's own dates set aside.
    trusted: bool,
    trust_trouble: Option<TrustTrouble>,
    chain: Vec<Certificate<'a>>,
}

#[derive(Serialize)]
struct TrustTrouble {
    cause: &'static str,
    detail: String,
}

#[derive(Serialize)]
struct Certificate<'a> {
    subject: &'a str,
    issuer: &'a str,
    names: Vec<&'a str>,
    more_names: usize,
    not_before: String,
    not_after: String,
    key: Key<'a>,
    signature: &'a str,
    sha256: &'a str,
}

#[derive(Serialize)]
struct Key<'a> {
    algorithm: &'a str,
    bits: Option<usize>,
}

impl<'a> Tls<'a> {
    pub(super) fn of(tls: &'a observe::Tls) -> Self {
        Self {
            version: tls.version.as_str(),
            cipher: tls.cipher,
            key_exchange: tls.key_exchange,
            sni: tls.named,
            name_matches: tls.name_matches,
            trusted: tls.trust.is_ok(),
            trust_trouble: tls.trust.as_ref().err().map(TrustTrouble::of),
            chain: tls.chain.iter().map(Certificate::of).collect(),
        }
    }
}

impl TrustTrouble {
    fn of(trouble: &ChainTrouble) -> Self {
        let cause = match trouble {
            ChainTrouble::Expired(_) => "expired",
            ChainTrouble::SelfSigned => "self_signed",
            ChainTrouble::UnknownIssuer => "unknown_issuer",
            ChainTrouble::Unsupported(_) => "unsupported",
            ChainTrouble::Invalid(_) => "invalid",
        };
        Self { cause, detail: words::chain_trouble(trouble) }
    }
}

impl<'a> Certificate<'a> {
    fn of(certificate: &'a observe::Certificate) -> Self {
        Self {
            subject: certificate.subject.as_str(),
            issuer: certificate.issuer.as_str(),
            names: certificate.names.iter().map(PeerText::as_str).collect(),
            more_names: certificate.more_names,
            not_before: time::rfc3339(certificate.not_before),
            not_after: time::rfc3339(certificate.not_after),
            key: Key { algorithm: certificate.key.algorithm.as_str(), bits: certificate.key.bits },
            signature: certificate.signature.as_str(),
            sha256: &certificate.fingerprint,
        }
    }
}
