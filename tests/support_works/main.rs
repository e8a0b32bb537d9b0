//! The test support does what it says: each fake can pass, and each can fail.
mod certificates;
mod client;
mod mail_servers;
mod names;
mod scripts;
#[path = "../support/mod.rs"]
mod support;
