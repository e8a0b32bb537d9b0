//! What must hold of any bytes in a state file: they are a value or none, and a value is written as the same again.
#![expect(clippy::expect_used, reason = "a panic is what fuzzing looks for")]

use super::{Record, decode, encode};
use crate::observe::{Contact, SessionKey};
use crate::report::Report;
use crate::schedule::Remembered;
use serde::{Serialize, de::DeserializeOwned};
use std::collections::HashMap;
use std::sync::Arc;

/// The first octet chooses the table. Gives the report, where the rest is one.
pub(crate) fn value(input: &[u8]) -> Option<Arc<Report>> {
    let (table, bytes) = input.split_first()?;
    match table % 3 {
        0 => return report(bytes),
        1 => drop(same_again::<Contact>(bytes)),
        _ => drop(same_again::<Remembered>(bytes)),
    }
    None
}

fn report(bytes: &[u8]) -> Option<Arc<Report>> {
    let record: Record = same_again(bytes)?;
    let keys = record.endpoints.iter().map(|endpoint| endpoint.contact.clone());
    let contacts: HashMap<SessionKey, Arc<Contact>> = keys.map(|key| (key.clone(), known(key))).collect();
    record.revive(&contacts).map(|kept| kept.report)
}

/// A contact with that endpoint.
fn known(key: SessionKey) -> Arc<Contact> {
    let contact = crate::observe::testing::endpoint().build().contact;
    Arc::new(Contact { key, ..(*contact).clone() })
}

fn same_again<T: Serialize + DeserializeOwned>(bytes: &[u8]) -> Option<T> {
    let value: T = decode(bytes)?;
    let written = encode(&value).expect("what was read can be written");
    let again: T = decode(&written).expect("what was written can be read");
    assert_eq!(encode(&again).expect("it can be written"), written);
    Some(value)
}
