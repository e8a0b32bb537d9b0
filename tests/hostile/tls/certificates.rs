//! Chains and names.

use super::{looking, served};
use crate::meet::{MX, now, testing};
use crate::support::tls::{ALL_VERSIONS, Ca, Identity, Key};
use mx_exporter::observe::ChainTrouble;

/// What is said of a certificate, and the reason why its chain leads nowhere.
async fn judged(ca: &Ca, mx: &'static str, identity: &Identity) -> (String, Option<&'static str>) {
    let mut meeting = looking(testing());
    (meeting.roots, meeting.mx) = (vec![ca.der()], mx);
    let met = meeting.with(served(identity.server_config(ALL_VERSIONS))).await;
    let says = met.says(1);
    let (before, word) = says.rsplit_once("T ").unwrap();
    assert!(before.starts_with("RBESHA pass, NPO -, X"), "{says}");
    let word = word.to_owned();
    let reason = met.tls().trust.as_ref().err().map(|trouble| match trouble {
        ChainTrouble::Expired(_) => "expired",
        ChainTrouble::SelfSigned => "self-signed",
        ChainTrouble::UnknownIssuer => "unknown issuer",
        ChainTrouble::Unsupported(_) => "unsupported",
        ChainTrouble::Invalid(_) => "invalid",
    });
    (word, reason)
}

#[tokio::test(start_paused = true)]
async fn dates_and_chains() {
    let ca = Ca::at(now());
    let leaf = || ca.leaf(MX);
    for (name, identity, word, reason) in [
        ("T18 expired", leaf().valid_days(-90, -1).issue(), "cert.expired", None),
        ("T19 not yet valid", leaf().valid_days(2, 90).issue(), "cert.not_yet_valid", None),
        (
            "T20 by an expired intermediate",
            leaf().by_expired_intermediate().issue(),
            "cert.untrusted",
            Some("expired"),
        ),
        ("T21 self-signed", leaf().self_signed().issue(), "cert.self_signed", Some("self-signed")),
        ("T22 unknown authority", Ca::at(now()).leaf(MX).issue(), "cert.untrusted", Some("unknown issuer")),
        ("T22 a namesake of ours", ca.impostor().leaf(MX).issue(), "cert.untrusted", Some("invalid")),
        (
            "T23 incomplete",
            leaf().by_missing_intermediate().issue(),
            "cert.untrusted",
            Some("unknown issuer"),
        ),
        ("T23 complete", leaf().by_intermediate().issue(), "pass", None),
        ("T62 soon", leaf().valid_days(-80, 10).issue(), "cert.expires_soon", None),
        ("T38 P-521", leaf().key(Key::P521).issue(), "pass", None),
        ("T38 P-384", leaf().key(Key::P384).issue(), "pass", None),
        ("T38 Ed25519", leaf().key(Key::Ed25519).issue(), "pass", None),
        ("T38 RSA 2048", leaf().key(Key::Rsa2048).issue(), "pass", None),
    ] {
        assert_eq!(judged(&ca, MX, &identity).await, (word.to_owned(), reason), "{name}");
    }
}

#[tokio::test(start_paused = true)]
async fn names() {
    let ca = Ca::at(now());
    let named = |names: &[&str]| {
        let first = ca.leaf(names[0]);
        names[1..].iter().fold(first, |leaf, name| leaf.and_name(name)).issue()
    };
    for (name, mx, identity, matches) in [
        ("T25 another host", MX, named(&["other.example.test"]), false),
        ("T25 one of many", MX, named(&["a.test", MX]), true),
        ("T26 an address only", MX, named(&["192.0.2.1"]), false),
        ("T27 in the CN only", MX, ca.leaf(MX).common_name_only().issue(), false),
        ("T28 a wildcard", "a.example.test", named(&["*.example.test"]), true),
        ("T28 a wildcard and two labels", "a.b.example.test", named(&["*.example.test"]), false),
        ("T28 a wildcard and none", "example.test", named(&["*.example.test"]), false),
        ("T29 part of a label", MX, named(&["m*.example.test"]), false),
        ("T29 a wildcard alone", "test", named(&["*"]), false),
        ("T30 a NUL", MX, named(&["mx.example.test\0.evil.test"]), false),
        ("T30 upper case", MX, named(&["MX.Example.TEST"]), true),
        ("T30 a trailing dot", MX, named(&["mx.example.test."]), false),
        ("T30 an A-label", "xn--bcher-kva.test", named(&["xn--bcher-kva.test"]), true),
    ] {
        let word = if matches { "pass" } else { "cert.host_mismatch" };
        assert_eq!(judged(&ca, mx, &identity).await, (word.to_owned(), None), "{name}");
    }
}
