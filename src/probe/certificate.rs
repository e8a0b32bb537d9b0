//! Describes a certificate for people: names, dates, key, signature, fingerprint. Whatever the octets are, there is
//! a description; whether a sender may trust it is asked in `verify`.

use crate::observe::{Certificate, Digests, PeerText, PublicKey};
use aws_lc_rs::digest::{SHA256, SHA256_OUTPUT_LEN, SHA512, digest};
use rustls::pki_types::CertificateDer;
use std::net::IpAddr;
use std::time::{Duration, SystemTime};
use x509_parser::asn1_rs::{Any, BmpString, FromDer, Oid, Tag};
use x509_parser::certificate::{X509Certificate, X509CertificateParser};
use x509_parser::extensions::{GeneralName, SubjectAlternativeName};
use x509_parser::nom::Parser;
use x509_parser::objects::{oid_registry, oid2abbrev};
use x509_parser::oid_registry::OID_X509_EXT_SUBJECT_ALT_NAME;
use x509_parser::public_key::{PublicKey as Key, RSAPublicKey};
use x509_parser::signature_algorithm::RsaSsaPssParams;
use x509_parser::time::ASN1Time;
use x509_parser::x509::{AlgorithmIdentifier, SubjectPublicKeyInfo, X509Name};

/// How many names of subjectAltName are kept.
pub(super) const NAMES: usize = 100;
/// What is kept of one name or of one part of a distinguished name.
const NAME: usize = 512;
/// How many parts of a distinguished name are shown.
const PARTS: usize = 32;
/// A longer object identifier is shown as such and not spelt out.
const OID: usize = 32;

/// The end of time as certificates write it, 9999-12-31T23:59:59Z (RFC 5280 §4.1.2.5).
const NO_END: Duration = Duration::from_secs(253_402_300_799);

/// Describes a certificate; one that cannot be read has only its fingerprint, and dates that never end.
pub(super) fn describe(der: &CertificateDer<'_>) -> Certificate {
    let mut parser = X509CertificateParser::new().with_deep_parse_extensions(false);
    match parser.parse(der.as_ref()) {
        Ok((_, certificate)) => read(der, &certificate),
        Err(_) => unreadable(der),
    }
}

fn read(der: &CertificateDer<'_>, certificate: &X509Certificate<'_>) -> Certificate {
    let (names, more_names) = names(certificate);
    let (signature, weak_signature) = signature(&certificate.signature_algorithm);
    Certificate {
        subject: distinguished_name(certificate.subject()),
        issuer: distinguished_name(certificate.issuer()),
        names,
        more_names,
        not_before: time(certificate.validity().not_before),
        not_after: time(certificate.validity().not_after),
        key: key(certificate.public_key()),
        signature,
        weak_signature,
        fingerprint: fingerprint(der),
        digests: digests(der),
        key_digests: Some(digests(certificate.public_key().raw)),
        self_issued: certificate.subject().as_raw() == certificate.issuer().as_raw(),
    }
}

fn unreadable(der: &CertificateDer<'_>) -> Certificate {
    let unreadable = PeerText::from("(unreadable)");
    Certificate {
        subject: unreadable.clone(),
        issuer: unreadable.clone(),
        names: Vec::new(),
        more_names: 0,
        not_before: SystemTime::UNIX_EPOCH,
        not_after: SystemTime::UNIX_EPOCH + NO_END,
        key: PublicKey { algorithm: unreadable.clone(), bits: None },
        signature: unreadable,
        weak_signature: false,
        fingerprint: fingerprint(der),
        digests: digests(der),
        key_digests: None,
        self_issued: false,
    }
}

fn fingerprint(der: &CertificateDer<'_>) -> String {
    sha256(der).iter().map(|octet| format!("{octet:02x}")).collect()
}

fn digests(octets: &[u8]) -> Digests {
    Digests { sha256: sha256(octets), sha512: digest(&SHA512, octets).as_ref().into() }
}

/// SHA-256.
pub(super) fn sha256(octets: &[u8]) -> [u8; SHA256_OUTPUT_LEN] {
    digest(&SHA256, octets).as_ref().try_into().unwrap_or_default()
}

/// Whether these octets are a certificate, and nothing else.
pub(super) fn is_certificate(der: &[u8]) -> bool {
    let mut parser = X509CertificateParser::new().with_deep_parse_extensions(false);
    parser.parse(der).is_ok_and(|(rest, _)| rest.is_empty())
}

/// Whether these octets are a SubjectPublicKeyInfo, and nothing else.
pub(super) fn is_key(der: &[u8]) -> bool {
    SubjectPublicKeyInfo::from_der(der).is_ok_and(|(rest, _)| rest.is_empty())
}

fn time(time: ASN1Time) -> SystemTime {
    let seconds = time.timestamp();
    let distance = Duration::from_secs(seconds.unsigned_abs());
    let at = match seconds {
        0.. => SystemTime::UNIX_EPOCH.checked_add(distance),
        _ => SystemTime::UNIX_EPOCH.checked_sub(distance),
    };
    at.unwrap_or(SystemTime::UNIX_EPOCH)
}

/// The names a host can be found by, at most [`NAMES`], and how many more there are.
fn names(certificate: &X509Certificate<'_>) -> (Vec<PeerText>, usize) {
    let extension =
        certificate.extensions().iter().find(|extension| extension.oid == OID_X509_EXT_SUBJECT_ALT_NAME);
    let Some((_, names)) = extension.and_then(|found| SubjectAlternativeName::from_der(found.value).ok())
    else {
        return (Vec::new(), 0);
    };
    let mut names: Vec<_> = names.general_names.iter().filter_map(host).collect();
    let more = names.len().saturating_sub(NAMES);
    names.truncate(NAMES);
    (names, more)
}

fn host(name: &GeneralName<'_>) -> Option<PeerText> {
    match name {
        GeneralName::DNSName(name) => Some(text(name.as_bytes())),
        GeneralName::Invalid(Tag(2), octets) => Some(text(octets)),
        GeneralName::IPAddress(octets) => {
            Some(match (<[u8; 4]>::try_from(*octets), <[u8; 16]>::try_from(*octets)) {
                (Ok(v4), _) => text(IpAddr::from(v4).to_string().as_bytes()),
                (_, Ok(v6)) => text(IpAddr::from(v6).to_string().as_bytes()),
                _ => text(octets),
            })
        }
        _ => None,
    }
}

/// `CN=mx.example, O=…`, in the order of the certificate.
fn distinguished_name(name: &X509Name<'_>) -> PeerText {
    let part = |kind: &Oid<'_>, value: &Any<'_>| {
        let kind = oid2abbrev(kind, oid_registry()).map_or_else(|_| spelt_out(kind), str::to_owned);
        let mut part = kind.into_bytes();
        part.push(b'=');
        part.extend(value_text(value));
        part
    };
    let parts: Vec<_> =
        name.iter_attributes().take(PARTS).map(|a| part(a.attr_type(), a.attr_value())).collect();
    PeerText::from_bytes(&parts.join(&b", "[..]))
}

/// The octets of a string; UTF-16 of old certificates as UTF-8.
fn value_text(value: &Any<'_>) -> Vec<u8> {
    let octets = match BmpString::try_from(value.clone()) {
        Ok(wide) if value.tag() == Tag::BmpString => wide.string().into_bytes(),
        _ => value.data.to_vec(),
    };
    octets.into_iter().take(NAME).collect()
}

fn key(info: &SubjectPublicKeyInfo<'_>) -> PublicKey {
    let named = |name: &str, bits| PublicKey { algorithm: PeerText::from(name), bits };
    match info.parsed() {
        Ok(Key::RSA(key)) => named("RSA", Some(modulus_bits(&key))),
        Ok(Key::DSA(_)) => named("DSA", None),
        Ok(Key::EC(point)) => {
            let curve = info.algorithm.parameters.as_ref().and_then(|any| Oid::try_from(any).ok());
            let curve = curve.map_or_else(String::new, |curve| spelt_out(&curve));
            match CURVES.iter().find(|(oid, ..)| *oid == curve) {
                Some((_, name, bits)) => named(&format!("ECDSA {name}"), Some(*bits)),
                None => named(&format!("ECDSA {curve}"), Some(point.key_size()).filter(|bits| *bits > 0)),
            }
        }
        _ => {
            let oid = spelt_out(&info.algorithm.algorithm);
            let name =
                OTHER_KEYS.iter().find(|(known, _)| *known == oid).map_or(oid.as_str(), |(_, name)| name);
            named(name, None)
        }
    }
}

/// The length of the modulus without leading zeros.
fn modulus_bits(key: &RSAPublicKey<'_>) -> usize {
    let mut significant = key.modulus.iter().skip_while(|octet| **octet == 0);
    match significant.next() {
        Some(first) => 8 * significant.count() + 8 - usize::try_from(first.leading_zeros()).unwrap_or(0),
        None => 0,
    }
}

/// The name of a signature algorithm, and whether it rests on MD5 or SHA-1.
fn signature(algorithm: &AlgorithmIdentifier<'_>) -> (PeerText, bool) {
    let oid = spelt_out(&algorithm.algorithm);
    if oid == RSASSA_PSS {
        let params = algorithm.parameters.as_ref().and_then(|params| RsaSsaPssParams::try_from(params).ok());
        let hash = params.map_or_else(|| SHA1.to_owned(), |params| spelt_out(params.hash_algorithm_oid()));
        let name = HASHES.iter().find(|(known, _)| *known == hash).map_or(hash.as_str(), |(_, name)| name);
        return (PeerText::from(format!("RSASSA-PSS with {name}").as_str()), hash == SHA1 || hash == MD5);
    }
    match SIGNATURES.iter().find(|(known, ..)| *known == oid) {
        Some((_, name, weak)) => (PeerText::from(*name), *weak),
        None => (PeerText::from(oid.as_str()), false),
    }
}

fn spelt_out(oid: &Oid<'_>) -> String {
    if oid.as_bytes().len() > OID { "(long object identifier)".to_owned() } else { oid.to_id_string() }
}

fn text(octets: &[u8]) -> PeerText {
    PeerText::from_bytes(octets.get(..NAME).unwrap_or(octets))
}

const RSASSA_PSS: &str = "1.2.840.113549.1.1.10";
const MD5: &str = "1.2.840.113549.2.5";
const SHA1: &str = "1.3.14.3.2.26";

const HASHES: [(&str, &str); 5] = [
    (MD5, "MD5"),
    (SHA1, "SHA-1"),
    ("2.16.840.1.101.3.4.2.1", "SHA-256"),
    ("2.16.840.1.101.3.4.2.2", "SHA-384"),
    ("2.16.840.1.101.3.4.2.3", "SHA-512"),
];

const CURVES: [(&str, &str, usize); 6] = [
    ("1.2.840.10045.3.1.1", "P-192", 192),
    ("1.2.840.10045.3.1.7", "P-256", 256),
    ("1.3.132.0.10", "secp256k1", 256),
    ("1.3.132.0.33", "P-224", 224),
    ("1.3.132.0.34", "P-384", 384),
    ("1.3.132.0.35", "P-521", 521),
];

const OTHER_KEYS: [(&str, &str); 6] = [
    ("1.2.840.113549.1.1.10", "RSASSA-PSS"),
    ("1.3.101.112", "Ed25519"),
    ("1.3.101.113", "Ed448"),
    ("2.16.840.1.101.3.4.3.17", "ML-DSA-44"),
    ("2.16.840.1.101.3.4.3.18", "ML-DSA-65"),
    ("2.16.840.1.101.3.4.3.19", "ML-DSA-87"),
];

/// Signature algorithms by their names in the standards (RFC 3279, 4055, 5758, 8410), and whether they are weak.
const SIGNATURES: [(&str, &str, bool); 18] = [
    ("1.2.840.10040.4.3", "dsa-with-SHA1", true),
    ("1.2.840.10045.4.1", "ecdsa-with-SHA1", true),
    ("1.2.840.10045.4.3.1", "ecdsa-with-SHA224", false),
    ("1.2.840.10045.4.3.2", "ecdsa-with-SHA256", false),
    ("1.2.840.10045.4.3.3", "ecdsa-with-SHA384", false),
    ("1.2.840.10045.4.3.4", "ecdsa-with-SHA512", false),
    ("1.2.840.113549.1.1.2", "md2WithRSAEncryption", true),
    ("1.2.840.113549.1.1.4", "md5WithRSAEncryption", true),
    ("1.2.840.113549.1.1.5", "sha1WithRSAEncryption", true),
    ("1.2.840.113549.1.1.11", "sha256WithRSAEncryption", false),
    ("1.2.840.113549.1.1.12", "sha384WithRSAEncryption", false),
    ("1.2.840.113549.1.1.13", "sha512WithRSAEncryption", false),
    ("1.2.840.113549.1.1.14", "sha224WithRSAEncryption", false),
    ("1.3.14.3.2.27", "dsa-with-SHA1", true),
    ("1.3.14.3.2.29", "sha1WithRSAEncryption", true),
    ("1.3.101.112", "Ed25519", false),
    ("1.3.101.113", "Ed448", false),
    ("2.16.840.1.101.3.4.3.2", "dsa-with-sha256", false),
];
