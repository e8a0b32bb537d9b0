//! The private certificate authority and a certificate for each mail server and policy host, most of them sound.

use std::collections::BTreeMap;
use std::fs;
use std::time::{Duration, SystemTime};

use rcgen::{
    BasicConstraints, Certificate, CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair,
    KeyUsagePurpose, PKCS_RSA_SHA256, PublicKeyData,
};

use crate::doubts;
use crate::hostile::SUBJECT;
use crate::namespace::HOME;
use crate::policies;
use crate::policy_hosts::HOSTS;
use crate::servers::SERVERS;

/// The roots that the daemon is told to trust beside its own.
pub(crate) const CA_FILE: &str = "/run/mx-exporter-e2e/tls/ca.pem";

/// Who sends the root too.
const SENDS_ROOT: [&str; 1] = ["mx.dane-anchor.test"];

/// Who has an RSA key in place of one on a curve.
const HAS_RSA: [&str; 5] = [
    "mx.rsa-only.test",
    "mx.triple-des.test",
    "mx.dhe-only.test",
    "mx.tls11-only.test",
    "mx.unencrypted.test",
];

/// Who has both, each with a certificate.
const HAS_BOTH: [&str; 2] = ["mx.two-certificates.test", "mx.half-hidden.test"];

const LIFETIME_DAYS: i64 = 90;

type Authority = Issuer<'static, KeyPair>;

/// What a server shows, and its authority, each as DER: of these TLSA records are.
pub(crate) struct Identity {
    pub(crate) key: Vec<u8>,
    pub(crate) root: Vec<u8>,
}

/// Writes `ca.pem`, and key and certificate of each server as `NAME.pem`, the second ones as `NAME.rsa.pem`. Returns who they
/// are by name.
pub(crate) fn write() -> BTreeMap<&'static str, Identity> {
    fs::create_dir_all(format!("{HOME}/tls")).expect("the home is writable");
    let trusted = authority("Private root");
    let unknown = authority("Nobody's root");
    fs::write(CA_FILE, trusted.0.pem()).expect("the home is writable");
    let mut identities = BTreeMap::new();
    let mail = SERVERS.iter().map(|server| server.name).chain(doubts::SERVERS);
    for name in mail.chain(HOSTS.map(|(name, _)| name)).chain(policies::HOSTS) {
        let (key, certificate) = issue(name, &trusted.1, &unknown.1);
        let path = format!("{HOME}/tls/{name}.pem");
        let above = if SENDS_ROOT.contains(&name) { trusted.0.pem() } else { String::new() };
        fs::write(path, key.serialize_pem() + &certificate + &above).expect("the home is writable");
        if HAS_BOTH.contains(&name) {
            let path = format!("{HOME}/tls/{name}.rsa.pem");
            fs::write(path, second(name, &trusted.1)).expect("the home is writable");
        }
        let root = trusted.0.der().to_vec();
        identities.insert(name, Identity { key: key.subject_public_key_info(), root });
    }
    identities
}

/// A key and the certificate that the server of this name shows.
fn issue(name: &str, trusted: &Authority, unknown: &Authority) -> (KeyPair, String) {
    let key =
        if HAS_RSA.contains(&name) { rsa_key() } else { KeyPair::generate().expect("a key is generated") };
    let certificate = match name {
        "mx.expired.test" | "mx.dane-expired.test" | "mta-sts.sts-expired.test" => {
            leaf(&[name], -1).signed_by(&key, trusted)
        }
        "mx.expires-soon.test" => leaf(&[name], 10).signed_by(&key, trusted),
        "mx.wrong-name.test" | "mta-sts.sts-wrong-name.test" => {
            leaf(&["mail.elsewhere.test"], LIFETIME_DAYS - 1).signed_by(&key, trusted)
        }
        "mx.self-signed.test" => leaf(&[name], LIFETIME_DAYS - 1).self_signed(&key),
        "mx.untrusted.test" => leaf(&[name], LIFETIME_DAYS - 1).signed_by(&key, unknown),
        "mx2.hostile.test" => leaf_of(SUBJECT, &[name], LIFETIME_DAYS - 1).signed_by(&key, trusted),
        "mx.mx-cname.test" => {
            leaf(&[name, "alias.mx-cname.test"], LIFETIME_DAYS - 1).signed_by(&key, trusted)
        }
        name if HAS_RSA.contains(&name) => rsa_leaf(name).signed_by(&key, trusted),
        _ => leaf(&[name], LIFETIME_DAYS - 1).signed_by(&key, trusted),
    };
    (key, certificate.expect("a certificate is issued").pem())
}

/// An RSA key and a certificate, beside those that the server of this name shows otherwise.
fn second(name: &str, authority: &Authority) -> String {
    let key = rsa_key();
    let certificate = rsa_leaf(name).signed_by(&key, authority).expect("a certificate is issued");
    key.serialize_pem() + &certificate.pem()
}

fn rsa_key() -> KeyPair {
    KeyPair::generate_for(&PKCS_RSA_SHA256).expect("a key is generated")
}

/// A leaf to whose key secrets may be encrypted, too.
fn rsa_leaf(name: &str) -> CertificateParams {
    let mut leaf = leaf(&[name], LIFETIME_DAYS - 1);
    leaf.key_usages.push(KeyUsagePurpose::KeyEncipherment);
    leaf
}

/// A server certificate of the usual lifetime, of which `days_left` are left.
fn leaf(names: &[&str], days_left: i64) -> CertificateParams {
    leaf_of(names[0], names, days_left)
}

fn leaf_of(subject: &str, names: &[&str], days_left: i64) -> CertificateParams {
    let names: Vec<String> = names.iter().map(ToString::to_string).collect();
    let mut leaf = CertificateParams::new(names).expect("host names");
    leaf.distinguished_name.push(DnType::CommonName, subject);
    leaf.key_usages = vec![KeyUsagePurpose::DigitalSignature];
    leaf.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
    leaf.use_authority_key_identifier_extension = true;
    leaf.not_before = in_days(days_left - LIFETIME_DAYS).into();
    leaf.not_after = in_days(days_left).into();
    leaf
}

/// A root: its certificate, and what signs with it.
fn authority(name: &str) -> (Certificate, Authority) {
    let mut root = CertificateParams::default();
    root.distinguished_name.push(DnType::CommonName, name);
    root.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    root.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    root.not_before = in_days(-1000).into();
    root.not_after = in_days(1000).into();
    let key = KeyPair::generate().expect("a key is generated");
    let certificate = root.self_signed(&key).expect("a root is issued");
    (certificate, Issuer::new(root, key))
}

#[expect(clippy::disallowed_methods, reason = "certificates of today are made here")]
fn in_days(days: i64) -> SystemTime {
    let distance = Duration::from_secs(days.unsigned_abs() * 86_400);
    if days < 0 { SystemTime::now() - distance } else { SystemTime::now() + distance }
}
