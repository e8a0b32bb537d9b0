//! Builders of what a domain publishes about TLS: `policies()` enforces MTA-STS and asks for reports.

use super::super::{Dnssec, Fetched, Lookup, Outcome, Policy, PolicyText, Seen, StsRecord, TlsRpt};
use super::dns::{answer, lookup};
use super::now;
use std::time::{Duration, SystemTime};

/// Two policies; see the module.
#[derive(Clone, Debug)]
pub(crate) struct PolicyBuilder {
    record: Lookup<StsRecord>,
    tls_rpt: Lookup<TlsRpt>,
    fetched: Option<Seen<Fetched>>,
    looks: u32,
    gap: Duration,
    ended: Duration,
    before: Option<Policy>,
}

/// MTA-STS of this mode for these MX patterns, and TLS-RPT.
pub(crate) fn policies(mode: &str, mx: &[&str]) -> PolicyBuilder {
    PolicyBuilder {
        record: answer(StsRecord::read(&[b"v=STSv1; id=20270101;".to_vec()])),
        tls_rpt: answer(TlsRpt::read(&[b"v=TLSRPTv1; rua=mailto:tls@example.com".to_vec()])),
        fetched: Some(Ok(served(&policy_text(mode, mx, 1_209_600)))),
        looks: 2,
        gap: Duration::from_secs(60),
        ended: Duration::ZERO,
        before: None,
    }
}

/// A policy as it stands in its file.
pub(crate) fn policy_text(mode: &str, mx: &[&str], max_age: u32) -> String {
    let mx: String = mx.iter().map(|mx| format!("mx: {mx}\r\n")).collect();
    format!("version: STSv1\r\nmode: {mode}\r\n{mx}max_age: {max_age}\r\n")
}

/// This text, as `text/plain`.
pub(crate) fn served(text: &str) -> Fetched {
    Fetched::Text(PolicyText::read(Some("text/plain; charset=utf-8".into()), text.as_bytes()))
}

impl PolicyBuilder {
    /// Other TXT records at `_mta-sts`. What announces no policy has none fetched.
    pub(crate) fn record(mut self, records: &[&str]) -> Self {
        let records: Vec<_> = records.iter().map(|record| record.as_bytes().to_vec()).collect();
        self.record = answer(StsRecord::read(&records));
        if !matches!(&self.record.outcome, Outcome::Answer(record) if record.id().is_some()) {
            self.fetched = None;
        }
        self
    }

    /// Another end of the look-up of `_mta-sts`.
    pub(crate) fn record_is(mut self, outcome: Outcome<StsRecord>) -> Self {
        (self.record, self.fetched) = (lookup(outcome), None);
        self
    }

    /// No answer at `_mta-sts` whose signatures fit.
    pub(crate) fn bogus_record(self) -> Self {
        let mut policies = self.record_is(Outcome::ServerFailure);
        policies.record.dnssec = Dnssec::Bogus;
        policies
    }

    /// Other TXT records at `_smtp._tls`.
    pub(crate) fn tls_rpt(mut self, records: &[&str]) -> Self {
        let records: Vec<_> = records.iter().map(|record| record.as_bytes().to_vec()).collect();
        self.tls_rpt = answer(TlsRpt::read(&records));
        self
    }

    /// Another end of the look-up of `_smtp._tls`.
    pub(crate) fn tls_rpt_is(mut self, outcome: Outcome<TlsRpt>) -> Self {
        self.tls_rpt = lookup(outcome);
        self
    }

    /// Something else came of the fetch, or it was never made.
    pub(crate) fn fetched(mut self, fetched: Option<Seen<Fetched>>) -> Self {
        self.fetched = fetched;
        self
    }

    /// So many looks, so far apart, had the same end.
    pub(crate) fn for_looks(mut self, looks: u32, gap: Duration) -> Self {
        (self.looks, self.gap) = (looks, gap);
        self
    }

    /// The last look was so long ago.
    pub(crate) fn ending(mut self, ago: Duration) -> Self {
        self.ended = ago;
        self
    }

    /// Behind these.
    pub(crate) fn after(mut self, before: &Self) -> Self {
        self.before = Some(before.build());
        self
    }

    /// After as many looks, the last one now.
    pub(crate) fn build(&self) -> Policy {
        let start = self.before.clone();
        let policy = (0..self.looks.max(1)).rev().fold(start, |before, look| Some(self.look(before, look)));
        policy.unwrap_or_else(Policy::unseen)
    }

    fn look(&self, before: Option<Policy>, look: u32) -> Policy {
        let at: SystemTime = now() - self.ended - self.gap * look;
        let seen = Policy::looked_up(self.record.clone(), self.tls_rpt.clone());
        seen.following(before.as_ref(), at, self.fetched.clone())
    }
}
