//! Keys, signatures and encodings that no library loves.

use super::{ONLY_13, looking, served, shaken};
use crate::meet::{MX, Met, now, testing};
use crate::smtp::{offered, trusting};
use crate::support::showing::nonsense;
use crate::support::tls::{ALL_VERSIONS, Ca, Identity, Key};
use rustls::pki_types::CertificateDer;
use rustls::{ServerConfig, SignatureScheme};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

macro_rules! der {
    ($name:literal) => {
        &include_bytes!(concat!("../../../src/probe/tests/certificates/", $name))[..]
    };
}

async fn shown(config: Arc<ServerConfig>) -> Met {
    let mut meeting = looking(testing());
    meeting.mx = "mx.test";
    let script = offered().say("220 go ahead").tls_with(config).hear("EHLO ").say(crate::smtp::WELCOME);
    meeting.with(crate::smtp::goodbye(script)).await
}

/// A certificate for a key of a kind that nobody knows, with parameters of that length.
fn unknown_key(parameters: usize) -> Vec<u8> {
    let name = tlv(0x30, &[]);
    let dates = tlv(0x30, &[tlv(0x17, b"260101000000Z"), tlv(0x17, b"280101000000Z")].concat());
    let algorithm = tlv(0x30, &tlv(0x06, &[0x2a, 0x86, 0x48, 0xce, 0x3d, 0x04, 0x03, 0x02]));
    let kind = tlv(0x30, &[tlv(0x06, &[0x2a, 0x03, 0x04]), tlv(0x04, &vec![7; parameters])].concat());
    let key = tlv(0x30, &[kind, tlv(0x03, &[0, 1, 2, 3])].concat());
    let version = tlv(0xa0, &tlv(0x02, &[2]));
    let number = tlv(0x02, &[1]);
    let inner = tlv(0x30, &[version, number, algorithm.clone(), name.clone(), dates, name, key].concat());
    tlv(0x30, &[inner, algorithm, tlv(0x03, &[0, 1])].concat())
}

fn tlv(tag: u8, content: &[u8]) -> Vec<u8> {
    let length = u32::try_from(content.len()).unwrap().to_be_bytes();
    let zeros = length.iter().take_while(|octet| **octet == 0).count();
    let length = match content.len() {
        0..128 => vec![length[3]],
        _ => [&[0x80 + u8::try_from(4 - zeros).unwrap()], &length[zeros..]].concat(),
    };
    [&[tag], &length[..], content].concat()
}

/// A server that hangs up behind the handshake, if it got through.
async fn glimpsed(config: Arc<ServerConfig>) -> Met {
    let mut meeting = looking(testing());
    meeting.mx = "mx.test";
    let (ours, theirs) = tokio::io::duplex(4_096);
    let (met, _) = tokio::join!(meeting.over(ours), async { drop(shaken(theirs, config).await) });
    met
}

/// Wall time, where paused time cannot tell how busy the client was.
#[expect(clippy::disallowed_methods, reason = "the only clock that a busy client cannot stop")]
fn wall() -> SystemTime {
    SystemTime::now()
}

fn within(limit: Duration, began: SystemTime) {
    let took = wall().duration_since(began).unwrap_or_default();
    assert!(took < limit, "{took:?}");
}

#[tokio::test(start_paused = true)]
async fn keys_that_the_library_does_not_know() {
    let weak = (
        "220 250 1.3 closed@ehlo_tls",
        "RBES pass, H starttls.handshake_failed, A pass, NPOX -, T cert.self_signed+cert.weak_key",
    );
    let unknown = (
        "220 250 unsupported_by_prober@tls_handshake",
        "RBES pass, H ?unsupported_by_prober, A pass, NPO -, XT ?unsupported_by_prober",
    );
    let mut wrong = vec![];
    let (ecdsa, rsa) = (SignatureScheme::ECDSA_NISTP256_SHA256, SignatureScheme::RSA_PSS_SHA256);
    for (name, der, scheme, (gist, says)) in [
        ("T31 RSA 1024", der!("rsa1024.der"), rsa, &weak),
        ("T32 RSA 512", der!("rsa512.der"), rsa, &weak),
        ("T33 DSA", der!("dsa.der"), ecdsa, &unknown),
        ("T34 P-224", der!("p224.der"), ecdsa, &unknown),
        ("T35 Ed448", der!("ed448.der"), ecdsa, &unknown),
        ("T64 parameters of 50,000 octets", &unknown_key(50_000), ecdsa, &unknown),
        (
            "T42 version 1",
            der!("version1.der"),
            ecdsa,
            &(
                "220 250 1.3 closed@ehlo_tls",
                "RBES pass, H starttls.handshake_failed, A pass, NPOX -, T cert.host_mismatch",
            ),
        ),
    ] {
        let met = glimpsed(nonsense(&[der], scheme, ONLY_13)).await;
        assert!(met.kept() < 8 * 1_024, "{name}: {} octets kept", met.kept());
        let is_so = (met.gist().as_str(), met.says(2).as_str()) == (*gist, *says);
        wrong.extend((!is_so).then(|| format!("{name}: {} {} {}", met.gist(), met.says(2), met.trouble())));
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

/// A certificate in which the octets of one object identifier stand for another.
fn signed_by(identity: &Identity, last: u8) -> CertificateDer<'static> {
    let sha256 = [0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x0b];
    patched(&identity.chain[0], &sha256, &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, last])
}

fn patched(der: &[u8], from: &[u8], to: &[u8]) -> CertificateDer<'static> {
    let mut der = der.to_vec();
    let places: Vec<_> = (0..=der.len() - from.len()).filter(|at| der[*at..].starts_with(from)).collect();
    assert!(!places.is_empty());
    for at in places {
        der[at..at + to.len()].copy_from_slice(to);
    }
    CertificateDer::from(der)
}

#[tokio::test(start_paused = true)]
async fn t36_a_weak_signature() {
    let identity = Ca::at(now()).leaf("mx.test").key(Key::Rsa2048).self_signed().issue();
    for (digest, last) in [("sha1", 5), ("md5", 4)] {
        let own = signed_by(&identity, last);
        let met = shown(identity.showing(vec![own.clone()], ALL_VERSIONS)).await;
        assert!(met.tls().leaf().unwrap().weak_signature, "{digest}");
        assert_eq!(
            met.says(1),
            "RBESHA pass, NPO -, X pass, T cert.self_signed",
            "{digest}: nobody relies on it"
        );
        let issuer = own.windows(7).position(|octets| octets == b"mx.test").unwrap();
        let mut others = own.to_vec();
        others[issuer..issuer + 7].copy_from_slice(b"another");
        let met = shown(identity.showing(vec![others.into()], ALL_VERSIONS)).await;
        assert_eq!(
            met.says(1),
            "RBESHA pass, NPO -, X pass, T cert.untrusted+cert.weak_signature",
            "{digest}"
        );
    }
}

#[tokio::test(start_paused = true)]
async fn t39_a_long_chain_costs_little() {
    let ca = Ca::at(now());
    let mut identity = ca.leaf(MX).by_missing_intermediate().issue();
    let namesakes = (0..99).map(|_| ca.leaf(MX).by_intermediate().issue().chain.remove(1));
    identity.chain.extend(namesakes);
    let mut meeting = looking(testing());
    meeting.roots = vec![ca.der()];
    let began = wall();
    let met = meeting.with(served(identity.showing(identity.chain.clone(), ALL_VERSIONS))).await;
    within(Duration::from_secs(5), began);
    assert_eq!(met.tls().chain.len(), 10);
    assert_eq!(met.says(1), "RBESHA pass, NPO -, X pass, T cert.untrusted");
}

#[tokio::test(start_paused = true)]
async fn t40_t41_certificates_beyond_all_measure() {
    let huge = nonsense(&[&[0x30; 70_000]], SignatureScheme::ECDSA_NISTP256_SHA256, ONLY_13);
    let met = looking(testing()).with(offered().say("220 go").tls_fails(huge)).await;
    assert_eq!(met.gist(), "220 250 oversize@tls_handshake", "T40");
    assert!(met.read <= 128 * 1_024 && met.kept() < 8 * 1_024, "{} {}", met.read, met.kept());
    let ca = Ca::at(now());
    let many = (0..1_000).fold(ca.leaf("mx.test"), |leaf, n| leaf.and_name(&format!("n{n}.test"))).issue();
    let met = shown(many.server_config(ALL_VERSIONS)).await;
    let leaf = met.tls().leaf().unwrap();
    assert_eq!((leaf.names.len(), leaf.more_names), (100, 901), "T41");
    let wide = ca.leaf(&"a".repeat(60_000)).common_name_only().and_name("mx.test").issue();
    let met = shown(wide.server_config(ALL_VERSIONS)).await;
    assert!(met.tls().leaf().unwrap().subject.as_str().len() < 600, "T41");
    assert!(met.kept() < 16 * 1_024, "{}", met.kept());
}

#[tokio::test(start_paused = true)]
async fn t42_encodings_that_are_wrong_somewhere() {
    let (_, identity) = trusting();
    let sound = identity.chain[0].clone();
    for at in (0..sound.len()).step_by(5) {
        for change in [0x01, 0x80, 0xff] {
            let mut der = sound.to_vec();
            der[at] ^= change;
            let config = identity.showing(vec![CertificateDer::from(der)], ONLY_13);
            let met = glimpsed(config).await;
            assert!(met.gist().starts_with("220 250 "), "{at}: {}", met.gist());
            assert!(!met.says(2).contains("?prober_error"), "{at} {change}: {}", met.says(2));
        }
    }
}

#[tokio::test(start_paused = true)]
async fn t42_dates_at_the_ends_of_time() {
    let far = Ca::at(now()).leaf("mx.test").valid_days(-10, 366 * 40).self_signed().issue();
    let der = &far.chain[0];
    let at = der.windows(4).position(|octets| octets == b"2067" || octets == b"2066").unwrap();
    let year = &der[at..at + 4].to_vec();
    for (to, word) in [
        ("2067", "cert.self_signed"),
        ("9999", "cert.self_signed"),
        ("2050", "cert.self_signed"),
        ("0000", "cert.expired+cert.untrusted"),
        ("1969", "cert.expired+cert.untrusted"),
    ] {
        let config = far.showing(vec![patched(der, year, to.as_bytes())], ALL_VERSIONS);
        let met = shown(config).await;
        assert_eq!(met.says(1), format!("RBESHA pass, NPO -, X pass, T {word}"), "{to}");
    }
}

/// Asked on a thread with as much stack as those of the daemon have.
#[test]
fn t43_deep_nesting_does_not_exhaust_the_stack() {
    let mut der = vec![];
    for _ in 0..10_000 {
        let length = u32::try_from(der.len()).unwrap().to_be_bytes();
        der.splice(0..0, [0x30, 0x84].into_iter().chain(length));
    }
    let met = std::thread::Builder::new().stack_size(2 * 1_024 * 1_024).spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().start_paused(true).build();
        let config = nonsense(&[&der], SignatureScheme::ECDSA_NISTP256_SHA256, ONLY_13);
        runtime.unwrap().block_on(shown(config))
    });
    let met = met.unwrap().join().unwrap();
    assert_eq!(met.tls().leaf().unwrap().subject.as_str(), "(unreadable)");
}
