//! What stands for one domain: the latest verdicts, held where the last run could not renew them, and what changed.

use crate::name::DomainName;
use crate::observe::{Observation, Trouble, stored};
use crate::rules::{Acceptance, Finding, Rule, Severity, Status, Subject};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

/// One domain, as everything that prints sees it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Report {
    /// The last run.
    pub observation: Observation,
    /// What stands, a row a rule in the order of `rules::ALL`, then a row a subject. Rules that never applied are absent.
    pub standings: Vec<RuleStanding>,
    /// The latest changes of verdicts, newest first.
    pub history: VecDeque<Change>,
    /// When each part is due again, and how often.
    pub next: NextDue,
    /// How long the last run took.
    pub took: Duration,
}

/// One rule over all its subjects.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RuleStanding {
    /// The rule.
    pub rule: &'static Rule,
    /// Its subjects.
    pub subjects: BTreeMap<Subject, Standing>,
}

/// What stands for one rule and subject: the last conclusive verdict, and the doubt since then.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Standing {
    /// The last conclusive verdict.
    pub last: Option<Concluded>,
    /// Why the last run could not conclude, if it could not.
    pub doubt: Option<Doubt>,
}

/// A conclusive verdict; without findings it is a pass.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Concluded {
    /// When it was last confirmed: the age of the fact it rests on.
    pub at: SystemTime,
    /// Since when it has been of this status.
    pub since: SystemTime,
    /// What is wrong.
    pub findings: Vec<Weighed>,
}

/// A finding with the severity it has for this domain.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Weighed {
    /// The finding.
    pub finding: Finding,
    /// The issue's own severity, or the one from `rules:`; none where the configuration switched it off.
    pub severity: Option<Severity>,
    /// Why it is known and wanted, and counts as an info at most.
    pub accepted: Option<Arc<Acceptance>>,
}

/// An inconclusive run of looks.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Doubt {
    /// The last look's cause, stage and words.
    pub trouble: Trouble,
    /// When the first of them was.
    #[serde(with = "stored::moment")]
    pub since: SystemTime,
    /// When the last of them was.
    #[serde(with = "stored::moment")]
    pub at: SystemTime,
    /// How many there were.
    pub count: u32,
}

/// A verdict that changed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Change {
    /// When.
    pub at: SystemTime,
    /// Which rule.
    pub rule: &'static Rule,
    /// Of what.
    pub subject: Subject,
    /// What stood before; none where nothing did.
    pub from: Option<Status>,
    /// What stands now; none where the rule no longer applies.
    pub to: Option<Status>,
}

/// When a domain is looked at again.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct NextDue {
    /// The next run.
    #[serde(with = "stored::moment")]
    pub run: SystemTime,
    /// The next transactions.
    #[serde(with = "stored::moment")]
    pub transactions: SystemTime,
    /// The effective interval of runs.
    #[serde(with = "stored::span")]
    pub interval: Duration,
    /// The effective interval of transactions.
    #[serde(with = "stored::span")]
    pub transactions_interval: Duration,
}

mod dane;
mod delivery;
mod fold;
mod held;
#[cfg(any(test, fuzzing))]
#[cfg_attr(not(test), expect(dead_code, reason = "fuzzing builds less than the unit tests"))]
pub(crate) mod testing;

pub use delivery::{Delivery, Sender};
pub use fold::fold;
pub use held::{CERTIFICATE_INVALID, Held};

impl Report {
    /// Which domain.
    pub fn domain(&self) -> &DomainName {
        &self.observation.domain
    }

    /// The worst status of its rules.
    pub fn status(&self) -> Status {
        Status::worst(self.standings.iter().map(RuleStanding::status)).unwrap_or(Status::Unknown)
    }

    /// The standing of a rule by its code.
    pub fn rule(&self, code: &str) -> Option<&RuleStanding> {
        self.standings.iter().find(|standing| standing.rule.code == code)
    }
}

impl RuleStanding {
    /// The worst status of its subjects.
    pub fn status(&self) -> Status {
        Status::worst(self.subjects.values().map(Standing::status)).unwrap_or(Status::Unknown)
    }
}

impl Standing {
    /// Its status (product §4).
    pub fn status(&self) -> Status {
        use crate::observe::Cause;
        match (&self.last, &self.doubt) {
            (Some(last), _) => last.status(),
            (None, Some(doubt)) if doubt.trouble.cause == Cause::ProberError => Status::Error,
            (None, _) => Status::Unknown,
        }
    }
}

impl Weighed {
    /// Whether it counts against the domain: not switched off, accepted or made up for.
    pub fn counts(&self) -> bool {
        self.severity.is_some() && self.accepted.is_none() && !self.finding.excused
    }
}

impl Concluded {
    /// The worst of its findings; ok without any that count.
    pub fn status(&self) -> Status {
        let worst = self.findings.iter().filter_map(|weighed| weighed.severity).max();
        worst.map_or(Status::Ok, Status::from)
    }
}
