//! One address of one MX: the last session verbatim, and the last of everything that a session reached.

use super::dane::Dane;
use super::dns::Reverse;
use super::scan::Scan;
use super::tls::Tls;
use crate::observe::{self, Contact, Extensions, Fact, PeerText, Phase, Seen, StartTls, Unseen};
use crate::render::{software, time};
use crate::report::Held;
use crate::report::Report;
use crate::rules::Subject;
use serde::Serialize;
use std::collections::BTreeMap;
use std::time::{Duration, SystemTime};

#[derive(Serialize)]
pub(super) struct Endpoint<'a> {
    mx: &'a str,
    preference: u16,
    /// The one of the last session.
    address: String,
    /// `pool-v4` or `pool-v6`: the label of all its MX has in this family, where nobody tells them apart.
    pool: Option<String>,
    port: u16,
    software: &'static str,
    /// When the last session began.
    at: String,
    /// Until when the address is left alone, because it asked for that.
    rests_until: Option<String>,
    /// When a test that was put off is made again.
    retry_at: Option<String>,
    /// Since when DNS has not had the address any more.
    absent_since: Option<String>,
    /// The address this machine spoke from.
    local: Option<String>,
    /// The last greeting.
    banner: Option<Reply<'a>>,
    /// What ended the last session early, if anything did.
    trouble: Option<Trouble>,
    /// `not_offered`, `refused`, `injected`, `handshake_failed` or `secured`; `null` where the session did not get there.
    starttls: Option<&'static str>,
    steps: Vec<Step<'a>>,
    phases_ms: BTreeMap<&'static str, f64>,
    extensions: Offered<'a>,
    tls: Option<Tls<'a>>,
    dane: Dane,
    /// The last one that came to its end.
    tls_scan: Option<Scan<'a>>,
    ptr: Looked<Option<Reverse<'a>>>,
    null_sender: Option<Looked<Option<bool>>>,
    postmaster: Option<Looked<Option<bool>>>,
    open_relay: Option<Looked<Option<bool>>>,
}

/// One exchange.
#[derive(Serialize)]
struct Step<'a> {
    stage: &'static str,
    sent: Option<&'a str>,
    reply: Option<Reply<'a>>,
    trouble: Option<Trouble>,
    at_ms: f64,
    took_ms: f64,
}

#[derive(Serialize)]
struct Reply<'a> {
    code: u16,
    lines: Vec<&'a str>,
}

/// Why something was not seen.
#[derive(Serialize)]
pub(super) struct Trouble {
    cause: &'static str,
    stage: &'static str,
    detail: String,
}

#[derive(Serialize)]
struct Offered<'a> {
    /// As last offered, inside TLS where that session got there; the other two are of the latest look alone.
    last: Option<Vec<&'a str>>,
    before_tls: Option<Vec<&'a str>>,
    inside_tls: Option<Vec<&'a str>>,
}

/// A fact with its own age.
#[derive(Serialize)]
struct Looked<T> {
    at: String,
    result: T,
    trouble: Option<Trouble>,
}

impl<'a> Endpoint<'a> {
    pub(super) fn of(report: &'a Report, endpoint: &'a observe::Endpoint, now: SystemTime) -> Self {
        let contact = &*endpoint.contact;
        let dialogue = contact.dialogue.seen.as_ref().ok();
        let held = Held::of(report, &Subject::of(endpoint));
        Self {
            mx: endpoint.mx.as_str(),
            preference: endpoint.preference,
            address: endpoint.address().to_string(),
            pool: endpoint.pooled.then(|| endpoint.place().to_string()),
            port: contact.key.address.port(),
            software: software::software(contact.latest.banner.as_ref()).label,
            at: time::rfc3339_exact(contact.dialogue.at),
            rests_until: endpoint.rests_until.map(time::rfc3339),
            retry_at: endpoint.retry_at.map(time::rfc3339),
            absent_since: endpoint.absent.map(|absence| time::rfc3339(absence.since)),
            local: dialogue.and_then(|dialogue| dialogue.local).map(|address| address.to_string()),
            banner: contact.latest.banner.as_ref().map(Reply::of),
            trouble: trouble(contact),
            starttls: contact.starttls().ok().map(starttls),
            steps: dialogue.map(|dialogue| dialogue.steps.iter().map(Step::of).collect()).unwrap_or_default(),
            phases_ms: contact.latest.phases.iter().map(phase).collect(),
            extensions: Offered::of(contact),
            tls: contact.latest.tls.as_deref().filter(|_| !held.lacks_tls()).map(Tls::of),
            dane: Dane::of(report, endpoint, now),
            tls_scan: contact.latest.scan.as_deref().map(Scan::of),
            ptr: reverse(endpoint),
            null_sender: contact.null_sender.as_ref().map(|fact| Looked::of(fact, |seen| seen.is_accepted())),
            postmaster: endpoint.postmaster.as_ref().map(|fact| Looked::of(fact, |seen| seen.is_accepted())),
            open_relay: contact.relay.as_ref().map(|fact| {
                Looked::of(fact, |seen| seen.outcome().map(|outcome| outcome == observe::RelayOutcome::Open))
            }),
        }
    }
}

fn trouble(contact: &Contact) -> Option<Trouble> {
    match &contact.dialogue.seen {
        Ok(dialogue) => dialogue.trouble().map(|trouble| Trouble::of_session(contact, trouble)),
        Err(unseen) => Some(Trouble::of(unseen)),
    }
}

fn reverse(endpoint: &observe::Endpoint) -> Looked<Option<Reverse<'_>>> {
    let fact = &*endpoint.ptr;
    Looked {
        at: time::rfc3339(fact.at),
        result: fact.seen.as_ref().ok().map(|ptr| Reverse::of(ptr, endpoint.address())),
        trouble: fact.seen.as_ref().err().map(Trouble::of),
    }
}

fn starttls(starttls: &StartTls) -> &'static str {
    match starttls {
        StartTls::NotOffered => "not_offered",
        StartTls::Refused(_) => "refused",
        StartTls::Injected(_) => "injected",
        StartTls::HandshakeFailed(_) => "handshake_failed",
        StartTls::Secured(_) => "secured",
    }
}

fn phase((phase, took): (&Phase, &Duration)) -> (&'static str, f64) {
    (phase.as_str(), millis(*took))
}

/// Milliseconds with three digits behind the point.
pub(super) fn millis(took: Duration) -> f64 {
    (took.as_secs_f64() * 1e6).round() / 1e3
}

impl<'a> Step<'a> {
    fn of(step: &'a observe::Step) -> Self {
        Self {
            stage: step.stage.as_str(),
            sent: step.sent.as_deref(),
            reply: step.reply.as_ref().and_then(|reply| reply.as_ref().ok()).map(Reply::of),
            trouble: step.reply.as_ref().and_then(|reply| reply.as_ref().err()).map(Trouble::of),
            at_ms: millis(step.at),
            took_ms: millis(step.took),
        }
    }
}

impl<'a> Reply<'a> {
    fn of(reply: &'a observe::Reply) -> Self {
        Self { code: reply.code, lines: reply.lines.iter().map(PeerText::as_str).collect() }
    }
}

impl Trouble {
    pub(super) fn of(unseen: &Unseen) -> Self {
        Self::told(unseen.trouble())
    }

    /// As it was met; and once it is certain, as what it is.
    fn of_session(contact: &Contact, trouble: &observe::Trouble) -> Self {
        let settled = contact.settled_trouble(trouble);
        if settled.is_inconclusive() { Self::told(trouble) } else { Self::of(&settled) }
    }

    fn told(trouble: &observe::Trouble) -> Self {
        Self {
            cause: trouble.cause.as_str(),
            stage: trouble.stage.as_str(),
            detail: trouble.detail.to_string(),
        }
    }
}

impl<'a> Offered<'a> {
    fn of(contact: &'a Contact) -> Self {
        let lines = |extensions: &'a Extensions| extensions.lines().iter().map(PeerText::as_str).collect();
        let dialogue = contact.dialogue.seen.as_ref().ok();
        let before = dialogue.and_then(|dialogue| dialogue.ehlo.as_ref().ok());
        let inside = match before.map(|ehlo| &ehlo.starttls) {
            Some(Ok(StartTls::Secured(tls))) => tls.ehlo.as_ref().ok(),
            _ => None,
        };
        Self {
            last: contact.latest.extensions.as_ref().map(lines),
            before_tls: before.map(|ehlo| lines(&ehlo.extensions)),
            inside_tls: inside.map(|ehlo| lines(&ehlo.extensions)),
        }
    }
}

impl Looked<Option<bool>> {
    fn of<T>(fact: &Fact<T>, verdict: impl Fn(&T) -> Seen<bool>) -> Self {
        let result = fact.seen.as_ref().map_err(Clone::clone).and_then(verdict);
        Self {
            at: time::rfc3339(fact.at),
            trouble: result.as_ref().err().map(Trouble::of),
            result: result.ok(),
        }
    }
}
