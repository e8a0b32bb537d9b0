//! `check`: what it prints, what it exits with, how it is interrupted.

use crate::process::{program, program_in_shell, start_with, wait_until};
use crate::world::{Folder, World, assert_says};
use serde_json::Value;
use std::process::{Command, Stdio};
use std::time::Duration;

#[tokio::test(flavor = "multi_thread")]
async fn a_sound_domain_is_ok_by_file_and_by_flags() {
    let world = World::sound().await;
    for check in [world.check(&["a.test"]), world.check_by_flags(&["a.test"])] {
        let ended = check.ended();
        assert_eq!((ended.status, &*ended.err), (Some(0), ""), "{ended:#?}");
        assert_says(
            &ended,
            &["a.test: ", "Mail gets in, and nothing needs mending.", "10 mx.host.test", "TLS 1.3", "closed"],
        );
        assert!(!ended.out.contains('\x1b'), "{ended:#?}");
    }
    world.assert_good_manners();
}

#[tokio::test(flavor = "multi_thread")]
async fn an_open_relay_is_critical_in_every_form() {
    let world = World::with(|server| server.relays_for_everyone()).await;
    let [text, json, html] = ["text", "json", "html"].map(|form| world.check(&["a.test", "--output", form]));
    let text = text.ended();
    assert_eq!(text.status, Some(2), "{text:#?}");
    assert_says(&text, &["OPEN RELAY", "(smtp.open_relay)", "RCPT TO:<someone@out.test>", "Do this: "]);

    let json = json.ended();
    assert_eq!(json.status, Some(2), "{json:#?}");
    let domains: Value = serde_json::from_str(&json.out).unwrap();
    assert_eq!(domains[0]["domain"], "a.test");
    assert!(json.out.contains("\"smtp.open_relay\""), "{json:#?}");

    let html = html.ended();
    assert_eq!(html.status, Some(2), "{html:#?}");
    assert_says(&html, &["<!doctype html>", "<style>", "OPEN RELAY", "</html>"]);
    world.assert_good_manners();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_without_time_for_us_is_unknown_and_not_blamed() {
    let world = World::with(|server| server.throttles()).await;
    let ended = world.check(&["a.test"]).ended();
    assert_eq!(ended.status, Some(3), "{ended:#?}");
    assert_says(
        &ended,
        &["a.test: unknown", "the server limits our rate", "421 4.7.0", "Not judged this time"],
    );
    assert!(!ended.out.contains("CRITICAL"), "{ended:#?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_is_not_there_is_critical_only_at_the_second_look() {
    let world = World::with(|server| server.greets_after(Duration::from_secs(1))).await;
    let both = world.check(&["dead.test", "a.test"]);
    let alone = world.check(&["dead.test"]).ended();
    assert_eq!(alone.status, Some(3), "nothing tells it from a blocked port: {alone:#?}");
    assert_says(&alone, &["Not judged yet: port 25 is out of reach from here."]);
    let both = both.ended();
    assert_eq!(both.status, Some(2), "{both:#?}");
    assert_says(&both, &["dead.test: critical", "No mail server can be reached.", "smtp.tcp.unreachable"]);
    assert!(both.after >= Duration::from_secs(5), "{:?}", both.after);
}

#[tokio::test(flavor = "multi_thread")]
async fn several_domains_come_in_the_order_they_were_named() {
    let world = World::with(|server| server.relays_for_everyone()).await;
    let ended = world.check(&["nowhere.test", "bücher.test", "NOWHERE.test"]).ended();
    assert_eq!((ended.status, &*ended.err), (Some(2), ""), "{ended:#?}");
    let at = |part: &str| ended.out.find(part).unwrap_or_else(|| panic!("{part:?} is missing in {ended:#?}"));
    let places =
        ["nowhere.test: info", "bücher.test (xn--bcher-kva.test): critical", "2 domains: 1 critical, 1 info"]
            .map(at);
    assert!(places.is_sorted(), "{ended:#?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_signal_ends_it_politely() {
    let slow = Duration::from_secs(1);
    let world = World::with(|server| server.answers_after(slow)).await;
    let check = world.check(&["a.test"]);
    wait_until("the session has begun", || world.server.transcripts().concat().len() == 1);
    let ended = check.ended_by("INT");
    assert_eq!((ended.status, &*ended.out), (Some(3), ""), "{ended:#?}");
    assert_eq!(ended.err, "mx-exporter: ended by a signal before everything was probed");
    assert!(ended.after < Duration::from_secs(10), "{:?}", ended.after);
    wait_until("QUIT is heard", || world.server.transcripts().concat().iter().any(|line| line == "QUIT"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reader_who_has_seen_enough_is_no_error() {
    let world = World::with(|server| server.relays_for_everyone()).await;
    let (reader, writer) = std::io::pipe().unwrap();
    drop(reader);
    let program = env!("CARGO_BIN_EXE_mx-exporter");
    let config = world.config();
    let mut command = Command::new(program);
    command.args(["check", "--config.file", &config, "a.test"]);
    let ended = start_with(&mut command, writer.into(), Stdio::piped()).ended();
    assert_eq!((ended.status, &*ended.err), (Some(2), ""), "{ended:#?}");

    let shut =
        program_in_shell("exec \"$0\" \"$@\" >&- 2>&-", &["check", "--config.file", &config, "a.test"]);
    assert_eq!(shut.ended().status, Some(2));

    let full =
        program_in_shell("exec \"$0\" \"$@\" >/dev/full", &["check", "--config.file", &config, "a.test"])
            .ended();
    assert_eq!(full.status, Some(3), "{full:#?}");
    assert!(full.err.starts_with("mx-exporter: cannot write to standard output: "), "{full:#?}");
}

#[test]
fn what_is_wrong_with_flags_or_file_is_said_with_the_status_of_the_unknown() {
    let folder = Folder::new();
    folder.write("bad.yml", "defaults: {timeout: -1}\n");
    let path = |name: &str| folder.path(name).to_str().unwrap().to_owned();
    let (bad, none, dir) = (path("bad.yml"), path("none.yml"), path(""));
    folder.write("no.pem", "nothing");
    let pem = path("no.pem");
    for (args, said) in [
        (&["check"][..], "<DOMAIN>"),
        (&["check", "a..test"], "found `a..test`, allowed: a domain name"),
        (&["check", "a.test", "--timeout", "never"], "found `never`, allowed: seconds or a duration"),
        (&["check", "a.test", "--nonsense"], "--nonsense"),
        (&["--log.level=debug", "check", "a.test"], "check"),
        (&["check", "a.test", "--config.file", &bad], "bad.yml:1:21: timeout: found `-1`"),
        (&["check", "a.test", "--config.file", &none], "none.yml: cannot be read: No such file"),
        (&["check", "a.test", "--config.file", &dir], "cannot be read: Is a directory"),
        (&["check", "a.test", "--ca-file", &none], "cannot read certificates from"),
        (&["check", "a.test", "--ca-file", &pem], "cannot read certificates from"),
    ] {
        let ended = program(args).ended();
        assert_eq!((ended.status, &*ended.out), (Some(3), ""), "{args:?} {ended:#?}");
        assert!(ended.err.contains(said), "{args:?} {ended:#?}");
        assert!(!ended.err.contains("panicked") && ended.after < Duration::from_secs(5), "{ended:#?}");
    }
}
