//! Who may import whom: reads the `crate::` paths of every module and holds them to the plan of ARCHITECTURE.md.
#![expect(clippy::unwrap_used, reason = "what goes wrong fails the test")]

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

/// Each room and the rooms it may import. A room may always import itself.
const ALLOWED: &[(&str, &[&str])] = &[
    ("name", &[]),
    ("observe", &["name"]),
    ("rules", &["observe", "name"]),
    ("config", &["name", "rules"]),
    ("probe", &["observe", "name"]),
    ("report", &["rules", "observe", "name"]),
    ("grade", &["report", "rules", "observe"]),
    ("snapshot", &["report", "observe", "name"]),
    ("schedule", &["name", "config", "observe"]),
    ("state", &["report", "schedule", "observe", "name", "rules"]),
    ("render", &["rules", "report", "grade", "observe", "snapshot", "name", "config"]),
    ("fuzzing", &["config", "http", "observe", "probe", "render", "state"]), // of fuzzing builds and tests alone
    ("http", &["render", "snapshot", "name", "config"]),
    (
        "daemon",
        &[
            "config", "logging", "name", "observe", "probe", "report", "rules", "schedule", "snapshot",
            "state",
        ],
    ),
    ("logging", &[]),
    ("cli", &["config", "daemon", "logging", "name", "render", "report", "rules"]),
];

/// Libraries that only some rooms may touch.
const LIBRARIES: &[(&str, &[&str])] = &[
    ("askama", &["render"]),
    ("aws_lc_rs", &["probe"]),
    ("axum", &["http"]),
    ("clap", &["cli", "logging"]),
    ("clap_complete", &["cli"]),
    ("clap_mangen", &["cli"]),
    ("croner", &["config"]),
    ("flate2", &["http"]),
    ("glob", &["config"]),
    ("hickory_resolver", &["probe"]),
    ("hyper", &["http", "probe"]),
    ("hyper_util", &["http", "probe"]),
    ("postcard", &["state"]),
    ("procfs", &["daemon"]),
    ("prometheus_client", &["render"]),
    ("psl", &["name"]),
    ("redb", &["state"]),
    ("rustls", &["probe", "daemon"]),
    ("serde_yaml", &["config", "render"]),
    ("terminal_size", &["cli"]),
    ("tokio", &["probe", "schedule", "http", "daemon", "cli"]),
    ("tokio_rustls", &["probe"]),
    ("unicode_security", &["config"]),
    ("unicode_width", &["render"]),
    ("webpki", &["probe"]),
    ("x509_parser", &["probe"]),
];

#[test]
fn modules_import_only_what_the_plan_allows() {
    let allowed: BTreeMap<_, _> = ALLOWED.iter().copied().collect();
    let mut wrong = Vec::new();
    for Source { room, file, code } in sources() {
        let may = allowed.get(room.as_str()).unwrap_or_else(|| panic!("{room} is not in the plan"));
        for import in imports(&code) {
            if import != room && allowed.contains_key(import.as_str()) && !may.contains(&import.as_str()) {
                wrong.push(format!("{}: {room} imports {import}", file.display()));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn libraries_stay_in_their_rooms() {
    let mut wrong = Vec::new();
    for Source { room, file, code } in sources() {
        for (library, rooms) in LIBRARIES {
            if uses(&code, library) && !rooms.contains(&room.as_str()) {
                wrong.push(format!("{}: {library} does not belong into {room}", file.display()));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn files_are_short_and_say_what_they_are() {
    let mut wrong = Vec::new();
    for Source { file, code, .. } in sources() {
        let lines = code.lines().count();
        if lines > 400 {
            wrong.push(format!("{}: {lines} lines before its tests", file.display()));
        }
        if !code.starts_with("//!") {
            wrong.push(format!("{}: does not open with what it is", file.display()));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

struct Source {
    room: String,
    file: PathBuf,
    /// The text without its unit tests.
    code: String,
}

fn sources() -> Vec<Source> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut files = BTreeSet::new();
    collect(&root, &mut files);
    let sources: Vec<Source> = files.iter().filter_map(|path| source(&root, path)).collect();
    assert!(sources.len() > 20, "the sources were not found");
    sources
}

/// None for the two roots and for files of tests.
fn source(root: &Path, path: &Path) -> Option<Source> {
    let file = path.strip_prefix(root).unwrap().to_owned();
    let parts: Vec<&str> = file.iter().map(|part| part.to_str().unwrap().trim_end_matches(".rs")).collect();
    let test = parts.iter().any(|part| ["tests", "testing"].contains(part));
    if test || ["main", "lib"].contains(&parts[0]) {
        return None;
    }
    let text = fs::read_to_string(path).unwrap();
    let code = text.split("\n#[cfg(test)]\nmod ").next().unwrap().to_owned();
    Some(Source { room: parts[0].to_owned(), file, code })
}

fn collect(folder: &Path, files: &mut BTreeSet<PathBuf>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            collect(&path, files);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            files.insert(path);
        }
    }
}

/// The rooms that follow `crate::`; those in braces, too.
fn imports(code: &str) -> BTreeSet<String> {
    let word = |text: &str| text.chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect::<String>();
    let mut imports = BTreeSet::new();
    for (at, prefix) in code.match_indices("crate::") {
        let rest = &code[at + prefix.len()..];
        match rest.strip_prefix('{') {
            Some(list) => {
                imports.extend(list.split('}').next().unwrap().split(',').map(|part| word(part.trim())))
            }
            None => drop(imports.insert(word(rest))),
        }
    }
    imports
}

/// Whether a path starts with the library's name.
fn uses(code: &str, library: &str) -> bool {
    let starts_path = |at: usize| {
        let before = code[..at].chars().next_back();
        before.is_none_or(|before| !before.is_alphanumeric() && before != '_' && before != ':')
    };
    code.match_indices(&format!("{library}::")).any(|(at, _)| starts_path(at))
}
