//! STARTTLS: what is answered, what comes behind the answer, and what a server that was overheard may inject.

use super::{WELCOME, encrypted, goodbye, no_relay, offered, trusting, welcome_null};
use crate::meet::{seconds, testing};
use crate::says::all;
use crate::support::smtp::Script;
use crate::support::tls::Identity;
use mx_exporter::observe::StartTls;

#[tokio::test(start_paused = true)]
async fn answers_to_starttls() {
    let refused = |text: &str| goodbye(offered().say(text));
    let (_, identity) = trusting();
    all(vec![
        ("S23 silence at STARTTLS", testing(), offered().silence(), "220 250 timeout@starttls; all (timeout@starttls)", "RBES pass, H ?timeout, A pass, NPOXT ?timeout", ""),
        ("S32 454", testing(), refused("454 4.7.0 TLS not available due to local problem"), "220 250 refused 454; owed", "RBES pass, H ?tempfail, A pass, NPO -, XT ?tempfail", ""),
        ("S33 501", testing(), refused("501 5.5.4 no"), "220 250 refused 501; owed", "RBES pass, H starttls.refused, A pass, NPO -, X pass, T -", ""),
        ("S33 502", testing(), refused("502 5.5.1 not implemented"), "220 250 refused 502; owed", "RBES pass, H starttls.refused, A pass, NPO -, X pass, T -", ""),
        ("S33 503", testing(), refused("503 5.5.1 bad sequence"), "220 250 refused 503; owed", "RBES pass, H starttls.refused, A pass, NPO -, X pass, T -", ""),
        ("S33 554", testing(), refused("554 5.7.3 no"), "220 250 refused 554; owed", "RBES pass, H starttls.refused, A pass, NPO -, X pass, T -", ""),
        ("S79 421", testing(), refused("421 4.7.0 too many"), "220 250 refused 421; all (throttled@starttls)", "RBES pass, H ?throttled, A pass, NPOXT ?throttled", ""),
        ("S79 250", testing(), refused("250 sure"), "220 250 refused 250; owed", "RBES pass, H starttls.refused, A pass, NPO -, X pass, T -", ""),
        ("S79 no reply", testing(), refused("oops"), "220 250 protocol_error@starttls; all (protocol_error@starttls)", "RBES pass, H starttls.refused, A pass, NPO -, X pass, T -", ""),
        ("S35 injected", testing(), offered().say("220 go ahead").inject("250 evil").expect_close(), "220 250 injected; all (protocol_error@starttls)", "RB pass, E protocol.unsolicited_data, S pass, H starttls.injected_plaintext, A pass, NPO -, X pass, T -", ""),
        ("S35 injected, half a line", testing(), offered().say_bytes("220 go ahead\r\n250 ev").expect_close(), "220 250 injected; all (protocol_error@starttls)", "RB pass, E protocol.unsolicited_data, S pass, H starttls.injected_plaintext, A pass, NPO -, X pass, T -", ""),
        ("S35 a leave behind it", testing(), offered().say("220 go ahead").inject("421 too busy").expect_close(), "220 250 refused 421; all (throttled@starttls)", "RBES pass, H ?throttled, A pass, NPOXT ?throttled", ""),
        ("S35 an alert", testing(), offered().say_bytes(b"220 go ahead\r\n\x15\x03\x03\x00\x02\x02\x28").expect_close(), "220 250 unsupported_by_prober@tls_handshake; owed", "RBES pass, H ?unsupported_by_prober, A pass, NPO -, XT ?unsupported_by_prober", ""),
        ("S36 injected late", testing(), offered().say("220 go ahead").hear_client_hello().delay(seconds(1) / 20).say("250 evil").silence(), "220 250 protocol_error@tls_handshake; owed", "RBES pass, H starttls.handshake_failed, A pass, NPO -, X pass, T -", ""),
        ("S38 closed behind the 220", testing(), offered().say("220 go ahead").hang_up(), "220 250 closed@tls_handshake; owed", "RBES pass, H ?tempfail, A pass, NPO -, XT ?tempfail", "RBES pass, H starttls.handshake_failed, A pass, NPO -, X pass, T -"),
        ("S80 offered again inside", trusting().0, goodbye(no_relay(welcome_null(encrypted(&identity).say("250-mx.example.test\n250-PIPELINING\n250-8BITMIME\n250 STARTTLS")))), "220 250 1.3 250; null accepted, postmaster accepted, relay closed", "RBESHANPO pass, X ext.starttls_after_tls, T cert.untrusted", ""),
    ])
    .await;
}

#[tokio::test(start_paused = true)]
async fn s31_what_is_offered_before_and_inside_is_told_apart() {
    let (meeting, identity) = trusting();
    let inside = "250-mx.example.test\n250-PIPELINING\n250-8BITMIME\n250-AUTH PLAIN\n250 SIZE 99";
    let script = no_relay(welcome_null(encrypted(&identity).say(inside)));
    let met = meeting.with(goodbye(script)).await;
    let (before, within) = (&met.ehlo().extensions, &met.tls().ehlo.as_ref().unwrap().extensions);
    assert!(before.has("STARTTLS") && !before.has("AUTH") && before.size().is_none());
    assert!(!within.has("STARTTLS") && within.has("AUTH") && within.size() == Some(99));
    assert_eq!(met.says(1), "RBESHANPOXT pass");
}

#[tokio::test(start_paused = true)]
async fn s35_s38_nothing_is_said_in_plaintext_behind_the_220() {
    for script in [
        offered().say("220 go ahead").inject("250 evil").expect_close(),
        offered().say("220 go ahead").hear_client_hello().hang_up(),
        offered().say("220 go ahead").hear_client_hello().silence(),
    ] {
        let met = testing().with(script).await;
        let said: Vec<_> =
            met.heard.iter().filter(|line| line.starts_with(|c: char| c.is_ascii_uppercase())).collect();
        assert_eq!(said, ["EHLO probe.test", "STARTTLS"], "{:?}", met.heard);
    }
    let met =
        testing().with(offered().say("220 go ahead").inject("250-evil\n250 AUTH PLAIN").expect_close()).await;
    assert!(
        matches!(&met.ehlo().starttls, Ok(StartTls::Injected(text)) if text.as_str().starts_with("250-evil"))
    );
    assert!(!met.ehlo().extensions.has("AUTH"));
}

#[tokio::test(start_paused = true)]
async fn the_session_inside() {
    let (_, identity) = trusting();
    let inside = |text: &str| goodbye(encrypted(&identity).say(text));
    all(vec![
        ("S23 silence inside", testing(), encrypted(&identity).silence(), "220 250 1.3 timeout@ehlo_tls; all (timeout@ehlo_tls)", "RBES pass, H ?timeout, A pass, NPOX ?timeout, T cert.untrusted", ""),
        ("S27 421 inside", testing(), inside("421 later"), "220 250 1.3 421; all (throttled@ehlo_tls)", "RBES pass, H ?throttled, A pass, NPOX ?throttled, T cert.untrusted", ""),
        ("S26 550 inside", testing(), inside("550 no"), "220 250 1.3 550; all (rejected@ehlo_tls)", "RBES pass, H starttls.handshake_failed, A pass, NPOX -, T cert.untrusted", ""),
        ("S17 no reply inside", testing(), inside("oops"), "220 250 1.3 protocol_error@ehlo_tls; all (protocol_error@ehlo_tls)", "RBES pass, H starttls.handshake_failed, A pass, NPOX -, T cert.untrusted", ""),
        ("S21 a greeting inside", testing(), goodbye(greeting_inside(&identity)), "220 250 1.3 220; null tempfail@mail, postmaster (tempfail@mail), relay (tempfail@mail)", "RB pass, E protocol.unsolicited_data, SHA pass, NPO ?tempfail, X ext.no_pipelining+ext.no_8bitmime, T cert.untrusted", ""),
        ("S05 endless inside", testing(), encrypted(&identity).flood("250-x", 100_000), "220 250 1.3 oversize@ehlo_tls; all (oversize@ehlo_tls)", "RBES pass, H starttls.handshake_failed, A pass, NPOX -, T cert.untrusted", ""),
    ])
    .await;
}

/// A server that greets once more inside TLS, and is always one answer ahead from there.
fn greeting_inside(identity: &Identity) -> Script {
    let greeted = offered().say("220 go ahead").tls(identity).say("220 mx.example.test once more");
    greeted.hear("EHLO ").say(WELCOME)
}
