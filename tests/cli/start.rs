//! The daemon's start: what keeps it from starting, and what it warns of.

use crate::process::{program, program_in_shell, start};
use crate::world::{Folder, World};
use std::net::TcpListener;
use std::process::Command;
use std::time::Duration;

const AT_ONCE: Duration = Duration::from_secs(5); // a second on a machine that has nothing else to do

#[test]
fn what_keeps_it_from_starting_is_named() {
    let folder = Folder::new();
    let path = |name: &str| folder.path(name).to_str().unwrap().to_owned();
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = taken.local_addr().unwrap().to_string();
    folder.write("good.yml", "domains: []\n");
    folder.write("bad.yml", "domains: [a.test, a.test]\n");
    folder.write("no-ca.yml", "tls: {ca_file: none.pem}\n");
    folder.write("no-key.yml", "dns: {trust_anchor: none.key}\n");
    let (good, bad, below) = (path("good.yml"), path("bad.yml"), path("good.yml/below.yml"));
    let (none, folder, no_ca, no_key) = (path("none.yml"), path(""), path("no-ca.yml"), path("no-key.yml"));
    for (config, address, said) in [
        (&good, &*port, format!("cannot listen on {port}: Address already in use")),
        (&good, "192.0.2.1:0", "cannot listen on 192.0.2.1:0: Cannot assign requested address".to_owned()),
        (&bad, "127.0.0.1:0", format!("{bad}:1:19: domain: found `a.test`")),
        (&none, "127.0.0.1:0", format!("{none}: cannot be read: No such file")),
        (&folder, "127.0.0.1:0", format!("{folder}: cannot be read: Is a directory")),
        (&below, "127.0.0.1:0", format!("{below}: cannot be read: Not a directory")),
        (&no_ca, "127.0.0.1:0", "none.pem".to_owned()),
        (&no_key, "127.0.0.1:0", "none.key".to_owned()),
    ] {
        let ended = program(&["--config.file", config, "--web.listen-address", address]).ended();
        assert_eq!(ended.status, Some(1), "{ended:#?}");
        let last = ended.err.lines().last().unwrap_or_default();
        assert!(last.contains("level=error") && last.contains(&said), "{said}: {ended:#?}");
        assert!(ended.after < AT_ONCE && !ended.err.contains("panicked"), "{ended:#?}");
    }
}

#[test]
fn a_configuration_is_checked_without_a_socket() {
    let folder = Folder::new();
    let path = |name: &str| folder.path(name).to_str().unwrap().to_owned();
    folder.write("good.yml", "domains: [a.test]\n");
    folder.write("bad.yml", "domain: [a.test]\n");
    let (good, bad) = (path("good.yml"), path("bad.yml"));
    let ended = program(&["--config.check", "--config.file", &good]).ended();
    assert_eq!((ended.status, &*ended.err), (Some(0), ""), "{ended:#?}");
    assert!(ended.out.starts_with(&format!("{good}: 1 domain, ")), "{ended:#?}");
    let ended = program(&["--config.check", "--config.file", &bad]).ended();
    assert_eq!((ended.status, &*ended.out), (Some(1), ""), "{ended:#?}");
    assert!(ended.err.starts_with(&format!("mx-exporter: {bad}:1:1: ")), "{ended:#?}");
    let shut = program_in_shell("exec \"$0\" \"$@\" >&-", &["--config.check", "--config.file", &good]);
    assert_eq!(shut.ended().status, Some(0));
}

#[test]
fn wrong_flags_and_questions_have_their_own_status() {
    for (args, status) in [
        (&["--nonsense"][..], 2),
        (&["--web.listen-address", "nowhere"], 2),
        (&["completions", "tcsh"], 2),
        (&["--help"], 0),
        (&["--version"], 0),
        (&["check", "--help"], 0),
        (&["man"], 0),
        (&["completions", "zsh"], 0),
    ] {
        let ended = program(args).ended();
        assert_eq!(ended.status, Some(status), "{args:?} {ended:#?}");
        assert_eq!(ended.out.is_empty(), status != 0, "{args:?} {ended:#?}");
        assert_eq!(ended.err.is_empty(), status == 0, "{args:?} {ended:#?}");
    }
    let head = program_in_shell("\"$0\" man | head -n 1", &[]).ended();
    assert_eq!((head.status, &*head.err), (Some(0), ""), "{head:#?}");
}

/// What bash offers to whoever has typed so much and presses the tabulator.
#[test]
fn bash_completes_the_flags_of_a_subcommand() {
    let script = r#"
        eval "$("$0" completions bash)"
        COMP_WORDS=(mx-exporter check --test-) COMP_CWORD=2
        _mx__exporter mx-exporter --test- check
        echo "${COMPREPLY[@]}""#;
    let mut command = Command::new("bash");
    let ended = start(command.args(["-c", script, env!("CARGO_BIN_EXE_mx-exporter")])).ended();
    let want = "--test-null-sender --test-postmaster --test-open-relay --test-probe-address\n";
    assert_eq!(ended.out, want, "{ended:#?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn too_few_descriptors_are_warned_of() {
    let world = World::sound().await;
    world.configure("domains: [a.test]\n");
    let daemon = program_in_shell(
        "ulimit -n 300; exec \"$0\" \"$@\"",
        &["--config.file", &world.config(), "--web.listen-address", "127.0.0.1:0"],
    );
    let warning = daemon.line(0, "level=warn");
    for part in ["may have 300 files open", "max_sessions: 64", "512 HTTP connections", "takes 840"] {
        assert!(warning.contains(part), "{warning}");
    }
    daemon.line(0, "run finished");
    assert_eq!(daemon.ended_by("TERM").status, Some(0));
}

/// However few files it may have open, what fails for want of them is its own fault: nothing is critical.
#[tokio::test(flavor = "multi_thread")]
async fn a_check_without_descriptors_blames_nobody() {
    let world = World::sound().await;
    for limit in [8, 9, 10, 11, 12, 13, 14, 16, 20] {
        let script = format!("ulimit -n {limit}; exec \"$0\" \"$@\"");
        let args = ["check", "--config.file", &world.config(), "--output", "json", "a.test"];
        let ended = program_in_shell(&script, &args).ended();
        assert!(matches!(ended.status, Some(0 | 1 | 3)), "{limit} descriptors: {ended:#?}");
        assert!(!ended.out.contains("\"critical\""), "{limit} descriptors: {}", ended.out);
        assert!(!ended.err.contains("panicked"), "{limit} descriptors: {}", ended.err);
    }
}
