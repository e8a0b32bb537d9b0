//! Closed sets in plain English, for pages and terminals; programs get the codes.

use super::time;
use crate::name::MxName;
use crate::observe::{Cause, ChainTrouble, Stage, Trouble};
use crate::rules::{Acceptance, Status};
use std::fmt::Display;

/// Why something was not concluded or not reached.
pub(super) fn cause(cause: Cause) -> &'static str {
    match cause {
        Cause::Throttled => "the server limits our rate",
        Cause::Greylisted => "greylisted",
        Cause::ClientBlocked => "the server refuses this prober",
        Cause::Tempfail => "a temporary failure",
        Cause::Timeout => "no answer in time",
        Cause::DnsFailure => "DNS did not answer",
        Cause::VantageBlocked => "port 25 is out of reach from here",
        Cause::TrustedVantage => "this prober is among the server's trusted networks",
        Cause::ProbeRecipientUnusable => "no outside recipient could be used",
        Cause::UnsupportedByProber => "the prober cannot speak what the server speaks",
        Cause::ProberError => "a fault of the prober itself",
        Cause::Alert => "a TLS alert",
        Cause::Closed => "connection closed",
        Cause::NoAnswer => "no answer",
        Cause::NotPublic => "the address is not public",
        Cause::Oversize => "an oversized answer",
        Cause::ProtocolError => "not the protocol",
        Cause::Refused => "connection refused",
        Cause::Rejected => "refused",
        Cause::Reset => "connection reset",
        Cause::Unreachable => "host unreachable",
    }
}

/// Where it was.
pub(super) fn stage(stage: Stage) -> &'static str {
    match stage {
        Stage::Lookup => "look-up",
        Stage::Fetch => "fetch of the MTA-STS policy",
        Stage::Connect => "connect",
        Stage::Banner => "banner",
        Stage::Ehlo => "EHLO",
        Stage::StartTls => "STARTTLS",
        Stage::TlsHandshake => "TLS handshake",
        Stage::EhloTls => "EHLO inside TLS",
        Stage::Mail => "MAIL",
        Stage::Rcpt => "RCPT",
        Stage::Rset => "RSET",
        Stage::Quit => "QUIT",
    }
}

/// `the server limits our rate, at banner: 421 too many connections`
pub(super) fn trouble(trouble: &Trouble) -> String {
    let cause = match (trouble.stage, trouble.cause) {
        (Stage::Fetch, Cause::VantageBlocked) => "HTTPS is out of reach from here",
        (_, other) => cause(other),
    };
    let at = format!("{cause}, at {}", stage(trouble.stage));
    if trouble.detail.is_empty() { at } else { format!("{at}: {}", trouble.detail) }
}

/// `accepted until 31 Jan 2027: nolisting`
pub(super) fn accepted(acceptance: &Acceptance) -> String {
    format!("accepted until {}: {}", time::day(acceptance.until), acceptance.reason)
}

/// A status as people read it.
pub(super) fn status(status: Status) -> &'static str {
    match status {
        Status::Unknown => "not judged",
        Status::Error => "prober error",
        status => status.as_str(),
    }
}

/// The class of a status in the style sheet; the word always stands beside it.
pub(super) fn class(status: Option<Status>) -> &'static str {
    match status {
        Some(Status::Ok) => "ok",
        Some(Status::Info) => "info",
        Some(Status::Warning) => "warn",
        Some(Status::Critical) => "crit",
        Some(Status::Unknown | Status::Error) | None => "none",
    }
}

/// Why a chain is not trusted.
pub(super) fn chain_trouble(trouble: &ChainTrouble) -> String {
    match trouble {
        ChainTrouble::Expired(of) => format!("a certificate above the leaf is outside its dates: {of}"),
        ChainTrouble::SelfSigned => "self-signed".to_owned(),
        ChainTrouble::UnknownIssuer => "no chain to a known root".to_owned(),
        ChainTrouble::Unsupported(what) => format!("cannot be judged here: {what}"),
        ChainTrouble::Invalid(why) => why.to_string(),
    }
}

/// `mx1.example.org`, `mx1.example.org and mx2.example.org`, `3 servers`
pub(super) fn hosts(hosts: &[&MxName]) -> String {
    match hosts {
        [one] => one.to_string(),
        [one, two] => format!("{one} and {two}"),
        more => format!("{} servers", more.len()),
    }
}

/// `1 server`, `2 servers`
pub(super) fn count<N: Display + PartialEq + From<u8>>(count: N, one: &str) -> String {
    if count == N::from(1) { format!("1 {one}") } else { format!("{count} {one}s") }
}

/// `RFC 5321 §4.5.1` for a link to it; the link itself where it leads elsewhere.
pub(super) fn reference(link: &str) -> String {
    let Some((_, rest)) = link.rsplit_once("/rfc") else { return link.to_owned() };
    match rest.split_once('#') {
        Some((number, section)) => match section.strip_prefix("section-") {
            Some(section) => format!("RFC {number} §{section}"),
            None => format!("RFC {number}"),
        },
        None => format!("RFC {rest}"),
    }
}

/// A piece of prose.
pub(super) struct Piece {
    /// Whether it stood between backticks.
    pub(super) is_code: bool,
    pub(super) text: &'static str,
}

/// Prose in its pieces.
pub(super) fn pieces(prose: &'static str) -> Vec<Piece> {
    let piece = |(at, text)| Piece { is_code: at % 2 == 1, text };
    prose.split('`').enumerate().map(piece).collect()
}
