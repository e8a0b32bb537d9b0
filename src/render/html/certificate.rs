//! One certificate of a chain, as people read it.

use super::when::When;
use crate::observe::{self, PeerText};
use crate::render::{time, words};
use std::time::SystemTime;

pub(super) struct Certificate<'a> {
    pub(super) subject: &'a str,
    pub(super) issuer: &'a str,
    pub(super) names: String,
    pub(super) from: When,
    pub(super) until: When,
    /// How long it still is, or was, valid.
    pub(super) left: String,
    /// Whether now is outside its dates.
    pub(super) is_off: bool,
    pub(super) key: String,
    pub(super) signature: &'a str,
    pub(super) fingerprint: String,
}

impl<'a> Certificate<'a> {
    pub(super) fn of(certificate: &'a observe::Certificate, now: SystemTime) -> Self {
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
            from: When::day(certificate.not_before),
            until: When::minute(certificate.not_after),
            left: left(certificate, now),
            is_off: certificate.off_dates(now).is_some(),
            key: bits.map_or(algorithm.to_string(), |bits| format!("{algorithm}, {bits} bits")),
            signature: certificate.signature.as_str(),
            fingerprint: grouped(&certificate.fingerprint),
        }
    }
}

fn left(certificate: &observe::Certificate, now: SystemTime) -> String {
    let days = time::days_until(certificate.not_after, now).unsigned_abs();
    match certificate.off_dates(now) {
        None => format!("{} left", words::count(days, "day")),
        Some(std::cmp::Ordering::Less) => "not valid yet".to_owned(),
        Some(_) => format!("expired {} ago", words::count(days, "day")),
    }
}

/// `9f:2c:…`, so that it can be broken and compared.
fn grouped(hex: &str) -> String {
    let pairs: Vec<&str> =
        hex.as_bytes().chunks(2).map(|pair| str::from_utf8(pair).unwrap_or_default()).collect();
    pairs.join(":")
}
