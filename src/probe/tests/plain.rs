//! Before TLS: greetings, EHLO, HELO, and all that a peer can do wrong there.

use super::peer::{Met, meet, meeting};
use crate::observe::{Cause, Flaw, Stage};
use std::time::Duration;

/// Each script, how the session is told in short, and whether the peer may say it in one breath.
async fn table(rows: &[(&str, &str, &str)]) {
    for (name, script, want) in rows {
        let met = meet(script).await;
        assert_eq!(met.gist(), *want, "{name}: {met:#?}");
    }
}

fn flaws(met: &Met) -> &[Flaw] {
    &met.dialogue().banner.as_ref().unwrap().flaws
}

#[tokio::test(start_paused = true)]
async fn a_plain_session_goes_through() {
    let met = meet(
        "S 220-mx.test
         W 6
         S 220 ready
         C EHLO probe.test
         S 250-mx.test
         S 250 SIZE 1000
         C QUIT
         S 221 bye",
    )
    .await;
    assert_eq!(met.gist(), "220 250 not offered");
    assert_eq!(met.heard, ["EHLO probe.test\r\n", "QUIT\r\n"]);
    assert_eq!(met.ehlo().extensions.size(), Some(1000));
    let told: Vec<_> = met.steps().iter().map(|step| (step.stage, step.took.as_secs())).collect();
    assert_eq!(told, [(Stage::Banner, 6), (Stage::Ehlo, 0), (Stage::Quit, 0)]);
    assert_eq!(met.dialogue().local.unwrap().to_string(), "192.0.2.9");
}

#[tokio::test(start_paused = true)]
async fn greetings() {
    table(&[
        ("S03 silence", "silence", "no_answer@banner (no_answer@banner)"),
        (
            "S01 an octet a second",
            "drip 220-one\\r\\n220-two\\r\\n220-three\\r\\n220-four",
            "no_answer@banner (no_answer@banner)",
        ),
        ("S04 endless", "flood 220-x", "oversize@banner (oversize@banner)"),
        ("S13 permanent refusal", "S 554 no\n C QUIT", "554 (rejected@banner)"),
        ("S14 throttled", "S 421 later\n C QUIT", "421 (throttled@banner)"),
        ("S15 temporary refusal", "S 450 later\n C QUIT", "450 (tempfail@banner)"),
        ("S17 too short", "S 22\n C QUIT", "protocol_error@banner (protocol_error@banner)"),
        ("S17 too long", "S 2200 x\n C QUIT", "protocol_error@banner (protocol_error@banner)"),
        ("S17 not a number", "S 2x0 x\n C QUIT", "protocol_error@banner (protocol_error@banner)"),
        ("S17 indented", "raw  220 x\\r\\n\n C QUIT", "protocol_error@banner (protocol_error@banner)"),
        ("S18 out of range", "S 999 x\n C QUIT", "protocol_error@banner (protocol_error@banner)"),
        ("S41 hangs up", "", "closed@banner (closed@banner)"),
        ("S41 hangs up in the middle", "raw 220-mx", "closed@banner (closed@banner)"),
        (
            "another protocol",
            "S SSH-2.0-OpenSSH_9.2\n C QUIT",
            "protocol_error@banner (protocol_error@banner)",
        ),
        ("codes differ", "S 220-a\n S 554 b\n C QUIT", "554 (rejected@banner)"),
        ("slow, as postscreen is", "W 25\n S 220 mx\n C EHLO\n S 250 mx\n C QUIT", "220 250 not offered"),
    ])
    .await;
}

#[tokio::test(start_paused = true)]
async fn nobody_is_spoken_to_before_it_greeted() {
    for script in ["silence", "raw 220-mx.test\\r\\n\n silence", "raw 22\n silence"] {
        let met = meet(script).await;
        assert!(met.heard.is_empty(), "{:?}", met.heard);
        assert_eq!(met.took, Duration::from_secs(30), "{script}");
    }
}

#[tokio::test(start_paused = true)]
async fn what_was_heard_of_a_banner_that_never_ended_is_kept() {
    let met = meet("raw 220-mx.test\\r\\n220-wa\n silence").await;
    assert!(met.trouble().detail.contains("220-mx.test / 220-wa"), "{}", met.trouble());
}

#[tokio::test(start_paused = true)]
async fn flawed_greetings_are_read() {
    let long = format!("S 220 {}\n C EHLO\n S 250 mx\n C QUIT", "x".repeat(2_000));
    for (script, want) in [
        ("raw 220 mx\\n\n C EHLO\n S 250 mx\n C QUIT", Flaw::BareLf),
        (long.as_str(), Flaw::LongLine),
        ("S 554-a\n S 220 b\n C EHLO\n S 250 mx\n C QUIT", Flaw::CodesDiffer),
    ] {
        let met = meet(script).await;
        assert_eq!((met.gist().as_str(), flaws(&met)), ("220 250 not offered", &[want][..]), "{script}");
    }
}

#[tokio::test(start_paused = true)]
async fn ehlo() {
    table(&[
        ("S23 silence", "S 220 mx\n C EHLO\n silence", "220 timeout@ehlo"),
        ("S05 endless", "S 220 mx\n C EHLO\n flood 250-x", "220 oversize@ehlo"),
        ("S06 a line without end", "S 220 mx\n C EHLO\n flood 250-x", "220 oversize@ehlo"),
        (
            "S25 HELO",
            "S 220 mx\n C EHLO\n S 502 what\n C HELO\n S 250 mx\n C QUIT",
            "220 502 helo 250 not offered",
        ),
        (
            "HELO refused",
            "S 220 mx\n C EHLO\n S 500 what\n C HELO\n S 550 no\n C QUIT",
            "220 500 helo 550 (rejected@ehlo)",
        ),
        (
            "hangs up at HELO",
            "S 220 mx\n C EHLO\n S 500 what\n C HELO",
            "220 500 helo closed@ehlo (closed@ehlo)",
        ),
        ("S26 policy", "S 220 mx\n C EHLO\n S 550 no\n C QUIT", "220 550 (rejected@ehlo)"),
        ("S26 554", "S 220 mx\n C EHLO\n S 554 no\n C QUIT", "220 554 (rejected@ehlo)"),
        ("S27 throttled", "S 220 mx\n C EHLO\n S 421 later\n C QUIT", "220 421 (throttled@ehlo)"),
        ("S41 hangs up", "S 220 mx\n C EHLO", "220 closed@ehlo"),
        ("S41 hangs up at once", "S 220 mx", "220 closed@ehlo"),
        ("S65 slow", "S 220 mx\n C EHLO\n W 29\n S 250 mx\n C QUIT", "220 250 not offered"),
        ("S18 code", "S 220 mx\n C EHLO\n S 999 mx\n C QUIT", "220 protocol_error@ehlo"),
        ("an early leave", "raw 220 mx\\r\\n421 too busy\\r\\n\n C QUIT", "220 421 (throttled@ehlo)"),
    ])
    .await;
}

#[tokio::test(start_paused = true)]
async fn keywords_come_in_every_form() {
    let met = meet(
        "S 220 mx
         C EHLO
         raw 250-mx\\r\\n250-pipelining  \\r\\n250-\\r\\n250-AUTH=LOGIN PLAIN\\r\\n250-STARTTLS\\x00\\r\\n250-SIZE\\t0\\r\\n
         raw 250 XXXXXXXA\\r\\n
         C QUIT",
    )
    .await;
    let extensions = &met.ehlo().extensions;
    assert!(extensions.has("PIPELINING") && !extensions.has("STARTTLS") && extensions.has("XXXXXXXA"));
    assert_eq!((extensions.auth_mechanisms(), extensions.size()), (vec!["LOGIN", "PLAIN"], None));
}

#[tokio::test(start_paused = true)]
async fn a_thousand_keywords_are_cut() {
    let script = format!("S 220 mx\n C EHLO\n {} S 250 STARTTLS\n C QUIT", "S 250-KEYWORD12\n".repeat(1_000));
    let met = meet(&script).await;
    assert_eq!(met.gist(), "220 250 not offered");
    assert_eq!(met.ehlo().reply.flaws, [Flaw::Truncated]);
}

#[tokio::test(start_paused = true)]
async fn a_line_without_end_is_given_up() {
    let script = format!("S 220 mx\n C EHLO\n raw 250 {}\n silence", "x".repeat(100_000));
    let met = meet(&script).await;
    assert_eq!(met.gist(), "220 oversize@ehlo");
}

#[tokio::test(start_paused = true)]
async fn a_session_of_legal_lines_ends_at_its_limit() {
    let line = format!("raw 250-{}\\r\\n\n", "x".repeat(60_000));
    let script = format!("S 220 mx\n C EHLO\n {} S 250 end\n silence", line.repeat(6));
    let met = meet(&script).await;
    assert_eq!(met.gist(), "220 oversize@ehlo");
    assert!(met.trouble().detail.contains("256 KiB"), "{}", met.trouble());
}

#[tokio::test(start_paused = true)]
async fn what_nobody_asked_for_ends_the_session() {
    let greeting = meet("raw 220 mx\\r\\n250 hello\\r\\n\n C QUIT\n S 221 bye").await;
    assert_eq!(greeting.gist(), "220 protocol_error@ehlo", "S21");
    assert_eq!(flaws(&greeting), [Flaw::Unsolicited]);
    assert!(greeting.trouble().detail.contains("250 hello"));
    let twice = meet("S 220 mx\n C EHLO\n raw 250 mx\\r\\n250 mx\\r\\n\n C QUIT\n S 221 bye").await;
    assert_eq!(twice.ehlo().reply.flaws, [Flaw::Unsolicited], "S22");
}

#[tokio::test(start_paused = true)]
async fn the_session_as_a_whole_has_an_end() {
    let mut short = meeting();
    short.plan.timeout = Duration::from_secs(20);
    let met = short.play("W 15\n S 220 mx\n C EHLO\n silence").await;
    assert_eq!(met.gist(), "220 timeout@ehlo");
    assert_eq!(met.took, Duration::from_secs(20));
    assert_eq!(met.heard.last().unwrap(), "QUIT\r\n");
}

#[tokio::test(start_paused = true)]
async fn a_stop_says_goodbye_where_it_may() {
    for (script, gist, quit) in [
        ("silence", "prober_error@banner (prober_error@banner)", false),
        ("S 220 mx\n C EHLO\n silence", "220 prober_error@ehlo", true),
    ] {
        let met =
            super::peer::Meeting { stop_after: Some(Duration::from_secs(3)), ..meeting() }.play(script).await;
        assert_eq!(met.gist(), gist, "{script}");
        assert_eq!(met.heard.last().is_some_and(|line| line == "QUIT\r\n"), quit, "{script}");
        assert!(met.took <= Duration::from_secs(5), "{:?}", met.took);
        assert_eq!(met.trouble().cause, Cause::ProberError);
    }
}

#[tokio::test(start_paused = true)]
async fn a_goodbye_may_be_answered_in_any_way() {
    for end in ["S 221 bye", "S 500 what", "", "silence", "deaf", "raw \\x00\\xff"] {
        let met = meet(&format!("S 220 mx\n C EHLO\n S 250 mx\n C QUIT\n {end}")).await;
        assert_eq!(met.gist(), "220 250 not offered", "{end}");
        assert!(met.took <= Duration::from_secs(2), "{end}: {:?}", met.took);
    }
}

#[tokio::test(start_paused = true)]
async fn a_client_without_a_name_gives_its_address() {
    let mut nameless = meeting();
    nameless.plan.helo = None;
    let (ours, theirs) = (nameless, "S 220 mx\n C EHLO [192.0.2.9]\n S 250 mx\n C QUIT");
    let met = ours.play(theirs).await;
    assert_eq!(met.gist(), "220 250 not offered");
}
