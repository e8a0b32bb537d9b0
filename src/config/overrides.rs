//! `rules:` of a domain: severities of its own, by rule or issue code.

use super::error::Problem;
use super::kind::{Kind, LEVEL};
use super::node::{Node, Value};
use crate::rules::{self, Severity};
use std::collections::BTreeMap;

/// What severities are set for.
pub(super) const CODE: Kind<&str> = Kind {
    allowed: "the code of a rule or an issue, such as smtp.reverse_dns or smtp.ptr.missing",
    read: |text| {
        let issues = rules::issues().map(|(_, issue)| issue.code);
        rules::ALL.iter().map(|rule| rule.code).chain(issues).find(|&code| code == text)
    },
};

/// Reads a map of codes and severities; none is `off`.
pub(super) fn read(node: Node) -> Result<BTreeMap<&'static str, Option<Severity>>, Problem> {
    let entries = match node.value {
        Value::Map(entries) => entries,
        Value::Nothing => Vec::new(),
        _ => return Err(Problem::of(node.place, "rules", node.found(), "a map of codes and severities")),
    };
    let read = |(name, level): (Node, Node)| {
        let code = name.read("rules", &CODE)?;
        Ok((code, level.read(code, &LEVEL)?))
    };
    entries.into_iter().map(read).collect()
}
