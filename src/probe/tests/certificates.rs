//! What is told of a chain: description, name, trust.

use super::super::certificate::describe;
use super::super::verify::{Roots, covers};
use super::authority::{Authority, Identity, Leaf, authority, intermediate, leaf};
use super::peer::now;
use crate::observe::ChainTrouble;
use proptest::prelude::*;
use rcgen::KeyPair;
use rustls::crypto::aws_lc_rs;
use rustls::pki_types::{CertificateDer, ServerName};
use std::time::{Duration, SystemTime};

fn roots(authorities: &[&Authority]) -> Roots {
    let extra = authorities.iter().map(|authority| authority.der().clone()).collect();
    Roots::with(extra, aws_lc_rs::default_provider().signature_verification_algorithms).unwrap()
}

/// In a word.
fn trust(identity: &Identity, authorities: &[&Authority]) -> &'static str {
    match roots(authorities).trust(&identity.chain, now()) {
        Ok(()) => "trusted",
        Err(ChainTrouble::Expired(_)) => "expired",
        Err(ChainTrouble::SelfSigned) => "self-signed",
        Err(ChainTrouble::UnknownIssuer) => "unknown issuer",
        Err(ChainTrouble::Unsupported(_)) => "unsupported",
        Err(ChainTrouble::Invalid(_)) => "invalid",
    }
}

#[test]
fn a_chain_leads_to_a_root_or_the_reason_is_told() {
    let ca = authority("Test CA", (-1000, 1000));
    let stranger = authority("Another CA", (-1000, 1000));
    let namesake = authority("Test CA", (-1000, 1000));
    let middle = intermediate(&ca, (-500, 500));
    let stale = intermediate(&ca, (-500, -5));
    let dated = |days| Leaf { days, ..leaf() };
    let with = |key| Leaf { key: KeyPair::generate_for(key).unwrap(), ..leaf() };
    for (name, identity, want) in [
        ("sound", leaf().signed_by(&ca), "trusted"),
        ("T18 expired", dated((-90, -1)).signed_by(&ca), "trusted"),
        ("T19 not yet valid", dated((2, 90)).signed_by(&ca), "trusted"),
        ("by an intermediate", leaf().signed_by(&middle).and([middle.der().clone()]), "trusted"),
        ("with the root sent along", leaf().signed_by(&ca).and([ca.der().clone()]), "trusted"),
        ("T20 expired intermediate", leaf().signed_by(&stale).and([stale.der().clone()]), "expired"),
        (
            "expired with its intermediate",
            dated((-90, -10)).signed_by(&stale).and([stale.der().clone()]),
            "trusted",
        ),
        ("T21 self-signed", leaf().self_signed(), "self-signed"),
        ("T21 self-signed authority", Leaf { is_ca: true, ..leaf() }.self_signed(), "self-signed"),
        ("T22 unknown authority", leaf().signed_by(&stranger), "unknown issuer"),
        ("T23 incomplete", leaf().signed_by(&middle), "unknown issuer"),
        ("a forged signature", leaf().signed_by(&namesake), "invalid"),
        ("T38 P-521", with(&rcgen::PKCS_ECDSA_P521_SHA512).signed_by(&ca), "trusted"),
        ("Ed25519", with(&rcgen::PKCS_ED25519).signed_by(&ca), "trusted"),
    ] {
        assert_eq!(trust(&identity, &[&ca]), want, "{name}");
    }
}

#[test]
fn a_self_signed_certificate_among_the_roots_is_trusted() {
    for is_ca in [false, true] {
        let identity = Leaf { is_ca, ..leaf() }.self_signed();
        let algorithms = aws_lc_rs::default_provider().signature_verification_algorithms;
        let roots = Roots::with(identity.chain.clone(), algorithms).unwrap();
        assert_eq!(roots.trust(&identity.chain, now()), Ok(()), "CA: {is_ca}");
    }
}

#[test]
fn a_root_that_is_none_is_refused_by_its_number() {
    let (ca, broken) = (authority("Test CA", (-1, 1)), CertificateDer::from(vec![0x30, 0x00]));
    let algorithms = aws_lc_rs::default_provider().signature_verification_algorithms;
    let refused = Roots::with(vec![ca.der().clone(), broken], algorithms).map(|_| ()).unwrap_err();
    assert_eq!(refused.0, 2);
}

#[test]
fn names_are_compared_as_the_standard_says() {
    let ca = authority("Test CA", (-1000, 1000));
    let all: [(&str, &[&'static str], &str, bool); 11] = [
        ("T25 wrong", &["other.test"], "mx.test", false),
        ("one of several", &["a.test", "mx.test"], "mx.test", true),
        ("T26 an address only", &["192.0.2.1"], "mx.test", false),
        ("T27 CN only", &[], "mx.test", false),
        ("T28 wildcard", &["*.example.org"], "a.example.org", true),
        ("T28 wildcard, two labels", &["*.example.org"], "a.b.example.org", false),
        ("T28 wildcard, no label", &["*.example.org"], "example.org", false),
        ("T29 partial wildcard", &["m*.example.org"], "mx.example.org", false),
        ("T30 upper case", &["MX.Test"], "mx.test", true),
        ("T30 trailing dot", &["mx.test."], "mx.test", false),
        ("T30 A-label", &["xn--bcher-kva.test"], "xn--bcher-kva.test", true),
    ];
    for (name, names, host, want) in all {
        let identity = Leaf { names: names.to_vec(), ..leaf() }.signed_by(&ca);
        assert_eq!(covers(&identity.chain[0], &ServerName::try_from(host).unwrap()), want, "{name}");
    }
}

#[test]
fn a_certificate_is_described() {
    let ca = authority("Test CA", (-1000, 1000));
    let names = vec!["mx.test", "*.test", "192.0.2.1", "2001:db8::1"];
    let seen = describe(&Leaf { names, days: (-10, 80), ..leaf() }.signed_by(&ca).chain[0]);
    let names: Vec<_> = seen.names.iter().map(|name| name.as_str()).collect();
    assert_eq!(names, ["mx.test", "*.test", "192.0.2.1", "2001:db8::1"]);
    assert_eq!((seen.subject.as_str(), seen.issuer.as_str()), ("CN=mx.test", "CN=Test CA"));
    assert_eq!((seen.key.algorithm.as_str(), seen.key.bits), ("ECDSA P-256", Some(256)));
    assert_eq!((seen.signature.as_str(), seen.weak_signature), ("ecdsa-with-SHA256", false));
    let days = |days: u64| Duration::from_secs(days * 86_400);
    assert_eq!((seen.not_before, seen.not_after), (now() - days(10), now() + days(80)));
    assert!(!seen.self_issued && describe(ca.der()).self_issued);
}

#[test]
fn keys_and_signatures_are_named_and_the_weak_ones_told() {
    let all = [
        (
            &include_bytes!("certificates/rsa1024.der")[..],
            "RSA",
            Some(1024),
            "sha256WithRSAEncryption",
            false,
        ),
        (
            &include_bytes!("certificates/rsa2048-sha1.der")[..],
            "RSA",
            Some(2048),
            "sha1WithRSAEncryption",
            true,
        ),
        (
            &include_bytes!("certificates/rsa2048-md5.der")[..],
            "RSA",
            Some(2048),
            "md5WithRSAEncryption",
            true,
        ),
        (
            include_bytes!("certificates/rsa2048-pss-sha1.der"),
            "RSA",
            Some(2048),
            "RSASSA-PSS with SHA-1",
            true,
        ),
        (&include_bytes!("certificates/p224.der")[..], "ECDSA P-224", Some(224), "ecdsa-with-SHA256", false),
        (&include_bytes!("certificates/ed448.der")[..], "Ed448", None, "Ed448", false),
        (&include_bytes!("certificates/dsa.der")[..], "DSA", None, "dsa-with-sha256", false),
        (
            &include_bytes!("certificates/version1.der")[..],
            "ECDSA P-256",
            Some(256),
            "ecdsa-with-SHA256",
            false,
        ),
    ];
    for (der, key, bits, signature, weak) in all {
        let seen = describe(&CertificateDer::from(der));
        assert_eq!((seen.key.algorithm.as_str(), seen.key.bits), (key, bits));
        assert_eq!((seen.signature.as_str(), seen.weak_signature), (signature, weak));
        assert_eq!(seen.subject.as_str(), "CN=mx.test");
    }
}

#[test]
fn a_fingerprint_is_that_of_other_tools() {
    // openssl x509 -inform DER -in version1.der -noout -fingerprint -sha256
    let seen = describe(&CertificateDer::from(&include_bytes!("certificates/version1.der")[..]));
    assert_eq!(seen.fingerprint, "7dac6ccd389ec2513be910cb29da722da010d03d2af0c447d8c9445db0523ff9");
}

#[test]
fn many_names_are_counted_and_few_kept() {
    let names: Vec<&'static str> = (0..1_000).map(|n| &*format!("n{n}.test").leak()).collect();
    let seen = describe(&Leaf { names, ..leaf() }.self_signed().chain[0]);
    assert_eq!((seen.names.len(), seen.more_names), (100, 900), "T41");
}

#[test]
fn a_hundred_certificates_are_no_burden() {
    let ca = authority("Test CA", (-1000, 1000));
    let mut chain = leaf().signed_by(&ca);
    for _ in 0..100 {
        chain = chain.and([intermediate(&ca, (-10, 10)).der().clone()]);
    }
    assert_eq!(trust(&chain, &[]), "unknown issuer", "T39");
}

#[test]
fn what_cannot_be_read_has_a_fingerprint_and_no_end() {
    let seen = describe(&CertificateDer::from(b"none".to_vec()));
    assert_eq!((seen.subject.as_str(), seen.fingerprint.len()), ("(unreadable)", 64));
    assert_eq!(seen.off_dates(now()), None);
    let identity = Identity { chain: vec![CertificateDer::from(b"none".to_vec())], key: leaf().key };
    assert_eq!(trust(&identity, &[]), "unsupported");
}

/// T43: asked on a thread with as much stack as those of the daemon have.
#[test]
fn deep_nesting_does_not_exhaust_the_stack() {
    let mut der = vec![];
    for _ in 0..10_000 {
        let length = u32::try_from(der.len()).unwrap().to_be_bytes();
        der.splice(0..0, [0x30, 0x84].into_iter().chain(length));
    }
    let described = std::thread::Builder::new().stack_size(2 * 1_024 * 1_024).spawn(move || {
        let der = CertificateDer::from(der);
        describe(&der).subject.as_str().to_owned()
    });
    assert_eq!(described.unwrap().join().unwrap(), "(unreadable)");
}

proptest! {
    #[test]
    fn no_octets_make_the_reader_fall(changes in proptest::collection::vec((0usize..600, any::<u8>()), 1..6), cut in 0usize..600) {
        let ca = roots(&[]);
        for der in [&include_bytes!("certificates/rsa1024.der")[..], include_bytes!("certificates/rsa2048-pss-sha1.der")] {
            let mut der = der.to_vec();
            for (at, octet) in &changes {
                if let Some(place) = der.get_mut(*at) {
                    *place = *octet;
                }
            }
            let cut = der.get(cut..).unwrap_or_default().to_vec();
            for der in [CertificateDer::from(der), CertificateDer::from(cut)] {
                let seen = describe(&der);
                prop_assert!(seen.not_after.duration_since(SystemTime::UNIX_EPOCH).is_ok() || seen.not_after < SystemTime::UNIX_EPOCH);
                ca.trust(&[der.clone(), der], now()).ok();
            }
        }
    }
}
