//! MAIL, RCPT and RSET: the null sender and the postmaster.

use super::{goodbye, plain, transaction, welcome_null};
use crate::meet::{Meeting, seconds, testing};
use crate::says::all;
use crate::support::smtp::Script;
use mx_exporter::observe::{Cause, Stage};

/// A session that tests the null sender and the postmaster.
pub(super) fn asking() -> Meeting {
    let mut meeting = testing();
    meeting.plan.relay = None;
    meeting
}

/// A server that answers MAIL FROM:<> so, and takes everything from an ordinary sender.
fn mail(answer: &str) -> Script {
    plain().hear("MAIL FROM:<>").say(answer)
}

/// A server that answers RCPT TO:<postmaster@example.test> so.
pub(super) fn rcpt(answer: &str) -> Script {
    transaction(plain(), "250 ok", answer)
}

pub(super) fn ordinary(script: Script, answer: &str) -> Script {
    let mail = script.hear("MAIL FROM:<postmaster@probe.test>").say("250 ok");
    mail.hear("RCPT TO:<postmaster@example.test>").say(answer).hear("RSET").say("250 ok")
}

#[tokio::test(start_paused = true)]
async fn the_null_sender() {
    let refused = |answer: &str| goodbye(ordinary(mail(answer), "250 ok"));
    let left = |answer: &str| goodbye(mail(answer));
    all(vec![
        (
            "S48 250",
            asking(),
            goodbye(welcome_null(plain())),
            "220 250 not offered; null accepted, postmaster accepted",
            "RBE pass, S starttls.missing, H -, ANP pass, O -, X pass, T -",
            "",
        ),
        (
            "S48 450",
            asking(),
            refused("450 4.3.0 later"),
            "220 250 not offered; null tempfail@mail, postmaster accepted",
            "RBE pass, S starttls.missing, H -, A pass, N ?tempfail, P pass, O -, X pass, T -",
            "",
        ),
        (
            "S48 451",
            asking(),
            refused("451 4.3.0 local error"),
            "220 250 not offered; null tempfail@mail, postmaster accepted",
            "RBE pass, S starttls.missing, H -, A pass, N ?tempfail, P pass, O -, X pass, T -",
            "",
        ),
        (
            "S48 550",
            asking(),
            refused("550 5.7.1 null sender not accepted"),
            "220 250 not offered; null refused, postmaster accepted",
            "RBE pass, S starttls.missing, H -, A pass, N null_sender.rejected, P pass, O -, X pass, T -",
            "",
        ),
        (
            "S48 553",
            asking(),
            refused("553 5.1.7 <>: Sender address rejected"),
            "220 250 not offered; null refused, postmaster accepted",
            "RBE pass, S starttls.missing, H -, A pass, N null_sender.rejected, P pass, O -, X pass, T -",
            "",
        ),
        (
            "S48 530 wants TLS",
            asking(),
            goodbye(
                mail("530 5.7.0 Must issue a STARTTLS command first")
                    .hear("MAIL")
                    .say("530 5.7.0 Must issue a STARTTLS command first"),
            ),
            "220 250 not offered; null rejected@mail, postmaster rejected@mail",
            "RBE pass, S starttls.missing, H -, A pass, NPO -, X pass, T -",
            "",
        ),
        (
            "S48 503",
            asking(),
            refused("503 5.5.1 bad sequence of commands"),
            "220 250 not offered; null refused, postmaster accepted",
            "RBE pass, S starttls.missing, H -, A pass, N null_sender.rejected, P pass, O -, X pass, T -",
            "",
        ),
        (
            "S82 no reply",
            asking(),
            left("oops"),
            "220 250 not offered; null tempfail@mail, postmaster (tempfail@mail)",
            "RBE pass, S starttls.missing, H -, A pass, NP ?tempfail, O -, X pass, T -",
            "",
        ),
        (
            "S82 354",
            asking(),
            refused("354 go ahead"),
            "220 250 not offered; null refused, postmaster accepted",
            "RBE pass, S starttls.missing, H -, A pass, N null_sender.rejected, P pass, O -, X pass, T -",
            "",
        ),
        (
            "S40 421 at MAIL",
            asking(),
            left("421 4.7.0 bye"),
            "220 250 not offered; null throttled@mail, postmaster (throttled@mail)",
            "RBE pass, S starttls.missing, H -, A pass, NP ?throttled, O -, X pass, T -",
            "",
        ),
        (
            "S40 421 at RCPT",
            asking(),
            goodbye(plain().hear("MAIL").say("250 ok").hear("RCPT").say("421 4.7.0 bye")),
            "220 250 not offered; null throttled@rcpt, postmaster (throttled@rcpt)",
            "RBE pass, S starttls.missing, H -, A pass, NP ?throttled, O -, X pass, T -",
            "",
        ),
        (
            "S40 421 at RSET",
            asking(),
            goodbye(
                plain()
                    .hear("MAIL")
                    .say("250 ok")
                    .hear("RCPT")
                    .say("550 no")
                    .hear("RSET")
                    .say("421 4.7.0 bye"),
            ),
            "220 250 not offered; null (throttled@rset), postmaster (throttled@rset)",
            "RBE pass, S starttls.missing, H -, A pass, NP ?throttled, O -, X pass, T -",
            "",
        ),
    ])
    .await;
}

#[tokio::test(start_paused = true)]
async fn the_postmaster() {
    let again = |answer: &str| goodbye(ordinary(rcpt(answer), answer));
    let put_off = |answer: &str| goodbye(ordinary(rcpt(answer), answer));
    all(vec![
        (
            "S49 250",
            asking(),
            goodbye(rcpt("250 ok")),
            "220 250 not offered; null accepted, postmaster accepted",
            "RBE pass, S starttls.missing, H -, ANP pass, O -, X pass, T -",
            "",
        ),
        (
            "S49 251",
            asking(),
            goodbye(rcpt("251 User not local; will forward")),
            "220 250 not offered; null accepted, postmaster accepted",
            "RBE pass, S starttls.missing, H -, ANP pass, O -, X pass, T -",
            "",
        ),
        (
            "S49 252",
            asking(),
            goodbye(rcpt("252 Cannot VRFY user, but will try")),
            "220 250 not offered; null accepted, postmaster accepted",
            "RBE pass, S starttls.missing, H -, ANP pass, O -, X pass, T -",
            "",
        ),
        (
            "S49 450",
            asking(),
            put_off("450 4.2.0 <postmaster@example.test>: Recipient address rejected: Greylisted"),
            "220 250 not offered; null greylisted@rcpt, postmaster greylisted@rcpt",
            "RBE pass, S starttls.missing, H -, A pass, NP ?greylisted, O -, X pass, T -",
            "",
        ),
        (
            "S49 451",
            asking(),
            put_off("451 4.3.0 Temporary lookup failure"),
            "220 250 not offered; null tempfail@rcpt, postmaster tempfail@rcpt",
            "RBE pass, S starttls.missing, H -, A pass, NP ?tempfail, O -, X pass, T -",
            "",
        ),
        (
            "S49 452",
            asking(),
            put_off("452 4.3.1 Insufficient system storage"),
            "220 250 not offered; null tempfail@rcpt, postmaster tempfail@rcpt",
            "RBE pass, S starttls.missing, H -, A pass, NP ?tempfail, O -, X pass, T -",
            "",
        ),
        (
            "S49 550",
            asking(),
            again("550 5.1.1 User unknown"),
            "220 250 not offered; null accepted, postmaster refused",
            "RBE pass, S starttls.missing, H -, AN pass, P postmaster.rejected, O -, X pass, T -",
            "",
        ),
        (
            "S49 553",
            asking(),
            again("553 5.1.3 mailbox name not allowed"),
            "220 250 not offered; null accepted, postmaster refused",
            "RBE pass, S starttls.missing, H -, AN pass, P postmaster.rejected, O -, X pass, T -",
            "",
        ),
        (
            "S49 554",
            asking(),
            again("554 5.7.1 no"),
            "220 250 not offered; null accepted, postmaster refused",
            "RBE pass, S starttls.missing, H -, AN pass, P postmaster.rejected, O -, X pass, T -",
            "",
        ),
        (
            "S49 550 to <> only",
            asking(),
            goodbye(ordinary(rcpt("550 5.1.1 no bounces"), "250 ok")),
            "220 250 not offered; null refused, postmaster accepted",
            "RBE pass, S starttls.missing, H -, A pass, N null_sender.rejected, P pass, O -, X pass, T -",
            "",
        ),
        (
            "S55 slower each time",
            asking(),
            plain().hear("MAIL").delay(seconds(20)).say("250 ok").hear("RCPT").silence(),
            "220 250 not offered; null timeout@rcpt, postmaster (timeout@rcpt)",
            "RBE pass, S starttls.missing, H -, A pass, NP ?timeout, O -, X pass, T -",
            "",
        ),
    ])
    .await;
}

#[tokio::test(start_paused = true)]
async fn s40_s55_what_came_before_stays() {
    let mut tarpit = testing();
    tarpit.plan.timeout = seconds(100);
    let script = welcome_null(plain()).hear("MAIL").delay(seconds(29)).say("250 ok").hear("RCPT").silence();
    let met = tarpit.with(script).await;
    assert_eq!(met.tests(), "null accepted, postmaster accepted, relay timeout@rcpt");
    assert_eq!(met.took, seconds(29 + 45 + 2));
    let script = goodbye(welcome_null(plain()).hear("MAIL").say("421 4.7.0 too much"));
    assert_eq!(
        testing().with(script).await.tests(),
        "null accepted, postmaster accepted, relay throttled@mail"
    );
    let mut short = testing();
    short.plan.timeout = seconds(40);
    let script = welcome_null(plain()).hear("MAIL").delay(seconds(29)).say("250 ok").hear("RCPT").silence();
    let met = short.with(script).await;
    assert_eq!(
        (met.took, met.tests().as_str()),
        (seconds(40), "null accepted, postmaster accepted, relay timeout@rcpt")
    );
}

#[tokio::test(start_paused = true)]
async fn s56_who_refuses_to_reset_gets_no_other_transaction() {
    for (answer, cause) in [
        ("500 what", Cause::Tempfail),
        ("502 not implemented", Cause::Tempfail),
        ("451 later", Cause::Tempfail),
        ("421 bye", Cause::Throttled),
        ("oops", Cause::Tempfail),
    ] {
        let script = plain().hear("MAIL").say("250 ok").hear("RCPT").say("250 ok").hear("RSET").say(answer);
        let met = testing().with(goodbye(script)).await;
        assert!(met.tests().starts_with("null accepted, postmaster accepted, relay ("), "{}", met.tests());
        let relay = met.session.relay.as_ref().unwrap().as_ref().unwrap_err().trouble();
        assert_eq!((relay.stage, relay.cause), (Stage::Rset, cause), "{answer}");
    }
}

#[tokio::test(start_paused = true)]
async fn s58_pipelining_is_never_relied_upon() {
    let slow = seconds(1);
    let mut script = plain();
    for (verb, answer) in [
        ("MAIL", "250 ok"),
        ("RCPT", "250 ok"),
        ("RSET", "250 ok"),
        ("MAIL", "250 ok"),
        ("RCPT", "554 5.7.1 Relay access denied"),
        ("RSET", "250 ok"),
    ] {
        script = script.hear(verb).delay(slow).say(answer);
    }
    let met = testing().with(goodbye(script)).await;
    assert_eq!(met.says(1), "RBE pass, S starttls.missing, H -, ANPOX pass, T -");
    for pair in met.steps().windows(2) {
        assert!(
            pair[0].at + pair[0].took <= pair[1].at,
            "each command waits for the answer before it: {pair:?}"
        );
    }
}
