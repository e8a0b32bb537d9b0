//! What a rule can say of a subject, and how that becomes one status.

use super::Issue;
use crate::name::MxName;
use crate::observe::{Place, Unseen};
use serde::{Deserialize, Serialize};
use std::fmt;

/// What a rule says. [`Unseen`] instead of it says that the rule could not look.
pub type Judgement = Result<Verdict, Unseen>;

/// A conclusive word.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// Nothing to object to.
    Pass,
    /// What is wrong, with evidence.
    Findings(Vec<Finding>),
    /// The rule has no business here.
    NotApplicable,
}

/// One thing that is wrong.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// Which thing.
    pub issue: &'static Issue,
    /// What was seen, for people; the peer's words verbatim.
    pub evidence: String,
    /// Whether something else makes up for it, so that it counts as an info at most.
    pub excused: bool,
}

/// What a rule is about.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Subject {
    /// The domain as a whole.
    Domain,
    /// One address of one MX, or all of a family that nobody tells apart.
    Endpoint(MxName, Place),
}

/// How bad an issue is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Severity {
    /// Worth knowing.
    Info,
    /// Should be mended.
    Warning,
    /// Mail is lost or misused.
    Critical,
}

/// A rule's status (product §4); the numbers are `smtp_rule_status`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Status {
    /// Nothing was ever concluded.
    Unknown = 0,
    /// Passed.
    Ok = 1,
    /// The worst finding is an info.
    Info = 2,
    /// The worst finding is a warning.
    Warning = 3,
    /// The worst finding is critical.
    Critical = 4,
    /// Nothing was ever concluded, by the prober's own fault.
    Error = 5,
}

impl fmt::Display for Subject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Domain => f.write_str("domain"),
            Self::Endpoint(mx, place) => write!(f, "{mx} {place}"),
        }
    }
}

impl Verdict {
    /// A pass without findings, else the findings.
    pub fn of(findings: Vec<Finding>) -> Self {
        if findings.is_empty() { Self::Pass } else { Self::Findings(findings) }
    }
}

impl Severity {
    /// The word used in labels, configuration and JSON.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Info => "info",
            Self::Warning => "warning",
            Self::Critical => "critical",
        }
    }
}

impl Status {
    /// Every status, in the order of the numbers.
    pub const ALL: [Self; 6] =
        [Self::Unknown, Self::Ok, Self::Info, Self::Warning, Self::Critical, Self::Error];

    /// The word used in labels and JSON.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Unknown => "unknown",
            Self::Ok => "ok",
            Self::Info => "info",
            Self::Warning => "warning",
            Self::Critical => "critical",
            Self::Error => "error",
        }
    }

    /// The number used in metrics.
    pub fn code(self) -> u8 {
        self as u8
    }

    /// The worst of several subjects: critical, warning, info, ok, then error and unknown (product §4).
    pub fn worst(statuses: impl IntoIterator<Item = Self>) -> Option<Self> {
        let rank = |status: &Self| match status {
            Self::Unknown => 0,
            Self::Error => 1,
            Self::Ok => 2,
            Self::Info => 3,
            Self::Warning => 4,
            Self::Critical => 5,
        };
        statuses.into_iter().max_by_key(rank)
    }
}

impl From<Severity> for Status {
    fn from(severity: Severity) -> Self {
        match severity {
            Severity::Info => Self::Info,
            Severity::Warning => Self::Warning,
            Severity::Critical => Self::Critical,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn doubt_never_hides_a_verdict() {
        use Status::{Critical, Error, Info, Ok, Unknown, Warning};
        for (subjects, want) in [
            (vec![], None),
            (vec![Unknown, Ok], Some(Ok)),
            (vec![Error, Unknown], Some(Error)),
            (vec![Error, Ok, Info], Some(Info)),
            (vec![Warning, Critical, Unknown], Some(Critical)),
        ] {
            assert_eq!(Status::worst(subjects.clone()), want, "{subjects:?}");
        }
    }
}
