//! What hostile peers may cost, measured: `cargo bench --bench bounds` prints the figures and fails where a bound is broken.
//!
//! | part | bound |
//! |---|---|
//! | `tarpits` | 1,000 tarpits beside 100 healthy domains: 128 MiB in all, healthy domains' cycle p95 at most 10 % longer |
//! | `endless` | 64 peers whose replies never end: 32 MiB more than without them |
//! | `sessions` | 10⁶ sessions in virtual time leave no descriptor and no task (`SESSIONS=…` holds fewer) |
//!
//! `cargo bench --bench bounds -- tarpits` measures one of them. Every part is a process of its own, and the peers of a part
//! are another one, so that what is measured is the program alone.
#![expect(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "what goes wrong ends a measurement, whose figures are printed"
)]
#![expect(clippy::disallowed_methods, reason = "the clock of a daemon that is measured")]

mod fleet;
mod peers;
mod sessions;
#[path = "../../tests/support/mod.rs"]
mod support;

use std::env;
use std::fmt::Display;
use std::fs;
use std::process::{Command, ExitCode};

const PARTS: [&str; 3] = ["tarpits", "endless", "sessions"];
const MIB: f64 = 1_048_576.0;

fn main() -> ExitCode {
    let words: Vec<String> = env::args().skip(1).filter(|word| !word.starts_with("--")).collect();
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    let kept = match *words {
        ["measure", "tarpits"] => fleet::tarpits(),
        ["measure", "endless"] => fleet::endless(),
        ["measure", "sessions"] => sessions::leave_nothing(),
        ["peers", kind, count] => return peers::play(kind, count.parse().unwrap()),
        [] => all(&PARTS),
        ref parts if parts.iter().all(|part| PARTS.contains(part)) => all(parts),
        _ => panic!("usage: bounds [{}]", PARTS.join("|")),
    };
    if kept { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// Measures each part in a process of its own.
fn all(parts: &[&str]) -> bool {
    let measure = |part: &&str| {
        let status = Command::new(env::current_exe().unwrap()).args(["measure", part]).status().unwrap();
        if !status.success() {
            println!("{part}: {status}");
        }
        status.success()
    };
    let kept: Vec<bool> = parts.iter().map(measure).collect();
    kept.iter().all(|kept| *kept)
}

/// Prints a figure beside its bound; whether it is kept.
fn within(what: &str, figure: f64, bound: f64, unit: impl Display) -> bool {
    let kept = figure <= bound;
    println!(
        "{what:<58} {figure:>9.2} {unit:<4} at most {bound:>8.2} {}",
        if kept { "ok" } else { "BROKEN" }
    );
    kept
}

/// The memory of this process that is not swapped out, in bytes.
fn resident() -> f64 {
    let status = fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
    line.trim().trim_end_matches(" kB").parse::<f64>().unwrap() * 1_024.0
}
