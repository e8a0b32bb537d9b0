//! One certificate of a chain, as people read it.

use crate::observe::{self, PeerText};
use crate::render::time;

pub(super) struct Certificate<'a> {
    pub(super) subject: &'a str,
    pub(super) issuer: &'a str,
    pub(super) names: String,
    pub(super) validity: String,
    pub(super) key: String,
    pub(super) signature: &'a str,
    pub(super) fingerprint: String,
}

impl<'a> Certificate<'a> {
    pub(super) fn of(certificate: &'a observe::Certificate) -> Self {
        let observe::PublicKey { algorithm, bits } = &certificate.key;
        let mut names: Vec<&str> = certificate.names.iter().map(PeerText::as_str).collect();
        let more = format!("and {} more", certificate.more_names);
        if certificate.more_names > 0 {
            names.push(&more);
        }
        Self {
            subject: certificate.subject.as_str(),
            issuer: certificate.issuer.as_str(),
            names: names.join(", "),
            validity: format!(
                "{} to {}",
                time::day(certificate.not_before),
                time::minute(certificate.not_after)
            ),
            key: bits.map_or(algorithm.to_string(), |bits| format!("{algorithm}, {bits} bits")),
            signature: certificate.signature.as_str(),
            fingerprint: grouped(&certificate.fingerprint),
        }
    }
}

/// `9f:2c:…`, so that it can be broken and compared.
fn grouped(hex: &str) -> String {
    let pairs: Vec<&str> =
        hex.as_bytes().chunks(2).map(|pair| str::from_utf8(pair).unwrap_or_default()).collect();
    pairs.join(":")
}
