//! An encrypted session and the certificates it showed, described but not judged.

use super::{Anchored, Digests, Extensions, PeerText, Reply, Seen, stored};
use serde::{Deserialize, Deserializer, Serialize, de::Error as _};
use std::time::SystemTime;

/// A word of a registry.
pub type IanaName = &'static str;

/// Suites that a session can have, and the word where the library names none.
pub const SUITES: [&str; 10] = [
    "TLS_AES_128_GCM_SHA256",
    "TLS_AES_256_GCM_SHA384",
    "TLS_CHACHA20_POLY1305_SHA256",
    "TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256",
    "TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384",
    "TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256",
    "TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256",
    "TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384",
    "TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256",
    "",
];
/// Key exchange groups that a session can have.
pub const GROUPS: [&str; 3] = ["X25519", "secp256r1", "secp384r1"];

/// A completed handshake.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Tls {
    /// The protocol version.
    pub version: TlsVersion,
    /// The suite by its IANA name.
    #[serde(deserialize_with = "suite")]
    pub cipher: IanaName,
    /// The key exchange group by its IANA name; none where the library does not say.
    #[serde(deserialize_with = "group")]
    pub key_exchange: Option<IanaName>,
    /// Whether the MX name could be sent as SNI and compared with the certificate.
    pub named: bool,
    /// The certificates as sent, leaf first, at most ten.
    pub chain: Vec<Certificate>,
    /// Whether the leaf's names cover the MX name (RFC 9525: subjectAltName only).
    pub name_matches: bool,
    /// Whether the chain leads to a root, its leaf's own dates set aside; what stands in the way if not.
    pub trust: Result<(), ChainTrouble>,
    /// What of the same is known of the TLSA records that the session was told of.
    pub anchored: Vec<Anchored>,
    /// EHLO inside TLS.
    pub ehlo: Seen<TlsEhlo>,
}

/// TLS versions that can be spoken or seen.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum TlsVersion {
    /// RFC 6101.
    Ssl30,
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
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TlsEhlo {
    /// The reply, whatever its code.
    pub reply: Reply,
    /// What is offered inside TLS.
    pub extensions: Extensions,
}

/// One certificate of a chain (RFC 5280).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
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
    #[serde(with = "stored::moment")]
    pub not_before: SystemTime,
    /// The last second it is valid.
    #[serde(with = "stored::moment")]
    pub not_after: SystemTime,
    /// The subject's key.
    pub key: PublicKey,
    /// The signature algorithm's name, such as `ecdsa-with-SHA256`.
    pub signature: PeerText,
    /// Whether that algorithm rests on MD5 or SHA-1.
    pub weak_signature: bool,
    /// SHA-256 of the whole certificate, as lower-case hex.
    pub fingerprint: String,
    /// Of the whole certificate, as TLSA records have them.
    pub digests: Digests,
    /// Of its key; none where it cannot be read.
    pub key_digests: Option<Digests>,
    /// Whether it names itself as its issuer.
    pub self_issued: bool,
}

/// A certificate's key.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PublicKey {
    /// `RSA`, `ECDSA P-256`, `Ed25519` …
    pub algorithm: PeerText,
    /// Its size; none where the algorithm does not say.
    pub bits: Option<usize>,
}

/// Why a chain does not lead to a root.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
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

/// Only names of the closed set come back from a stored state: they are labels.
fn suite<'de, D: Deserializer<'de>>(deserializer: D) -> Result<&'static str, D::Error> {
    let name = String::deserialize(deserializer)?;
    let known = SUITES.into_iter().find(|suite| *suite == name);
    known.ok_or_else(|| D::Error::custom("an unknown cipher suite"))
}

fn group<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<&'static str>, D::Error> {
    let Some(name) = Option::<String>::deserialize(deserializer)? else { return Ok(None) };
    let known = GROUPS.into_iter().find(|group| *group == name);
    known.map(Some).ok_or_else(|| D::Error::custom("an unknown key exchange group"))
}

impl TlsVersion {
    /// Every version, the oldest first.
    pub const ALL: [Self; 5] = [Self::Ssl30, Self::Tls10, Self::Tls11, Self::Tls12, Self::Tls13];

    /// Whether RFC 8996 or RFC 7568 has put it out of use.
    pub fn is_legacy(self) -> bool {
        self < Self::Tls12
    }

    /// As people and `smtp_tls_version` write it: `1.2`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Ssl30 => "ssl3",
            Self::Tls10 => "1.0",
            Self::Tls11 => "1.1",
            Self::Tls12 => "1.2",
            Self::Tls13 => "1.3",
        }
    }

    /// As people write it in a sentence: `TLS 1.2`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Ssl30 => "SSL 3.0",
            Self::Tls10 => "TLS 1.0",
            Self::Tls11 => "TLS 1.1",
            Self::Tls12 => "TLS 1.2",
            Self::Tls13 => "TLS 1.3",
        }
    }

    /// The same as a number.
    pub fn as_f64(self) -> f64 {
        match self {
            Self::Ssl30 => 0.3, // below all that has a number of its own
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
