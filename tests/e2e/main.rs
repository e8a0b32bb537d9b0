//! The daemon against real servers: Knot, Unbound, Postfix, Exim and OpenSMTPD, in a network of their own on this
//! machine; and Prometheus and Chromium against the daemon.
//!
//! `cargo test --test e2e` as root; `-- servers` runs one step of those below, and `-- shell` opens a shell
//! in that world. What is expected of every domain stands in `expectations.md`.
#![expect(
    clippy::expect_used,
    clippy::print_stdout,
    reason = "a test program: it prints, and a panic is its failure"
)]

mod answers;
mod certificates;
mod check;
mod daemon;
mod dns;
mod expectations;
mod hostile;
mod namespace;
mod posttls_finger;
mod said;
mod servers;
mod smtp;
mod tally;
mod verdicts;
mod world;

use std::process::{Command, ExitCode};

use tally::Tally;

/// What is tested, in this order: first that the world is as the table says, then the daemon in it.
const STEPS: [(&str, Step); 3] =
    [("servers", answers::are_as_described), ("daemon", verdicts::are_as_expected), ("check", check::tells)];

type Step = fn(&mut Tally);

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
    let mut tally = Tally::default();
    for (name, step) in STEPS {
        if wanted.is_empty() || wanted.iter().any(|word| word == name) {
            println!("\n{name}");
            step(&mut tally);
        }
    }
    tally.close()
}
