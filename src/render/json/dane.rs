//! DANE: the TLSA records of a host, and what each says of an endpoint.

use super::dns::Answer;
use super::endpoint::Trouble;
use crate::observe::{self, Fit, PeerText, Seen, Tlsa, TlsaLookup};
use crate::render::dane;
use crate::report::Report;
use crate::rules::Subject;
use serde::Serialize;
use std::time::SystemTime;

/// One name that was asked for TLSA records.
#[derive(Serialize)]
pub(super) struct Asked<'a> {
    /// What stands behind the port and protocol.
    base: &'a str,
    #[serde(rename = "lookup")]
    answer: Answer<Record>,
    /// How many more records there were.
    more: usize,
    /// The wildcard that they are of; `null` where they were published for the very name.
    wildcard: Option<&'a str>,
}

#[derive(Serialize)]
struct Record {
    usage: u8,
    selector: u8,
    matching: u8,
    /// In hexadecimal digits.
    data: String,
}

/// An endpoint's.
#[derive(Serialize)]
pub(super) struct Dane {
    /// The last conclusive state; `null` where the host has no records that can be used.
    state: Option<&'static str>,
    /// What the last run alone found, and why it did not.
    seen: Option<&'static str>,
    trouble: Option<Trouble>,
    records: Vec<Matched>,
}

#[derive(Serialize)]
struct Matched {
    record: Record,
    /// `leaf`, `anchor`, `broken`, `nothing`, `unknown` or `unusable`; `null` without TLS.
    fit: Option<&'static str>,
    /// Which certificate of the chain it matches, from 0.
    place: Option<usize>,
    detail: String,
}

impl<'a> Asked<'a> {
    pub(super) fn of(asked: &'a TlsaLookup) -> Self {
        let TlsaLookup { base, lookup, more, wildcard } = asked;
        let wildcard = wildcard.as_ref().map(PeerText::as_str);
        Self { base: base.as_str(), answer: Answer::of(lookup, Record::of), more: *more, wildcard }
    }
}

impl Record {
    fn of(record: &Tlsa) -> Self {
        let Tlsa { usage, selector, matching, .. } = *record;
        Self { usage, selector, matching, data: dane::data(record) }
    }
}

impl Dane {
    pub(super) fn of(report: &Report, endpoint: &observe::Endpoint, now: SystemTime) -> Self {
        let seen: Seen<_> = report.observation.dane_at(endpoint, now);
        let matched = |row: dane::Row<'_>| Matched {
            record: Record::of(row.record),
            fit: row.fit.as_ref().map(dane::word),
            place: match row.fit {
                Some(Fit::Leaf) => Some(0),
                Some(Fit::Anchor(place)) => place,
                _ => None,
            },
            detail: row.says,
        };
        Self {
            state: report.dane_at(&Subject::of(endpoint)).map(|state| state.as_str()),
            trouble: seen.as_ref().err().map(Trouble::of),
            seen: seen.ok().map(|state| state.as_str()),
            records: dane::Row::all(&report.observation, endpoint, now).into_iter().map(matched).collect(),
        }
    }
}
