//! Reads `expectations.md`: what is wanted of every rule of every domain.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::{self, Display, Formatter};

/// The rules that the table speaks of; a row that names another is a mistake in it.
pub(crate) const RULES: [&str; 17] = [
    "smtp.null_mx",
    "smtp.mx_present",
    "smtp.mx_sanity",
    "smtp.endpoint_reachable",
    "smtp.banner_sanity",
    "smtp.ehlo_supported",
    "smtp.starttls_offered",
    "smtp.starttls_handshake",
    "smtp.auth_posture",
    "smtp.reverse_dns",
    "smtp.null_sender",
    "smtp.postmaster",
    "smtp.open_relay",
    "smtp.extension_posture",
    "smtp.ipv6_reachable",
    "smtp.availability",
    "smtp.tls_quality",
];

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
pub(crate) type Table = BTreeMap<String, BTreeMap<String, Standing>>;

pub(crate) fn read() -> Table {
    let text = include_str!("expectations.md");
    let rows = text.lines().filter(|line| line.starts_with("| ") && line.contains(".test |"));
    rows.map(|row| {
        let cells: Vec<&str> = row.trim_matches('|').split('|').map(str::trim).collect();
        let [domain, _, not_ok, ok, not_applicable] = cells[..] else { panic!("five columns: {row}") };
        (domain.to_owned(), standings(not_ok, ok, not_applicable))
    })
    .collect()
}

fn standings(not_ok: &str, ok: &str, not_applicable: &str) -> BTreeMap<String, Standing> {
    let fine = Standing { status: Some("1".to_owned()), ..Standing::default() };
    let mut named: Vec<(String, Standing)> = split(not_ok, ';').map(finding).collect();
    let mut rest = None;
    for (cell, standing) in [(ok, fine), (not_applicable, Standing::default())] {
        if cell == "the rest" {
            rest = Some(standing);
        } else {
            named.extend(split(cell, ',').map(|rule| (format!("smtp.{rule}"), standing.clone())));
        }
    }
    let rest = rest.expect("each row says what the rest are");
    let mut standings: BTreeMap<_, _> = RULES.iter().map(|rule| (rule.to_string(), rest.clone())).collect();
    for (rule, standing) in named {
        let replaced = standings.insert(rule.clone(), standing);
        assert!(replaced == Some(rest.clone()), "{rule} is no rule, or stands twice in a row");
    }
    standings
}

/// `open_relay: critical (open_relay)`
fn finding(text: &str) -> (String, Standing) {
    let (rule, rest) = text.split_once(": ").expect("a rule and its status");
    let (status, issues) = rest.split_once(" (").expect("a status and its issues");
    let (number, _) = STATUSES.iter().find(|(_, name)| *name == status).expect("a status by its name");
    let issues = split(issues.trim_end_matches(')'), ',').map(|code| format!("smtp.{code}")).collect();
    (format!("smtp.{rule}"), Standing { status: Some(number.to_string()), issues })
}

fn split(cell: &str, separator: char) -> impl Iterator<Item = &str> {
    cell.split(separator).map(str::trim).filter(|part| !part.is_empty())
}
