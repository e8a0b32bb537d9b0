//! `accept:` of a domain: findings that are known and wanted for a while.

use super::error::Problem;
use super::kind::{self, Kind};
use super::node::{Node, Value};
use super::section::Section;
use crate::rules::{self, Acceptance, Check, Issue, Rule};
use std::sync::Arc;

const LIST: &str = "a list, each entry a map with `issue`, `until`, `reason` and, for one server, `mx`";

const ISSUE: Kind<(&Rule, &Issue)> = Kind {
    allowed: "the code of an issue, such as smtp.tcp.unreachable",
    read: |text| rules::issues().find(|(_, issue)| issue.code == text),
};

/// Reads a list of findings.
pub(super) fn read(node: Node) -> Result<Vec<Arc<Acceptance>>, Problem> {
    node.list("accept", LIST)?.into_iter().map(|entry| acceptance(entry).map(Arc::new)).collect()
}

fn acceptance(node: Node) -> Result<Acceptance, Problem> {
    let missing = Node { place: node.place, value: Value::Nothing };
    let mut section = Section::of("accept", node)?;
    let mx = section.take("mx");
    let (rule, issue) = section.take("issue").as_ref().unwrap_or(&missing).read("issue", &ISSUE)?;
    let until = section.take("until").as_ref().unwrap_or(&missing).read("until", &kind::DAY)?;
    let reason = section.take("reason").as_ref().unwrap_or(&missing).read("reason", &kind::WORDS)?;
    section.finish()?;
    let Some(mx) = mx else { return Ok(Acceptance { issue: issue.code, mx: None, until, reason }) };
    if rule.checks.iter().all(|check| matches!(check, Check::Domain(_))) {
        let allowed = format!("none, since {} is found of the domain as a whole", issue.code);
        return Err(Problem::of(mx.place, "mx", mx.found(), allowed));
    }
    Ok(Acceptance { issue: issue.code, mx: Some(mx.read("mx", &kind::MX)?), until, reason })
}
