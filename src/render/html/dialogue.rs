//! The last session with one endpoint, verbatim and timed, and what else is known of it.

use super::certificate::Certificate;
use super::phases::Bar;
use super::trial::Trial;
use super::when::When;
use crate::observe::{
    Contact, Endpoint, Extensions, Observation, PeerText, Reply, Stage, StartTls, Step, Tls,
};
use crate::render::scan::Scan;
use crate::render::{dane, time, words};
use std::time::{Duration, SystemTime};

pub(super) struct Dialogue<'a> {
    pub(super) mx: &'a str,
    pub(super) address: String,
    pub(super) summary: String,
    pub(super) when: When,
    pub(super) phases: Vec<Bar>,
    pub(super) lines: Vec<Line>,
    pub(super) extensions: Vec<(&'static str, Vec<&'a str>)>,
    pub(super) tls: String,
    pub(super) chain: Vec<Certificate<'a>>,
    pub(super) scan: Option<Scan>,
    pub(super) scanned: Option<When>,
    pub(super) ptr: String,
    /// What DNS says of DANE instead of records; empty where it has some.
    pub(super) without_dane: String,
    pub(super) tlsa: Vec<dane::Row<'a>>,
    /// Whose these records are; empty where they were published for the server's own name.
    pub(super) wildcard: String,
    pub(super) trials: Vec<Trial>,
}

/// One line of the dialogue.
pub(super) struct Line {
    /// When the reply was whole, since the session's start.
    pub(super) time: String,
    kind: Kind,
    pub(super) text: String,
}

/// Who says it.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    /// The prober.
    Sent,
    /// The server.
    Heard,
    /// The server, still.
    HeardMore,
    /// This program, about both.
    Note,
}

impl<'a> Dialogue<'a> {
    pub(super) fn of(observation: &'a Observation, endpoint: &'a Endpoint, now: SystemTime) -> Self {
        let contact = &*endpoint.contact;
        let steps =
            contact.dialogue.seen.as_ref().map(|dialogue| dialogue.steps.as_slice()).unwrap_or_default();
        let tls = contact.latest.tls.as_deref();
        let scan = Scan::of(contact);
        Self {
            mx: endpoint.mx.as_str(),
            address: endpoint.address().to_string(),
            summary: summary(contact, steps),
            when: When::ago(contact.dialogue.at, now),
            phases: Bar::all(steps),
            lines: lines(contact, steps),
            extensions: extensions(contact),
            tls: tls.map(describe).unwrap_or_default(),
            chain: tls
                .into_iter()
                .flat_map(|tls| &tls.chain)
                .map(|sent| Certificate::of(sent, now))
                .collect(),
            scanned: scan.as_ref().map(|scan| When::ago(scan.at, now)),
            scan,
            ptr: reverse(endpoint),
            without_dane: dane::without_records(observation, endpoint).unwrap_or_default(),
            tlsa: dane::Row::all(observation, endpoint, now),
            wildcard: dane::wildcard(observation, endpoint).unwrap_or_default(),
            trials: Trial::all(endpoint, now),
        }
    }
}

impl Line {
    pub(super) fn class(&self) -> &'static str {
        match self.kind {
            Kind::Sent => "said",
            Kind::Heard | Kind::HeardMore => "heard",
            Kind::Note => "soft",
        }
    }

    /// What stands before it.
    pub(super) fn mark(&self) -> &'static str {
        match self.kind {
            Kind::Sent => "→",
            Kind::Heard => "←",
            Kind::HeardMore | Kind::Note => " ",
        }
    }

    fn new(kind: Kind, text: impl Into<String>) -> Self {
        Self { time: String::new(), kind, text: text.into() }
    }
}

fn summary(contact: &Contact, steps: &[Step]) -> String {
    let took = steps.last().map(|step| step.at + step.took);
    match (&contact.dialogue.seen, took) {
        (Err(unseen), _) => words::trouble(unseen.trouble()),
        (Ok(_), None) => String::new(),
        (Ok(dialogue), Some(took)) => {
            let told = format!("{}, {}", words::count(steps.len(), "step"), time::precise(took));
            match dialogue.trouble() {
                Some(trouble) => format!("{told}, ended by: {}", words::cause(trouble.cause)),
                None => told,
            }
        }
    }
}

fn lines(contact: &Contact, steps: &[Step]) -> Vec<Line> {
    let mut lines: Vec<Line> = Vec::new();
    for (at, step) in steps.iter().enumerate() {
        if at > 0 && step.stage == Stage::Connect {
            lines.push(Line::new(Kind::Note, "a second session, without TLS, for the tests that were due"));
        }
        lines.extend(step.sent.as_ref().map(|sent| Line::new(Kind::Sent, sent)));
        let done = step.at + step.took;
        match &step.reply {
            Some(Ok(reply)) => lines.extend(heard(reply, done)),
            Some(Err(unseen)) => lines.push(timed(done, Kind::Note, words::trouble(unseen.trouble()))),
            None => lines.push(timed(done, Kind::Note, unspoken(contact, step))),
        }
    }
    lines
}

fn timed(done: Duration, kind: Kind, text: String) -> Line {
    Line { time: format!("+{}", time::precise(done)), kind, text }
}

fn heard(reply: &Reply, done: Duration) -> Vec<Line> {
    let line = |(at, line): (usize, &PeerText)| match at {
        0 => timed(done, Kind::Heard, line.to_string()),
        _ => Line::new(Kind::HeardMore, line.as_str()),
    };
    reply.lines.iter().enumerate().map(line).collect()
}

/// A step without words: connect, or the handshake.
fn unspoken(contact: &Contact, step: &Step) -> String {
    let name = words::stage(step.stage);
    let tls = match contact.starttls() {
        Ok(StartTls::Secured(tls)) if step.stage == Stage::TlsHandshake => tls,
        Ok(StartTls::HandshakeFailed(trouble)) if step.stage == trouble.stage => {
            return format!("{name} failed: {}", words::trouble(trouble));
        }
        _ => return name.to_owned(),
    };
    format!("{name}: {}", describe(tls))
}

/// `TLS 1.3, TLS_AES_256_GCM_SHA384, X25519, verified`
fn describe(tls: &Tls) -> String {
    let mut parts = vec![format!("TLS {}", tls.version.as_str()), tls.cipher.to_owned()];
    parts.extend(tls.key_exchange.map(str::to_owned));
    parts.push(match &tls.trust {
        Ok(()) => "chain trusted".to_owned(),
        Err(trouble) => format!("chain not trusted: {}", words::chain_trouble(trouble)),
    });
    parts.push(if tls.name_matches { "name matches" } else { "name does not match" }.to_owned());
    parts.join(", ")
}

/// What is offered on both sides of TLS, and only on one.
fn extensions(contact: &Contact) -> Vec<(&'static str, Vec<&str>)> {
    let Some(Ok(ehlo)) = contact.dialogue.seen.as_ref().ok().map(|dialogue| &dialogue.ehlo) else {
        return Vec::new();
    };
    let before = texts(&ehlo.extensions);
    let inside = match &ehlo.starttls {
        Ok(StartTls::Secured(tls)) => tls.ehlo.as_ref().ok().map(|inside| texts(&inside.extensions)),
        _ => None,
    };
    let Some(inside) = inside else { return vec![("Extensions", before)] };
    let both = before.iter().copied().filter(|line| inside.contains(line)).collect();
    let only_before = before.iter().copied().filter(|line| !inside.contains(line)).collect();
    let only_inside = inside.iter().copied().filter(|line| !before.contains(line)).collect();
    vec![("Before and inside TLS", both), ("Only before TLS", only_before), ("Only inside TLS", only_inside)]
}

fn texts(extensions: &Extensions) -> Vec<&str> {
    extensions.lines().iter().map(PeerText::as_str).collect()
}

fn reverse(endpoint: &Endpoint) -> String {
    let ptr = match &endpoint.ptr.seen {
        Ok(ptr) => ptr,
        Err(unseen) => return format!("not known: {}", words::trouble(unseen.trouble())),
    };
    match ptr.names.records() {
        Err(unseen) => format!("not known: {}", words::trouble(unseen.trouble())),
        Ok(None) => "none".to_owned(),
        Ok(Some(names)) => {
            let names: Vec<&str> = names.iter().map(PeerText::as_str).collect();
            let leads = match ptr.confirms(endpoint.address()) {
                Ok(true) => "leads back",
                Ok(false) => "does not lead back",
                Err(_) => "not known whether it leads back",
            };
            format!("{} ({leads})", names.join(", "))
        }
    }
}
