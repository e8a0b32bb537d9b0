//! STARTTLS and behind it: every way to get no TLS, what a handshake shows, and the session inside.

use super::super::*;
use super::authority::{BOTH, Impostor, ONLY_12, ONLY_13, Versions, authority, leaf};
use super::peer::{Meeting, Met, meet, meeting};
use crate::observe::{ChainTrouble, Flaw, StartTls, Step};
use rustls::{ServerConfig, SignatureScheme};

const OFFER: &str = "S 220 mx\n C EHLO\n S 250-mx\n S 250 STARTTLS\n C STARTTLS\n";
const INSIDE: &str = "S 220 go ahead\n tls\n";
const REST: &str = "C EHLO\n S 250 mx\n C QUIT\n S 221 bye";

async fn starttls(script: &str) -> Met {
    meet(&format!("{OFFER}{script}")).await
}

/// A session that only looks, with this server behind STARTTLS.
async fn inside(server: Arc<ServerConfig>, script: &str) -> Met {
    let meeting = Meeting { server: Some(server), ..meeting() };
    meeting.play(&format!("{OFFER}{INSIDE}{script}")).await
}

fn ordinary(versions: Versions) -> Arc<ServerConfig> {
    leaf().self_signed().server(versions)
}

/// A session that owes the null-sender test where it gets no TLS.
async fn owing(script: &str) -> Met {
    let mut meeting = meeting();
    meeting.plan.null_sender = Some(DomainName::parse("a.test").unwrap());
    meeting.play(&format!("{OFFER}{script}")).await
}

#[tokio::test(start_paused = true)]
async fn a_session_goes_on_inside() {
    let authority = authority("Test CA", (-100, 100));
    let mut meeting = meeting();
    meeting.server = Some(leaf().signed_by(&authority).server(BOTH));
    meeting.roots = vec![authority.der().clone()];
    meeting.plan.null_sender = Some(DomainName::parse("a.test").unwrap());
    let met = meeting
        .play(&format!(
            "{OFFER}{INSIDE}C EHLO\n S 250-mx\n S 250-STARTTLS\n S 250 SIZE 99
             C MAIL FROM:<>\n S 250 ok\n C RCPT\n S 250 ok\n C RSET\n S 250 ok\n C QUIT\n S 221 bye"
        ))
        .await;
    assert_eq!((met.gist().as_str(), met.tests().as_str()), ("220 250 1.3 250", "null accepted"));
    let tls = met.tls();
    assert_eq!((tls.cipher, tls.key_exchange), ("TLS_AES_256_GCM_SHA384", Some("X25519")));
    assert!(tls.named && tls.name_matches);
    assert_eq!((&tls.trust, tls.chain.len()), (&Ok(()), 1));
    let within = &tls.ehlo.as_ref().unwrap().extensions;
    assert!(within.has("STARTTLS") && within.size() == Some(99), "what is offered inside is told apart");
    assert!(!met.ehlo().extensions.has("SIZE"));
    assert_eq!(met.heard.last().unwrap(), "QUIT\r\n");
}

#[tokio::test(start_paused = true)]
async fn both_versions_are_spoken() {
    for (versions, gist, cipher) in [
        (ONLY_12, "220 250 1.2 250", "TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384"),
        (ONLY_13, "220 250 1.3 250", "TLS_AES_256_GCM_SHA384"),
    ] {
        let met = inside(ordinary(versions), REST).await;
        assert_eq!((met.gist().as_str(), met.tls().cipher), (gist, cipher));
        assert_eq!(met.tls().key_exchange, Some("X25519"));
    }
}

#[tokio::test(start_paused = true)]
async fn a_refused_starttls_leaves_the_tests_to_a_second_connection() {
    for (reply, want, tests) in [
        ("454 not now", "220 250 refused 454", "owed"),
        ("501 what", "220 250 refused 501", "owed"),
        ("554 no", "220 250 refused 554", "owed"),
        ("250 sure", "220 250 refused 250", "owed"),
        ("421 too many", "220 250 refused 421", "null (throttled@starttls)"),
    ] {
        let met = owing(&format!("S {reply}\n C QUIT\n S 221 bye")).await;
        assert_eq!((met.gist().as_str(), met.tests().as_str()), (want, tests), "{reply}");
    }
    assert!(!starttls("S 454 not now\n C QUIT").await.session.owed, "nothing was asked for");
}

#[tokio::test(start_paused = true)]
async fn an_end_at_starttls_is_told() {
    for (name, script, want) in [
        ("silence", "silence", "220 250 timeout@starttls"),
        ("S41 hangs up", "", "220 250 closed@starttls"),
        ("no reply", "S oops\n C QUIT", "220 250 protocol_error@starttls"),
    ] {
        assert_eq!(starttls(script).await.gist(), want, "{name}");
    }
}

#[tokio::test(start_paused = true)]
async fn plaintext_behind_the_220_ends_all() {
    let met = owing("raw 220 go\\r\\n250 evil\\r\\n").await;
    assert_eq!(
        (met.gist().as_str(), met.tests().as_str()),
        ("220 250 injected", "null (protocol_error@starttls)")
    );
    assert_eq!(met.heard, ["EHLO probe.test\r\n", "STARTTLS\r\n"], "S35: no ClientHello, no QUIT");
    assert!(
        matches!(&met.ehlo().starttls, Ok(StartTls::Injected(text)) if text.as_str() == "250 evil\\x0d\\x0a")
    );
    let told = met.steps().iter().any(|step| {
        step.reply.as_ref().is_some_and(|reply| reply.as_ref().is_ok_and(|r| r.flaws == [Flaw::Unsolicited]))
    });
    assert!(told, "{:?}", met.steps());
    let leave = owing("raw 220 go\\r\\n421 too busy\\r\\n").await;
    assert_eq!(leave.gist(), "220 250 refused 421", "a leave is no injection");
}

#[tokio::test(start_paused = true)]
async fn an_alert_behind_the_220_is_a_failed_handshake_and_no_injection() {
    let met = owing("raw 220 go\\r\\n\\x15\\x03\\x01\\x00\\x02\\x02\\x28").await;
    assert_eq!(met.heard, ["EHLO probe.test\r\n", "STARTTLS\r\n"]);
    let Ok(StartTls::HandshakeFailed(trouble)) = &met.ehlo().starttls else { panic!("{:?}", met.ehlo()) };
    assert_eq!(trouble.cause, Cause::UnsupportedByProber, "until a TLS scan tells");
    assert_eq!(&*trouble.detail, "alert handshake_failure before the ClientHello");
    let is_sound = |step: &Step| matches!(&step.reply, Some(Ok(reply)) if reply.flaws.is_empty());
    assert_eq!(met.steps().iter().filter(|step| is_sound(step)).count(), 3, "{:?}", met.steps());
    let more = owing("raw 220 go\\r\\n\\x15\\x03\\x01\\x00\\x02\\x02\\x28250 evil\\r\\n").await;
    assert_eq!(more.gist(), "220 250 injected", "not a word stands behind an alert");
}

#[tokio::test(start_paused = true)]
async fn a_failed_handshake_is_told_by_its_cause_and_nothing_follows_it() {
    for (name, script, cause) in [
        ("S38 hangs up at once", "", Cause::Closed),
        ("hangs up at the hello", "hello", Cause::Closed),
        ("T02 silence", "hello\n silence", Cause::NoAnswer),
        (
            "T01 an octet a second",
            "hello\n drip \\x16\\x03\\x03\\x00\\x7a\\x02\\x00\\x00\\x76\\x03\\x03aaaaaaaaaaaaaaaaaaaa",
            Cause::NoAnswer,
        ),
        ("S44 nobody reads", "deaf", Cause::NoAnswer),
        ("T03 plaintext", "hello\n S 454 TLS not available", Cause::ProtocolError),
        ("S36 late injection", "W 1\n S 250 evil", Cause::ProtocolError),
        ("T04 a record too long", "hello\n raw \\x16\\x03\\x03\\xff\\xff\\x02", Cause::ProtocolError),
        (
            "T04 empty records",
            "hello\n raw \\x16\\x03\\x03\\x00\\x00\\x16\\x03\\x03\\x00\\x00",
            Cause::ProtocolError,
        ),
        (
            "T05 handshake_failure",
            "hello\n raw \\x15\\x03\\x03\\x00\\x02\\x02\\x28",
            Cause::UnsupportedByProber,
        ),
        (
            "T05 protocol_version",
            "hello\n raw \\x15\\x03\\x03\\x00\\x02\\x02\\x46",
            Cause::UnsupportedByProber,
        ),
        (
            "T05 insufficient_security",
            "hello\n raw \\x15\\x03\\x03\\x00\\x02\\x02\\x47",
            Cause::UnsupportedByProber,
        ),
        ("T05 internal_error", "hello\n raw \\x15\\x03\\x03\\x00\\x02\\x02\\x50", Cause::Alert),
        ("T05 unrecognized_name", "hello\n raw \\x15\\x03\\x03\\x00\\x02\\x02\\x70", Cause::Alert),
        ("T07 TLS 1.0", &old_server_hello(1), Cause::UnsupportedByProber),
        ("T08 TLS 1.1", &old_server_hello(2), Cause::UnsupportedByProber),
    ] {
        let met = owing(&format!("S 220 go ahead\n {script}")).await;
        assert_eq!(met.gist(), format!("220 250 {cause}@tls_handshake"), "{name}: {:?}", met.steps().last());
        assert_eq!(met.heard, ["EHLO probe.test\r\n", "STARTTLS\r\n"], "{name}");
        assert_eq!(met.tests(), "owed", "{name}");
        assert!(met.took.as_secs() <= 20, "{name}: {:?}", met.took);
    }
}

/// A ServerHello of TLS 1.x with `TLS_RSA_WITH_AES_128_CBC_SHA`.
fn old_server_hello(minor: u8) -> String {
    let version = format!("\\x03\\x0{minor}");
    format!(
        "hello\n raw \\x16{version}\\x00\\x2a\\x02\\x00\\x00\\x26{version}{}\\x00\\x00\\x2f\\x00",
        "r".repeat(32)
    )
}

#[tokio::test(start_paused = true)]
async fn an_alert_is_named() {
    let met = starttls("S 220 go\n hello\n raw \\x15\\x03\\x03\\x00\\x02\\x02\\x70").await;
    assert_eq!(&*met.trouble().detail, "alert unrecognised_name");
}

#[tokio::test(start_paused = true)]
async fn a_wanted_client_certificate_is_told() {
    let ca = authority("Clients", (-10, 10));
    let asking = |must, versions| leaf().self_signed().server_asking(&ca, must, versions);
    for versions in [ONLY_12, ONLY_13] {
        assert!(inside(asking(false, versions), REST).await.tls().ehlo.is_ok(), "T44: it can do without");
    }
    let old = inside(asking(true, ONLY_12), REST).await;
    assert_eq!(old.gist(), "220 250 alert@tls_handshake", "T45");
    assert!(old.trouble().detail.contains("client certificate"), "{}", old.trouble());
    let mut new = meeting();
    new.plan.null_sender = Some(DomainName::parse("a.test").unwrap());
    new.server = Some(asking(true, ONLY_13));
    let new = new.play(&format!("{OFFER}{INSIDE}{REST}")).await;
    assert_eq!((new.gist().as_str(), new.tests().as_str()), ("220 250 1.3 alert@ehlo_tls", "owed"), "T45");
    assert_eq!(&*new.trouble().detail, "alert certificate_required");
}

#[tokio::test(start_paused = true)]
async fn the_session_inside_can_fail_too() {
    for (name, script, want) in [
        ("throttled", "C EHLO\n S 421 later\n C QUIT", "220 250 1.2 421"),
        ("refused", "C EHLO\n S 550 no\n C QUIT", "220 250 1.2 550"),
        ("silence", "C EHLO\n silence", "220 250 1.2 timeout@ehlo_tls"),
        ("T49 hangs up in the middle", "C EHLO\n raw 250-mx", "220 250 1.2 closed@ehlo_tls"),
        ("unasked text", "raw 220 mx\\r\\n\n C QUIT", "220 250 1.2 protocol_error@ehlo_tls"),
    ] {
        assert_eq!(inside(ordinary(ONLY_12), script).await.gist(), want, "{name}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_stop_in_the_handshake_says_nothing_in_plaintext() {
    let mut stopped = meeting();
    stopped.plan.null_sender = Some(DomainName::parse("a.test").unwrap());
    stopped.stop_after = Some(Duration::from_secs(3));
    let met = stopped.play(&format!("{OFFER}S 220 go\n hello\n silence")).await;
    assert_eq!(met.gist(), "220 250 prober_error@tls_handshake");
    assert_eq!(met.tests(), "null (prober_error@tls_handshake)");
    assert_eq!(met.heard, ["EHLO probe.test\r\n", "STARTTLS\r\n"]);
}

#[tokio::test(start_paused = true)]
async fn the_mx_name_is_sent_where_it_can_be() {
    let der = leaf().self_signed().chain.remove(0);
    for (mx, asked) in [("mx.test", Some("mx.test")), ("_mx.test", Some("_mx.test")), ("-mx.test", None)] {
        let impostor = Impostor::of(&der, SignatureScheme::ECDSA_NISTP256_SHA256);
        let meeting = Meeting { mx, server: Some(impostor.server(BOTH)), ..meeting() };
        meeting.play(&format!("{OFFER}{INSIDE}")).await;
        assert_eq!(impostor.asked_for.lock().unwrap().as_deref(), asked, "{mx}");
    }
    let unnamed = Meeting { mx: "-mx.test", server: Some(ordinary(BOTH)), ..meeting() };
    let met = unnamed.play(&format!("{OFFER}{INSIDE}{REST}")).await;
    assert!(!met.tls().named && !met.tls().name_matches);
}

#[tokio::test(start_paused = true)]
async fn a_signature_that_does_not_fit_is_no_handshake() {
    let der = leaf().self_signed().chain.remove(0);
    for versions in [ONLY_12, ONLY_13] {
        let impostor = Impostor::of(&der, SignatureScheme::ECDSA_NISTP256_SHA256);
        let met = inside(impostor.server(versions), REST).await;
        assert_eq!(met.gist(), "220 250 protocol_error@tls_handshake");
    }
}

#[tokio::test(start_paused = true)]
async fn a_certificate_that_the_library_does_not_know_is_shown_all_the_same() {
    let version1 = include_bytes!("certificates/version1.der");
    let small = include_bytes!("certificates/rsa1024.der");
    for versions in [ONLY_12, ONLY_13] {
        let impostor = Impostor::of(version1, SignatureScheme::ECDSA_NISTP256_SHA256);
        let met = inside(impostor.server(versions), REST).await;
        assert!(matches!(met.tls().trust, Err(ChainTrouble::Unsupported(_))), "{:?}", met.tls());
        assert_eq!(met.tls().chain[0].subject.as_str(), "CN=mx.test");
        let met = inside(Impostor::of(small, SignatureScheme::RSA_PSS_SHA256).server(versions), REST).await;
        assert_eq!(met.tls().chain[0].key.bits, Some(1_024), "T31");
    }
}

#[tokio::test(start_paused = true)]
async fn a_certificate_message_beyond_all_measure_is_given_up() {
    let impostor = Impostor::of(&vec![0x30; 70_000], SignatureScheme::ECDSA_NISTP256_SHA256);
    let met = inside(impostor.server(ONLY_13), REST).await;
    assert_eq!(met.gist(), "220 250 oversize@tls_handshake", "T40");
}
