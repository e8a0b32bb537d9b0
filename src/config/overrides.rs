//! `rules:` of a domain: severities of its own, by rule or issue code.

use super::error::Problem;
use super::kind::{Kind, LEVEL};
use super::node::{Node, Value};
use crate::rules::{self, Overrides};

/// Reads a map of codes and severities.
pub(super) fn read(node: Node) -> Result<Overrides, Problem> {
    read_by(code, node)
}

/// The code of a rule or an issue that there is.
fn code(text: &str) -> Option<&'static str> {
    let issues = rules::issues().map(|(_, issue)| issue.code);
    rules::ALL.iter().map(|rule| rule.code).chain(issues).find(|&code| code == text)
}

fn read_by(code: fn(&str) -> Option<&'static str>, node: Node) -> Result<Overrides, Problem> {
    let entries = match node.value {
        Value::Map(entries) => entries,
        Value::Nothing => Vec::new(),
        _ => return Err(Problem::of(node.place, "rules", node.found(), "a map of codes and severities")),
    };
    let kind = Kind {
        allowed: "the code of a rule or an issue, such as smtp.reverse_dns or smtp.ptr.missing",
        read: code,
    };
    let read = |(name, level): (Node, Node)| {
        let code = name.read("rules", &kind)?;
        Ok((code, level.read(code, &LEVEL)?))
    };
    entries.into_iter().map(read).collect::<Result<_, _>>().map(Overrides)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rules::Severity;

    #[test]
    fn codes_have_levels() {
        let levels = read("{smtp.reverse_dns: off, smtp.ptr.missing: info, smtp.open_relay: critical}");
        let want = [
            ("smtp.open_relay", Some(Severity::Critical)),
            ("smtp.ptr.missing", Some(Severity::Info)),
            ("smtp.reverse_dns", None),
        ];
        assert_eq!(levels, Ok(Overrides(want.into())));
        assert_eq!(read(""), Ok(Overrides::default()));
    }

    #[test]
    fn other_codes_and_levels_are_refused() {
        for (text, said) in [
            (
                "smtp.open_relay: never",
                "1:18: smtp.open_relay: found `never`, allowed: off, info, warning or critical",
            ),
            (
                "smtp.open_relay: ok",
                "1:18: smtp.open_relay: found `ok`, allowed: off, info, warning or critical",
            ),
            (
                "smtp.reverse_dsn: off",
                "1:1: rules: found `smtp.reverse_dsn`, \
                 allowed: the code of a rule or an issue, such as smtp.reverse_dns or smtp.ptr.missing",
            ),
        ] {
            assert_eq!(read(text).map_err(|problem| problem.to_string()), Err(said.to_owned()));
        }
    }

    fn read(text: &str) -> Result<Overrides, Problem> {
        let some = |text: &str| {
            ["smtp.open_relay", "smtp.ptr.missing", "smtp.reverse_dns"].into_iter().find(|&code| code == text)
        };
        read_by(some, Node::parse(text)?)
    }
}
