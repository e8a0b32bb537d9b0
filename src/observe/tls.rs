//! An encrypted session and the certificates it showed, described but not judged.

use super::{Extensions, PeerText, Reply, Seen};
use std::time::SystemTime;

/// A completed handshake.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tls {
    /// The protocol version.
    pub version: TlsVersion,
    /// The suite by its IANA name.
    pub cipher: &'static str,
    /// The key exchange group by its IANA name; none where the library does not say.
    pub key_exchange: Option<&'static str>,
    /// Whether the MX name could be sent as SNI and compared with the certificate.
    pub named: bool,
    /// The certificates as sent, leaf first, at most ten.
    pub chain: Vec<Certificate>,
    /// Whether the leaf's names cover the MX name (RFC 9525: subjectAltName only).
    pub name_matches: bool,
    /// Whether the chain leads to a root, its leaf's own dates set aside; what stands in the way if not.
    pub trust: Result<(), ChainTrouble>,
    /// EHLO inside TLS.
    pub ehlo: Seen<TlsEhlo>,
}

/// TLS versions that can be spoken or seen.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum TlsVersion {
    /// RFC 2246.
    Tls10,
    /// RFC 4346.
    Tls11,
    /// RFC 5246.
    Tls12,
    /// RFC 8446.
    Tls13,
}

/// The answer to EHLO inside TLS.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TlsEhlo {
    /// The reply, whatever its code.
    pub reply: Reply,
    /// What is offered inside TLS.
    pub extensions: Extensions,
}

/// One certificate of a chain (RFC 5280).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Certificate {
    /// The subject's distinguished name.
    pub subject: PeerText,
    /// The issuer's distinguished name.
    pub issuer: PeerText,
    /// DNS and IP names of subjectAltName, at most 100.
    pub names: Vec<PeerText>,
    /// How many more names there were.
    pub more_names: usize,
    /// The first second it is valid.
    pub not_before: SystemTime,
    /// The last second it is valid.
    pub not_after: SystemTime,
    /// The subject's key.
    pub key: PublicKey,
    /// The signature algorithm's name, such as `ecdsa-with-SHA256`.
    pub signature: PeerText,
    /// Whether that algorithm rests on MD5 or SHA-1.
    pub weak_signature: bool,
    /// SHA-256 of the whole certificate, as lower-case hex.
    pub fingerprint: String,
    /// Whether it names itself as its issuer.
    pub self_issued: bool,
}

/// A certificate's key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PublicKey {
    /// `RSA`, `ECDSA P-256`, `Ed25519` …
    pub algorithm: PeerText,
    /// Its size; none where the algorithm does not say.
    pub bits: Option<usize>,
}

/// Why a chain does not lead to a root.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ChainTrouble {
    /// A certificate above the leaf is outside its dates.
    Expired(PeerText),
    /// The leaf signed itself and is no root of ours.
    SelfSigned,
    /// No chain of what was sent leads to a root of ours.
    UnknownIssuer,
    /// The verifying library cannot judge it (an algorithm or version that it does not know).
    Unsupported(PeerText),
    /// Any other reason: a bad signature, a name constraint, a purpose.
    Invalid(PeerText),
}

impl TlsVersion {
    /// As people and `smtp_tls_version` write it: `1.2`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Tls10 => "1.0",
            Self::Tls11 => "1.1",
            Self::Tls12 => "1.2",
            Self::Tls13 => "1.3",
        }
    }

    /// The same as a number.
    pub fn as_f64(self) -> f64 {
        match self {
            Self::Tls10 => 1.0,
            Self::Tls11 => 1.1,
            Self::Tls12 => 1.2,
            Self::Tls13 => 1.3,
        }
    }
}

impl Tls {
    /// The server's own certificate.
    pub fn leaf(&self) -> Option<&Certificate> {
        self.chain.first()
    }
}

impl Certificate {
    /// Whether `now` lies outside its dates: before (`Less`) or after (`Greater`) them.
    pub fn off_dates(&self, now: SystemTime) -> Option<std::cmp::Ordering> {
        if now < self.not_before {
            Some(std::cmp::Ordering::Less)
        } else if now > self.not_after {
            Some(std::cmp::Ordering::Greater)
        } else {
            None
        }
    }
}
