//! A thing we tried to see, or why we did not see it.

use serde::{Deserialize, Serialize};
use std::fmt;

/// What a look gave: the thing, or the reason it is missing.
pub type Seen<T> = Result<T, Unseen>;

/// Why something was not seen.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Unseen {
    /// The look itself failed.
    Failed(Trouble),
    /// It was never tried, because of an earlier trouble.
    Blocked(Trouble),
}

/// Where a look ended and why; `detail` is for people only.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Trouble {
    /// The stage that failed.
    pub stage: Stage,
    /// What went wrong, from a closed set.
    pub cause: Cause,
    /// The peer's or the system's own words, already harmless.
    pub detail: Box<str>,
}

/// The stages of a run, in the order they happen.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Stage {
    /// A DNS look-up.
    Lookup,
    /// The fetch of an MTA-STS policy over HTTPS.
    Fetch,
    /// TCP connect.
    Connect,
    /// The greeting.
    Banner,
    /// EHLO, or HELO behind it.
    Ehlo,
    /// The STARTTLS command and its reply.
    StartTls,
    /// The TLS handshake.
    TlsHandshake,
    /// EHLO inside TLS.
    EhloTls,
    /// MAIL FROM.
    Mail,
    /// RCPT TO.
    Rcpt,
    /// RSET.
    Rset,
    /// QUIT.
    Quit,
}

/// The phases whose durations are measured (`smtp_phase_duration_seconds`).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Phase {
    /// TCP connect.
    Connect,
    /// From connected to the whole greeting.
    Banner,
    /// From EHLO to the whole reply.
    Ehlo,
    /// From STARTTLS to its reply.
    StartTls,
    /// The TLS handshake.
    TlsHandshake,
    /// All MAIL, RCPT and RSET together.
    Transaction,
}

/// What went wrong. The first eleven can never prove anything about the server; the others can.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Cause {
    /// They limit our rate (421, explicit limits).
    Throttled,
    /// They greylist our tuple.
    Greylisted,
    /// They refuse our address, PTR, HELO or sender.
    ClientBlocked,
    /// Any other temporary refusal.
    Tempfail,
    /// A deadline ran out where silence proves nothing.
    Timeout,
    /// The resolver or the zone's servers failed.
    DnsFailure,
    /// This machine cannot reach port 25 in that family.
    VantageBlocked,
    /// This machine is among the server's trusted networks.
    TrustedVantage,
    /// No outside recipient could be used.
    ProbeRecipientUnusable,
    /// Our TLS cannot speak what the server speaks.
    UnsupportedByProber,
    /// Our own fault.
    ProberError,
    /// A TLS alert ended the handshake.
    Alert,
    /// The peer closed the connection.
    Closed,
    /// Silence beyond the stage's own limit, where silence is an answer (connect, banner, handshake).
    NoAnswer,
    /// The address may not be contacted: not globally routable and not in `network.allow_targets`.
    NotPublic,
    /// More bytes or lines than any honest reply has.
    Oversize,
    /// Not what the protocol allows at this point.
    ProtocolError,
    /// The TCP connection was refused.
    Refused,
    /// A permanent refusal that is not about us.
    Rejected,
    /// The peer reset the connection.
    Reset,
    /// The network says the host cannot be reached.
    Unreachable,
}

impl Cause {
    /// Every cause, in declaration order.
    pub const ALL: [Self; 21] = [
        Self::Throttled,
        Self::Greylisted,
        Self::ClientBlocked,
        Self::Tempfail,
        Self::Timeout,
        Self::DnsFailure,
        Self::VantageBlocked,
        Self::TrustedVantage,
        Self::ProbeRecipientUnusable,
        Self::UnsupportedByProber,
        Self::ProberError,
        Self::Alert,
        Self::Closed,
        Self::NoAnswer,
        Self::NotPublic,
        Self::Oversize,
        Self::ProtocolError,
        Self::Refused,
        Self::Rejected,
        Self::Reset,
        Self::Unreachable,
    ];

    /// The word used in labels and JSON.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Throttled => "throttled",
            Self::Greylisted => "greylisted",
            Self::ClientBlocked => "client_blocked",
            Self::Tempfail => "tempfail",
            Self::Timeout => "timeout",
            Self::DnsFailure => "dns_failure",
            Self::VantageBlocked => "vantage_blocked",
            Self::TrustedVantage => "trusted_vantage",
            Self::ProbeRecipientUnusable => "probe_recipient_unusable",
            Self::UnsupportedByProber => "unsupported_by_prober",
            Self::ProberError => "prober_error",
            Self::Alert => "alert",
            Self::Closed => "closed",
            Self::NoAnswer => "no_answer",
            Self::NotPublic => "not_public",
            Self::Oversize => "oversize",
            Self::ProtocolError => "protocol_error",
            Self::Refused => "refused",
            Self::Rejected => "rejected",
            Self::Reset => "reset",
            Self::Unreachable => "unreachable",
        }
    }

    /// Whether it says nothing about the server (product §4).
    pub fn is_inconclusive(self) -> bool {
        self <= Self::ProberError
    }

    /// Whether it counts only when a second look, later, meets it again.
    pub fn needs_second_look(self) -> bool {
        matches!(self, Self::Closed | Self::NoAnswer | Self::Refused | Self::Reset | Self::Unreachable)
    }

    /// What it is until something conclusive is known: itself where inconclusive, else the nearest such cause.
    pub fn doubtful(self) -> Self {
        match self {
            Self::NoAnswer => Self::Timeout,
            cause if cause.is_inconclusive() => cause,
            _ => Self::Tempfail,
        }
    }
}

impl Stage {
    /// The word used in labels and JSON.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Lookup => "lookup",
            Self::Fetch => "policy_fetch",
            Self::Connect => "connect",
            Self::Banner => "banner",
            Self::Ehlo => "ehlo",
            Self::StartTls => "starttls",
            Self::TlsHandshake => "tls_handshake",
            Self::EhloTls => "ehlo_tls",
            Self::Mail => "mail",
            Self::Rcpt => "rcpt",
            Self::Rset => "rset",
            Self::Quit => "quit",
        }
    }

    /// The measured phase it belongs to.
    pub fn phase(self) -> Option<Phase> {
        match self {
            Self::Connect => Some(Phase::Connect),
            Self::Banner => Some(Phase::Banner),
            Self::Ehlo => Some(Phase::Ehlo),
            Self::StartTls => Some(Phase::StartTls),
            Self::TlsHandshake => Some(Phase::TlsHandshake),
            Self::Mail | Self::Rcpt | Self::Rset => Some(Phase::Transaction),
            Self::Lookup | Self::Fetch | Self::EhloTls | Self::Quit => None,
        }
    }
}

impl Phase {
    /// Every phase, in the order they happen.
    pub const ALL: [Self; 6] =
        [Self::Connect, Self::Banner, Self::Ehlo, Self::StartTls, Self::TlsHandshake, Self::Transaction];

    /// The word used in labels and JSON.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Connect => "connect",
            Self::Banner => "banner",
            Self::Ehlo => "ehlo",
            Self::StartTls => "starttls",
            Self::TlsHandshake => "tls_handshake",
            Self::Transaction => "transaction",
        }
    }
}

impl Unseen {
    /// A look that failed.
    pub fn failed(stage: Stage, cause: Cause, detail: impl Into<Box<str>>) -> Self {
        Self::Failed(Trouble { stage, cause, detail: detail.into() })
    }

    /// What stands behind it.
    pub fn trouble(&self) -> &Trouble {
        match self {
            Self::Failed(trouble) | Self::Blocked(trouble) => trouble,
        }
    }

    /// The word for why.
    pub fn cause(&self) -> Cause {
        self.trouble().cause
    }

    /// Whether it says nothing about the server.
    pub fn is_inconclusive(&self) -> bool {
        self.cause().is_inconclusive()
    }

    /// The same as seen from what lies behind it: not tried.
    pub fn behind(&self) -> Self {
        Self::Blocked(self.trouble().clone())
    }

    /// As it counts for MAIL and RCPT: a connection that breaks in a transaction proves nothing.
    pub fn in_transaction(self) -> Self {
        let Trouble { stage, cause, .. } = self.trouble();
        if *stage >= Stage::Mail && *cause != Cause::Rejected { self.doubtful() } else { self }
    }

    /// The same, its cause made inconclusive where it was not.
    pub fn doubtful(self) -> Self {
        let doubt = |trouble: Trouble| Trouble { cause: trouble.cause.doubtful(), ..trouble };
        match self {
            Self::Failed(trouble) => Self::Failed(doubt(trouble)),
            Self::Blocked(trouble) => Self::Blocked(doubt(trouble)),
        }
    }
}

impl fmt::Display for Stage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl fmt::Display for Cause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl fmt::Display for Trouble {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} at {}", self.cause, self.stage)?;
        if self.detail.is_empty() { Ok(()) } else { write!(f, ": {}", self.detail) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_inconclusive_causes_come_first_and_stay_so_in_doubt() {
        for cause in Cause::ALL {
            assert!(cause.doubtful().is_inconclusive(), "{cause}");
            assert_eq!(cause.doubtful() == cause, cause.is_inconclusive(), "{cause}");
        }
        assert_eq!(Cause::ALL.iter().filter(|cause| cause.is_inconclusive()).count(), 11);
    }
}
