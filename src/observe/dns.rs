//! What DNS said, look-up by look-up.

use super::{Cause, Lasting, MxFacts, PeerText, Seen, Stage, TlsaLookup, Unseen, stored};
use crate::name::MxName;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::time::{Duration, SystemTime};

/// One question and how it ended.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Lookup<T> {
    /// The end.
    pub outcome: Outcome<T>,
    /// What DNSSEC says of it.
    pub dnssec: Dnssec,
    /// How long it took, retries included.
    #[serde(with = "stored::span")]
    pub took: Duration,
    /// For how long the same question has been coming to nothing; a look-up by itself does not know.
    pub lasting: Lasting,
}

/// How a look-up ended.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Outcome<T> {
    /// Records of the wanted type.
    Answer(T),
    /// The name exists, without such records (RFC 2308 §2.2).
    NoData,
    /// The name does not exist (RFC 2308 §2.1).
    NoSuchName,
    /// SERVFAIL, or an answer that cannot be used.
    ServerFailure,
    /// Nobody answered in time.
    Timeout,
    /// REFUSED, NOTIMP or FORMERR.
    Refused,
    /// A chain of CNAMEs without an end.
    Loop,
}

/// The security status of an answer (RFC 4035 §4.3).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Dnssec {
    /// Signed, and the signatures do not fit.
    Bogus,
    /// Proved to be unsigned.
    Insecure,
    /// Signed down from the trust anchor.
    Secure,
    /// Not validated.
    #[default]
    Unchecked,
}

/// A domain's mail exchangers and their hosts.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DomainDns {
    /// The MX records in preference order, as published, at most 20 of them kept for probing.
    pub mx: Lookup<Vec<MxRecord>>,
    /// Whether `hosts` is the domain itself, for want of MX records (RFC 5321 §5.1).
    pub implicit: bool,
    /// Every host that mail would go to.
    pub hosts: BTreeMap<MxName, HostDns>,
    /// Whether more MX records or addresses were published than are probed.
    pub truncated: bool,
    /// What is known of the MX records beside.
    pub facts: MxFacts,
}

/// One MX record.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct MxRecord {
    /// Lower is preferred.
    pub preference: u16,
    /// Where it points.
    pub target: MxTarget,
}

/// The target of an MX record.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum MxTarget {
    /// `.`: no mail, please (RFC 7505).
    Null,
    /// A name that can be asked for.
    Host(MxName),
    /// An IP address written where a name belongs.
    IpLiteral(IpAddr),
    /// A name that cannot be a host's, nor be asked for.
    BadName(PeerText),
}

/// What one host has: its addresses, and how its server is to be known.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct HostDns {
    /// The CNAMEs on the way, in order; empty where the name itself has the addresses.
    pub aliases: Vec<PeerText>,
    /// IPv4.
    pub a: Lookup<Vec<Ipv4Addr>>,
    /// IPv6.
    pub aaaa: Lookup<Vec<Ipv6Addr>>,
    /// TLSA, by the names that were asked for them, in their order; none where nothing before them is signed.
    pub tlsa: Vec<TlsaLookup>,
}

/// The reverse of an address: its names, and the addresses of each (FCrDNS).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ptr {
    /// The PTR names, at most ten.
    pub names: Lookup<Vec<PeerText>>,
    /// Each name with the addresses it has in the family of the reversed address; asked until one maps back.
    pub forward: Vec<(PeerText, Lookup<Vec<IpAddr>>)>,
}

impl<T> Lookup<T> {
    /// A look-up that just ended.
    pub fn ended(outcome: Outcome<T>, dnssec: Dnssec, took: Duration) -> Self {
        Self { outcome, dnssec, took, lasting: Lasting::default() }
    }

    /// Counts on where the same question came to nothing before. A bogus answer is one, of its own kind.
    pub(super) fn follow(&mut self, previous: Option<&Self>, at: SystemTime) {
        let cause =
            self.records().err().filter(|_| self.dnssec != Dnssec::Bogus).map(|unseen| unseen.cause());
        self.lasting = previous.map(|previous| previous.lasting).unwrap_or_default().next(at, cause);
    }

    /// The records; none where there are conclusively none; unseen where DNS did not say.
    pub fn records(&self) -> Seen<Option<&T>> {
        match &self.outcome {
            Outcome::Answer(records) => Ok(Some(records)),
            Outcome::NoData | Outcome::NoSuchName => Ok(None),
            outcome => Err(Unseen::failed(Stage::Lookup, Cause::DnsFailure, outcome.as_str())),
        }
    }

    /// The same with other records.
    pub fn map<U>(self, change: impl FnOnce(T) -> U) -> Lookup<U> {
        let outcome = match self.outcome {
            Outcome::Answer(records) => Outcome::Answer(change(records)),
            Outcome::NoData => Outcome::NoData,
            Outcome::NoSuchName => Outcome::NoSuchName,
            Outcome::ServerFailure => Outcome::ServerFailure,
            Outcome::Timeout => Outcome::Timeout,
            Outcome::Refused => Outcome::Refused,
            Outcome::Loop => Outcome::Loop,
        };
        Lookup { outcome, dnssec: self.dnssec, took: self.took, lasting: self.lasting }
    }
}

impl<T> Outcome<T> {
    /// All words there are.
    pub const WORDS: [&'static str; 7] =
        ["answer", "no_data", "no_such_name", "server_failure", "timeout", "refused", "loop"];

    /// The word used in labels and JSON.
    pub fn as_str(&self) -> &'static str {
        match self {
            Self::Answer(_) => "answer",
            Self::NoData => "no_data",
            Self::NoSuchName => "no_such_name",
            Self::ServerFailure => "server_failure",
            Self::Timeout => "timeout",
            Self::Refused => "refused",
            Self::Loop => "loop",
        }
    }
}

impl Dnssec {
    /// The word used in JSON.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Bogus => "bogus",
            Self::Insecure => "insecure",
            Self::Secure => "secure",
            Self::Unchecked => "unchecked",
        }
    }
}

impl DomainDns {
    /// What was answered for the MX records, and nothing else.
    pub fn of(mx: Lookup<Vec<MxRecord>>) -> Self {
        Self { mx, implicit: false, hosts: BTreeMap::new(), truncated: false, facts: MxFacts::default() }
    }

    /// The same, behind what the last run saw, so that it is known how long a failing look-up has been failing.
    pub fn following(mut self, previous: Option<&Self>, at: SystemTime) -> Self {
        self.mx.follow(previous.map(|dns| &dns.mx), at);
        for (name, host) in &mut self.hosts {
            let before = previous.and_then(|dns| dns.hosts.get(name));
            host.a.follow(before.map(|host| &host.a), at);
            host.aaaa.follow(before.map(|host| &host.aaaa), at);
            for asked in &mut host.tlsa {
                let before = before.and_then(|host| host.tlsa.iter().find(|other| other.base == asked.base));
                asked.lookup.follow(before.map(|other| &other.lookup), at);
            }
        }
        self
    }

    /// Whether the domain declares that it takes no mail: a null MX and nothing beside it (RFC 7505 §3).
    pub fn is_null_mx(&self) -> bool {
        matches!(&self.mx.outcome, Outcome::Answer(records)
            if !records.is_empty() && records.iter().all(|record| record.target == MxTarget::Null))
    }

    /// The records, none of them where there are none.
    pub fn mx_records(&self) -> &[MxRecord] {
        match &self.mx.outcome {
            Outcome::Answer(records) => records,
            _ => &[],
        }
    }
}

impl HostDns {
    /// All its addresses, IPv4 first; empty where it conclusively has none; unseen where the family that could have
    /// some did not say.
    pub fn addresses(&self) -> Seen<Vec<IpAddr>> {
        let v4 =
            self.a.records().map(|a| a.into_iter().flatten().copied().map(IpAddr::V4).collect::<Vec<_>>());
        let v6 = self.aaaa.records().map(|a| a.into_iter().flatten().copied().map(IpAddr::V6).collect());
        let unseen = v4.as_ref().err().or(v6.as_ref().err()).cloned();
        let all: Vec<_> = [v4, v6].into_iter().flatten().flatten().collect();
        unseen.filter(|_| all.is_empty()).map_or(Ok(all), Err)
    }

    /// For how long none of its addresses has been known, where one of the look-ups for them fails.
    pub fn lasting(&self) -> Lasting {
        let failing = [self.a.lasting, self.aaaa.lasting].into_iter().filter(|lasting| lasting.count > 0);
        failing.max_by_key(|lasting| lasting.since).unwrap_or_default()
    }

    /// Whether DNSSEC validation of an address look-up fails.
    pub fn is_bogus(&self) -> bool {
        self.a.dnssec == Dnssec::Bogus || self.aaaa.dnssec == Dnssec::Bogus
    }
}

impl Ptr {
    /// Whether one of the names leads back to `address`; none where no name did and a look-up failed.
    pub fn confirms(&self, address: IpAddr) -> Seen<bool> {
        let mut unseen = None;
        for (_, lookup) in &self.forward {
            match lookup.records() {
                Ok(Some(addresses)) if addresses.contains(&address) => return Ok(true),
                Ok(_) => {}
                Err(failed) => unseen = Some(failed),
            }
        }
        unseen.map_or(Ok(false), Err)
    }
}
