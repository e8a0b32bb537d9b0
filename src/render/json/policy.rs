//! What the domain publishes about TLS: MTA-STS with its policy, and TLS-RPT.

use super::dns::Answer;
use super::endpoint::Trouble;
use crate::observe::{self, Fetched, MtaSts, PeerText, PolicyText, StsId, StsPolicy, StsState};
use crate::render::time;
use serde::Serialize;

#[derive(Serialize)]
pub(super) struct Policies<'a> {
    mta_sts: Sts<'a>,
    tls_rpt: Rpt<'a>,
}

#[derive(Serialize)]
struct Sts<'a> {
    /// `absent`, `invalid`, `none`, `testing` or `enforce`, by the last conclusive looks; `null` before the first.
    state: Option<&'static str>,
    record: Answer<&'a str>,
    id: Option<&'a str>,
    /// Why senders ignore the record.
    record_error: Option<&'a str>,
    /// The policy in force, by the last conclusive looks.
    policy: Option<Policy>,
    fetch: Option<Fetch<'a>>,
}

#[derive(Serialize)]
struct Policy {
    mode: &'static str,
    max_age_seconds: u64,
    mx: Vec<String>,
    more_mx: usize,
}

/// The last fetch.
#[derive(Serialize)]
struct Fetch<'a> {
    at: String,
    /// `text`, `status`, `bad_certificate`, `encoded` or `too_large`; `null` where there was no answer.
    outcome: Option<&'static str>,
    status: Option<u16>,
    content_type: Option<&'a str>,
    lines: Vec<&'a str>,
    cut: bool,
    /// What is wrong with the policy, or with its host.
    error: Option<String>,
    trouble: Option<Trouble>,
}

#[derive(Serialize)]
struct Rpt<'a> {
    record: Answer<&'a str>,
    rua: Vec<&'a str>,
    record_error: Option<&'a str>,
}

impl<'a> Policies<'a> {
    pub(super) fn of(policy: &'a observe::Policy) -> Self {
        let rpt = policy.tls_rpt.records().ok().flatten().map(|record| &record.read);
        let rua = rpt.and_then(|read| read.as_ref().ok()).into_iter().flatten();
        Self {
            mta_sts: Sts::of(&policy.mta_sts),
            tls_rpt: Rpt {
                record: Answer::with(&policy.tls_rpt, |record| texts(&record.texts)),
                rua: rua.map(PeerText::as_str).collect(),
                record_error: rpt.and_then(|read| read.as_ref().err()).map(|why| &**why),
            },
        }
    }
}

fn texts(texts: &[PeerText]) -> Vec<&str> {
    texts.iter().map(PeerText::as_str).collect()
}

impl<'a> Sts<'a> {
    fn of(sts: &'a MtaSts) -> Self {
        let read = sts.record.records().ok().flatten().map(|record| &record.read);
        Self {
            state: sts.state.as_ref().map(StsState::as_str),
            record: Answer::with(&sts.record, |record| texts(&record.texts)),
            id: sts.id().map(StsId::as_str),
            record_error: read.and_then(|read| read.as_ref().err()).map(|why| &**why),
            policy: sts.policy().map(Policy::of),
            fetch: sts.fetch.as_ref().map(Fetch::of),
        }
    }
}

impl Policy {
    fn of(policy: &StsPolicy) -> Self {
        let StsPolicy { mode, max_age, mx, more_mx } = policy;
        Self {
            mode: mode.as_str(),
            max_age_seconds: max_age.as_secs(),
            mx: mx.iter().map(ToString::to_string).collect(),
            more_mx: *more_mx,
        }
    }
}

impl<'a> Fetch<'a> {
    fn of(fetch: &'a observe::Fetch) -> Self {
        let nothing = Self {
            at: time::rfc3339(fetch.fact.at),
            outcome: None,
            status: None,
            content_type: None,
            lines: Vec::new(),
            cut: false,
            error: None,
            trouble: None,
        };
        match &fetch.fact.seen {
            Err(unseen) => Self { trouble: Some(Trouble::of(unseen)), ..nothing },
            Ok(Fetched::Status(status)) => Self { outcome: Some("status"), status: Some(*status), ..nothing },
            Ok(Fetched::BadCertificate(why)) => {
                Self { outcome: Some("bad_certificate"), error: Some(why.to_string()), ..nothing }
            }
            Ok(Fetched::Encoded(why)) => {
                Self { outcome: Some("encoded"), error: Some(why.to_string()), ..nothing }
            }
            Ok(Fetched::TooLarge) => Self { outcome: Some("too_large"), ..nothing },
            Ok(Fetched::Text(text)) => nothing.with(text),
        }
    }

    fn with(self, text: &'a PolicyText) -> Self {
        Self {
            outcome: Some("text"),
            status: Some(200),
            content_type: text.content_type.as_ref().map(PeerText::as_str),
            lines: texts(&text.lines),
            cut: text.cut,
            error: text.policy.as_ref().err().map(ToString::to_string),
            ..self
        }
    }
}
