//! The daemon against real servers: Knot, Unbound, Postfix, postgrey, Exim, OpenSMTPD and nginx, in a network of their own on
//! this machine; and Prometheus and Chromium against the daemon.
//!
//! `cargo test --test e2e` as root; `-- servers` takes one step of those below, `-- screenshots` takes pictures of the
//! pages, and `-- shell` opens a shell in that world. What is expected of every domain stands in `expectations.md`.
#![expect(
    clippy::expect_used,
    clippy::print_stdout,
    reason = "a test program: it prints, and a panic is its failure"
)]

mod answers;
mod browser;
mod certificates;
mod check;
mod claims;
mod daemon;
mod dane;
mod discovery;
mod dns;
mod doubts;
mod expectations;
mod hostile;
mod http;
mod namespace;
mod openssl;
mod pack;
mod pages;
mod policies;
mod policy_hosts;
mod posttls_finger;
mod prober;
mod prometheus;
mod said;
mod scan;
mod scrape;
mod screenshots;
mod servers;
mod smtp;
mod sslscan;
mod tally;
mod throttle;
mod tlsa;
mod verdicts;
mod world;

use std::fs;
use std::process::{Command, ExitCode};

use daemon::Daemon;
use tally::Tally;

/// What is tested, in this order: first that the world is as the table says, then the daemon in it.
const STEPS: [(&str, Step); 11] = [
    ("servers", answers::are_as_described),
    ("daemon", verdicts::are_as_expected),
    ("dane", dane::agrees),
    ("scan", scan::agrees),
    ("policies", policies::are_followed),
    ("throttle", throttle::holds_the_verdict),
    ("doubts", doubts::are_held),
    ("check", check::tells),
    ("prometheus", scrape::agrees),
    ("discovery", discovery::finds_all),
    ("pages", pages::are_sound),
];

/// What is done only when asked for by its name.
const MORE: [(&str, Step); 1] = [("screenshots", screenshots::take)];

type Step = fn(&mut Tally, &mut Daemon);

fn main() -> ExitCode {
    if std::env::args().nth(1).as_deref() == Some(hostile::WORD) {
        hostile::serve();
    }
    if !namespace::entered() {
        return namespace::enter();
    }
    let wanted: Vec<String> = std::env::args().skip(1).filter(|word| !word.starts_with('-')).collect();
    let _world = world::start();
    if wanted == ["shell"] {
        Command::new("bash").status().expect("bash starts");
        return ExitCode::SUCCESS;
    }
    test(&wanted).close()
}

/// Takes the steps that are wanted by name; without a name, all but those of `MORE`.
fn test(wanted: &[String]) -> Tally {
    let mut tally = Tally::default();
    let mut daemon = Daemon::default();
    let named = |name: &str| wanted.iter().any(|word| word == name);
    let usual = STEPS.iter().filter(|(name, _)| wanted.is_empty() || named(name));
    for (name, step) in usual.chain(MORE.iter().filter(|(name, _)| named(name))) {
        println!("\n{name}");
        step(&mut tally, &mut daemon);
    }
    if let Some(end) = daemon.stop() {
        tally.compare("SIGTERM ends it", end.err().into_iter().collect());
    }
    if tally.any_failed() {
        let log = fs::read_to_string(daemon::log()).unwrap_or_default();
        let lines: Vec<&str> = log.lines().collect();
        println!("\nthe end of the daemon's log\n{}", lines[lines.len().saturating_sub(40)..].join("\n"));
    }
    tally
}
