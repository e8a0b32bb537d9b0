//! What the documents say is what the program does: generated parts are current, links lead somewhere.

use std::fs;
use std::path::{Path, PathBuf};

const OPEN: &str = "<!-- rules: written by `cargo test --test docs`, do not edit -->\n";
const CLOSE: &str = "<!-- /rules -->";

/// Rewrites the table where it is out of date, and fails so that nobody overlooks it.
#[test]
fn the_rule_table_is_current() {
    let path = file("README.md");
    let text = fs::read_to_string(&path).unwrap();
    let (before, rest) = text.split_once(OPEN).expect("the marker before the table");
    let (table, after) = rest.split_once(CLOSE).expect("the marker behind the table");
    let current = mx_exporter::render::table::table();
    if table != current {
        fs::write(&path, format!("{before}{OPEN}{current}{CLOSE}{after}")).unwrap();
        panic!("the rule table of README.md was out of date; it has been rewritten");
    }
}

#[test]
fn links_lead_to_files() {
    for document in ["README.md", "ARCHITECTURE.md", "CHANGELOG.md"] {
        let text = fs::read_to_string(file(document)).unwrap();
        for (at, _) in text.match_indices("](") {
            let target = text[at + 2..].split(')').next().unwrap();
            if !target.starts_with("http") && !target.starts_with('#') {
                assert!(file(target).exists(), "{document} links to {target}");
            }
        }
    }
}

fn file(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(name)
}
