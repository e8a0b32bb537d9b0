//! What the domain publishes about TLS, with its records and the policy's text as they were served.

use super::when::When;
use crate::observe::{Fetched, PeerText, Policy};
use crate::render::policies::policies;
use std::time::SystemTime;

pub(super) struct PolicyRow<'a> {
    pub(super) name: &'static str,
    pub(super) says: String,
    /// The TXT records at its name.
    pub(super) records: Vec<&'a str>,
    /// When its text was fetched.
    pub(super) fetched: Option<When>,
    /// Its text, a line each.
    pub(super) lines: Vec<&'a str>,
    /// Whether there was more of it.
    pub(super) cut: bool,
}

impl<'a> PolicyRow<'a> {
    pub(super) fn all(policy: &'a Policy, now: SystemTime) -> [Self; 2] {
        let [sts, rpt] = policies(policy);
        let records = policy.mta_sts.record.records().ok().flatten().map(|record| &record.texts[..]);
        let reports = policy.tls_rpt.records().ok().flatten().map(|record| &record.texts[..]);
        let fetch = policy.mta_sts.fetch.as_ref();
        let text = fetch.and_then(|fetch| match &fetch.fact.seen {
            Ok(Fetched::Text(text)) => Some(text),
            _ => None,
        });
        [
            Self {
                fetched: fetch.map(|fetch| When::ago(fetch.fact.at, now)),
                lines: written(text.map(|text| &text.lines[..])),
                cut: text.is_some_and(|text| text.cut),
                ..Self::of(sts, records)
            },
            Self::of(rpt, reports),
        ]
    }

    fn of((name, says): (&'static str, String), records: Option<&'a [PeerText]>) -> Self {
        Self { name, says, records: written(records), fetched: None, lines: Vec::new(), cut: false }
    }
}

fn written(texts: Option<&[PeerText]>) -> Vec<&str> {
    texts.into_iter().flatten().map(PeerText::as_str).collect()
}
