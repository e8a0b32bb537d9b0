//! Each value as it lies in the file: a byte for the version, then the plain data. Rules and issues are there by their
//! codes; what a version of the program no longer knows is left out when it is read.

use super::Kept;
use crate::name::{DomainName, MxName};
use crate::observe::{
    Absence, Contact, DomainDns, Endpoint, Fact, Observation, Policy, Ptr, SessionKey, Transaction, stored,
};
use crate::report::{Change, Concluded, Doubt, NextDue, Report, RuleStanding, Standing, Weighed};
use crate::rules::{self, Acceptance, Finding, Issue, Rule, Severity, Status, Subject};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

/// To be raised with every change of what is stored, the order of variants included: values of other versions are
/// forgotten.
const VERSION: u8 = 3;

/// A value as bytes.
pub(super) fn encode<T: Serialize>(value: &T) -> Result<Vec<u8>, postcard::Error> {
    postcard::to_extend(value, vec![VERSION])
}

/// Bytes as a value; none where they are of another version, or none at all.
pub(super) fn decode<T: DeserializeOwned>(bytes: &[u8]) -> Option<T> {
    let (version, rest) = bytes.split_first()?;
    let (value, rest) = postcard::take_from_bytes(rest).ok().filter(|_| *version == VERSION)?;
    rest.is_empty().then_some(value)
}

/// The key of a contact.
pub(super) fn key(key: &SessionKey) -> String {
    format!("{} {}", key.address, key.tls_name)
}

/// A [`Kept`] without the contacts.
#[derive(Serialize, Deserialize)]
pub(super) struct Record {
    fingerprint: u64,
    domain: DomainName,
    #[serde(with = "stored::moment")]
    at: SystemTime,
    dns: DomainDns,
    policy: Policy,
    endpoints: Vec<EndpointRecord>,
    standings: Vec<(Box<str>, Rows)>,
    history: Vec<ChangeRecord>,
    next: NextDue,
    #[serde(with = "stored::span")]
    took: Duration,
}

/// What stands for the subjects of one rule.
type Rows = Vec<(Subject, StandingRecord)>;

#[derive(Serialize, Deserialize)]
struct EndpointRecord {
    mx: MxName,
    preference: u16,
    contact: SessionKey,
    ptr: Fact<Ptr>,
    postmaster: Option<Fact<Transaction>>,
    #[serde(with = "stored::maybe_moment")]
    rests_until: Option<SystemTime>,
    #[serde(with = "stored::maybe_moment")]
    retry_at: Option<SystemTime>,
    absent: Option<Absence>,
    pooled: bool,
}

#[derive(Serialize, Deserialize)]
struct StandingRecord {
    last: Option<ConcludedRecord>,
    doubt: Option<Doubt>,
}

#[derive(Serialize, Deserialize)]
struct ConcludedRecord {
    #[serde(with = "stored::moment")]
    at: SystemTime,
    #[serde(with = "stored::moment")]
    since: SystemTime,
    findings: Vec<WeighedRecord>,
}

#[derive(Serialize, Deserialize)]
struct WeighedRecord {
    issue: Box<str>,
    evidence: String,
    excused: bool,
    severity: Option<Severity>,
    accepted: Option<AcceptanceRecord>,
}

#[derive(Serialize, Deserialize)]
struct AcceptanceRecord {
    issue: Box<str>,
    mx: Option<MxName>,
    #[serde(with = "stored::moment")]
    until: SystemTime,
    reason: Box<str>,
}

#[derive(Serialize, Deserialize)]
struct ChangeRecord {
    #[serde(with = "stored::moment")]
    at: SystemTime,
    rule: Box<str>,
    subject: Subject,
    from: Option<Status>,
    to: Option<Status>,
}

impl Record {
    pub(super) fn of(kept: &Kept) -> Self {
        let Report { observation, standings, history, next, took } = &*kept.report;
        let Observation { domain, at, dns, policy, endpoints } = observation;
        let standing = |row: &RuleStanding| {
            let subjects = row.subjects.iter();
            let subjects =
                subjects.map(|(subject, standing)| (subject.clone(), StandingRecord::of(standing)));
            (row.rule.code.into(), subjects.collect())
        };
        Self {
            fingerprint: kept.fingerprint,
            domain: domain.clone(),
            at: *at,
            dns: dns.clone(),
            policy: policy.clone(),
            endpoints: endpoints.iter().map(EndpointRecord::of).collect(),
            standings: standings.iter().map(standing).collect(),
            history: history.iter().map(ChangeRecord::of).collect(),
            next: *next,
            took: *took,
        }
    }

    /// The domain with the contacts that it had; none where one of them is missing.
    pub(super) fn revive(self, contacts: &HashMap<SessionKey, Arc<Contact>>) -> Option<Kept> {
        let Self { fingerprint, domain, at, dns, policy, endpoints, standings, history, next, took } = self;
        let endpoints = endpoints.into_iter().map(|endpoint| endpoint.revive(contacts));
        let endpoints = endpoints.collect::<Option<_>>()?;
        let observation = Observation { domain, at, dns, policy, endpoints };
        let row = |(code, subjects): (Box<str>, Rows)| {
            let subjects = subjects.into_iter();
            let revived = subjects.filter_map(|(subject, standing)| Some((subject, standing.revive()?)));
            Some(RuleStanding { rule: rule(&code)?, subjects: revived.collect() })
        };
        let standings = standings.into_iter().filter_map(row).filter(|row| !row.subjects.is_empty());
        let report = Report {
            observation,
            standings: standings.collect(),
            history: history.into_iter().filter_map(ChangeRecord::revive).collect(),
            next,
            took,
        };
        Some(Kept { report: Arc::new(report), fingerprint })
    }

    /// Which domain.
    pub(super) fn domain(&self) -> &DomainName {
        &self.domain
    }
}

impl EndpointRecord {
    fn of(endpoint: &Endpoint) -> Self {
        let Endpoint { mx, preference, contact, ptr, postmaster, rests_until, retry_at, absent, pooled } =
            endpoint.clone();
        Self {
            mx,
            preference,
            contact: contact.key.clone(),
            ptr: Fact::clone(&ptr),
            postmaster,
            rests_until,
            retry_at,
            absent,
            pooled,
        }
    }

    fn revive(self, contacts: &HashMap<SessionKey, Arc<Contact>>) -> Option<Endpoint> {
        let Self { mx, preference, contact, ptr, postmaster, rests_until, retry_at, absent, pooled } = self;
        let contact = contacts.get(&contact)?.clone();
        Some(Endpoint {
            mx,
            preference,
            contact,
            ptr: Arc::new(ptr),
            postmaster,
            rests_until,
            retry_at,
            absent,
            pooled,
        })
    }
}

impl StandingRecord {
    fn of(standing: &Standing) -> Self {
        let concluded = |last: &Concluded| ConcludedRecord {
            at: last.at,
            since: last.since,
            findings: last.findings.iter().map(WeighedRecord::of).collect(),
        };
        Self { last: standing.last.as_ref().map(concluded), doubt: standing.doubt.clone() }
    }

    /// None where nothing is left of it.
    fn revive(self) -> Option<Standing> {
        let last = self.last.and_then(ConcludedRecord::revive);
        (last.is_some() || self.doubt.is_some()).then_some(Standing { last, doubt: self.doubt })
    }
}

impl ConcludedRecord {
    /// None where all that was found is unknown by now: that is no pass.
    fn revive(self) -> Option<Concluded> {
        let was_pass = self.findings.is_empty();
        let findings: Vec<_> = self.findings.into_iter().filter_map(WeighedRecord::revive).collect();
        let (at, since) = (self.at, self.since);
        (was_pass || !findings.is_empty()).then_some(Concluded { at, since, findings })
    }
}

impl WeighedRecord {
    fn of(weighed: &Weighed) -> Self {
        let acceptance = |accepted: &Arc<Acceptance>| AcceptanceRecord {
            issue: accepted.issue.into(),
            mx: accepted.mx.clone(),
            until: accepted.until,
            reason: accepted.reason.clone(),
        };
        Self {
            issue: weighed.finding.issue.code.into(),
            evidence: weighed.finding.evidence.clone(),
            excused: weighed.finding.excused,
            severity: weighed.severity,
            accepted: weighed.accepted.as_ref().map(acceptance),
        }
    }

    fn revive(self) -> Option<Weighed> {
        let acceptance = |accepted: AcceptanceRecord| {
            let AcceptanceRecord { mx, until, reason, .. } = accepted;
            Some(Arc::new(Acceptance { issue: issue(&accepted.issue)?.code, mx, until, reason }))
        };
        let Self { evidence, excused, .. } = self;
        let finding = Finding { issue: issue(&self.issue)?, evidence, excused };
        Some(Weighed { finding, severity: self.severity, accepted: self.accepted.and_then(acceptance) })
    }
}

impl ChangeRecord {
    fn of(change: &Change) -> Self {
        let Change { at, rule, subject, from, to } = change.clone();
        Self { at, rule: rule.code.into(), subject, from, to }
    }

    fn revive(self) -> Option<Change> {
        let Self { at, rule: code, subject, from, to } = self;
        Some(Change { at, rule: rule(&code)?, subject, from, to })
    }
}

fn rule(code: &str) -> Option<&'static Rule> {
    rules::ALL.iter().copied().find(|rule| rule.code == code)
}

fn issue(code: &str) -> Option<&'static Issue> {
    rules::issues().map(|(_, issue)| issue).find(|issue| issue.code == code)
}

#[cfg(any(test, fuzzing))]
pub(crate) mod fuzzing;
