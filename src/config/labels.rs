//! `labels:` of a domain: what an operator wants to read beside its name, as labels of `smtp_domain_info`.

use super::error::Problem;
use super::kind::{LABEL, WORDS};
use super::node::{Node, Value};
use std::collections::BTreeMap;

/// Values by name.
pub type Labels = BTreeMap<Box<str>, Box<str>>;

/// As many labels has one domain.
const MOST: usize = 16;

/// Adds a map of names and values to `labels`.
pub(super) fn read(node: Node, labels: &mut Labels) -> Result<(), Problem> {
    let entries = match node.value {
        Value::Map(entries) => entries,
        Value::Nothing => Vec::new(),
        _ => return Err(Problem::of(node.place, "labels", node.found(), "a map of names and values")),
    };
    for (name, value) in entries {
        let key = name.read("labels", &LABEL)?;
        let value = value.read(&key, &WORDS)?;
        labels.insert(key, value);
        if labels.len() > MOST {
            let found = format!("{} beside {MOST} others", name.found());
            let allowed = format!("at most {MOST}, those of `defaults` included");
            return Err(Problem::of(name.place, "labels", found, allowed));
        }
    }
    Ok(())
}
