//! How each address of each MX does, a row each, in words: the endpoint table of pages and terminals.

use super::{software, time, words};
use crate::name::{DomainName, MxName};
use crate::observe::{Cause, Contact, Endpoint, Phase, Reply, StartTls, TlsVersion};
use crate::report::Report;
use crate::report::{CERTIFICATE_INVALID, Held};
use crate::rules::{Status, Subject};
use std::time::SystemTime;

/// One row.
#[derive(Debug)]
pub(super) struct Server<'a> {
    pub(super) endpoint: &'a Endpoint,
    /// Empty where the banner does not tell.
    pub(super) software: &'static str,
    /// The host name in the greeting; none where there is no greeting, or no name in it.
    pub(super) greets_as: Option<MxName>,
    pub(super) reachable: Mark,
    pub(super) tls: Mark,
    pub(super) certificate: Mark,
    pub(super) ptr: Mark,
    pub(super) relay: Mark,
    /// How long it took from the first packet to the whole greeting; a dash where it never greeted.
    pub(super) answer: String,
}

/// One cell.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Mark {
    /// What it says; a dash where there is nothing to say.
    pub(super) words: String,
    /// How good or bad that is for this domain; none where nothing was concluded.
    pub(super) status: Option<Status>,
    /// Whether this is a former verdict that could not be renewed.
    pub(super) held: bool,
}

/// Every address of every MX, in preference order.
pub(super) fn servers(report: &Report, now: SystemTime) -> Vec<Server<'_>> {
    let row = |endpoint| Row { endpoint, held: Held::of(report, &Subject::of(endpoint)), now }.server();
    report.observation.endpoints.iter().map(row).collect()
}

/// What a session was encrypted with; where this program cannot speak any of it, the newest of what the server speaks.
pub(super) fn newest_version(contact: &Contact) -> Option<TlsVersion> {
    let scanned = contact.explanation().and_then(|scan| scan.choices().map(|choice| choice.version).max());
    scanned.or_else(|| contact.latest.tls.as_ref().map(|tls| tls.version))
}

const NOT_JUDGED: &str = "not judged";

struct Row<'a> {
    endpoint: &'a Endpoint,
    held: Held<'a>,
    now: SystemTime,
}

impl<'a> Row<'a> {
    fn server(&self) -> Server<'a> {
        let latest = &self.endpoint.contact.latest;
        let phase = |phase| latest.phases.get(&phase).copied();
        let answer =
            phase(Phase::Connect).zip(phase(Phase::Banner)).map(|(connect, banner)| connect + banner);
        let mut server = Server {
            endpoint: self.endpoint,
            software: software::software(latest.banner.as_ref()).name,
            greets_as: latest.banner.as_ref().and_then(greeting_name),
            reachable: self.reachable(),
            tls: self.tls(),
            certificate: self.certificate(),
            ptr: self.ptr(),
            relay: self.relay(),
            answer: answer.map_or("–".to_owned(), time::precise),
        };
        server.say_causes_once();
        server
    }

    fn reachable(&self) -> Mark {
        let rule = match self.held.is_broken_ipv6() {
            true => "smtp.ipv6_reachable",
            false => "smtp.endpoint_reachable",
        };
        match (self.held.is_reachable(), self.held.is_up()) {
            (Some(false), _) => self.verdict(rule, "no"),
            (Some(true), Some(false)) => match self.held.greets() {
                Some(false) => self.verdict("smtp.banner_sanity", "yes, but no greeting"),
                _ => self.verdict("smtp.ehlo_supported", "yes, but refuses EHLO"),
            },
            (Some(true), _) => self.verdict(rule, "yes"),
            (None, _) => match self.endpoint.contact.dialogue() {
                Err(unseen) if unseen.cause() == Cause::NotPublic => Mark::plain("not a public address"),
                _ => self.unjudged(rule),
            },
        }
    }

    fn tls(&self) -> Mark {
        let starttls = "smtp.starttls_handshake";
        if self.held.offers_starttls() == Some(false) {
            return self.verdict("smtp.starttls_offered", "not offered");
        }
        if self.held.lacks_tls() {
            let refused = matches!(self.endpoint.contact.starttls(), Ok(StartTls::Refused(_)));
            return self.verdict(starttls, if refused { "refused" } else { "fails" });
        }
        match newest_version(&self.endpoint.contact) {
            Some(version) => self.verdict(starttls, version.name()),
            None => self.unjudged(starttls),
        }
    }

    fn certificate(&self) -> Mark {
        let rule = "smtp.tls_quality";
        let tls = self.endpoint.contact.latest.tls.as_ref().filter(|_| !self.held.lacks_tls());
        let Some(leaf) = tls.and_then(|tls| tls.leaf()) else { return self.unjudged(rule) };
        let days = time::days_until(leaf.not_after, self.now);
        let validity = match days {
            _ if self.now > leaf.not_after => {
                format!("expired {} ago", words::count(days.unsigned_abs(), "day"))
            }
            _ => format!("{} left", words::count(days.unsigned_abs(), "day")),
        };
        let troubles = self.held.found(rule).filter(|code| CERTIFICATE_INVALID.contains(code));
        let mut said: Vec<&str> = troubles.filter_map(short).collect();
        said.push(&validity);
        self.verdict(rule, &said.join(", "))
    }

    fn ptr(&self) -> Mark {
        let rule = "smtp.reverse_dns";
        match self.held.has_reverse_dns() {
            Some(true) => self.verdict(rule, "matches"),
            Some(false) if self.held.found(rule).any(|code| code == "smtp.ptr.missing") => {
                self.verdict(rule, "missing")
            }
            Some(false) => self.verdict(rule, "does not match"),
            None => self.unjudged(rule),
        }
    }

    fn relay(&self) -> Mark {
        let rule = "smtp.open_relay";
        match self.held.is_open_relay() {
            Some(true) => self.verdict(rule, "OPEN RELAY"),
            Some(false) => self.verdict(rule, "closed"),
            None => self.unjudged(rule),
        }
    }

    fn verdict(&self, rule: &str, words: &str) -> Mark {
        let last = self.held.last(rule);
        let held = last.is_some() && self.held.doubt(rule).is_some();
        Mark { words: words.to_owned(), status: last.map(|last| last.status()), held }
    }

    fn unjudged(&self, rule: &str) -> Mark {
        match self.held.doubt(rule) {
            Some(doubt) => Mark::plain(&format!("{NOT_JUDGED}: {}", words::cause(doubt.trouble.cause))),
            None => Mark::plain("–"),
        }
    }
}

impl Server<'_> {
    /// What kept the first thing from being judged usually kept the others too.
    fn say_causes_once(&mut self) {
        let marks =
            [&mut self.reachable, &mut self.tls, &mut self.certificate, &mut self.ptr, &mut self.relay];
        let mut said: Vec<String> = Vec::new();
        for mark in marks {
            if said.contains(&mark.words) {
                mark.words = NOT_JUDGED.to_owned();
            } else if mark.words.starts_with(NOT_JUDGED) {
                said.push(mark.words.clone());
            }
        }
    }
}

impl Mark {
    fn plain(words: &str) -> Self {
        Self { words: words.to_owned(), status: None, held: false }
    }

    /// Its words without the reason why it was not judged.
    pub(super) fn brief(&self) -> &str {
        if self.words.starts_with(NOT_JUDGED) { NOT_JUDGED } else { &self.words }
    }

    /// Its class in the style sheet.
    pub(super) fn class(&self) -> &'static str {
        words::class(self.status)
    }
}

/// The domain behind a 220 (RFC 5321 §4.2), where it is one.
fn greeting_name(banner: &Reply) -> Option<MxName> {
    let text = banner.lines.first().filter(|_| banner.code == 220)?.as_str().get(4..)?;
    let name = DomainName::parse(text.split(' ').next()?).ok()?;
    name.as_str().contains('.').then(|| name.as_host())
}

/// What is wrong with a certificate, in a table's cell; none where the days left say it.
fn short(code: &str) -> Option<&'static str> {
    match code {
        "smtp.cert.host_mismatch" => Some("another name"),
        "smtp.cert.not_yet_valid" => Some("not valid yet"),
        "smtp.cert.self_signed" => Some("self-signed"),
        "smtp.cert.untrusted" => Some("untrusted"),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::observe::testing::{endpoint, now, observation};
    use crate::render::testing::report;

    #[test]
    fn a_server_names_itself_in_its_greeting_or_does_not() {
        for (banner, want) in [
            ("220 mx1.example.com ESMTP Postfix", Some("mx1.example.com")),
            ("220-MX1.example.com ESMTP\n220 welcome", Some("mx1.example.com")),
            ("220 mx1.example.com", Some("mx1.example.com")),
            ("220 ESMTP ready", None),
            ("220 <script>alert(1)</script> x", None),
            ("220", None),
            ("554 mx1.example.com no service", None),
        ] {
            let report = report(&observation().of([endpoint().banner(banner)]));
            let servers = servers(&report, now());
            assert_eq!(servers[0].greets_as.as_ref().map(MxName::as_str), want, "{banner}");
        }
    }
}
