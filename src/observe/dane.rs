//! DANE for SMTP (RFC 7672): the TLSA records of a host, and what each says of the certificates that a server showed.
//! Pure: digests and signatures were reckoned where the certificates came in.

use super::{
    Cause, Certificate, ChainTrouble, Dnssec, HostDns, Lookup, PeerText, Seen, Stage, Tls, TlsScan, Unseen,
};
use serde::{Deserialize, Serialize};
use std::fmt;
use std::time::SystemTime;

mod state;

pub use state::DaneState;

/// One TLSA record (RFC 6698 §2.1).
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Tlsa {
    /// Certificate usage: 2 a trust anchor, 3 the server's own certificate; 0 and 1 do not count for SMTP.
    pub usage: u8,
    /// 0 the whole certificate, 1 its key (SubjectPublicKeyInfo).
    pub selector: u8,
    /// 0 the thing itself, 1 its SHA-256, 2 its SHA-512.
    pub matching: u8,
    /// The certificate association data; where they are endless, their beginning.
    pub data: Box<[u8]>,
    /// SHA-256 of the data.
    pub sha256: [u8; 32],
    /// Whether the data are longer than is kept, or the thing itself and no such thing.
    pub malformed: bool,
}

/// The look-up of TLSA records at one name.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TlsaLookup {
    /// The TLSA base domain: what stands behind the port and protocol (RFC 7672 §2.2.3).
    pub base: PeerText,
    /// The records, each once.
    pub lookup: Lookup<Vec<Tlsa>>,
    /// How many more there were.
    pub more: usize,
    /// The wildcard that they are of (RFC 4592), or that a CNAME on the way to them is of; none where they were published
    /// for the very name. Their signatures tell it (RFC 4034 §3.1.3), no made-up name has to be asked for.
    pub wildcard: Option<PeerText>,
}

/// What DNS has to say of DANE at a host.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Published<'a> {
    /// Signed down from the trust anchor that there are no records.
    Absent,
    /// The signatures of the records or of their denial do not fit.
    Bogus(&'a TlsaLookup),
    /// The name of something that is not signed: the addresses, or the records.
    Insecure(&'static str),
    /// Records that count.
    Records(&'a TlsaLookup),
    /// The look-up failed.
    Unseen(&'a TlsaLookup, Unseen),
}

/// What a session found of a record of usage 2 that it knew of.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Anchored {
    /// The selector of the record.
    pub selector: u8,
    /// Its matching type.
    pub matching: u8,
    /// SHA-256 of its data.
    pub sha256: [u8; 32],
    /// Which certificate of the chain as sent it is of, the leaf being 0; none where it is of none.
    pub place: Option<usize>,
    /// Whether the leaf leads to it, its own dates set aside.
    pub trust: Result<(), ChainTrouble>,
}

/// The digests by which TLSA records name a certificate or a key.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Digests {
    /// Matching type 1, and what a record of type 0 is compared by.
    pub sha256: [u8; 32],
    /// Matching type 2.
    pub sha512: Box<[u8]>,
}

/// What one record says of what a server showed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fit {
    /// It is of the server's own certificate: neither name nor dates nor issuer matter (RFC 7671 §5.1).
    Leaf,
    /// The chain leads to what it is of: a certificate in that place of the chain, or one that is not sent.
    Anchor(Option<usize>),
    /// It is of a certificate that the chain holds or could lead to, and senders object all the same.
    Broken(Breach),
    /// It is of nothing that was shown.
    Nothing,
    /// The session does not tell.
    Unknown(&'static str),
    /// No sender can use it.
    Unusable(Unusable),
}

/// Why a record's anchor does not help.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Breach {
    /// The chain does not hold.
    Chain(ChainTrouble),
    /// The leaf is outside its dates.
    Dates,
    /// The leaf is for none of the names that it could be for.
    Name,
}

/// Why senders pass a record over (RFC 7672 §3.1.3, RFC 7671 §4).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unusable {
    /// A digest of another length, data that are empty or no certificate or key.
    Data,
    /// A matching type that nobody knows.
    Matching,
    /// A selector that nobody knows.
    Selector,
    /// A usage that SMTP has no use for.
    Usage,
}

impl Tlsa {
    /// Why no sender can use it, if so.
    pub fn unusable(&self) -> Option<Unusable> {
        let length = match self.matching {
            0 => None,
            1 => Some(32),
            2 => Some(64),
            _ => return Some(Unusable::Matching),
        };
        let fits = length.is_none_or(|length| self.data.len() == length);
        match (self.usage, self.selector) {
            (2 | 3, 0 | 1) if self.malformed || self.data.is_empty() || !fits => Some(Unusable::Data),
            (2 | 3, 0 | 1) => None,
            (2 | 3, _) => Some(Unusable::Selector),
            _ => Some(Unusable::Usage),
        }
    }

    /// Whether it is of this certificate, or of its key.
    pub fn is_of(&self, certificate: &Certificate) -> bool {
        self.is_of_either(&certificate.digests, certificate.key_digests.as_ref())
    }

    /// Whether it is of one of the server's own certificates that a TLS scan was shown, or of its key. A session is shown
    /// only one, whatever others the server has.
    pub fn is_shown_to(&self, scan: &TlsScan) -> bool {
        scan.leaves.iter().any(|leaf| self.is_of_either(&leaf.digests, leaf.key_digests.as_ref()))
    }

    fn is_of_either(&self, certificate: &Digests, key: Option<&Digests>) -> bool {
        let digests = match self.selector {
            0 => Some(certificate),
            1 => key,
            _ => None,
        };
        digests.is_some_and(|digests| match self.matching {
            0 => self.sha256 == digests.sha256,
            1 => *self.data == digests.sha256,
            2 => self.data == digests.sha512,
            _ => false,
        })
    }

    /// What it says of a session. `names` are those that the certificate may be for (RFC 7672 §3.2.2).
    pub fn fit(&self, tls: &Tls, names: &[&str], now: SystemTime) -> Fit {
        if let Some(why) = self.unusable() {
            return Fit::Unusable(why);
        }
        let Some(leaf) = tls.leaf() else { return Fit::Unknown("no certificate could be read") };
        match self.usage {
            3 if self.is_of(leaf) => Fit::Leaf,
            3 => Fit::Nothing,
            _ => self.fit_as_anchor(tls, leaf, names, now),
        }
    }

    fn fit_as_anchor(&self, tls: &Tls, leaf: &Certificate, names: &[&str], now: SystemTime) -> Fit {
        let Some(anchored) = tls.anchored.iter().find(|anchored| anchored.is_of(self)) else {
            return Fit::Unknown("the record was not known yet when the session was held");
        };
        match (&anchored.trust, anchored.place) {
            (Err(ChainTrouble::UnknownIssuer), None) => Fit::Nothing,
            (Err(ChainTrouble::Unsupported(_)), _) => {
                Fit::Unknown("the chain cannot be verified by this program")
            }
            (Err(trouble), _) => Fit::Broken(Breach::Chain(trouble.clone())),
            (Ok(()), _) if leaf.off_dates(now).is_some() => Fit::Broken(Breach::Dates),
            (Ok(()), place) if names.iter().any(|name| leaf.is_for(name)) => Fit::Anchor(place),
            (Ok(()), _) if leaf.more_names > 0 => Fit::Unknown("the certificate has too many names"),
            (Ok(()), _) => Fit::Broken(Breach::Name),
        }
    }
}

impl Anchored {
    fn is_of(&self, record: &Tlsa) -> bool {
        (self.selector, self.matching, self.sha256) == (record.selector, record.matching, record.sha256)
    }
}

impl Certificate {
    /// Whether its names cover `name`: those of subjectAltName, a wildcard standing for the whole first label; where
    /// it has none, the common name (RFC 7672 §3.2.3).
    fn is_for(&self, name: &str) -> bool {
        let parent = name.split_once('.').map(|(_, parent)| parent).filter(|parent| parent.contains('.'));
        let covers = |known: &str| match (known.strip_prefix("*."), parent) {
            (Some(suffix), Some(parent)) => suffix.eq_ignore_ascii_case(parent),
            (Some(_), None) => false,
            (None, _) => known.eq_ignore_ascii_case(name),
        };
        if self.names.is_empty() {
            let mut parts = self.subject.as_str().split(", ").filter_map(|part| part.strip_prefix("CN="));
            return parts.any(covers);
        }
        self.names.iter().any(|known| covers(known.as_str()))
    }
}

impl HostDns {
    /// What the addresses are worth; none where no look-up for them told of any.
    pub fn security(&self) -> Option<Dnssec> {
        let of = |has_any: Seen<bool>, dnssec| has_any.ok().map(|has_any| (has_any, dnssec));
        let a = of(self.a.records().map(|a| a.is_some()), self.a.dnssec);
        let aaaa = of(self.aaaa.records().map(|aaaa| aaaa.is_some()), self.aaaa.dnssec);
        let known = [a, aaaa].into_iter().flatten();
        if !known.clone().any(|(has_any, _)| has_any) {
            return None;
        }
        let all: Vec<Dnssec> = known.map(|(_, dnssec)| dnssec).collect();
        if all.contains(&Dnssec::Unchecked) { Some(Dnssec::Unchecked) } else { all.into_iter().min() }
    }

    /// What DNS has to say of DANE here: of the names that were asked for records, in their order, the first that has
    /// some or does not tell. Unseen where the addresses are, or where nothing was validated.
    pub fn dane(&self) -> Seen<Published<'_>> {
        let Some(last) = self.tlsa.last() else { return self.without_look_up() };
        let decides = |found: &&TlsaLookup| match (found.lookup.dnssec, found.lookup.records()) {
            (Dnssec::Bogus, _) | (_, Err(_)) => true,
            (dnssec, Ok(records)) => dnssec == Dnssec::Secure && records.is_some(),
        };
        let found = self.tlsa.iter().find(decides).unwrap_or(last);
        match (found.lookup.dnssec, found.lookup.records()) {
            (Dnssec::Bogus, _) => Ok(Published::Bogus(found)),
            (_, Err(unseen)) => Ok(Published::Unseen(found, unseen)),
            (Dnssec::Unchecked, _) => Err(Unseen::not_validated()),
            (Dnssec::Insecure, _) => Ok(Published::Insecure("the TLSA records")),
            (Dnssec::Secure, Ok(Some(_))) => Ok(Published::Records(found)),
            (Dnssec::Secure, Ok(None)) => Ok(Published::Absent),
        }
    }

    fn without_look_up(&self) -> Seen<Published<'_>> {
        match (self.addresses(), self.security()) {
            (Err(unseen), _) => Err(unseen),
            (Ok(_), Some(Dnssec::Insecure | Dnssec::Bogus)) => Ok(Published::Insecure("the addresses")),
            (Ok(_), _) => Err(Unseen::not_validated()),
        }
    }
}

impl Unseen {
    /// An answer whose worth nobody looked at.
    pub fn not_validated() -> Self {
        Self::failed(Stage::Lookup, Cause::UnsupportedByProber, "the answers were not validated")
    }
}

impl TlsaLookup {
    /// The records, none where there are none.
    pub fn records(&self) -> &[Tlsa] {
        self.lookup.records().ok().flatten().map(Vec::as_slice).unwrap_or_default()
    }

    /// The wildcard, if it is of more than the ports of this one host, so that nobody may have meant this server.
    pub fn stray_wildcard(&self) -> Option<&PeerText> {
        let of_all_ports = format!("*._tcp.{}", self.base);
        self.wildcard.as_ref().filter(|wildcard| !wildcard.as_str().eq_ignore_ascii_case(&of_all_ports))
    }

    /// Those that a sender can use.
    pub fn usable(&self) -> impl Iterator<Item = &Tlsa> {
        self.records().iter().filter(|record| record.unusable().is_none())
    }
}

impl Fit {
    /// Whether a sender accepts the server for this record.
    pub fn is_match(&self) -> bool {
        matches!(self, Self::Leaf | Self::Anchor(_))
    }
}

impl fmt::Display for Tlsa {
    /// As zone files have it, the data cut short.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const SHOWN: usize = 32;
        write!(f, "{} {} {} ", self.usage, self.selector, self.matching)?;
        self.data.iter().take(SHOWN).try_for_each(|octet| write!(f, "{octet:02x}"))?;
        if self.data.len() > SHOWN { write!(f, "… ({} octets)", self.data.len()) } else { Ok(()) }
    }
}

impl fmt::Display for Unusable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Data => "its data are not of that kind",
            Self::Matching => "nobody knows its matching type",
            Self::Selector => "nobody knows its selector",
            Self::Usage => "its usage does not count for SMTP",
        })
    }
}
