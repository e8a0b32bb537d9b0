//! Reads `expectations.md`: what is wanted of every rule of every domain.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::{self, Display, Formatter};

/// A rule's status as `/metrics` has it, and the codes of its issues. No status: the rule does not apply.
#[derive(Clone, Default, PartialEq)]
pub(crate) struct Standing {
    pub(crate) status: Option<String>,
    pub(crate) issues: BTreeSet<String>,
}

impl Standing {
    pub(crate) fn is_critical(&self) -> bool {
        self.status.as_deref() == Some("4")
    }
}

impl Display for Standing {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let number = self.status.as_deref().map_or("no series", |number| number);
        let name = STATUSES.iter().find(|(value, _)| *value == number).map_or("", |(_, name)| name);
        write!(f, "{number} {name} {:?}", self.issues)
    }
}

/// The values of `smtp_rule_status`.
pub(crate) const STATUSES: [(&str, &str); 6] =
    [("0", "unknown"), ("1", "ok"), ("2", "info"), ("3", "warning"), ("4", "critical"), ("5", "error")];

/// Domain, then rule, then what is wanted.
pub(crate) type Table = BTreeMap<String, Standings>;

/// What is wanted of each rule.
pub(crate) type Standings = BTreeMap<String, Standing>;

const TEXT: &str = include_str!("expectations.md");

/// What the rules are where a domain's row does not name them.
pub(crate) fn usual() -> Standings {
    let rows = rows().filter_map(|cells| <[&str; 2]>::try_from(cells).ok());
    let usual: Standings =
        rows.map(|[rule, standing]| (format!("smtp.{rule}"), read_standing(standing))).collect();
    assert!(!usual.is_empty(), "the rules have a table");
    usual
}

pub(crate) fn read() -> Table {
    let usual = usual();
    let rows = rows().filter(|cells| cells.len() > 2);
    rows.map(|cells| {
        let [domain, _, unusual, as_usual, not_applicable] = cells[..] else {
            panic!("five columns: {cells:?}")
        };
        (domain.to_owned(), standings(&usual, unusual, as_usual, not_applicable))
    })
    .collect()
}

/// The cells of all rows that are no heading.
fn rows() -> impl Iterator<Item = Vec<&'static str>> {
    let headings = |line: &str| {
        line.starts_with("|--") || line.starts_with("| rule |") || line.starts_with("| domain |")
    };
    let rows = TEXT.lines().filter(move |line| line.starts_with('|') && !headings(line));
    rows.map(|row| row.trim_matches('|').split('|').map(str::trim).collect())
}

fn standings(usual: &Standings, unusual: &str, as_usual: &str, not_applicable: &str) -> Standings {
    let rest_as_usual = as_usual == "the rest";
    assert!(rest_as_usual != (not_applicable == "the rest"), "each row says once what the rest are");
    let none = usual.keys().map(|rule| (rule.clone(), Standing::default())).collect();
    let mut standings = if rest_as_usual { usual.clone() } else { none };
    let mut left: BTreeSet<String> = usual.keys().cloned().collect();
    let mut name = |rule: String, standing: Standing| {
        assert!(left.remove(&rule), "{rule} is no rule, or stands twice in a row");
        standings.insert(rule, standing);
    };
    for finding in split(unusual, ';') {
        let (rule, standing) = finding.split_once(": ").expect("a rule and its status");
        name(format!("smtp.{rule}"), read_standing(standing));
    }
    for (cell, standing) in [(as_usual, None), (not_applicable, Some(Standing::default()))] {
        for rule in split(cell, ',').filter(|_| cell != "the rest").map(|rule| format!("smtp.{rule}")) {
            let standing = standing.clone().unwrap_or_else(|| usual.get(&rule).cloned().unwrap_or_default());
            name(rule, standing);
        }
    }
    standings
}

/// `ok`, or `critical (open_relay)`.
fn read_standing(text: &str) -> Standing {
    let (status, issues) = text.split_once(" (").unwrap_or((text, ""));
    let (number, _) = STATUSES.iter().find(|(_, name)| *name == status).expect("a status by its name");
    let issues = split(issues.trim_end_matches(')'), ',').map(|code| format!("smtp.{code}")).collect();
    Standing { status: Some(number.to_string()), issues }
}

fn split(cell: &str, separator: char) -> impl Iterator<Item = &str> {
    cell.split(separator).map(str::trim).filter(|part| !part.is_empty())
}
