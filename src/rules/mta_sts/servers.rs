//! The domain's servers, held to its policy as a sender would do it (RFC 8461 §4).

use super::super::CLOCK_IS_SET;
use super::super::{Context, Finding, Issue, broken_at, is_off_limits};
use super::texts::{CERT_INVALID, MX_MISMATCH, NO_STARTTLS, TESTING_FAILURES};
use crate::name::MxName;
use crate::observe::{
    Cause, ChainTrouble, Contact, Endpoint, Mode, MxTarget, Observation, PeerText, Reply, Seen, Stage,
    StartTls, StsPolicy, Tls, Unseen,
};
use std::collections::BTreeSet;
use std::time::SystemTime;

/// What a sender would meet.
pub(super) struct Servers {
    /// Whether there is a server that it would deliver to.
    pub(super) any_fits: bool,
    /// Why some server was not seen.
    pub(super) doubt: Option<Unseen>,
    misfits: Vec<Misfit>,
}

/// Why it would not deliver to one server.
struct Misfit {
    issue: &'static Issue,
    evidence: String,
}

/// One address of an allowed host.
enum Fit {
    Fits,
    /// A conclusive failure before TLS, which is another rule's.
    NotReached,
    NotValid(String),
    NoTls(String),
}

impl Servers {
    /// Holds every MX to the policy, and every address of those that it allows.
    pub(super) fn held_to(policy: &StsPolicy, observation: &Observation, cx: &Context) -> Seen<Self> {
        let mut servers = Self { any_fits: false, doubt: None, misfits: Vec::new() };
        for host in hosts(observation)? {
            match policy.allows(host) {
                Some(true) => servers.look_at(host, observation, cx),
                Some(false) => servers.misfits.push(not_allowed(host, policy)),
                None => {
                    let detail = format!("the policy has more than {} patterns", policy.mx.len());
                    servers.doubt = Some(Unseen::failed(Stage::Fetch, Cause::UnsupportedByProber, detail));
                }
            }
        }
        Ok(servers)
    }

    fn look_at(&mut self, host: &MxName, observation: &Observation, cx: &Context) {
        let here = |endpoint: &&Endpoint| {
            endpoint.mx == *host && endpoint.absent.is_none() && !is_off_limits(&endpoint.contact)
        };
        let mut endpoints = observation.endpoints.iter().filter(here).peekable();
        if endpoints.peek().is_none() {
            let addresses = observation.dns.hosts.get(host).map(|host| host.addresses());
            self.doubt = addresses.and_then(Result::err).or(self.doubt.take());
        }
        for endpoint in endpoints {
            let misfit = |issue, why| {
                let evidence = format!("{} {}: {why}", endpoint.mx, endpoint.address());
                Misfit { issue, evidence }
            };
            match fit(&endpoint.contact, cx) {
                Ok(Fit::Fits) => self.any_fits = true,
                Ok(Fit::NotReached) => {}
                Ok(Fit::NotValid(why)) => self.misfits.push(misfit(&CERT_INVALID, why)),
                Ok(Fit::NoTls(why)) => self.misfits.push(misfit(&NO_STARTTLS, why)),
                Err(unseen) => self.doubt = Some(unseen),
            }
        }
    }

    /// What stands in the way: of mail where the policy is enforced, else of enforcing it.
    pub(super) fn findings(&self, mode: Mode) -> Vec<Finding> {
        let finding = |misfit: &Misfit| match mode {
            Mode::Enforce => misfit.issue.finding(misfit.evidence.clone()),
            Mode::None | Mode::Testing => TESTING_FAILURES.finding(misfit.evidence.clone()),
        };
        self.misfits.iter().map(finding).collect()
    }
}

/// Every host that mail may go to by MX, or the domain itself for want of any.
fn hosts(observation: &Observation) -> Seen<BTreeSet<&MxName>> {
    let dns = &observation.dns;
    let records = dns.mx.records()?;
    if dns.implicit {
        return Ok(dns.hosts.keys().collect());
    }
    Ok(records.into_iter().flatten().filter_map(|record| host(&record.target)).collect())
}

fn host(target: &MxTarget) -> Option<&MxName> {
    match target {
        MxTarget::Host(name) => Some(name),
        MxTarget::Null | MxTarget::IpLiteral(_) | MxTarget::BadName(_) => None,
    }
}

fn not_allowed(host: &MxName, policy: &StsPolicy) -> Misfit {
    let mx: Vec<_> = policy.mx.iter().take(10).map(|mx| format!("mx: {mx}")).collect();
    let more = policy.mx.len().saturating_sub(10);
    let more = if more == 0 { String::new() } else { format!(" and {more} more") };
    let evidence = format!("validation-failure: {host} is not allowed by {}{more}", mx.join(", "));
    Misfit { issue: &MX_MISMATCH, evidence }
}

fn fit(contact: &Contact, cx: &Context) -> Seen<Fit> {
    let starttls = match contact.starttls() {
        Ok(starttls) => starttls,
        Err(unseen) if unseen.is_inconclusive() => return Err(unseen),
        Err(unseen) => {
            let no_tls = broken_at(Stage::StartTls, &unseen).map(|trouble| no_tls(&trouble.to_string()));
            return Ok(no_tls.unwrap_or(Fit::NotReached));
        }
    };
    match starttls {
        StartTls::NotOffered => Ok(no_tls("not offered")),
        StartTls::Refused(reply) => refused(reply),
        StartTls::Injected(_) => Ok(Fit::NoTls("validation-failure: plaintext behind the 220".to_owned())),
        StartTls::HandshakeFailed(trouble) => {
            let unseen = contact.settled_trouble(trouble);
            if unseen.is_inconclusive() {
                Err(unseen)
            } else {
                Ok(Fit::NoTls(format!("validation-failure: {trouble}")))
            }
        }
        StartTls::Secured(tls) => certificate(tls, cx.now),
    }
}

fn no_tls(why: &str) -> Fit {
    Fit::NoTls(format!("starttls-not-supported: {why}"))
}

fn refused(reply: &Reply) -> Seen<Fit> {
    match reply.accepted(Stage::StartTls) {
        Err(unseen) if unseen.is_inconclusive() => Err(unseen),
        _ => Ok(no_tls(&format!("→ STARTTLS  ← {}", reply.text()))),
    }
}

/// Whether a sender that validates takes the certificate; it has nobody's word but that of the authorities.
fn certificate(tls: &Tls, now: SystemTime) -> Seen<Fit> {
    let beyond_us =
        |detail: &str| Unseen::failed(Stage::TlsHandshake, Cause::UnsupportedByProber, detail.to_owned());
    let leaf = tls.leaf().ok_or_else(|| beyond_us("no certificate could be read"))?;
    if now < SystemTime::UNIX_EPOCH + CLOCK_IS_SET {
        return Err(Unseen::failed(Stage::TlsHandshake, Cause::ProberError, "the clock is not set"));
    }
    let why = if leaf.off_dates(now).is_some() {
        "certificate-expired: outside its dates".to_owned()
    } else if !(tls.named && tls.name_matches) {
        let names: Vec<_> = leaf.names.iter().take(10).map(PeerText::as_str).collect();
        format!("certificate-host-mismatch: it is for {}", names.join(", "))
    } else {
        match &tls.trust {
            Ok(()) => return Ok(Fit::Fits),
            Err(ChainTrouble::Unsupported(why)) => return Err(beyond_us(why.as_str())),
            Err(ChainTrouble::Expired(which)) => format!("certificate-expired: {which}"),
            Err(ChainTrouble::Invalid(why)) => format!("certificate-not-trusted: {why}"),
            Err(ChainTrouble::SelfSigned) => "certificate-not-trusted: self-signed".to_owned(),
            Err(ChainTrouble::UnknownIssuer) => {
                format!("certificate-not-trusted: unknown issuer of {}", leaf.subject)
            }
        }
    };
    Ok(Fit::NotValid(why))
}
