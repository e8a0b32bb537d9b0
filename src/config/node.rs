//! YAML values with their places: all that the parser is asked for. Which keys there are is said where they are read.

use super::error::{Place, Problem};
use serde::de::{Deserialize, Deserializer, Error, MapAccess, SeqAccess, Visitor};
use serde_yaml::Spanned;
use serde_yaml::options::NonFiniteFloatPolicy;
use std::fmt;

/// Deeper than any key of ours, and shallow enough for the stack.
pub(super) const MAX_DEPTH: usize = 16;

/// Forty values for each of 100,000 domains, and room for a million domains that set nothing.
pub(super) const MAX_NODES: usize = 4_000_000;

/// What all anchors may hold together: settings that many domains share, not the domains.
const MAX_ANCHORED: usize = 20_000;

/// What all aliases may stand for: twenty values for each of 100,000 domains.
const MAX_ALIASED: usize = 2_000_000;

/// And no more than this beside one value for each byte of the file, so that a small file stays a small task.
const MAX_ALIASED_ANYWAY: usize = 10_000;

/// One YAML value.
#[derive(Debug)]
pub(super) struct Node {
    pub(super) place: Place,
    pub(super) value: Value,
}

/// The text of a scalar is kept whatever YAML takes it for: what it means is up to its key.
#[derive(Debug)]
pub(super) enum Value {
    List(Vec<Node>),
    Map(Vec<(Node, Node)>),
    Nothing,
    Text(Box<str>),
}

impl Node {
    /// Reads a document within the bounds above; duplicate keys, unknown tags and second documents are refused.
    pub(super) fn parse(text: &str) -> Result<Self, Problem> {
        let options = serde_yaml::options! {
            alias_limits: serde_yaml::alias_limits! {
                max_total_replayed_events: MAX_ALIASED.min(MAX_ALIASED_ANYWAY + text.len()),
            },
            budget: serde_yaml::budget! {
                enforce_alias_anchor_ratio: false, // one anchor for many domains is what aliases are for
                flow_nesting_limit: MAX_DEPTH,
                max_aliases: MAX_ALIASED,
                max_depth: MAX_DEPTH,
                max_events: 2 * MAX_NODES,
                max_merge_keys: MAX_ALIASED,
                max_nodes: MAX_NODES,
                max_recorded_anchor_events: MAX_ANCHORED,
            },
            emit_comments: false,
            leading_zero_numbers_as_strings: true,
            non_finite_float_policy: NonFiniteFloatPolicy::AsString,
            reject_unsupported_tags: true,
            strict_booleans: true, // `off` is a word
            underscored_numbers_as_strings: true,
            with_snippet: false,
        };
        serde_yaml::from_str_with_options(text, options).map_err(|error| Problem::of_yaml(&error))
    }

    /// What stands here, for people.
    pub(super) fn found(&self) -> String {
        match &self.value {
            Value::List(items) if items.is_empty() => "an empty list".to_owned(),
            Value::List(_) => "a list".to_owned(),
            Value::Map(_) => "a map".to_owned(),
            Value::Nothing => "nothing".to_owned(),
            Value::Text(text) if text.is_empty() => "an empty text".to_owned(),
            Value::Text(text) => super::error::quoted(text),
        }
    }
}

impl<'de> Deserialize<'de> for Node {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let spanned = Spanned::deserialize(deserializer)?;
        Ok(Self { place: spanned.referenced.into(), value: spanned.value })
    }
}

impl<'de> Deserialize<'de> for Value {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(AnyValue)
    }
}

struct AnyValue;

impl<'de> Visitor<'de> for AnyValue {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a text, a list or a map")
    }

    fn visit_unit<E: Error>(self) -> Result<Value, E> {
        Ok(Value::Nothing)
    }

    fn visit_bool<E: Error>(self, value: bool) -> Result<Value, E> {
        Ok(Value::text(value))
    }

    fn visit_i64<E: Error>(self, value: i64) -> Result<Value, E> {
        Ok(Value::text(value))
    }

    fn visit_u64<E: Error>(self, value: u64) -> Result<Value, E> {
        Ok(Value::text(value))
    }

    fn visit_f64<E: Error>(self, value: f64) -> Result<Value, E> {
        Ok(Value::Text(format!("{value:?}").into())) // keeps `25.0` apart from `25`
    }

    fn visit_str<E: Error>(self, value: &str) -> Result<Value, E> {
        Ok(Value::Text(value.into()))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Value, A::Error> {
        let mut items = Vec::new();
        while let Some(item) = list.next_element()? {
            items.push(item);
        }
        Ok(Value::List(items))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Value, A::Error> {
        let mut entries = Vec::new();
        while let Some(entry) = map.next_entry()? {
            entries.push(entry);
        }
        Ok(Value::Map(entries))
    }
}

impl Value {
    fn text(value: impl ToString) -> Self {
        Self::Text(value.to_string().into())
    }
}
