//! The daemon's life: it stops, reloads, and does not mind who listens to it.

use crate::process::{program_in_shell, start_with, wait_until};
use crate::world::World;
use std::io::Write as _;
use std::process::{Command, Stdio};
use std::thread;
use std::time::Duration;

/// What the manual page promises.
const GRACE: Duration = Duration::from_secs(10);

#[tokio::test(flavor = "multi_thread")]
async fn sigterm_says_goodbye_to_open_sessions() {
    let slow = Duration::from_secs(1);
    let world = World::with(|server| server.answers_after(slow)).await;
    let daemon = world.daemon("a.test", &[]);
    wait_until("the session has begun", || world.server.transcripts().concat().len() == 1);
    let ended = daemon.ended_by("TERM");
    assert_eq!(ended.status, Some(0), "{ended:#?}");
    assert!(ended.after < GRACE, "{:?}", ended.after);
    wait_until("QUIT is heard", || world.server.transcripts().concat().iter().any(|line| line == "QUIT"));
    world.assert_good_manners();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_second_signal_ends_it_at_once() {
    let world = World::with(|server| server.answers_after(GRACE)).await;
    let daemon = world.daemon("a.test", &[]);
    wait_until("the session has begun", || world.server.transcripts().concat().len() == 1);
    daemon.signal("TERM");
    daemon.line(0, "saying goodbye");
    let ended = daemon.ended_by("INT");
    assert_eq!(ended.status, Some(1), "{ended:#?}");
    assert!(ended.after < Duration::from_secs(1) && ended.err.contains("ending at once"), "{ended:#?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn sighup_reloads_and_a_bad_file_changes_nothing() {
    let world = World::sound().await;
    let daemon = world.daemon("a.test", &[]);
    daemon.get_until("/metrics", "smtp_domain_up{domain=\"a.test\"} 1");
    world.configure("domains: [b.test, b.test]\n");
    daemon.signal("HUP");
    let line = daemon.line(0, "not reloaded, going on as before");
    assert!(line.contains("mx-exporter.yml:5:19: domain: found `b.test`"), "{line}");
    let metrics = daemon.get_until("/metrics", "mx_exporter_config_last_reload_successful 0");
    assert!(metrics.contains("{domain=\"a.test\"}"), "{metrics}");

    world.configure("domains: [b.test]\n");
    daemon.signal("HUP");
    daemon.line(0, "reloaded: 1 domain");
    let metrics = daemon.get_until("/metrics", "smtp_domain_up{domain=\"b.test\"} 1");
    assert!(!metrics.contains("a.test"), "{metrics}");
    assert_eq!(daemon.ended_by("TERM").status, Some(0));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hundred_reloads_do_no_harm() {
    let world = World::sound().await;
    let daemon = world.daemon("a.test", &[]);
    daemon.line(0, "run finished");
    for _ in 0..100 {
        daemon.signal("HUP");
    }
    let lines = daemon.lines().len();
    daemon.line(lines, "run finished");
    assert!(daemon.get("/-/healthy").starts_with("HTTP/1.1 200"));
    let ended = daemon.ended_by("TERM");
    assert_eq!(ended.status, Some(0), "{ended:#?}");
    let reloads = ended.err.matches("reloaded: 1 domain").count();
    assert!((1..=100).contains(&reloads), "{reloads}");
    world.assert_good_manners();
}

/// A signal that comes while it still starts is a request as well, and no reason to end.
#[tokio::test(flavor = "multi_thread")]
async fn a_reload_may_come_early() {
    let world = World::sound().await;
    let daemon = world.daemon("a.test", &[]);
    daemon.line(0, "1 domain");
    daemon.signal("HUP");
    daemon.line(0, "reloaded");
    assert_eq!(daemon.ended_by("TERM").status, Some(0));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_log_that_nobody_reads_holds_nothing_up() {
    let world = World::sound().await;
    world.configure("domains: [a.test, b.test]\n");
    let (unread, full) = std::io::pipe().unwrap();
    let mut filler = full.try_clone().unwrap();
    thread::spawn(move || while filler.write_all(&[b'\n'; 4096]).is_ok() {}); // stuck, until the test drops the other end
    let config = world.config();
    let mut command = Command::new(env!("CARGO_BIN_EXE_mx-exporter"));
    command.args(["--config.file", &config, "--web.listen-address", "127.0.0.1:0", "--log.level", "trace"]);
    let daemon = start_with(&mut command, Stdio::null(), full.into());
    wait_until("it probes again and again", || world.server.connections() >= 4);
    let ended = daemon.ended_by("TERM");
    assert_eq!(ended.status, Some(0), "{ended:#?}");
    assert!(ended.after < GRACE, "{:?}", ended.after);
    drop(unread);
}

#[tokio::test(flavor = "multi_thread")]
async fn closed_outputs_are_no_reason_to_end() {
    let world = World::sound().await;
    world.configure("domains: [a.test]\n");
    let config = world.config();
    let args = ["--config.file", &config, "--web.listen-address", "127.0.0.1:0"];
    let daemons = ["exec \"$0\" \"$@\" >&- 2>&-", "exec \"$0\" \"$@\" >/dev/full 2>/dev/full"]
        .map(|script| program_in_shell(script, &args));
    let mut daemons = Vec::from(daemons);
    let (reader, writer) = std::io::pipe().unwrap();
    drop(reader);
    let mut command = Command::new(env!("CARGO_BIN_EXE_mx-exporter"));
    daemons.push(start_with(command.args(args), Stdio::null(), writer.into()));
    wait_until("they probe again and again", || world.server.connections() >= 9);
    for daemon in daemons {
        assert_eq!(daemon.ended_by("TERM").status, Some(0));
    }
}
