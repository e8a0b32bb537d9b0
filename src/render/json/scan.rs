//! The last whole TLS scan of an endpoint.

use crate::observe::scan::{self, KeyKind};
use crate::observe::{TlsScan, TlsVersion};
use crate::render::time;
use serde::Serialize;
use std::collections::BTreeMap;

#[derive(Serialize)]
pub(super) struct Scan<'a> {
    /// When it began.
    at: String,
    connections: usize,
    /// By `ssl3`, `1.0` … `1.3`; `null` where it is not known.
    versions: BTreeMap<&'static str, Option<bool>>,
    /// What the server chose, in the order it was asked.
    chosen: Vec<Choice>,
    /// Of the NCSC-NL guideline of 2025.
    worst_suite_class: Option<&'static str>,
    post_quantum_hybrid: Option<bool>,
    /// By `ECDSA` and `RSA`.
    key_types: BTreeMap<&'static str, Option<bool>>,
    certificates: Vec<Leaf<'a>>,
}

#[derive(Serialize)]
struct Choice {
    version: &'static str,
    /// By its IANA name.
    cipher: &'static str,
    class: &'static str,
    key_exchange: Option<&'static str>,
    prime_bits: Option<u32>,
}

#[derive(Serialize)]
struct Leaf<'a> {
    algorithm: &'a str,
    bits: Option<usize>,
    sha256: &'a str,
}

impl<'a> Scan<'a> {
    pub(super) fn of(scan: &'a TlsScan) -> Self {
        let keys = KeyKind::ALL.into_iter().map(|kind| (kind.as_str(), scan.has_key(kind)));
        Self {
            at: time::rfc3339(scan.at),
            connections: scan.answers.len(),
            versions: TlsVersion::ALL.into_iter().map(|v| (v.as_str(), scan.accepts(v))).collect(),
            chosen: scan.choices().map(Choice::of).collect(),
            worst_suite_class: scan.worst_class().map(|class| class.as_str()),
            post_quantum_hybrid: scan.accepts_hybrid(),
            key_types: keys.collect(),
            certificates: scan.leaves.iter().map(Leaf::of).collect(),
        }
    }
}

impl Choice {
    fn of(choice: &scan::Choice) -> Self {
        Self {
            version: choice.version.as_str(),
            cipher: choice.suite.name,
            class: choice.suite.class().as_str(),
            key_exchange: choice.group,
            prime_bits: choice.prime_bits,
        }
    }
}

impl<'a> Leaf<'a> {
    fn of(leaf: &'a scan::Leaf) -> Self {
        Self { algorithm: leaf.key.algorithm.as_str(), bits: leaf.key.bits, sha256: &leaf.fingerprint }
    }
}
