//! A map whose keys are known: each key is taken by its name, and what is left over is an error.

use super::error::Problem;
use super::kind::Kind;
use super::node::{Node, Value};

/// The keys of one map that nobody has asked for yet, and all that somebody did ask for.
#[must_use = "`finish` tells of unknown keys"]
pub(super) struct Section {
    entries: Vec<(Node, Node)>,
    known: Vec<&'static str>,
}

impl Section {
    /// The map that `key` has; nothing is an empty map.
    pub(super) fn of(key: &str, node: Node) -> Result<Self, Problem> {
        let entries = match node.value {
            Value::Map(entries) => entries,
            Value::Nothing => Vec::new(),
            _ => return Err(Problem::of(node.place, key, node.found(), "a map")),
        };
        Ok(Self { entries, known: Vec::new() })
    }

    /// The value of `key`, if there is one.
    pub(super) fn take(&mut self, key: &'static str) -> Option<Node> {
        self.known.push(key);
        let found = self.entries.iter().position(|(name, _)| name.is(key))?;
        Some(self.entries.remove(found).1)
    }

    /// The map that `key` has; an empty one if there is none.
    pub(super) fn section(&mut self, key: &'static str) -> Result<Self, Problem> {
        match self.take(key) {
            Some(node) => Self::of(key, node),
            None => Ok(Self { entries: Vec::new(), known: Vec::new() }),
        }
    }

    /// Sets `field` to the value of `key`, if there is one.
    pub(super) fn set<T, F: From<T>>(
        &mut self,
        key: &'static str,
        field: &mut F,
        kind: &Kind<T>,
    ) -> Result<(), Problem> {
        if let Some(node) = self.take(key) {
            *field = node.read(key, kind)?.into();
        }
        Ok(())
    }

    /// Sets `field` to the list that `key` has, if there is one.
    pub(super) fn set_list<T>(
        &mut self,
        key: &'static str,
        field: &mut Vec<T>,
        kind: &Kind<T>,
    ) -> Result<(), Problem> {
        if let Some(node) = self.take(key) {
            let each = format!("a list, each entry {}", kind.allowed);
            *field = read_all(key, node.list(key, &each)?, kind)?;
        }
        Ok(())
    }

    /// Sets `field` to the value of `key`, or to the values if it has a list; an empty list is refused.
    pub(super) fn set_one_or_more<T>(
        &mut self,
        key: &'static str,
        field: &mut Vec<T>,
        kind: &Kind<T>,
    ) -> Result<(), Problem> {
        if let Some(node) = self.take(key) {
            let items = match node.value {
                Value::List(items) if !items.is_empty() => items,
                _ => vec![node],
            };
            *field = read_all(key, items, kind)?;
        }
        Ok(())
    }

    /// Tells of the first key that nobody asked for.
    pub(super) fn finish(self) -> Result<(), Problem> {
        let Some((name, _)) = self.entries.first() else { return Ok(()) };
        let key = match &name.value {
            Value::Text(text) => text.to_string(),
            _ => name.found(),
        };
        Err(Problem::of(name.place, &key, "an unknown key", self.known.join(", ")))
    }
}

impl Node {
    /// The value that `key` has.
    pub(super) fn read<T>(&self, key: &str, kind: &Kind<T>) -> Result<T, Problem> {
        let refused = || Problem::of(self.place, key, self.found(), kind.allowed);
        match &self.value {
            Value::Text(text) => (kind.read)(text).ok_or_else(refused),
            _ => Err(refused()),
        }
    }

    /// The list that `key` has; nothing is an empty list.
    pub(super) fn list(self, key: &str, allowed: &str) -> Result<Vec<Self>, Problem> {
        match self.value {
            Value::List(items) => Ok(items),
            Value::Nothing => Ok(Vec::new()),
            _ => Err(Problem::of(self.place, key, self.found(), allowed)),
        }
    }

    fn is(&self, key: &str) -> bool {
        matches!(&self.value, Value::Text(text) if **text == *key)
    }
}

fn read_all<T>(key: &str, items: Vec<Node>, kind: &Kind<T>) -> Result<Vec<T>, Problem> {
    items.iter().map(|item| item.read(key, kind)).collect()
}
