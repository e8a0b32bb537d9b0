//! Peers that misbehave, and exactly what is said of each: scripted servers against the real client. Every case names
//! the line of the catalogue that it stands for, and [`lines`] holds that none is forgotten.
#![expect(clippy::expect_used, clippy::unwrap_used, reason = "what goes wrong fails the test")]
#![expect(clippy::too_many_lines, reason = "tables of cases")]

#[path = "../support/mod.rs"]
mod support;

mod config;
mod dns;
mod gist;
mod lines;
mod meet;
mod policy;
mod process;
mod says;
mod smtp;
mod tls;
