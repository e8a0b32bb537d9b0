//! What a chain says of TLSA records of usage 2, real certificates and signatures on both sides.

use super::super::anchors::Anchors;
use super::super::certificate::{describe, sha256};
use super::super::dns::tlsa;
use super::authority::{Authority, Identity, Leaf, authority, intermediate, leaf};
use super::peer::now;
use crate::observe::{Anchored, ChainTrouble, Tlsa};
use aws_lc_rs::digest;
use hickory_resolver::proto::rr::rdata::TLSA;
use rustls::crypto::aws_lc_rs::default_provider;
use rustls::pki_types::CertificateDer;
use std::time::SystemTime;
use x509_parser::parse_x509_certificate;

/// A record as a zone would have it.
fn record(usage: u8, selector: u8, matching: u8, der: &[u8]) -> Tlsa {
    let thing = match selector {
        0 => der,
        _ => parse_x509_certificate(der).unwrap().1.tbs_certificate.subject_pki.raw,
    };
    let data = match matching {
        0 => thing.to_vec(),
        1 => sha256(thing).to_vec(),
        _ => digest::digest(&digest::SHA512, thing).as_ref().to_vec(),
    };
    tlsa(&TLSA::new(usage.into(), selector.into(), matching.into(), data))
}

fn look(chain: &[CertificateDer<'static>], record: &Tlsa, at: SystemTime) -> Anchored {
    let described: Vec<_> = chain.iter().map(describe).collect();
    let algorithms = default_provider().signature_verification_algorithms;
    Anchors::of(&algorithms, chain, &described, at).look_for(record)
}

/// Where it was found, and what stands in the way, in a word.
fn found(identity: &Identity, record: &Tlsa) -> (Option<usize>, &'static str) {
    let Anchored { place, trust, .. } = look(&identity.chain, record, now());
    let word = match trust {
        Ok(()) => "leads",
        Err(ChainTrouble::Expired(_)) => "expired",
        Err(ChainTrouble::SelfSigned) => "self-signed",
        Err(ChainTrouble::UnknownIssuer) => "leads elsewhere",
        Err(ChainTrouble::Unsupported(_)) => "unsupported",
        Err(ChainTrouble::Invalid(_)) => "invalid",
    };
    (place, word)
}

fn der(of: &Authority) -> CertificateDer<'static> {
    of.der().clone()
}

#[test]
fn t50_a_chain_leads_to_an_anchor_that_is_sent_or_stands_in_the_record() {
    let (root, other) = (authority("Root", (-1000, 1000)), authority("Root", (-1000, 1000)));
    let middle = intermediate(&root, (-500, 500));
    let whole = || leaf().signed_by(&middle).and([der(&middle), der(&root)]);
    let bare = || leaf().signed_by(&middle).and([der(&middle)]);
    let alone = || leaf().signed_by(&root);
    for (selector, matching) in [(0, 0), (0, 1), (0, 2), (1, 0), (1, 1), (1, 2)] {
        let is_full = matching == 0;
        let unsent = if is_full { "leads" } else { "leads elsewhere" };
        let of = |authority: &Authority| record(2, selector, matching, authority.der());
        let own = |identity: &Identity| record(2, selector, matching, &identity.chain[0]);
        for (name, identity, record, want) in [
            ("the root, sent", whole(), of(&root), (Some(2), "leads")),
            ("the root, not sent", bare(), of(&root), (None, unsent)),
            ("the root, nothing sent", alone(), of(&root), (None, unsent)),
            ("the intermediate, sent", bare(), of(&middle), (Some(1), "leads")),
            (
                "another root of the same name",
                bare(),
                of(&other),
                (None, if is_full { "invalid" } else { "leads elsewhere" }),
            ),
            ("beside the chain", bare().and([der(&other)]), of(&other), (Some(2), "invalid")),
            (
                "out of order",
                leaf().signed_by(&middle).and([der(&root), der(&middle)]),
                of(&root),
                (Some(1), "leads"),
            ),
            ("sent twice", whole().and([der(&root)]), of(&root), (Some(2), "leads")),
        ] {
            assert_eq!(found(&identity, &record), want, "2 {selector} {matching}: {name}");
        }
        let identity = whole();
        let (place, word) = found(&identity, &own(&identity));
        assert!(place.is_none() && word != "leads", "2 {selector} {matching}: the server's own: {word}");
    }
}

#[test]
fn anchors_and_what_is_below_them_have_to_be_within_their_dates() {
    let (root, stale) = (authority("Root", (-1000, 1000)), authority("Root", (-1000, -1)));
    let old = intermediate(&root, (-500, -5));
    let below = leaf().signed_by(&old).and([der(&old), der(&root)]);
    assert_eq!(found(&below, &record(2, 1, 1, root.der())), (Some(2), "expired"));
    assert_eq!(found(&below, &record(2, 1, 1, old.der())), (Some(1), "expired"));
    let of_stale = leaf().signed_by(&stale).and([der(&stale)]);
    assert_eq!(found(&of_stale, &record(2, 0, 1, stale.der())), (Some(1), "expired"));
    assert_eq!(found(&leaf().signed_by(&stale), &record(2, 0, 0, stale.der())), (None, "expired"));
    let expired = Leaf { days: (-90, -1), ..leaf() }.signed_by(&root).and([der(&root)]);
    assert_eq!(
        found(&expired, &record(2, 1, 1, root.der())),
        (Some(1), "leads"),
        "the leaf's own are another matter"
    );
}

#[test]
fn nonsense_leads_nowhere_and_costs_little() {
    let root = authority("Root", (-1000, 1000));
    let middle = intermediate(&root, (-500, 500));
    let chain: Vec<_> = std::iter::once(leaf().signed_by(&middle).chain.remove(0))
        .chain((0..40).flat_map(|_| [der(&middle), der(&root)]))
        .collect();
    let described: Vec<_> = chain.iter().take(10).map(describe).collect();
    let algorithms = default_provider().signature_verification_algorithms;
    let mut anchors = Anchors::of(&algorithms, &chain, &described, now());
    let mut tried = 0;
    for n in 0..64_u8 {
        let other = authority("Root", (-1000, 1000));
        let full = anchors.look_for(&record(2, n % 2, 0, other.der()));
        tried += usize::from(!matches!(full.trust, Err(ChainTrouble::Unsupported(_))));
        assert!(full.trust.is_err());
        assert_eq!(anchors.look_for(&record(2, 1, 1, root.der())).trust, Ok(()));
    }
    assert_eq!(tried, 4, "each costs signatures");
    for chain in [vec![], vec![CertificateDer::from(vec![0x30, 0x00])]] {
        for data in [&b""[..], b"\x30\x00", b"not a certificate"] {
            let record = tlsa(&TLSA::new(2.into(), 0.into(), 0.into(), data.to_vec()));
            assert!(record.malformed && look(&chain, &record, now()).trust.is_err());
        }
    }
}
