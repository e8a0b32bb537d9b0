//! Refusals in a transaction that are about us, or about now: none of them proves anything about the server.

use super::transactions::{asking, ordinary, rcpt};
use super::{goodbye, plain};
use crate::says::all;

#[tokio::test(start_paused = true)]
async fn refusals_that_prove_nothing() {
    let twice = |answer: &str| goodbye(ordinary(rcpt(answer), answer));
    all(vec![
        (
            "S50 by name",
            asking(),
            twice("451 4.7.1 Greylisting in action, please come back in 00:05:00"),
            "220 250 not offered; null greylisted@rcpt, postmaster greylisted@rcpt",
            "RBE pass, S starttls.missing, H -, A pass, NP ?greylisted, O -, X pass, T -",
            "",
        ),
        (
            "S50 4.2.0",
            asking(),
            twice("450 4.2.0 try later"),
            "220 250 not offered; null greylisted@rcpt, postmaster greylisted@rcpt",
            "RBE pass, S starttls.missing, H -, A pass, NP ?greylisted, O -, X pass, T -",
            "",
        ),
        (
            "S50 4.7.1",
            asking(),
            twice("451 4.7.1 not yet"),
            "220 250 not offered; null greylisted@rcpt, postmaster greylisted@rcpt",
            "RBE pass, S starttls.missing, H -, A pass, NP ?greylisted, O -, X pass, T -",
            "",
        ),
        (
            "S50 try again",
            asking(),
            twice("450 please try again in 5 minutes"),
            "220 250 not offered; null greylisted@rcpt, postmaster greylisted@rcpt",
            "RBE pass, S starttls.missing, H -, A pass, NP ?greylisted, O -, X pass, T -",
            "",
        ),
        (
            "S51 a rate",
            asking(),
            twice("450 4.7.1 Error: too much mail from 192.0.2.9"),
            "220 250 not offered; null throttled@rcpt, postmaster throttled@rcpt",
            "RBE pass, S starttls.missing, H -, A pass, NP ?throttled, O -, X pass, T -",
            "",
        ),
        (
            "S51 4.7.500",
            asking(),
            twice("451 4.7.500 Server busy. Please try again later from [192.0.2.9]"),
            "220 250 not offered; null throttled@rcpt, postmaster throttled@rcpt",
            "RBE pass, S starttls.missing, H -, A pass, NP ?throttled, O -, X pass, T -",
            "",
        ),
        (
            "S51 4.7.652",
            asking(),
            twice("451 4.7.652 The mail server [192.0.2.9] has exceeded the maximum number of connections"),
            "220 250 not offered; null throttled@rcpt, postmaster throttled@rcpt",
            "RBE pass, S starttls.missing, H -, A pass, NP ?throttled, O -, X pass, T -",
            "",
        ),
        (
            "S51 4.7.28 and the end",
            asking(),
            goodbye(
                plain()
                    .hear("MAIL")
                    .say("250 ok")
                    .hear("RCPT")
                    .say("421-4.7.28 unusual rate of\n421 4.7.28 mail"),
            ),
            "220 250 not offered; null throttled@rcpt, postmaster (throttled@rcpt)",
            "RBE pass, S starttls.missing, H -, A pass, NP ?throttled, O -, X pass, T -",
            "",
        ),
        (
            "S52 a block-list",
            asking(),
            twice("554 5.7.1 Service unavailable; Client host [192.0.2.9] blocked using zen.spamhaus.org"),
            "220 250 not offered; null client_blocked@rcpt, postmaster client_blocked@rcpt",
            "RBE pass, S starttls.missing, H -, A pass, NP ?client_blocked, O -, X pass, T -",
            "",
        ),
        (
            "S52 no PTR",
            asking(),
            twice("550 5.7.25 [192.0.2.9] The IP address sending this message does not have a PTR record"),
            "220 250 not offered; null client_blocked@rcpt, postmaster client_blocked@rcpt",
            "RBE pass, S starttls.missing, H -, A pass, NP ?client_blocked, O -, X pass, T -",
            "",
        ),
        (
            "S52 no PTR, put off",
            asking(),
            twice("450 4.7.1 Client host rejected: cannot find your hostname, [192.0.2.9]"),
            "220 250 not offered; null client_blocked@rcpt, postmaster client_blocked@rcpt",
            "RBE pass, S starttls.missing, H -, A pass, NP ?client_blocked, O -, X pass, T -",
            "",
        ),
        (
            "S52 reputation",
            asking(),
            twice("550 5.7.1 mail from your network is blocked for its reputation"),
            "220 250 not offered; null client_blocked@rcpt, postmaster client_blocked@rcpt",
            "RBE pass, S starttls.missing, H -, A pass, NP ?client_blocked, O -, X pass, T -",
            "",
        ),
    ])
    .await;
}
