//! The greeting.

use super::goodbye;
use crate::meet::{looking, testing};
use crate::says::all;
use crate::support::smtp::Script;
use mx_exporter::observe::Flaw;
use std::time::Duration;

const SECOND: Duration = Duration::from_secs(1);

#[tokio::test(start_paused = true)]
async fn greetings_that_are_none() {
    let said = |text: &str| goodbye(Script::new().say(text));
    all(vec![
        (
            "S01 an octet a second",
            testing(),
            Script::new().drip("220-a\n220-b\n220-c\n220-d\n220-e\n220-f", SECOND),
            "no_answer@banner (no_answer@banner); all (no_answer@banner)", "R pass, BESHANPOXT ?timeout", "R pass, B banner.missing, ESHANPOXT -",
        ),
        (
            "S02 an octet before each read would end",
            testing(),
            Script::new().drip("220 mx", 29 * SECOND),
            "no_answer@banner (no_answer@banner); all (no_answer@banner)", "R pass, BESHANPOXT ?timeout", "R pass, B banner.missing, ESHANPOXT -",
        ),
        ("S03 silence", testing(), Script::new().silence(), "no_answer@banner (no_answer@banner); all (no_answer@banner)", "R pass, BESHANPOXT ?timeout", "R pass, B banner.missing, ESHANPOXT -"),
        ("S04 endless lines", testing(), Script::new().flood("220-x", 100_000), "oversize@banner (oversize@banner); all (oversize@banner)", "R pass, B banner.not_220, ESHANPOXT -", ""),
        ("S13 554", testing(), said("554 mx.example.test no mail service here"), "554 (rejected@banner); all (rejected@banner)", "R pass, B banner.not_220, ESHANPOXT -", ""),
        ("S13 521", testing(), said("521 mx.example.test does not accept mail"), "521 (rejected@banner); all (rejected@banner)", "R pass, B banner.not_220, ESHANPOXT -", ""),
        ("S14 421", testing(), said("421 mx.example.test try later"), "421 (throttled@banner); all (throttled@banner)", "R pass, BESHANPOXT ?throttled", ""),
        ("S15 450", testing(), said("450 try later"), "450 (tempfail@banner); all (tempfail@banner)", "R pass, BESHANPOXT ?tempfail", ""),
        ("S15 451", testing(), said("451 4.3.0 try later"), "451 (tempfail@banner); all (tempfail@banner)", "R pass, BESHANPOXT ?tempfail", ""),
        ("S70 another protocol", testing(), said("SSH-2.0-OpenSSH_9.2"), "protocol_error@banner (protocol_error@banner); all (protocol_error@banner)", "R pass, B banner.not_220, ESHANPOXT -", ""),
        (
            "S70 another protocol, and more of it",
            testing(),
            said("HTTP/1.1 400 Bad Request\nServer: x\n"),
            "protocol_error@banner (protocol_error@banner); all (protocol_error@banner)", "R pass, B banner.not_220, ESHANPOXT -", "",
        ),
        (
            "S71 a 2xx that is no 220",
            looking(),
            goodbye(Script::new().say("250 mx.example.test").hear("EHLO ").say("250 mx")),
            "250 250 not offered", "R pass, B banner.not_220, E pass, S starttls.missing, H -, A pass, NPO -, X ext.no_pipelining+ext.no_8bitmime, T -", "",
        ),
        ("S71 a 3xx", testing(), said("354 go ahead"), "354 (rejected@banner); all (rejected@banner)", "R pass, B banner.not_220, ESHANPOXT -", ""),
        (
            "S72 a refusal of us",
            testing(),
            said("554 5.7.1 Your IP 192.0.2.9 is on a block list"),
            "554 (client_blocked@banner); all (client_blocked@banner)", "R pass, BESHANPOXT ?client_blocked", "",
        ),
        (
            "S73 a first line, and no last one",
            testing(),
            Script::new().say("220-mx.example.test").silence(),
            "no_answer@banner (no_answer@banner); all (no_answer@banner)", "R pass, BESHANPOXT ?timeout", "R pass, B banner.missing, ESHANPOXT -",
        ),
    ])
    .await;
}

#[tokio::test(start_paused = true)]
async fn s17_s18_no_reply_and_codes_that_are_none() {
    for text in ["22", "2200 x", "2x0", "-20", " 220", "", "199 x", "600 x", "999 x", "000 x"] {
        let met = testing().with(goodbye(Script::new().say(text))).await;
        let gist = "protocol_error@banner (protocol_error@banner); all (protocol_error@banner)";
        assert_eq!(met.differs(text, gist, ("R pass, B banner.not_220, ESHANPOXT -", "")), None);
    }
}

#[tokio::test(start_paused = true)]
async fn greetings_that_can_be_read_all_the_same() {
    let then = |octets: &[u8]| {
        let greeted = Script::new().say_bytes(octets).hear("EHLO probe.test");
        goodbye(greeted.say("250-mx.example.test\n250-PIPELINING\n250 8BITMIME"))
    };
    let long = |length: usize| format!("220 {}\r\n", "x".repeat(length - 6));
    all(vec![
        (
            "S07 512 octets",
            looking(),
            then(long(512).as_bytes()),
            "220 250 not offered",
            "RBE pass, S starttls.missing, H -, A pass, NPO -, X pass, T -",
            "",
        ),
        (
            "S07 513 octets",
            looking(),
            then(long(513).as_bytes()),
            "220 250 not offered",
            "R pass, B banner.malformed, E pass, S starttls.missing, H -, A pass, NPO -, X pass, T -",
            "",
        ),
        (
            "S07 2,048 octets",
            looking(),
            then(long(2_048).as_bytes()),
            "220 250 not offered",
            "R pass, B banner.malformed, E pass, S starttls.missing, H -, A pass, NPO -, X pass, T -",
            "",
        ),
        (
            "S08 bare LF",
            looking(),
            then(b"220-mx\n220 ready\n"),
            "220 250 not offered",
            "R pass, B banner.malformed, E pass, S starttls.missing, H -, A pass, NPO -, X pass, T -",
            "",
        ),
        (
            "S09 bare CR",
            looking(),
            then(b"220 mx\r250 x\r\n"),
            "220 250 not offered",
            "RBE pass, S starttls.missing, H -, A pass, NPO -, X pass, T -",
            "",
        ),
        (
            "S10 NUL and control characters",
            looking(),
            then(b"220 mx\0\x01\x7f\x1b[2J\r\n"),
            "220 250 not offered",
            "RBE pass, S starttls.missing, H -, A pass, NPO -, X pass, T -",
            "",
        ),
        (
            "S11 8 bits",
            looking(),
            then(b"220 mx \xff\xc3\xa4\xe2\x80\xae\r\n"),
            "220 250 not offered",
            "RBE pass, S starttls.missing, H -, A pass, NPO -, X pass, T -",
            "",
        ),
        (
            "S12 a forged line of log",
            looking(),
            then(b"220 mx\x1b[1A\x1b[2K\x0b\x0clevel=error\xc2\x85x\r\n"),
            "220 250 not offered",
            "RBE pass, S starttls.missing, H -, A pass, NPO -, X pass, T -",
            "",
        ),
        (
            "S19 codes differ",
            looking(),
            then(b"220-a\r\n250-b\r\n220 c\r\n"),
            "220 250 not offered",
            "R pass, B banner.malformed, E pass, S starttls.missing, H -, A pass, NPO -, X pass, T -",
            "",
        ),
        (
            "S19 the last one counts",
            looking(),
            then(b"554-a\r\n220 b\r\n"),
            "220 250 not offered",
            "R pass, B banner.malformed, E pass, S starttls.missing, H -, A pass, NPO -, X pass, T -",
            "",
        ),
        (
            "S19 the last one counts, refusing",
            looking(),
            goodbye(Script::new().say("220-a\n554 b")),
            "554 (rejected@banner)",
            "R pass, B banner.not_220, ESHANPOXT -",
            "",
        ),
        (
            "S65 as slow as postscreen",
            looking(),
            goodbye(slow()),
            "220 250 not offered",
            "RBE pass, S starttls.missing, H -, A pass, NPO -, X pass, T -",
            "",
        ),
    ])
    .await;
}

fn slow() -> Script {
    let greeting =
        Script::new().say("220-mx.example.test").delay(25 * SECOND).say("220 mx.example.test ESMTP");
    let ehlo = greeting.hear("EHLO probe.test").delay(29 * SECOND);
    ehlo.say("250-mx.example.test\n250-PIPELINING\n250 8BITMIME")
}

#[tokio::test(start_paused = true)]
async fn s01_s02_the_whole_greeting_has_one_deadline() {
    let met = testing().with(Script::new().drip("220-one\n220-two\n220-three\n220-four", SECOND)).await;
    assert_eq!(met.took, 30 * SECOND);
    assert!(met.trouble().contains("heard only: 220-one / 220-two / 220-three"), "{}", met.trouble());
    assert!(met.heard.is_empty(), "nobody is spoken to before it has greeted: {:?}", met.heard);
    let mut short = testing();
    short.plan.timeout = 20 * SECOND;
    let met = short.with(Script::new().drip("220 mx", 19 * SECOND)).await;
    assert_eq!((met.took, met.gist().as_str()), (20 * SECOND, "timeout@banner (timeout@banner)"));
}

#[tokio::test(start_paused = true)]
async fn s04_s06_what_has_no_end_costs_little() {
    let met = testing().with(Script::new().flood("220-x", 100_000)).await;
    assert!(met.read <= 128 * 7 + 2 * 4_096, "{} octets read", met.read);
    assert!(met.kept() <= 32 * 1_024, "{} octets kept", met.kept());
    let wide = format!("220-{}", "x".repeat(500));
    let met = testing().with(Script::new().flood(&wide, 100_000)).await;
    assert_eq!(met.gist(), "oversize@banner (oversize@banner)");
    assert!(met.read <= 16 * 1_024 + 2 * 4_096 && met.kept() <= 32 * 1_024, "{} {}", met.read, met.kept());
    let endless = Script::new().say_bytes("220 ").flood_bytes(vec![b'x'; 64 * 1_024], 160);
    let met = testing().with(endless).await;
    assert_eq!(met.gist(), "oversize@banner (oversize@banner)");
    assert!(met.read <= 2 * (64 * 1_024 + 4_096) && met.kept() <= 8 * 1_024, "{} {}", met.read, met.kept());
    let long = format!("220 {}\r\n", "x".repeat(60_000));
    let greeted = Script::new().say_bytes(long).hear("EHLO ").say("250 mx");
    let met = looking().with(goodbye(greeted)).await;
    assert_eq!((met.banner().flaws.as_slice(), met.banner().text().len()), (&[Flaw::LongLine][..], 2_048));
}

#[tokio::test(start_paused = true)]
async fn s09_s10_s11_s12_hostile_text_is_told_without_loss_and_harms_nobody() {
    for (octets, told) in [
        (&b"220 a\rb\r\n"[..], "220 a\\x0db"),
        (b"220 \0\x07\x1b[31m\r\n", "220 \\x00\\x07\\x1b[31m"),
        (b"220 \xff\xfe \xc3\xa4\r\n", "220 \\xff\\xfe \u{e4}"),
        (b"220 \xe2\x80\xaemoc\r\n", "220 \\u{202e}moc"),
        (b"220 a\\x00\r\n", "220 a\\\\x00"),
        (b"220 x\xc2\x85y\xe2\x80\xa8z\r\n", "220 x\\x85y\\u{2028}z"),
    ] {
        let met = looking().with(goodbye(Script::new().say_bytes(octets).hear("EHLO ").say("250 mx"))).await;
        assert_eq!(met.banner().text(), told);
    }
    let met = looking().with(goodbye(Script::new().say_bytes(*b"554 \x1b[2J\x9b\x0d\x0bno\r\n"))).await;
    let evidence = met.evidence().join("");
    assert!(!evidence.contains(|c: char| c.is_control() && c != '\n'), "{evidence:?}");
}

#[tokio::test(start_paused = true)]
async fn s13_who_refuses_everybody_hears_quit_and_nothing_else() {
    let met = testing().with(goodbye(Script::new().say("554 no"))).await;
    assert_eq!(met.heard, ["QUIT"]);
}

#[tokio::test(start_paused = true)]
async fn s21_an_answer_before_the_question() {
    let eager = Script::new().say("220 mx\n250-mx\n250 8BITMIME");
    all(vec![
        (
            "S21 greeting and EHLO reply in one",
            testing(),
            goodbye(eager),
            "220 protocol_error@ehlo; all (protocol_error@ehlo)",
            "RB pass, E protocol.unsolicited_data, SHANPOXT -",
            "",
        ),
        (
            "S21 two greetings",
            testing(),
            goodbye(Script::new().say("220 mx\n220 mx")),
            "220 protocol_error@ehlo; all (protocol_error@ehlo)",
            "RB pass, E protocol.unsolicited_data, SHANPOXT -",
            "",
        ),
        (
            "S21 a greeting and a leave",
            testing(),
            goodbye(Script::new().say("220 mx\n421 too busy")),
            "220 421 (throttled@ehlo); all (throttled@ehlo)",
            "RB pass, ESHANPOXT ?throttled",
            "",
        ),
        (
            "S74 half a line behind the greeting",
            testing(),
            goodbye(Script::new().say_bytes("220 mx\r\n25")),
            "220 protocol_error@ehlo; all (protocol_error@ehlo)",
            "RB pass, E protocol.unsolicited_data, SHANPOXT -",
            "",
        ),
    ])
    .await;
}
