//! What must hold of configurations and domain files whatever stands in them.

use super::domain::{List, Reader};
use super::error::Problem;
use super::{Config, Error, parse};
use crate::name::DomainName;
use std::collections::BTreeSet;
use std::path::Path;
use std::sync::Arc;

/// Where a configuration under test is said to stand.
const PATH: &str = "fuzz/input.yml";

/// What a configuration is read as: none where it is refused, with a message that is one printable line and has its place.
pub(crate) fn configuration(text: &str) -> Option<Config> {
    match parse(text, Path::new(PATH), None) {
        Ok(config) => Some(config),
        Err(Error::Invalid { problem, .. }) => {
            assert_told(&problem, text);
            None
        }
        Err(error) => panic!("nothing but the text can be wrong: {error}"),
    }
}

/// A domain file has each domain once and is read as the same again from its names alone; one that is refused is told
/// where. The first octet says whether it is one of lines or YAML.
pub(crate) fn domain_file(input: &[u8]) {
    let Some((choice, text)) = input.split_first() else { return };
    let Ok(text) = str::from_utf8(text) else { return };
    let is_yaml = choice & 1 == 1;
    match List::read(text, is_yaml, &Arc::default()) {
        Ok(list) => {
            let names: Vec<&DomainName> = list.domains.iter().map(|(_, domain)| &domain.name).collect();
            assert!(names.iter().collect::<BTreeSet<_>>().len() == names.len(), "{names:?}");
            let lines: Vec<&str> = names.iter().map(|name| name.as_str()).collect();
            let again = Reader::new(Arc::default()).read_lines(&lines.join("\n"));
            let again = again.unwrap_or_else(|problem| panic!("{lines:?} are refused: {problem}"));
            assert!(again.domains.iter().map(|(_, domain)| &domain.name).eq(names), "{lines:?}");
            list.warnings.iter().for_each(|warning| assert_told(warning, text));
        }
        Err(problem) => assert_told(&problem, text),
    }
}

/// A place inside the file, or just behind it, and words on one line.
fn assert_told(problem: &Problem, text: &str) {
    let told = problem.to_string();
    assert!(!told.contains(char::is_control), "{told:?}");
    assert!(told.len() < 8_000, "{told}");
    let line = told.split(':').next().and_then(|line| line.parse::<usize>().ok());
    let lines = text.split(['\n', '\r', '\u{85}', '\u{2028}', '\u{2029}']).count();
    assert!(line.is_some_and(|line| (1..=lines + 1).contains(&line)), "{told} of {lines} lines");
}
