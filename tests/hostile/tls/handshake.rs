//! Handshakes that never end, break off, or are none.

use super::{ONLY_12, ONLY_13, looking, served};
use crate::meet::{seconds, testing};
use crate::says::{Case, all};
use crate::smtp::{offered, trusting};
use crate::support::showing::nonsense;
use crate::support::smtp::Script;
use crate::support::tls::Ca;
use rustls::SignatureScheme;

/// A server that has heard the ClientHello.
fn hello() -> Script {
    offered().say("220 go ahead").hear_client_hello()
}

#[tokio::test(start_paused = true)]
async fn answers_to_a_client_hello() {
    let (_, identity) = trusting();
    let begun = [&[22, 3, 3, 0, 122, 2, 0, 0, 118, 3, 3][..], &[7; 111]].concat();
    all(vec![
        (
            "T01 an octet a second",
            testing(),
            hello().drip_bytes(begun, seconds(1)),
            "220 250 no_answer@tls_handshake; owed",
            "RBES pass, H ?timeout, A pass, NPO -, XT ?timeout",
            "RBES pass, H starttls.handshake_failed, A pass, NPO -, X pass, T -",
        ),
        (
            "T02 the beginning, and silence",
            testing(),
            offered().say("220 go").tls_cut_short(&identity, 95).silence(),
            "220 250 no_answer@tls_handshake; owed",
            "RBES pass, H ?timeout, A pass, NPO -, XT ?timeout",
            "RBES pass, H starttls.handshake_failed, A pass, NPO -, X pass, T -",
        ),
        (
            "T02 no word",
            testing(),
            hello().silence(),
            "220 250 no_answer@tls_handshake; owed",
            "RBES pass, H ?timeout, A pass, NPO -, XT ?timeout",
            "RBES pass, H starttls.handshake_failed, A pass, NPO -, X pass, T -",
        ),
        (
            "T03 a reply",
            testing(),
            hello().say("454 TLS not available").silence(),
            "220 250 protocol_error@tls_handshake; owed",
            "RBES pass, H starttls.handshake_failed, A pass, NPO -, X pass, T -",
            "",
        ),
        (
            "T03 a page",
            testing(),
            hello().say("HTTP/1.1 400 Bad Request").silence(),
            "220 250 protocol_error@tls_handshake; owed",
            "RBES pass, H starttls.handshake_failed, A pass, NPO -, X pass, T -",
            "",
        ),
        (
            "T04 garbage",
            testing(),
            hello().say_bytes([0xde; 300]).silence(),
            "220 250 protocol_error@tls_handshake; owed",
            "RBES pass, H starttls.handshake_failed, A pass, NPO -, X pass, T -",
            "",
        ),
        (
            "T04 a record of 65,535 octets",
            testing(),
            hello().say_bytes([22, 3, 3, 255, 255, 2]).silence(),
            "220 250 protocol_error@tls_handshake; owed",
            "RBES pass, H starttls.handshake_failed, A pass, NPO -, X pass, T -",
            "",
        ),
        (
            "T04 empty records",
            testing(),
            hello().flood_bytes([22, 3, 3, 0, 0], 1_000_000),
            "220 250 protocol_error@tls_handshake; owed",
            "RBES pass, H starttls.handshake_failed, A pass, NPO -, X pass, T -",
            "",
        ),
        (
            "T04 warnings",
            testing(),
            hello().flood_bytes([21, 3, 3, 0, 2, 1, 90], 1_000_000),
            "220 250 protocol_error@tls_handshake; owed",
            "RBES pass, H starttls.handshake_failed, A pass, NPO -, X pass, T -",
            "",
        ),
        (
            "T04 changes of cipher",
            testing(),
            hello().flood_bytes([20, 3, 3, 0, 1, 1], 1_000_000),
            "220 250 protocol_error@tls_handshake; owed",
            "RBES pass, H starttls.handshake_failed, A pass, NPO -, X pass, T -",
            "",
        ),
        (
            "T04 hello requests",
            testing(),
            hello().flood_bytes([22, 3, 3, 0, 4, 0, 0, 0, 0], 1_000_000),
            "220 250 protocol_error@tls_handshake; owed",
            "RBES pass, H starttls.handshake_failed, A pass, NPO -, X pass, T -",
            "",
        ),
        (
            "T60 data before keys",
            testing(),
            hello().flood_bytes([23, 3, 3, 0, 2, 1, 1], 1_000_000),
            "220 250 protocol_error@tls_handshake; owed",
            "RBES pass, H starttls.handshake_failed, A pass, NPO -, X pass, T -",
            "",
        ),
        (
            "T61 cut in the middle",
            testing(),
            offered().say("220 go").tls_cut_short(&identity, 300).hang_up(),
            "220 250 closed@tls_handshake; owed",
            "RBES pass, H ?tempfail, A pass, NPO -, XT ?tempfail",
            "RBES pass, H starttls.handshake_failed, A pass, NPO -, X pass, T -",
        ),
    ])
    .await;
}

#[tokio::test(start_paused = true)]
async fn t05_alerts_have_their_names() {
    for (alert, name, gist, says) in [
        (40, "handshake_failure", "220 250 unsupported_by_prober@tls_handshake; owed", "?"),
        (70, "protocol_version", "220 250 unsupported_by_prober@tls_handshake; owed", "?"),
        (71, "insufficient_security", "220 250 unsupported_by_prober@tls_handshake; owed", "?"),
        (80, "internal_error", "220 250 alert@tls_handshake; owed", "!"),
        (112, "unrecognised_name", "220 250 alert@tls_handshake; owed", "!"),
        (200, "200", "220 250 alert@tls_handshake; owed", "!"),
    ] {
        let says = match says {
            "?" => "RBES pass, H ?unsupported_by_prober, A pass, NPO -, XT ?unsupported_by_prober",
            _ => "RBES pass, H starttls.handshake_failed, A pass, NPO -, X pass, T -",
        };
        let met = testing().with(offered().say("220 go ahead").tls_alert(alert)).await;
        assert_eq!(met.differs(name, gist, (says, "")), None);
        assert!(met.trouble().ends_with(&format!("alert {name}")), "{}", met.trouble());
    }
}

#[tokio::test(start_paused = true)]
async fn t01_t04_what_floods_is_cut_short() {
    let flood = |record: &[u8]| looking(testing()).with(hello().flood_bytes(record, 1_000_000));
    for record in
        [&[22, 3, 3, 0, 0][..], &[21, 3, 3, 0, 2, 1, 90], &[20, 3, 3, 0, 1, 1], &[23, 3, 3, 0, 2, 1, 1]]
    {
        let met = flood(record).await;
        assert!(met.read <= 64 * 1_024, "{record:?}: {} octets", met.read);
        assert!(met.took <= seconds(20) && met.kept() < 8 * 1_024, "{record:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn handshakes_that_end_well() {
    let (meeting, identity) = trusting();
    let (roots, clients) = (meeting.roots, Ca::at(crate::meet::now()));
    let cases = [
        ("T15 TLS 1.3 only", identity.server_config(ONLY_13), "220 250 1.3 250"),
        ("T15 TLS 1.2 only", identity.server_config(ONLY_12), "220 250 1.2 250"),
        (
            "T44 may we see yours, 1.2",
            identity.asking_for_a_client_certificate(&clients, ONLY_12),
            "220 250 1.2 250",
        ),
        (
            "T44 may we see yours, 1.3",
            identity.asking_for_a_client_certificate(&clients, ONLY_13),
            "220 250 1.3 250",
        ),
        ("T46 revoked, as it says itself", identity.stapling(b"revoked", ONLY_13), "220 250 1.3 250"),
    ];
    all(cases
        .into_iter()
        .map(|(name, config, gist)| -> Case {
            let mut meeting = looking(testing());
            meeting.roots = roots.clone();
            (name, meeting, served(config), gist, "RBESHA pass, NPO -, XT pass", "")
        })
        .collect())
    .await;
}

#[tokio::test(start_paused = true)]
async fn t45_a_certificate_of_ours_is_demanded() {
    let (_, identity) = trusting();
    let clients = Ca::at(crate::meet::now());
    let demanding = |versions| identity.demanding_a_client_certificate(&clients, versions);
    all(vec![
        (
            "T45 in TLS 1.2",
            testing(),
            offered().say("220 go").tls_fails(demanding(ONLY_12)),
            "220 250 alert@tls_handshake; owed",
            "RBES pass, H starttls.handshake_failed, A pass, NPO -, X pass, T -",
            "",
        ),
        (
            "T45 in TLS 1.3",
            testing(),
            offered().say("220 go").tls_fails(demanding(ONLY_13)),
            "220 250 1.3 alert@ehlo_tls; owed",
            "RBES pass, H starttls.handshake_failed, A pass, NPOX -, T cert.untrusted",
            "",
        ),
    ])
    .await;
    let met = testing().with(offered().say("220 go").tls_fails(demanding(ONLY_12))).await;
    assert!(met.trouble().contains("client certificate"), "{}", met.trouble());
    let met = testing().with(offered().say("220 go").tls_fails(demanding(ONLY_13))).await;
    assert!(met.trouble().contains("certificate_required"), "{}", met.trouble());
}

#[tokio::test(start_paused = true)]
async fn t14_a_signature_by_a_scheme_that_was_not_offered() {
    let der = include_bytes!("../../../src/probe/tests/certificates/rsa2048-sha1.der");
    let config = nonsense(&[der], SignatureScheme::RSA_PKCS1_SHA1, ONLY_12);
    let met = testing().with(offered().say("220 go").tls_fails(config)).await;
    let says = "RBES pass, H ?unsupported_by_prober, A pass, NPO -, XT ?unsupported_by_prober";
    assert_eq!(met.differs("T14", "220 250 unsupported_by_prober@tls_handshake; owed", (says, "")), None);
}

#[tokio::test(start_paused = true)]
async fn t16_t47_the_hello_is_short_and_asks_for_no_compression() {
    let inspected = offered().say("220 go ahead").inspect_client_hello(|hello| {
        assert!(hello.len() < 1_400, "{} octets are more than a segment", hello.len());
        let kinds = extensions(hello);
        assert!(kinds.contains(&43) && !kinds.contains(&27), "{kinds:?}");
    });
    let met = looking(testing()).with(inspected.hang_up()).await;
    assert_eq!(met.gist(), "220 250 closed@tls_handshake");
}

/// The kinds of extensions in a ClientHello (RFC 8446 §4.1.2), its record header included.
fn extensions(hello: &[u8]) -> Vec<u16> {
    let u16_at = |at: usize| u16::from_be_bytes([hello[at], hello[at + 1]]);
    let mut at = 5 + 4 + 2 + 32;
    at += 1 + usize::from(hello[at]);
    at += 2 + usize::from(u16_at(at));
    at += 1 + usize::from(hello[at]);
    at += 2;
    let mut kinds = vec![];
    while at < hello.len() {
        kinds.push(u16_at(at));
        at += 4 + usize::from(u16_at(at + 2));
    }
    kinds
}
