//! What DNS said.

use super::dane::Asked;
use crate::observe::{self, DomainDns, HostDns, Lookup, MxRecord, MxTarget, PeerText, Ptr};
use crate::render::json::endpoint::{Trouble, millis};
use crate::render::time;
use serde::Serialize;
use std::fmt::Display;
use std::net::IpAddr;

#[derive(Serialize)]
pub(super) struct Dns<'a> {
    mx: Answer<Mx>,
    /// The domain's own addresses stand in for MX records.
    implicit: bool,
    /// More was published than is probed.
    truncated: bool,
    hosts: Vec<Host<'a>>,
    /// When the MX records were last seen to differ from those before; `null` where they never were.
    mx_changed_at: Option<String>,
    /// What names below the domain have that nobody published; `null` before the first answer.
    wildcards: Option<Wildcards<'a>>,
}

#[derive(Serialize)]
struct Wildcards<'a> {
    at: String,
    mx: Vec<Mx>,
    txt: Vec<&'a str>,
}

/// One look-up.
#[derive(Serialize)]
pub(super) struct Answer<T> {
    outcome: &'static str,
    dnssec: &'static str,
    took_ms: f64,
    records: Vec<T>,
}

#[derive(Serialize)]
struct Mx {
    preference: u16,
    target: String,
    /// `host`, `null`, `ip_literal` or `bad_name`.
    kind: &'static str,
}

#[derive(Serialize)]
struct Host<'a> {
    name: &'a str,
    aliases: Vec<&'a str>,
    a: Answer<String>,
    aaaa: Answer<String>,
    tlsa: Vec<Asked<'a>>,
}

/// The reverse names of an address.
#[derive(Serialize)]
pub(super) struct Reverse<'a> {
    names: Answer<&'a str>,
    forward: Vec<Forward<'a>>,
    /// Whether one of the names leads back; `null` where a look-up failed.
    confirmed: Option<bool>,
    trouble: Option<Trouble>,
}

#[derive(Serialize)]
struct Forward<'a> {
    name: &'a str,
    #[serde(rename = "lookup")]
    answer: Answer<String>,
}

impl<'a> Dns<'a> {
    pub(super) fn of(dns: &'a DomainDns) -> Self {
        Self {
            mx: Answer::of(&dns.mx, Mx::of),
            implicit: dns.implicit,
            truncated: dns.truncated,
            hosts: dns.hosts.iter().map(|(name, host)| Host::of(name.as_str(), host)).collect(),
            mx_changed_at: dns.facts.changed().map(time::rfc3339),
            wildcards: dns.facts.wildcards.as_ref().map(Wildcards::of),
        }
    }
}

impl<'a> Wildcards<'a> {
    fn of(wildcards: &'a observe::Wildcards) -> Self {
        let observe::Wildcards { at, mx, txt } = wildcards;
        let (mx, txt) = (mx.iter().map(Mx::of).collect(), txt.iter().map(PeerText::as_str).collect());
        Self { at: time::rfc3339(*at), mx, txt }
    }
}

impl<T> Answer<T> {
    pub(super) fn of<'r, R: 'r>(lookup: &'r Lookup<Vec<R>>, record: impl Fn(&'r R) -> T) -> Self {
        Self::with(lookup, |records| records.iter().map(&record).collect())
    }

    /// The records as they are to be told.
    pub(super) fn with<'r, R>(lookup: &'r Lookup<R>, records: impl Fn(&'r R) -> Vec<T>) -> Self {
        Self {
            outcome: lookup.outcome.as_str(),
            dnssec: lookup.dnssec.as_str(),
            took_ms: millis(lookup.took),
            records: lookup.records().ok().flatten().map(records).unwrap_or_default(),
        }
    }
}

impl Mx {
    fn of(record: &MxRecord) -> Self {
        let (target, kind) = match &record.target {
            MxTarget::Null => (".".to_owned(), "null"),
            MxTarget::Host(name) => (name.to_string(), "host"),
            MxTarget::IpLiteral(address) => (address.to_string(), "ip_literal"),
            MxTarget::BadName(text) => (text.to_string(), "bad_name"),
        };
        Self { preference: record.preference, target, kind }
    }
}

impl<'a> Host<'a> {
    fn of(name: &'a str, host: &'a HostDns) -> Self {
        Self {
            name,
            aliases: host.aliases.iter().map(PeerText::as_str).collect(),
            a: Answer::of(&host.a, written),
            aaaa: Answer::of(&host.aaaa, written),
            tlsa: host.tlsa.iter().map(Asked::of).collect(),
        }
    }
}

impl<'a> Reverse<'a> {
    pub(super) fn of(ptr: &'a Ptr, address: IpAddr) -> Self {
        let confirmed = match ptr.names.records() {
            Ok(_) => ptr.confirms(address),
            Err(unseen) => Err(unseen),
        };
        let forward = |(name, lookup): &'a (PeerText, Lookup<Vec<IpAddr>>)| Forward {
            name: name.as_str(),
            answer: Answer::of(lookup, written),
        };
        Self {
            names: Answer::of(&ptr.names, PeerText::as_str),
            forward: ptr.forward.iter().map(forward).collect(),
            confirmed: confirmed.as_ref().ok().copied(),
            trouble: confirmed.err().as_ref().map(Trouble::of),
        }
    }
}

fn written(value: &impl Display) -> String {
    value.to_string()
}
