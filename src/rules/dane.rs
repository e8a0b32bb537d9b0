//! Do the TLSA records of the mail servers say who they are (RFC 7672), and is it so? Look-ups are the domain's; what a
//! server shows is its own.

use super::evidence::date;
use super::{Check, Context, Issue, Judgement, Rule, Severity, Source, Verdict};
use crate::observe::{
    Breach, Cause, DaneState, Endpoint, Fit, Observation, Published, Stage, Tls, Tlsa, TlsaLookup, Unseen,
};

mod hosts;

pub(super) static RULE: Rule = Rule {
    code: "smtp.dane",
    title: "Signed TLSA records name the certificates of all mail servers",
    issues: &[
        &MISMATCH,
        &BOGUS,
        &LOOKUP_FAILED,
        &NO_TLS,
        &UNUSABLE,
        &PARTIAL,
        &NO_ROLLOVER,
        &INSECURE_MX,
        &ABSENT,
        &INSECURE_ZONE,
    ],
    source: Source::Dialogue,
    checks: &[Check::Domain(hosts::check), Check::Endpoint(check)],
};

static MISMATCH: Issue = Issue {
    code: "smtp.dane.mismatch",
    severity: Severity::Critical,
    title: "The server shows another certificate than its TLSA records name",
    why: "Senders that do DANE (Gmail does not, but many providers in Europe do) take it for an impostor and do not deliver.",
    fix: "Publish a TLSA record for the certificate that is shown (`3 1 1` and the SHA-256 of its key), or go back to the one that was published. Next time, publish the new record two TTLs before the new key is used.",
    reference: "https://www.rfc-editor.org/rfc/rfc7672#section-3",
};

static BOGUS: Issue = Issue {
    code: "smtp.dane.bogus",
    severity: Severity::Critical,
    title: "DNSSEC validation of the TLSA records fails",
    why: "Senders that do DANE cannot tell a broken zone from an attack, and do not deliver.",
    fix: "Sign the zone anew; look at the denials (NSEC, NSEC3) too, if there are no TLSA records at all.",
    reference: "https://www.rfc-editor.org/rfc/rfc7672#section-2.1.3",
};

static LOOKUP_FAILED: Issue = Issue {
    code: "smtp.dane.lookup_failed",
    severity: Severity::Critical,
    title: "The look-up of TLSA records has been failing for hours",
    why: "The host's addresses are signed, so senders that do DANE must know whether there are TLSA records. Where they cannot learn that, they do not deliver.",
    fix: "See that all name servers of the zone answer questions for TLSA, also with \"no such name\"; old load balancers and firewalls do not.",
    reference: "https://www.rfc-editor.org/rfc/rfc7672#section-2.1.2",
};

static NO_TLS: Issue = Issue {
    code: "smtp.dane.no_tls",
    severity: Severity::Critical,
    title: "There are TLSA records, but TLS does not come about",
    why: "By its TLSA records the server promises TLS. Senders that do DANE never deliver in plaintext then.",
    fix: "Mend STARTTLS. If the server is not to do TLS, remove its TLSA records.",
    reference: "https://www.rfc-editor.org/rfc/rfc7672#section-2.2",
};

static UNUSABLE: Issue = Issue {
    code: "smtp.dane.unusable",
    severity: Severity::Warning,
    title: "TLSA records that no sender can use",
    why: "Usages 0 and 1 do not count for mail, and records with digests of the wrong length or unknown types are passed over. Where none is left, senders insist on TLS but cannot know whom they speak with.",
    fix: "Publish `3 1 1` and the SHA-256 of the server's key (64 hexadecimal digits), and remove what cannot be used.",
    reference: "https://www.rfc-editor.org/rfc/rfc7672#section-3.1.3",
};

static PARTIAL: Issue = Issue {
    code: "smtp.dane.partial",
    severity: Severity::Warning,
    title: "Some mail servers have TLSA records and others have none",
    why: "Whoever can redirect mail makes senders use the servers without: DANE protects nothing until all have it.",
    fix: "Publish TLSA records for the other servers, or remove these from MX.",
    reference: "https://www.rfc-editor.org/rfc/rfc7672#section-2.2.1",
};

static NO_ROLLOVER: Issue = Issue {
    code: "smtp.dane.no_rollover",
    severity: Severity::Info,
    title: "The next key has no TLSA record yet",
    why: "All records name the certificate of today. As soon as its key changes, senders that do DANE stop delivering.",
    fix: "Keep the key when the certificate is renewed; and publish a second record for the next key (`3 1 1`) or for the authority above (`2 1 1`), long before the change.",
    reference: "https://www.rfc-editor.org/rfc/rfc7671#section-8.1",
};

static INSECURE_MX: Issue = Issue {
    code: "smtp.dane.insecure_mx",
    severity: Severity::Info,
    title: "The mail servers do DANE, the domain's own zone is not signed",
    why: "Who can forge the domain's MX records leads senders past the servers. Many senders use DANE all the same.",
    fix: "Sign the domain's zone with DNSSEC and have the DS record published by the registrar.",
    reference: "https://www.rfc-editor.org/rfc/rfc7672#section-2.2.1",
};

static ABSENT: Issue = Issue {
    code: "smtp.dane.absent",
    severity: Severity::Info,
    title: "The mail servers have no TLSA records",
    why: "Their zones are signed, so that records would count: senders would insist on TLS with these very servers.",
    fix: "Publish `_25._tcp` TLSA records for every MX host: `3 1 1` and the SHA-256 of its key.",
    reference: "https://www.rfc-editor.org/rfc/rfc7672#section-1",
};

static INSECURE_ZONE: Issue = Issue {
    code: "smtp.dane.insecure_zone",
    severity: Severity::Info,
    title: "DANE is not possible: a zone is not signed",
    why: "TLSA records count only where DNSSEC signs them and all that leads to them. MTA-STS does without.",
    fix: "Sign the zone with DNSSEC, then publish TLSA records. If it is your provider's, ask for it.",
    reference: "https://www.rfc-editor.org/rfc/rfc7672#section-2.1.1",
};

/// What one server shows, by the records of its host.
fn check(endpoint: &Endpoint, observation: &Observation, cx: &Context) -> Judgement {
    let host = observation.dns.hosts.get(&endpoint.mx);
    let found = match host.map(crate::observe::HostDns::dane) {
        _ if cx.prober.validates == Some(false) => return Ok(Verdict::NotApplicable),
        Some(Ok(Published::Records(found))) => found,
        Some(Err(unseen)) => return Err(unseen),
        Some(Ok(Published::Unseen(_, unseen))) => return Err(unseen),
        Some(Ok(_)) => return Ok(Verdict::NotApplicable),
        None => return observation.dane_at(endpoint, cx.now).map(|_| Verdict::NotApplicable),
    };
    match observation.dane_at(endpoint, cx.now)? {
        DaneState::NoTls => Ok(NO_TLS.found(without_tls(endpoint, found))),
        DaneState::Mismatch => mismatch(endpoint, observation, found, cx),
        DaneState::Valid => Ok(rollover(endpoint, observation, cx)),
        _ => Ok(Verdict::NotApplicable),
    }
}

fn without_tls(endpoint: &Endpoint, found: &TlsaLookup) -> String {
    let trouble = endpoint.contact.tls().err().map(|unseen| unseen.trouble().to_string());
    let stray = stray(found).map(|stray| format!("\n{stray}")).unwrap_or_default();
    format!("{}; published: {}{stray}", trouble.unwrap_or_default(), listed(found.records()))
}

/// That the records may be nobody's intention: whoever publishes them for other names must know what they do here.
fn stray(found: &TlsaLookup) -> Option<String> {
    let wildcard = found.stray_wildcard()?;
    Some(format!("the records are those of the wildcard {wildcard}, perhaps not meant for this server"))
}

/// Dates are judged only where the clock is set.
fn mismatch(endpoint: &Endpoint, observation: &Observation, found: &TlsaLookup, cx: &Context) -> Judgement {
    let fits = observation.fits(endpoint, cx.now);
    let broken = fits.iter().any(|(_, fit)| matches!(fit, Fit::Broken(_)));
    if broken && !cx.clock_is_set() {
        let detail = format!("the clock of this machine stands at {}", date(cx.now));
        return Err(Unseen::failed(Stage::TlsHandshake, Cause::ProberError, detail));
    }
    let tls = endpoint.contact.tls()?;
    let mut lines: Vec<String> =
        tls.leaf().map(|leaf| format!("shown: {}", leaf.subject)).into_iter().collect();
    let usable = fits.iter().filter(|(_, fit)| !matches!(fit, Fit::Unusable(_)));
    lines.extend(usable.map(|(record, fit)| format!("{record}: {}", objection(fit, tls))));
    lines.extend(stray(found));
    Ok(MISMATCH.found(lines.join("\n")))
}

fn objection(fit: &Fit, tls: &Tls) -> String {
    match fit {
        Fit::Broken(Breach::Chain(trouble)) => format!("its certificate is known, but {}", chain(trouble)),
        Fit::Broken(Breach::Dates) => match tls.leaf() {
            Some(leaf) => {
                format!("valid from {} to {} only", date(leaf.not_before), date(leaf.not_after))
            }
            None => "outside its dates".to_owned(),
        },
        Fit::Broken(Breach::Name) => "the certificate is for other names".to_owned(),
        _ => "nothing that was shown".to_owned(),
    }
}

fn chain(trouble: &crate::observe::ChainTrouble) -> String {
    use crate::observe::ChainTrouble::{Expired, Invalid, SelfSigned, UnknownIssuer, Unsupported};
    match trouble {
        Expired(which) => format!("outside its dates: {which}"),
        SelfSigned => "the server's own is self-signed".to_owned(),
        UnknownIssuer => "the server's own does not lead there".to_owned(),
        Invalid(why) | Unsupported(why) => format!("the chain does not hold: {why}"),
    }
}

/// A record helps with the next key if it is of the next certificate, which nobody shows yet, or of an authority above
/// that will sign it. Several records of what is shown today do not, nor does an authority that the chain does not
/// lead to.
fn rollover(endpoint: &Endpoint, observation: &Observation, cx: &Context) -> Verdict {
    let fits = observation.fits(endpoint, cx.now);
    let outlives = |(record, fit): &(&Tlsa, Fit)| match fit {
        Fit::Anchor(_) => true,
        Fit::Nothing => record.usage == 3 && !is_shown(record, endpoint, observation),
        _ => false,
    };
    if fits.iter().any(outlives) {
        return Verdict::Pass;
    }
    let records: Vec<Tlsa> = fits.iter().map(|(record, _)| (*record).clone()).collect();
    NO_ROLLOVER.found(listed(&records))
}

/// Whether another address of the same host shows what the record is of, or this one did in an earlier session or to a
/// TLS scan: servers with a certificate of each kind show a session only one.
fn is_shown(record: &Tlsa, endpoint: &Endpoint, observation: &Observation) -> bool {
    let mut latest = observation.endpoints.iter().filter(|other| other.mx == endpoint.mx);
    latest.any(|other| {
        let latest = &other.contact.latest;
        let leaf = latest.tls.as_ref().and_then(|tls| tls.leaf());
        leaf.is_some_and(|leaf| record.is_of(leaf))
            || latest.scan.as_ref().is_some_and(|scan| record.is_shown_to(scan))
    })
}

fn listed(records: &[Tlsa]) -> String {
    const SHOWN: usize = 8;
    let mut texts: Vec<String> = records.iter().take(SHOWN).map(ToString::to_string).collect();
    if records.len() > SHOWN {
        texts.push(format!("and {} more", records.len() - SHOWN));
    }
    texts.join(", ")
}

#[cfg(test)]
mod tests;
