//! Watches the mail servers of many domains and tells Prometheus, and people, what is wrong and how to fix it.
//!
//! ```text
//! config → schedule → probe (DNS, SMTP, TLS) → Observation → rules::judge → Report → Snapshot → render
//!          └───────── effect ──────────┘      └───────────── pure ─────────────┘   └ effect: serve ┘
//! ```

pub mod cli;
pub mod config;
pub mod daemon;
#[cfg(any(test, fuzzing))]
pub mod fuzzing;
pub mod grade;
pub mod http;
pub mod logging;
pub mod name;
pub mod observe;
pub mod probe;
pub mod render;
pub mod report;
pub mod rules;
pub mod schedule;
pub mod snapshot;
pub mod state;
