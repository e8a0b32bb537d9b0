//! The monitoring pack against the code: what alerts, their tests and the dashboard name exists, and each part is
//! complete. That the expressions are valid and do what they should is for `promtool` (`alerts/check`).
#![expect(clippy::expect_used, clippy::unwrap_used, reason = "what goes wrong here fails the test")]

mod alerts;
mod dashboard;
mod known;
mod promql;
mod templates;

use std::fs;
use std::path::Path;

/// A file of the repository.
fn file(name: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(name);
    fs::read_to_string(&path).unwrap_or_else(|error| panic!("{name}: {error}"))
}

#[test]
fn the_readme_names_what_exists() {
    known::check_prose(&file("README.md"), "README.md");
}
