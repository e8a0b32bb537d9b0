//! The built program as people run it: `check`, the daemon's start and end, its signals, its log.
#![expect(clippy::unwrap_used, reason = "what goes wrong fails the test")]

#[path = "../support/mod.rs"]
mod support;

mod check;
mod daemon;
mod descriptors;
mod log;
mod process;
mod self_check;
mod start;
mod state;
mod world;
