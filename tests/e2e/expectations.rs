//! Reads `expectations.md`: what is wanted of every rule of every domain, and of every scan.

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

/// What is wanted of a scan, by the daemon and by sslscan.
pub(crate) struct Scan {
    pub(crate) server: &'static str,
    pub(crate) spoken: Spoken,
    pub(crate) grade: &'static str,
    pub(crate) by_sslscan: Spoken,
}

/// What is known of a server's TLS after a scan: each a cell.
#[derive(Clone)]
pub(crate) struct Spoken([String; 4]);

const SPOKEN: [&str; 4] = ["versions", "worst suites", "keys", "key exchange"];

impl Spoken {
    pub(crate) fn new(
        versions: &BTreeSet<String>,
        worst: &str,
        keys: &BTreeSet<String>,
        is_obsolete: bool,
    ) -> Self {
        let listed = |names: &BTreeSet<String>| Vec::from_iter(names.iter().map(String::as_str)).join(", ");
        let key_exchange = if is_obsolete { "obsolete" } else { "current" };
        Self([listed(versions), worst.to_owned(), listed(keys), key_exchange.to_owned()])
    }

    pub(crate) fn differences(&self, got: &Self) -> Vec<String> {
        let cells = SPOKEN.iter().zip(&self.0).zip(&got.0).filter(|((_, wanted), got)| wanted != got);
        cells.map(|((what, wanted), got)| format!("{what}: wanted {wanted:?}, got {got:?}")).collect()
    }

    /// The same but for what a cell says: `keys: RSA`.
    fn but_for(&self, exceptions: &str) -> Self {
        let mut other = self.clone();
        for (what, instead) in split(exceptions, ';').map(|it| it.split_once(": ").expect("what and how")) {
            let place = SPOKEN.iter().position(|name| *name == what).expect("the name of a column");
            other.0[place] = instead.to_owned();
        }
        other
    }
}

const TEXT: &str = include_str!("expectations.md");

/// What the rules are where a domain's row does not name them.
pub(crate) fn usual() -> Standings {
    rows("The rules").map(|[rule, standing]| (format!("smtp.{rule}"), read_standing(standing))).collect()
}

pub(crate) fn read() -> Table {
    let usual = usual();
    rows("The domains")
        .map(|[domain, _, unusual, as_usual, not_applicable]| {
            (domain.to_owned(), standings(&usual, unusual, as_usual, not_applicable))
        })
        .collect()
}

pub(crate) fn scans() -> Vec<Scan> {
    rows("TLS scans")
        .map(|[server, versions, worst, keys, key_exchange, grade, exceptions]| {
            let spoken = Spoken([versions, worst, keys, key_exchange].map(str::to_owned));
            Scan { server, grade, by_sslscan: spoken.but_for(exceptions), spoken }
        })
        .collect()
}

/// The cells of all rows of the table under a heading.
fn rows<const CELLS: usize>(heading: &str) -> impl Iterator<Item = [&'static str; CELLS]> {
    let (_, below) = TEXT.split_once(&format!("\n## {heading}\n")).expect("the table has a heading");
    let lines = below.lines().take_while(|line| !line.starts_with("## "));
    let rows: Vec<&str> = lines.filter(|line| line.starts_with('|')).skip(2).collect();
    assert!(!rows.is_empty(), "{heading} have a table");
    rows.into_iter().map(|row| {
        let row = row.strip_prefix('|').and_then(|row| row.strip_suffix('|')).expect("a row ends");
        let cells: Vec<&str> = row.split('|').map(str::trim).collect();
        <[&str; CELLS]>::try_from(cells).unwrap_or_else(|cells| panic!("{CELLS} columns: {cells:?}"))
    })
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
