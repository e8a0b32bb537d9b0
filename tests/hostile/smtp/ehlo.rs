//! EHLO, HELO and what is offered.

use super::{goodbye, greeted, plain};
use crate::meet::{looking, testing};
use crate::says::all;
use crate::support::smtp::Script;
use mx_exporter::observe::Flaw;

/// An EHLO that is answered so.
fn answered(text: &str) -> Script {
    goodbye(greeted().say(text))
}

#[tokio::test(start_paused = true)]
async fn answers_to_ehlo() {
    let helo = |ehlo: &str, helo: &str| goodbye(greeted().say(ehlo).hear("HELO probe.test").say(helo));
    all(vec![
        (
            "S05 endless",
            testing(),
            greeted().flood("250-x", 100_000),
            "220 oversize@ehlo; all (oversize@ehlo)",
            "RB pass, E ehlo.rejected, SHANPOXT -",
            "",
        ),
        (
            "S06 a line without an end",
            testing(),
            greeted().say_bytes("250-").flood_bytes([b'x'; 1_024], 65).silence(),
            "220 oversize@ehlo; all (oversize@ehlo)",
            "RB pass, E ehlo.rejected, SHANPOXT -",
            "",
        ),
        (
            "S18 a code that is none",
            testing(),
            answered("999 x"),
            "220 protocol_error@ehlo; all (protocol_error@ehlo)",
            "RB pass, E ehlo.rejected, SHANPOXT -",
            "",
        ),
        (
            "S23 silence at EHLO",
            testing(),
            greeted().silence(),
            "220 timeout@ehlo; all (timeout@ehlo)",
            "RB pass, ESHANPOXT ?timeout",
            "",
        ),
        (
            "S25 500, HELO",
            looking(),
            helo("500 what", "250 mx"),
            "220 500 helo 250 not offered",
            "RB pass, E ehlo.rejected, S starttls.missing, H -, A pass, NPOXT -",
            "",
        ),
        (
            "S25 502, HELO",
            looking(),
            helo("502 5.5.2 not implemented", "250 mx"),
            "220 502 helo 250 not offered",
            "RB pass, E ehlo.rejected, S starttls.missing, H -, A pass, NPOXT -",
            "",
        ),
        (
            "S25 HELO refused, too",
            testing(),
            helo("500 what", "550 no"),
            "220 500 helo 550 (rejected@ehlo); all (rejected@ehlo)",
            "RB pass, E ehlo.rejected, SHANPOXT -",
            "",
        ),
        (
            "S25 HELO put off",
            testing(),
            helo("500 what", "421 later"),
            "220 500 helo 421 (throttled@ehlo); all (throttled@ehlo)",
            "RB pass, E ehlo.rejected, SHANPOXT ?throttled",
            "",
        ),
        (
            "S26 550",
            testing(),
            answered("550 5.5.1 no"),
            "220 550 (rejected@ehlo); all (rejected@ehlo)",
            "RB pass, E ehlo.rejected, SHANPOXT -",
            "",
        ),
        (
            "S26 554 about us",
            testing(),
            answered("554 5.7.1 Access denied: 192.0.2.9 is listed"),
            "220 554 (client_blocked@ehlo); all (client_blocked@ehlo)",
            "RB pass, ESHANPOXT ?client_blocked",
            "",
        ),
        (
            "S26 550 about us",
            testing(),
            answered("550 5.7.1 your host is banned"),
            "220 550 (client_blocked@ehlo); all (client_blocked@ehlo)",
            "RB pass, ESHANPOXT ?client_blocked",
            "",
        ),
        (
            "S27 421",
            testing(),
            answered("421 4.7.0 too many connections"),
            "220 421 (throttled@ehlo); all (throttled@ehlo)",
            "RB pass, ESHANPOXT ?throttled",
            "",
        ),
        (
            "S67 a better name, please",
            testing(),
            helo("504 5.5.2 <probe>: need fully-qualified hostname", "250 mx"),
            "220 504 helo 250 (client_blocked@ehlo); all (client_blocked@ehlo)",
            "RB pass, ESHANPOXT ?client_blocked",
            "",
        ),
        (
            "S67 whatever HELO gets",
            testing(),
            helo("501 Syntactically invalid HELO argument(s)", "550 no"),
            "220 501 helo 550 (client_blocked@ehlo); all (client_blocked@ehlo)",
            "RB pass, ESHANPOXT ?client_blocked",
            "",
        ),
        (
            "S75 451",
            testing(),
            answered("451 4.3.0 later"),
            "220 451 (tempfail@ehlo); all (tempfail@ehlo)",
            "RB pass, ESHANPOXT ?tempfail",
            "",
        ),
        (
            "S76 354",
            testing(),
            answered("354 go ahead"),
            "220 354 (rejected@ehlo); all (rejected@ehlo)",
            "RB pass, E ehlo.rejected, SHANPOXT -",
            "",
        ),
    ])
    .await;
}

#[tokio::test(start_paused = true)]
async fn what_is_offered() {
    all(vec![
        ("S28 in every form", looking(), answered("250-mx\n250-size 1000\n250-Pipelining  \n250-\n250-8bitMIME\t\n250 AUTH=LOGIN PLAIN"), "220 250 not offered", "RBE pass, S starttls.missing, H -, A auth.plaintext, NPO -, X pass, T -", ""),
        ("S28 twice", looking(), answered("250-mx\n250-PIPELINING\n250-PIPELINING\n250-8BITMIME\n250 8BITMIME"), "220 250 not offered", "RBE pass, S starttls.missing, H -, A pass, NPO -, X pass, T -", ""),
        ("S28 SIZE without a size", looking(), answered("250-mx\n250-PIPELINING\n250-8BITMIME\n250 SIZE"), "220 250 not offered", "RBE pass, S starttls.missing, H -, A pass, NPO -, X pass, T -", ""),
        ("S28 SIZE 0", looking(), answered("250-mx\n250-PIPELINING\n250-8BITMIME\n250 SIZE 0"), "220 250 not offered", "RBE pass, S starttls.missing, H -, A pass, NPO -, X pass, T -", ""),
        ("S28 SIZE abc", looking(), answered("250-mx\n250-PIPELINING\n250-8BITMIME\n250 SIZE abc"), "220 250 not offered", "RB pass, E ehlo.malformed, S starttls.missing, H -, A pass, NPO -, X pass, T -", ""),
        ("S28 SIZE 2^64", looking(), answered("250-mx\n250-PIPELINING\n250-8BITMIME\n250 SIZE 18446744073709551616"), "220 250 not offered", "RBE pass, S starttls.missing, H -, A pass, NPO -, X pass, T -", ""),
        ("S29 a thousand", looking(), answered(&format!("250-mx\n{}250 STARTTLS", "250-KEYWORD12\n".repeat(999))), "220 250 not offered", "RB pass, E ehlo.malformed, S starttls.missing, H -, A pass, NPO -, X ext.no_pipelining+ext.no_8bitmime, T -", ""),
        ("S30 a NUL behind it", looking(), answered("250-mx\n250-PIPELINING\n250-8BITMIME\n250 STARTTLS\0"), "220 250 not offered", "RBE pass, S starttls.missing, H -, A pass, NPO -, X pass, T -", ""),
        ("S30 a letter before it", looking(), answered("250-mx\n250-PIPELINING\n250-8BITMIME\n250 XSTARTTLS"), "220 250 not offered", "RBE pass, S starttls.missing, H -, A pass, NPO -, X pass, T -", ""),
        ("S30 markup", looking(), answered("250-mx\n250-PIPELINING\n250-8BITMIME\n250 <script>STARTTLS</script>"), "220 250 not offered", "RBE pass, S starttls.missing, H -, A pass, NPO -, X pass, T -", ""),
        ("S30 in the name only", looking(), answered("250-STARTTLS\n250-PIPELINING\n250 8BITMIME"), "220 250 not offered", "RBE pass, S starttls.missing, H -, A pass, NPO -, X pass, T -", ""),
        ("S37 overwritten", looking(), answered("250-mx\n250-PIPELINING\n250-8BITMIME\n250 XXXXXXXA"), "220 250 not offered", "RBE pass, S starttls.masked, H -, A pass, NPO -, X pass, T -", ""),
        ("S77 a login in plaintext", looking(), answered("250-mx\n250-PIPELINING\n250-8BITMIME\n250 AUTH PLAIN LOGIN"), "220 250 not offered", "RBE pass, S starttls.missing, H -, A auth.plaintext, NPO -, X pass, T -", ""),
        ("S78 nothing at all", looking(), answered("250 mx"), "220 250 not offered", "RBE pass, S starttls.missing, H -, A pass, NPO -, X ext.no_pipelining+ext.no_8bitmime, T -", ""),
        ("S08 bare LF in the offers", looking(), goodbye(greeted().say_bytes("250-mx\n250-PIPELINING\n250 8BITMIME\n")), "220 250 not offered", "RB pass, E ehlo.malformed, S starttls.missing, H -, A pass, NPO -, X pass, T -", ""),
        ("S19 codes differ in the offers", looking(), answered("250-mx\n220-PIPELINING\n250 8BITMIME"), "220 250 not offered", "RB pass, E ehlo.malformed, S starttls.missing, H -, A pass, NPO -, X pass, T -", ""),
    ])
    .await;
}

#[tokio::test(start_paused = true)]
async fn s05_s29_s63_a_flood_of_offers_is_bounded() {
    let met = testing().with(greeted().flood("250-KEYWORD", 1_000_000)).await;
    assert_eq!(met.gist(), "220 oversize@ehlo");
    assert!(met.read <= 16 * 1_024 + 8 * 1_024 && met.kept() <= 32 * 1_024, "{} {}", met.read, met.kept());
    let many = format!("250-mx\n{}250 STARTTLS", "250-K\n".repeat(1_000));
    let met = looking().with(answered(&many)).await;
    assert_eq!(
        (met.ehlo().reply.flaws.as_slice(), met.ehlo().extensions.lines().len()),
        (&[Flaw::Truncated][..], 127)
    );
    assert!(!met.ehlo().extensions.has("STARTTLS"));
    let line = format!("250-{}", "x".repeat(60_000));
    let met = looking().with(greeted().flood(&line, 5).silence()).await;
    assert_eq!(met.gist(), "220 oversize@ehlo");
    assert!(met.trouble().contains("256 KiB"), "{}", met.trouble());
    assert!(met.read <= 256 * 1_024 + 8 * 1_024, "{}", met.read);
}

#[tokio::test(start_paused = true)]
async fn s28_keywords_are_a_set_in_any_case() {
    let text =
        "250-mx\n250-size 1000\n250-SIZE 2000\n250-\n250-auth login\n250-AUTH=LOGIN PLAIN\n250 Starttls";
    let met = looking().with(goodbye(greeted().say(text).hear("STARTTLS").say("454 not now"))).await;
    let offers = &met.ehlo().extensions;
    assert!(offers.has("STARTTLS") && offers.has("auth") && !offers.has("mx"));
    assert_eq!((offers.size(), offers.auth_mechanisms()), (Some(1_000), vec!["login", "LOGIN", "PLAIN"]));
}

#[tokio::test(start_paused = true)]
async fn s22_two_answers_to_one_question() {
    let twice = |text: &str| goodbye(greeted().say(text));
    all(vec![
        ("S22 EHLO", testing(), twice("250 mx\n250 mx"), "220 250 not offered; null tempfail@mail, postmaster (tempfail@mail), relay (tempfail@mail)", "RB pass, E protocol.unsolicited_data, S starttls.missing, H -, A pass, NPO ?tempfail, X ext.no_pipelining+ext.no_8bitmime, T -", ""),
        ("S22 EHLO, with STARTTLS", testing(), twice("250-mx\n250 STARTTLS\n250 mx"), "220 250 (protocol_error@starttls); all (protocol_error@starttls)", "RB pass, E protocol.unsolicited_data, S pass, H -, A pass, NPO -, X ext.no_pipelining+ext.no_8bitmime, T -", ""),
        ("S22 MAIL", testing(), goodbye(plain().hear("MAIL").say("250 ok\n250 ok")), "220 250 not offered; null tempfail@rcpt, postmaster (tempfail@rcpt), relay (tempfail@rcpt)", "RBE pass, S starttls.missing, H -, A pass, NPO ?tempfail, X pass, T -", ""),
        ("S22 RCPT", testing(), goodbye(plain().hear("MAIL").say("250 ok").hear("RCPT").say("250 ok\n250 ok")), "220 250 not offered; null accepted, postmaster accepted, relay (tempfail@rset)", "RBE pass, S starttls.missing, H -, ANP pass, O ?tempfail, X pass, T -", ""),
        ("S22 MAIL, and a leave", testing(), goodbye(plain().hear("MAIL").say("250 ok\n421 bye")), "220 250 not offered; null throttled@rcpt, postmaster (throttled@rcpt), relay (throttled@rcpt)", "RBE pass, S starttls.missing, H -, A pass, NPO ?throttled, X pass, T -", ""),
    ])
    .await;
}
