//! Why there is no configuration: which file, where in it, which key, what was found, what is allowed.

use super::node::{MAX_DEPTH, MAX_NODES};
use serde_yaml::budget::BudgetBreach;
use serde_yaml::granit_parser::ErrorKind;
use serde_yaml::{ExternalMessageSource, Location, MessageFormatter, UserMessageFormatter};
use std::fmt;
use std::path::PathBuf;

/// How much of a key or a value a message repeats, in characters.
const MAX_QUOTED: usize = 80;

/// How much of the parser's words.
const MAX_WORDS: usize = 300;

/// Why a file is no configuration.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Something in it is wrong.
    #[error("{}:{problem}", path.display())]
    Invalid {
        /// The file.
        path: PathBuf,
        /// The first thing that is wrong.
        problem: Problem,
    },
    /// It was read no further than the limit.
    #[error("{}: larger than {} MiB", path.display(), limit >> 20)]
    TooLarge {
        /// The file.
        path: PathBuf,
        /// In bytes.
        limit: u64,
    },
    /// `domain_files` matches more files than are read.
    #[error("{}: domain_files match more than {limit} files", path.display())]
    TooMany {
        /// The configuration.
        path: PathBuf,
        /// The most there may be.
        limit: usize,
    },
    /// It could not be read.
    #[error("{}: cannot be read", path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// What the system says.
        source: std::io::Error,
    },
}

/// One thing that is wrong in a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    place: Place,
    text: String,
}

/// Where something stands in a file; both count from 1, columns in characters.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Place {
    pub(super) line: u32,
    pub(super) column: u32,
}

impl Problem {
    /// A problem as `key: found this, allowed: that`.
    pub(super) fn of(place: Place, key: &str, found: impl fmt::Display, allowed: impl fmt::Display) -> Self {
        Self { place, text: format!("{}: found {found}, allowed: {allowed}", shown(key, MAX_QUOTED)) }
    }

    /// Something that is worth telling.
    pub(super) fn noted(place: Place, text: String) -> Self {
        Self { place, text }
    }

    /// What the parser objects to.
    pub(super) fn of_yaml(error: &serde_yaml::Error) -> Self {
        let place = error.location().map_or(Place { line: 1, column: 1 }, Place::from);
        Self { place, text: yaml_text(error) }
    }

    /// Bytes that are no text, behind those that are.
    pub(super) fn not_utf8(before: &[u8]) -> Self {
        let before = String::from_utf8_lossy(before);
        let line = before.matches('\n').count() + 1;
        let column = before.chars().rev().take_while(|&c| c != '\n').count() + 1;
        let place = Place::at(line, column);
        Self { place, text: "found a byte that is not UTF-8".to_owned() }
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}: {}", self.place.line, self.place.column, self.text)
    }
}

impl Place {
    pub(super) fn at(line: impl TryInto<u32>, column: impl TryInto<u32>) -> Self {
        Self { line: counted(line), column: counted(column) }
    }
}

impl From<Location> for Place {
    fn from(location: Location) -> Self {
        Self::at(location.line(), location.column())
    }
}

fn counted(number: impl TryInto<u32>) -> u32 {
    number.try_into().unwrap_or(u32::MAX)
}

/// A text of the file as messages show it.
pub(super) fn quoted(text: &str) -> String {
    format!("`{}`", shown(text, MAX_QUOTED))
}

/// The beginning of a text, on one line, without control characters.
fn shown(text: &str, limit: usize) -> String {
    let beginning: String = text.chars().take(limit).collect();
    let escaped = beginning.escape_debug().to_string().replace("\\'", "'").replace("\\\"", "\"");
    if text.chars().nth(limit).is_some() { escaped + "…" } else { escaped }
}

fn yaml_text(error: &serde_yaml::Error) -> String {
    use serde_yaml::Error as Yaml;
    match error {
        Yaml::AliasError { error, .. } | Yaml::WithSnippet { error, .. } => yaml_text(error),
        Yaml::AliasExpansionLimitExceeded { .. }
        | Yaml::AliasReplayCounterOverflow { .. }
        | Yaml::AliasReplayLimitExceeded { .. }
        | Yaml::AliasReplayStackDepthExceeded { .. } => too_many_aliases(),
        Yaml::Budget { breach, .. } => breach_text(breach),
        Yaml::DuplicateMappingKey { key: Some(key), .. } => {
            format!("{}: found a second time, allowed: once in a map", shown(key, MAX_QUOTED))
        }
        Yaml::ExternalMessage { source, .. } if is_too_deep(source) => too_deep(),
        Yaml::MultipleDocuments { .. } => "found a second document, allowed: one".to_owned(),
        Yaml::RecursiveReferencesRequireWeakTypes { .. } => "found an alias inside its own anchor".to_owned(),
        Yaml::UnknownAnchor { .. } => "found an alias without an anchor before it".to_owned(),
        Yaml::UnsupportedTag { tag, .. } => format!("found the tag {}, allowed: none", quoted(tag)),
        other => format!("not YAML: {}", shown(&UserMessageFormatter.format_message(other), MAX_WORDS)),
    }
}

fn breach_text(breach: &BudgetBreach) -> String {
    match breach {
        BudgetBreach::Aliases { .. }
        | BudgetBreach::Anchors { .. }
        | BudgetBreach::MergeKeys { .. }
        | BudgetBreach::RecordedAnchorBytes { .. }
        | BudgetBreach::RecordedAnchorEvents { .. } => too_many_aliases(),
        BudgetBreach::Depth { .. } => too_deep(),
        _ => format!("found more than {MAX_NODES} values"),
    }
}

fn is_too_deep(source: &ExternalMessageSource) -> bool {
    matches!(source, ExternalMessageSource::Parser(error) if *error.kind() == ErrorKind::RecursionLimitExceeded)
}

fn too_deep() -> String {
    format!("found values nested deeper than {MAX_DEPTH} levels")
}

fn too_many_aliases() -> String {
    "found aliases that stand for too much".to_owned()
}
