//! What DANE comes to at an endpoint, in one word of a closed set.

use super::{Fit, Published, Tlsa};
use crate::observe::{Cause, Dnssec, Endpoint, HostDns, Observation, Seen, Stage, StartTls, Unseen};
use std::time::SystemTime;

/// What a sender that does DANE finds (RFC 7672 §2.2): of one endpoint, or of a domain with all of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum DaneState {
    /// No TLSA records; it delivers as all others do.
    Absent,
    /// Signatures that do not fit; it does not deliver.
    Bogus,
    /// Nothing is signed; it delivers as all others do.
    Insecure,
    /// Everything is valid but the MX records, which are not signed.
    InsecureMx,
    /// The records cannot be looked up; it does not deliver.
    LookupFailed,
    /// What the server shows is not what the records say; it does not deliver.
    Mismatch,
    /// There are records and no TLS; it does not deliver.
    NoTls,
    /// Valid, but not on all hosts.
    Partial,
    /// Records that nobody can use; it insists on TLS, whoever the server is.
    Unusable,
    /// The server is who the records say.
    Valid,
}

impl DaneState {
    /// Every state, in declaration order.
    pub const ALL: [Self; 10] = [
        Self::Absent,
        Self::Bogus,
        Self::Insecure,
        Self::InsecureMx,
        Self::LookupFailed,
        Self::Mismatch,
        Self::NoTls,
        Self::Partial,
        Self::Unusable,
        Self::Valid,
    ];

    /// The word used in labels and JSON.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Absent => "absent",
            Self::Bogus => "bogus",
            Self::Insecure => "insecure",
            Self::InsecureMx => "insecure_mx",
            Self::LookupFailed => "lookup_failed",
            Self::Mismatch => "mismatch",
            Self::NoTls => "no_tls",
            Self::Partial => "partial",
            Self::Unusable => "unusable",
            Self::Valid => "valid",
        }
    }
}

impl Observation {
    /// What a sender that does DANE finds at an endpoint, by this run alone. Unseen where something on the way proves
    /// nothing, or where the endpoint is conclusively no mail server. A failing look-up is unseen, however long it lasts.
    pub fn dane_at(&self, endpoint: &Endpoint, now: SystemTime) -> Seen<DaneState> {
        let Some(host) = self.dns.hosts.get(&endpoint.mx) else { return Err(self.unknown_host()) };
        let found = match host.dane()? {
            Published::Absent => return Ok(DaneState::Absent),
            Published::Bogus(_) => return Ok(DaneState::Bogus),
            Published::Insecure(_) => return Ok(DaneState::Insecure),
            Published::Unseen(_, unseen) => return Err(unseen),
            Published::Records(found) => found,
        };
        if let Err(unseen) = endpoint.contact.starttls().and_then(|starttls| match starttls {
            StartTls::Secured(_) => Ok(()),
            _ => endpoint.contact.tls().map(drop),
        }) {
            let got_there = unseen.trouble().stage >= Stage::StartTls;
            return if got_there && !unseen.is_inconclusive() { Ok(DaneState::NoTls) } else { Err(unseen) };
        }
        if found.usable().next().is_none() {
            return Ok(DaneState::Unusable);
        }
        let fits = self.fits(endpoint, now);
        let unknown = fits.iter().find_map(|(_, fit)| match fit {
            Fit::Unknown(why) => Some(*why),
            _ => None,
        });
        let unsupported = |why| Unseen::failed(Stage::TlsHandshake, Cause::UnsupportedByProber, why);
        match unknown {
            _ if fits.iter().any(|(_, fit)| fit.is_match()) => Ok(DaneState::Valid),
            Some(why) => Err(unsupported(why)),
            None if found.more > 0 => Err(unsupported("there are too many TLSA records")),
            None => Ok(DaneState::Mismatch),
        }
    }

    /// Each TLSA record of an endpoint's host, and what it says of the last session there; none without TLS.
    pub fn fits<'a>(&'a self, endpoint: &Endpoint, now: SystemTime) -> Vec<(&'a Tlsa, Fit)> {
        let host = self.dns.hosts.get(&endpoint.mx);
        let (Some(host), Ok(tls)) = (host, endpoint.contact.tls()) else { return Vec::new() };
        let Ok(Published::Records(found)) = host.dane() else { return Vec::new() };
        let mut names = vec![found.base.as_str()];
        if self.dns.mx.dnssec == Dnssec::Secure {
            names.push(self.domain.as_str());
        }
        found.records().iter().map(|record| (record, record.fit(tls, &names, now))).collect()
    }

    /// Whether a signed record of usage 3 names the endpoint's own certificate, so that senders that do DANE care for
    /// none of its names, dates and issuers (RFC 7671 §5.1).
    pub fn pins_certificate(&self, endpoint: &Endpoint) -> bool {
        self.fits(endpoint, self.at).iter().any(|(_, fit)| *fit == Fit::Leaf)
    }

    /// Hosts that fall away with the limits, or stand in for a look-up that failed.
    fn unknown_host(&self) -> Unseen {
        let failed = self.dns.mx.records().err();
        failed
            .unwrap_or_else(|| Unseen::failed(Stage::Lookup, Cause::DnsFailure, "the host was not looked up"))
    }
}

impl HostDns {
    /// The records of usage 2 that a session has to know of beforehand, to tell whether the chain leads there.
    pub fn anchors(&self) -> Vec<Tlsa> {
        let Ok(Published::Records(found)) = self.dane() else { return Vec::new() };
        found.usable().filter(|record| record.usage == 2).cloned().collect()
    }
}
