//! What must hold of any TLSA record beside any chain.

use super::TLS;
use crate::observe::testing::{endpoint, now};
use crate::observe::{Certificate, Fit, Tls, Tlsa};
use crate::probe::certificate::{describe, sha256};
use crate::probe::dns::tlsa as read;
use hickory_resolver::proto::rr::rdata::TLSA;
use rustls::pki_types::CertificateDer;
use std::sync::{Arc, LazyLock};

/// As many certificates are taken from an input.
const CERTIFICATES: usize = 12;

/// A session with a server; its chain is each input's own.
static SESSION: LazyLock<Arc<Tls>> = LazyLock::new(|| {
    let session = endpoint().build().contact.latest.tls.clone();
    session.unwrap_or_else(|| panic!("the server of tests speaks TLS"))
});

/// The first three octets are usage, selector and matching type; then the data and the certificates as sent, leaf first,
/// each behind its length in two octets. Whatever they are, the record says one thing of the chain, the same every time.
/// It never takes the leaf for an anchor, nor for the leaf what is another certificate; a record that is made of the leaf
/// always fits.
pub(crate) fn tlsa(input: &[u8]) {
    let Some(([usage, selector, matching], rest)) = input.split_first_chunk() else { return };
    let mut pieces = Pieces(rest);
    let data = pieces.next().unwrap_or_default();
    let of = |usage: u8, selector: u8, matching: u8, data: &[u8]| {
        read(&TLSA::new(usage.into(), selector.into(), matching.into(), data.to_vec()))
    };
    let record = of(*usage, *selector, *matching, data);
    assert!(record.data.len() <= data.len() && record.to_string().len() < 128, "{record}");
    assert!(!record.to_string().contains(char::is_control));
    assert_eq!(record.sha256, sha256(data));
    let chain: Vec<_> = pieces.take(CERTIFICATES).map(|der| CertificateDer::from(der.to_vec())).collect();
    let chain = Chain { described: chain.iter().take(10).map(describe).collect(), sent: chain };
    let fit = chain.fit(&record);
    assert_eq!(fit, chain.fit(&record), "the same every time");
    match &fit {
        Fit::Leaf => assert!(*usage == 3 && record.is_of(&chain.described[0]), "{record}"),
        Fit::Anchor(place) => {
            assert!(*usage == 2 && *place != Some(0), "{record}");
            assert!(place.is_none_or(|place| record.is_of(&chain.described[place])), "{record}");
        }
        Fit::Unusable(_) => assert!(record.unusable().is_some(), "{record}"),
        _ => {}
    }
    let Some((leaf, others)) = chain.sent.split_first() else { return };
    let own = sha256(leaf);
    assert_eq!(chain.fit(&of(3, 0, 1, &own)), Fit::Leaf);
    let anchor = chain.fit(&of(2, 0, 1, &own));
    assert!(
        anchor == Fit::Nothing || others.contains(leaf) || matches!(anchor, Fit::Unknown(_)),
        "{anchor:?}"
    );
}

/// Certificates as sent, leaf first, and what is told of those that are looked at.
struct Chain {
    sent: Vec<CertificateDer<'static>>,
    described: Vec<Certificate>,
}

impl Chain {
    /// What a record says of a session that was told of it.
    fn fit(&self, record: &Tlsa) -> Fit {
        let records = std::slice::from_ref(record);
        let anchored = TLS.look_for_anchors(records, &self.sent, &self.described, now());
        let tls = Tls { chain: self.described.clone(), anchored, ..(**SESSION).clone() };
        record.fit(&tls, &["mx.example.test", "example.test"], now())
    }
}

/// Pieces behind their lengths; the last may be cut short.
struct Pieces<'a>(&'a [u8]);

impl<'a> Iterator for Pieces<'a> {
    type Item = &'a [u8];

    fn next(&mut self) -> Option<&'a [u8]> {
        let (length, rest) = self.0.split_first_chunk()?;
        let length = usize::from(u16::from_be_bytes(*length)).min(rest.len());
        let (piece, rest) = rest.split_at(length);
        self.0 = rest;
        Some(piece)
    }
}
