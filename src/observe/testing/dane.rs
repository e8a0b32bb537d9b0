//! Builders of TLSA records: those of `endpoint()`'s certificates, and others.

use super::super::{Digests, Dnssec, Lookup, Outcome, Tlsa, TlsaLookup};
use std::time::Duration;

/// The octet that all digests of one thing are made of.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Of {
    /// `endpoint()`'s own certificate.
    Leaf = 0x1c,
    /// Its key.
    LeafKey = 0x1e,
    /// The certificate above it.
    Issuer = 0xac,
    /// The key of that.
    IssuerKey = 0xae,
    /// Nothing that is shown.
    Nothing = 0xee,
    /// Nothing that is shown either.
    NothingElse = 0xef,
}

/// The digests of one thing.
pub(super) fn digests(of: Of) -> Digests {
    Digests { sha256: [of as u8; 32], sha512: vec![of as u8; 64].into() }
}

/// A record of something; the selector is the one that fits.
pub(crate) fn tlsa(usage: u8, matching: u8, of: Of) -> Tlsa {
    let length = match matching {
        0 => 200,
        2 => 64,
        _ => 32,
    };
    let selector = u8::from(!matches!(of, Of::Leaf | Of::Issuer));
    let data = vec![of as u8; length].into();
    Tlsa { usage, selector, matching, data, sha256: [of as u8; 32], malformed: false }
}

/// Records that are signed, at `mx1.example.com`.
pub(crate) fn signed(records: Vec<Tlsa>) -> TlsaLookup {
    asked(Outcome::Answer(records), Dnssec::Secure)
}

/// A look-up that ended so.
pub(crate) fn asked(outcome: Outcome<Vec<Tlsa>>, dnssec: Dnssec) -> TlsaLookup {
    let lookup = Lookup::ended(outcome, dnssec, Duration::from_millis(20));
    TlsaLookup { base: "mx1.example.com".into(), lookup, more: 0, wildcard: None }
}

/// The certificate of today, and the next one.
pub(super) fn published() -> Vec<TlsaLookup> {
    vec![signed(vec![tlsa(3, 1, Of::LeafKey), tlsa(3, 1, Of::Nothing)])]
}
