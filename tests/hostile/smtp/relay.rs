//! The open-relay test.

use super::{goodbye, plain, transaction, welcome_null};
use crate::meet::{Meeting, testing};
use crate::says::all;
use crate::support::smtp::Script;

/// A session that tests nothing else.
fn asking() -> Meeting {
    let mut meeting = testing();
    (meeting.plan.null_sender, meeting.plan.postmasters) = (None, vec![]);
    meeting
}

/// A server that answers an outside recipient so.
fn outside(answer: &str) -> Script {
    transaction(plain(), "250 ok", answer)
}

/// And another one so.
fn and(script: Script, answer: &str) -> Script {
    transaction(script, "250 ok", answer)
}

#[tokio::test(start_paused = true)]
async fn an_outside_recipient() {
    let one = |answer: &str| goodbye(outside(answer));
    let two = |first: &str, second: &str| goodbye(and(outside(first), second));
    let three = |first: &str, second: &str, third: &str| goodbye(and(and(outside(first), second), third));
    let at_mail = |answer: &str| goodbye(plain().hear("MAIL FROM:<postmaster@probe.test>").say(answer));
    all(vec![
        (
            "S53 550",
            asking(),
            one("550 5.7.1 relaying denied"),
            "220 250 not offered; relay closed",
            "RBE pass, S starttls.missing, H -, A pass, NP -, OX pass, T -",
            "",
        ),
        (
            "S53 554",
            asking(),
            one("554 5.7.1 <x@out1.test>: Relay access denied"),
            "220 250 not offered; relay closed",
            "RBE pass, S starttls.missing, H -, A pass, NP -, OX pass, T -",
            "",
        ),
        (
            "S53 571",
            asking(),
            one("571 5.7.1 no"),
            "220 250 not offered; relay closed",
            "RBE pass, S starttls.missing, H -, A pass, NP -, OX pass, T -",
            "",
        ),
        (
            "S53 450",
            asking(),
            one("450 4.7.1 later"),
            "220 250 not offered; relay greylisted@rcpt",
            "RBE pass, S starttls.missing, H -, A pass, NP -, O ?greylisted, X pass, T -",
            "",
        ),
        (
            "S53 451",
            asking(),
            one("451 4.3.0 local error"),
            "220 250 not offered; relay tempfail@rcpt",
            "RBE pass, S starttls.missing, H -, A pass, NP -, O ?tempfail, X pass, T -",
            "",
        ),
        (
            "S53 454 relay denied for now",
            asking(),
            one("454 4.7.1 <x@out1.test>: Relay access denied"),
            "220 250 not offered; relay closed",
            "RBE pass, S starttls.missing, H -, A pass, NP -, OX pass, T -",
            "",
        ),
        (
            "S53 530 authenticate",
            asking(),
            one("530 5.7.1 Authentication required"),
            "220 250 not offered; relay closed",
            "RBE pass, S starttls.missing, H -, A pass, NP -, OX pass, T -",
            "",
        ),
        (
            "S53 530 at MAIL",
            asking(),
            at_mail("530 5.7.57 Client not authenticated to send mail"),
            "220 250 not offered; relay closed",
            "RBE pass, S starttls.missing, H -, A pass, NP -, OX pass, T -",
            "",
        ),
        (
            "S53 252",
            asking(),
            three("252 perhaps", "252 perhaps", "252 perhaps"),
            "220 250 not offered; relay probe_recipient_unusable@rcpt",
            "RBE pass, S starttls.missing, H -, A pass, NP -, O ?probe_recipient_unusable, X pass, T -",
            "",
        ),
        (
            "S53 252, then no",
            asking(),
            two("252 perhaps", "554 5.7.1 Relay access denied"),
            "220 250 not offered; relay closed",
            "RBE pass, S starttls.missing, H -, A pass, NP -, OX pass, T -",
            "",
        ),
        (
            "S53 MAIL refused",
            asking(),
            at_mail("550 5.7.1 no"),
            "220 250 not offered; relay client_blocked@mail",
            "RBE pass, S starttls.missing, H -, A pass, NP -, O ?client_blocked, X pass, T -",
            "",
        ),
        (
            "S53 354",
            asking(),
            one("354 go ahead"),
            "220 250 not offered; relay closed",
            "RBE pass, S starttls.missing, H -, A pass, NP -, OX pass, T -",
            "",
        ),
        (
            "S54 takes everything",
            asking(),
            two("250 ok", "250 ok"),
            "220 250 not offered; relay open",
            "RBE pass, S starttls.missing, H -, A pass, NP -, O open_relay, X pass, T -",
            "",
        ),
        (
            "S54 takes one",
            asking(),
            two("250 ok", "550 5.7.1 relaying denied"),
            "220 250 not offered; relay closed",
            "RBE pass, S starttls.missing, H -, A pass, NP -, OX pass, T -",
            "",
        ),
        (
            "S54 takes one, the other later",
            asking(),
            two("250 ok", "450 4.2.0 later"),
            "220 250 not offered; relay greylisted@rcpt",
            "RBE pass, S starttls.missing, H -, A pass, NP -, O ?greylisted, X pass, T -",
            "",
        ),
        (
            "S54 251 twice",
            asking(),
            two("251 will forward", "251 will forward"),
            "220 250 not offered; relay open",
            "RBE pass, S starttls.missing, H -, A pass, NP -, O open_relay, X pass, T -",
            "",
        ),
        (
            "S83 no such domain",
            asking(),
            two("556 5.1.10 null MX", "554 5.7.1 Relay access denied"),
            "220 250 not offered; relay closed",
            "RBE pass, S starttls.missing, H -, A pass, NP -, OX pass, T -",
            "",
        ),
        (
            "S83 none can be used",
            asking(),
            three("556 5.1.10 null MX", "550 5.1.2 domain not found", "556 no"),
            "220 250 not offered; relay probe_recipient_unusable@rcpt",
            "RBE pass, S starttls.missing, H -, A pass, NP -, O ?probe_recipient_unusable, X pass, T -",
            "",
        ),
        (
            "S52 about us",
            asking(),
            one("554 5.7.1 Service unavailable; Client host [192.0.2.9] blocked using zen.spamhaus.org"),
            "220 250 not offered; relay client_blocked@rcpt",
            "RBE pass, S starttls.missing, H -, A pass, NP -, O ?client_blocked, X pass, T -",
            "",
        ),
    ])
    .await;
}

#[tokio::test(start_paused = true)]
async fn s54_the_evidence_says_what_was_not_tried() {
    let met = asking().with(goodbye(and(outside("250 ok"), "250 ok"))).await;
    let evidence = met.evidence().join("\n");
    assert!(evidence.contains("DATA was not tried") && evidence.contains("192.0.2.9"), "{evidence}");
    let recipients: Vec<_> = met.heard.iter().filter(|line| line.starts_with("RCPT")).collect();
    assert_eq!(recipients, ["RCPT TO:<x@out1.test>", "RCPT TO:<y@other1.test>"]);
    let senders: Vec<_> = met.heard.iter().filter(|line| line.starts_with("MAIL")).collect();
    assert_eq!(senders, ["MAIL FROM:<postmaster@probe.test>", "MAIL FROM:<>"]);
}

#[tokio::test(start_paused = true)]
async fn s61_nothing_makes_it_send_a_message() {
    let inviting = |script: Script| {
        let script = script.hear("MAIL").say("354 send the message, end with .").hear("MAIL");
        script.say("250 ok").hear("RCPT").say("354 send it").hear("RSET").say("354 send it now")
    };
    let met = testing().with(goodbye(inviting(plain()))).await;
    assert!(met.heard.iter().all(|line| !line.starts_with("DATA") && line != "."), "{:?}", met.heard);
    let offers = "250-mx\n250-CHUNKING\n250-BINARYMIME\n250-AUTH PLAIN\n250-VRFY\n250-ETRN\n250 EXPN";
    let script = super::no_relay(welcome_null(super::greeted().say(offers)));
    let met = testing().with(goodbye(script)).await;
    assert_eq!(met.heard.len(), 1 + 3 + 3 + 1, "{:?}", met.heard);
}
