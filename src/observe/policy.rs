//! What a domain publishes about TLS to its servers: MTA-STS (RFC 8461) with its policy, and TLS-RPT (RFC 8460).
//!
//! A look that proves nothing changes no state: [`MtaSts::state`] is the last that was conclusive.

mod fields;
mod sts_policy;
mod sts_record;
mod tls_rpt;

pub use sts_policy::{Mode, MxPattern, PolicyFlaw, StsPolicy};
pub use sts_record::{StsId, StsRecord};
pub use tls_rpt::TlsRpt;

use super::{Cause, Dnssec, Fact, Lookup, Outcome, PeerText, Seen, Stage, Trouble, Unseen, stored};
use serde::{Deserialize, Serialize};
use std::time::{Duration, SystemTime};

/// A policy that serves is fetched again after this long, so that a change without a new id is seen (RFC 8461 §3.3 wants
/// it at least before its `max_age` is over).
const FETCHED_AGAIN: Duration = Duration::from_secs(3600);
/// A policy host that failed is not asked again sooner (RFC 8461 §3.3), except for the second look.
const RETRIED: Duration = Duration::from_secs(300);
/// TXT records of one name that are kept for people,
const TEXTS: usize = 10;
/// and how much of each, in octets.
const TEXT: usize = 1 << 10;

/// Both policies of a domain.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Policy {
    /// Whether and how senders are to insist on TLS.
    pub mta_sts: MtaSts,
    /// Where senders are to report what fails.
    pub tls_rpt: Lookup<TlsRpt>,
}

/// MTA-STS as published.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct MtaSts {
    /// The TXT records at `_mta-sts`.
    pub record: Lookup<StsRecord>,
    /// The last fetch of the policy that the record announces; none where it announces none.
    pub fetch: Option<Fetch>,
    /// The policy as it was first seen under its id.
    pub announced: Option<Announced>,
    /// What the last conclusive looks came to.
    pub state: Option<StsState>,
}

/// One fetch.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Fetch {
    /// The id of the record then.
    pub id: StsId,
    /// What became of it. Troubles that need a second look, and that last, are in its streak.
    pub fact: Fact<Fetched>,
}

/// What a policy host answered.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Fetched {
    /// Its certificate is not valid for its name (RFC 8461 §3.3); why not.
    BadCertificate(PeerText),
    /// The policy, in some content encoding.
    Encoded(PeerText),
    /// Another status than 200.
    Status(u16),
    /// A policy, or what should be one.
    Text(PolicyText),
    /// More than 64 KiB.
    TooLarge,
}

/// The body of a 200.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PolicyText {
    /// The media type, if one was given.
    pub content_type: Option<PeerText>,
    /// The text, its lines apart; cut after 8 KiB.
    pub lines: Vec<PeerText>,
    /// Whether there was more of it.
    pub cut: bool,
    /// The policy that it is.
    pub policy: Result<StsPolicy, PolicyFlaw>,
}

/// A policy that senders have learnt under an id.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Announced {
    /// The id.
    pub id: StsId,
    /// The policy.
    pub policy: StsPolicy,
    /// When it was last served.
    #[serde(with = "stored::moment")]
    pub at: SystemTime,
}

/// What MTA-STS means for senders that have nothing in their caches.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum StsState {
    /// There is none.
    Absent,
    /// There is one that cannot be used: senders act as if there were none.
    Invalid,
    /// A policy, of whatever mode.
    Policy(StsPolicy),
}

impl Policy {
    /// Nothing is known.
    pub fn unseen() -> Self {
        fn failed<T>() -> Lookup<T> {
            Lookup::ended(Outcome::ServerFailure, Dnssec::Unchecked, Duration::ZERO)
        }
        Self::looked_up(failed(), failed())
    }

    /// What the look-ups of one run say; nothing is fetched yet.
    pub fn looked_up(record: Lookup<StsRecord>, tls_rpt: Lookup<TlsRpt>) -> Self {
        Self { mta_sts: MtaSts { record, fetch: None, announced: None, state: None }, tls_rpt }
    }

    /// The same, behind what the last run saw, with the fetch of this one if there was one.
    pub fn following(
        mut self,
        previous: Option<&Self>,
        at: SystemTime,
        fetched: Option<Seen<Fetched>>,
    ) -> Self {
        self.tls_rpt.follow(previous.map(|policy| &policy.tls_rpt), at);
        let before = previous.map(|policy| &policy.mta_sts);
        self.mta_sts.record.follow(before.map(|sts| &sts.record), at);
        self.mta_sts.fetch = self.mta_sts.fetch_behind(before, at, fetched);
        self.mta_sts.announced = self.mta_sts.announced_behind(before, at);
        self.mta_sts.state = match self.mta_sts.current() {
            Ok(state) => Some(state),
            Err(_) => before.and_then(|sts| sts.state.clone()),
        };
        self
    }
}

impl MtaSts {
    /// The id to fetch the policy for, where a fetch is due at `at`: another id, a policy an hour old, or a fetch that
    /// failed five minutes ago; the second look after `spacing`.
    pub fn due(&self, previous: Option<&Self>, at: SystemTime, spacing: Duration) -> Option<StsId> {
        let id = self.id()?;
        let Some(last) = previous.and_then(|sts| sts.fetch.as_ref()).filter(|last| last.id == *id) else {
            return Some(id.clone());
        };
        let again = match &last.fact.seen {
            Ok(Fetched::Text(PolicyText { policy: Ok(policy), .. })) => {
                FETCHED_AGAIN.min((policy.max_age / 2).max(RETRIED))
            }
            _ if wants_second_look(&last.fact) => spacing,
            _ => RETRIED,
        };
        // A clock that was set back is no reason to wait.
        let age = at.duration_since(last.fact.at);
        age.map_or(true, |age| age >= again).then(|| id.clone())
    }

    /// The id of a record that can be used.
    pub fn id(&self) -> Option<&StsId> {
        self.record.records().ok().flatten()?.id()
    }

    /// Whether the last fetch met a trouble that counts only when it is met again.
    pub fn wants_second_look(&self) -> bool {
        self.fetch.as_ref().is_some_and(|fetch| wants_second_look(&fetch.fact))
    }

    /// What it means now; unseen where a look proves nothing.
    pub fn current(&self) -> Seen<StsState> {
        let Some(record) = self.record.records()? else { return Ok(StsState::Absent) };
        if record.is_absent() {
            return Ok(StsState::Absent);
        }
        if record.id().is_none() {
            return Ok(StsState::Invalid);
        }
        Ok(match self.fetched() {
            Ok(fetched) => {
                fetched.policy().map_or(StsState::Invalid, |policy| StsState::Policy(policy.clone()))
            }
            Err(unseen) if unseen.is_inconclusive() => return Err(unseen),
            Err(_) => StsState::Invalid,
        })
    }

    /// What the policy host answered; a trouble that needs a second look stays in doubt until it had one.
    pub fn fetched(&self) -> Seen<&Fetched> {
        let Some(fetch) = &self.fetch else {
            return Err(Unseen::failed(Stage::Fetch, Cause::ProberError, "not fetched yet"));
        };
        let is_first = |unseen: &Unseen| fetch.fact.streak.is_first_look(unseen.cause());
        fetch
            .fact
            .seen
            .as_ref()
            .map_err(|unseen| if is_first(unseen) { unseen.clone().doubtful() } else { unseen.clone() })
    }

    /// The policy that the last conclusive looks found, in whatever mode.
    pub fn policy(&self) -> Option<&StsPolicy> {
        match self.state.as_ref()? {
            StsState::Policy(policy) => Some(policy),
            StsState::Absent | StsState::Invalid => None,
        }
    }

    /// Whether senders must not deliver without TLS and a valid certificate, by the last conclusive looks.
    pub fn enforces(&self) -> bool {
        self.policy().is_some_and(|policy| policy.mode == Mode::Enforce)
    }

    /// What was fetched now, or else what was fetched before under the same id, or while the record could not be
    /// looked up.
    fn fetch_behind(
        &self,
        before: Option<&Self>,
        at: SystemTime,
        fetched: Option<Seen<Fetched>>,
    ) -> Option<Fetch> {
        let last = before.and_then(|sts| sts.fetch.as_ref());
        let Some(id) = self.id() else { return last.filter(|_| self.record.records().is_err()).cloned() };
        let Some(seen) = fetched else { return last.filter(|last| last.id == *id).cloned() };
        let trouble: Option<Trouble> = seen.as_ref().err().map(|unseen| unseen.trouble().clone());
        let fact = Fact::following(last.map(|last| &last.fact), at, seen, trouble.as_ref());
        Some(Fetch { id: id.clone(), fact })
    }

    /// Senders that have a policy look at it again when there is another id, or its time is over.
    fn announced_behind(&self, before: Option<&Self>, at: SystemTime) -> Option<Announced> {
        let announced = before.and_then(|sts| sts.announced.as_ref());
        let served = self.fetch.as_ref().and_then(|fetch| {
            let policy = fetch.fact.seen.as_ref().ok()?.policy()?;
            Some(Announced { id: fetch.id.clone(), policy: policy.clone(), at: fetch.fact.at })
        });
        match (announced, served) {
            (Some(old), Some(new)) if old.id == new.id && old.policy != new.policy && !old.is_over(at) => {
                Some(old.clone())
            }
            (old, None) => old.cloned(),
            (_, new) => new,
        }
    }
}

impl Announced {
    /// Whether no sender can have it any more.
    pub fn is_over(&self, now: SystemTime) -> bool {
        self.at.checked_add(self.policy.max_age).is_some_and(|end| end < now)
    }
}

impl Fetched {
    /// The policy, where it is one.
    pub fn policy(&self) -> Option<&StsPolicy> {
        match self {
            Self::Text(text) => text.policy.as_ref().ok(),
            _ => None,
        }
    }
}

impl PolicyText {
    /// How much of a policy's text is kept, in octets.
    const KEPT: usize = 8 << 10;

    /// Reads a body.
    pub fn read(content_type: Option<PeerText>, body: &[u8]) -> Self {
        let kept = &body[..body.len().min(Self::KEPT)];
        let lines = kept.strip_suffix(b"\n").unwrap_or(kept).split(|octet| *octet == b'\n');
        let lines = lines.map(|line| PeerText::from_bytes(line.strip_suffix(b"\r").unwrap_or(line)));
        Self {
            content_type,
            lines: lines.collect(),
            cut: body.len() > Self::KEPT,
            policy: StsPolicy::parse(body),
        }
    }

    /// Whether it came as `text/plain`, whatever the parameters (RFC 8461 §3.3).
    pub fn is_plain_text(&self) -> bool {
        let essence = self.content_type.as_ref().and_then(|given| given.as_str().split(';').next());
        essence.is_some_and(|essence| essence.trim().eq_ignore_ascii_case("text/plain"))
    }
}

impl StsState {
    /// All words there are.
    pub const WORDS: [&'static str; 5] = ["absent", "invalid", "none", "testing", "enforce"];

    /// The word used in labels and JSON: the policy's mode, or what stands in its place.
    pub fn as_str(&self) -> &'static str {
        match self {
            Self::Absent => "absent",
            Self::Invalid => "invalid",
            Self::Policy(policy) => policy.mode.as_str(),
        }
    }
}

/// The texts for people, in the same order in every run.
fn kept(records: &[Vec<u8>]) -> Vec<PeerText> {
    let mut texts: Vec<_> =
        records.iter().map(|record| PeerText::from_bytes(&record[..record.len().min(TEXT)])).collect();
    texts.sort();
    texts.truncate(TEXTS);
    texts
}

fn wants_second_look(fact: &Fact<Fetched>) -> bool {
    let unseen = fact.seen.as_ref().err();
    unseen.is_some_and(|unseen| fact.streak.is_first_look(unseen.cause()))
}

#[cfg(test)]
mod tests;
