//! What must hold of everything printed whatever peers, operators and visitors wrote: both metric formats and every
//! page are read again by readers that forgive nothing.

mod exposition;
mod page;

use super::html::Query;
use super::testing::{report, snapshot};
use super::{discovery, html, json, metrics, sd, text};
use crate::name::{DomainName, MxName};
use crate::observe::testing::{
    EndpointBuilder, PolicyBuilder, endpoint, host, now, observation, open_relay, policies, ptr, transaction,
};
use crate::observe::{
    Cause, Certificate, ChainTrouble, Fetched, Outcome, PeerText, PolicyText, PublicKey, Reply, StsRecord,
    TlsRpt,
};
use crate::snapshot::{ProberFacts, Snapshot};
use exposition::{Format, read};
use std::collections::BTreeMap;
use std::sync::Arc;

/// The texts that an input brings, parted by NUL octets; those left out are empty.
struct Texts<'a>(Vec<&'a [u8]>);

impl<'a> Texts<'a> {
    fn of(input: &'a [u8]) -> Self {
        Self(input.split(|octet| *octet == 0).collect())
    }

    fn octets(&self, number: usize) -> &'a [u8] {
        self.0.get(number).copied().unwrap_or_default()
    }

    /// As a peer sent it.
    fn peer(&self, number: usize) -> PeerText {
        PeerText::from_bytes(self.octets(number))
    }

    /// As an operator or a visitor typed it.
    fn typed(&self, number: usize) -> String {
        String::from_utf8_lossy(self.octets(number)).into_owned()
    }

    /// One line of a reply.
    fn reply(&self, code: u16, before: &[&str], number: usize) -> Reply {
        let last = [format!("{code} ").as_bytes(), self.octets(number)].concat();
        let before = before.iter().map(|line| PeerText::from(*line));
        Reply { code, lines: before.chain([PeerText::from_bytes(&last)]).collect(), flaws: Vec::new() }
    }
}

/// Both formats say the same series; what operators named comes back as it was, and nothing of what peers sent does.
pub(crate) fn exposition(input: &[u8]) {
    let texts = Texts::of(input);
    let snapshot = fleet(input);
    let openmetrics = read(&written(&snapshot, metrics::openmetrics), Format::OpenMetrics);
    let classic = read(&written(&snapshot, metrics::classic), Format::Classic);
    assert!(openmetrics.series == classic.series, "the formats differ");
    let named = |name: &str, label: &str, value: &str| {
        let mut series = openmetrics.series.keys().filter(|series| series.name == name);
        assert!(
            series.any(|series| series.labels.get(label).is_some_and(|found| found == value)),
            "{name}: {value:?}"
        );
    };
    named("smtp_domain_info", "team", &texts.typed(12));
    named("mx_exporter_domains_file_last_load_successful", "file", &texts.typed(13));
    for series in
        openmetrics.series.keys().filter(|series| !series.name.starts_with("mx_exporter_domains_file"))
    {
        let labels = series.labels.iter().filter(|(name, _)| *name != "team");
        for (name, value) in labels {
            let plain = value.bytes().all(|b| b.is_ascii_alphanumeric() || b" ._:+-/".contains(&b));
            assert!(plain, "{name} of {} is {value:?}", series.name);
        }
    }
}

/// No text of a peer's or a visitor's becomes more than text; it is all there, and JSON and the terminal's report hold, too.
pub(crate) fn pages(input: &[u8]) {
    let texts = Texts::of(input);
    let snapshot = fleet(input);
    let query =
        Query { q: texts.typed(14), status: texts.typed(15), sort: texts.typed(16), page: texts.typed(17) };
    assert_page(&html::fleet(&snapshot, &query, now()));
    assert_page(&html::reports(&snapshot.reports, now()));
    for report in &*snapshot.reports {
        let shown = page::read(&html::domain(report, now()));
        let banner = report.observation.endpoints.iter().find_map(|of| of.contact.latest.banner.as_ref());
        for line in banner.iter().flat_map(|banner| &banner.lines) {
            let words = line.as_str().split_whitespace().all(|word| shown.contains(word));
            assert!(words, "{line} is missing in {shown}");
        }
        assert_json(&json::domain(report, now()));
    }
    for json in [
        json::domains(&snapshot, now()),
        json::reports(&snapshot.reports, now()),
        discovery::fleet(&snapshot),
        sd::endpoints(&snapshot),
        sd::domains(&snapshot),
    ] {
        assert_json(&json);
    }
    let terminal = text::Terminal { width: 60, colour: false };
    let told = text::reports(&snapshot.reports, terminal, now());
    assert!(!told.contains(|c: char| c.is_control() && c != '\n'), "{told:?}");
}

/// One domain whose servers say all of it, in every place that takes a peer's text, and one that was not probed.
pub(crate) fn fleet(input: &[u8]) -> Snapshot {
    let texts = Texts::of(input);
    let text = |number| texts.peer(number);
    let mx = MxName::parse(&texts.typed(11)).unwrap_or_else(|_| endpoint().mx_name().clone());
    let greets = said(endpoint().at(mx.as_str(), "192.0.2.10"), &texts)
        .with_ptr(ptr(text(6).as_str()).maps_to("203.0.113.1"))
        .banner_is(Ok(texts.reply(220, &[], 0)));
    let keywords = endpoint().at("mx2.example.com", "192.0.2.11").relay(Some(open_relay()));
    let keywords = keywords.ehlo_is(texts.reply(250, &["250-mx2.example.com", "250-STARTTLS"], 1));
    let refuses = endpoint().at("mx3.example.com", "192.0.2.12").banner_is(Ok(texts.reply(554, &[], 2)));
    let throttles = endpoint().at("mx4.example.com", "2001:db8::12").banner_is(Ok(texts.reply(421, &[], 3)));
    let breaks = endpoint().at("mx5.example.com", "192.0.2.13");
    let breaks = breaks.handshake_fails(Cause::Alert, text(4).as_str());
    let seen = observation()
        .of([greets, keywords, refuses, throttles, breaks])
        .host(mx.as_str(), host().alias_of(text(7).as_str()))
        .policies(published(&texts));
    let waiting = DomainName::parse("bücher.example").into_iter();
    let snapshot = snapshot([report(&seen)]);
    let mut domains: Vec<DomainName> = snapshot.domains.iter().cloned().chain(waiting).collect();
    domains.sort();
    let labels = |name: &DomainName| {
        (name.clone(), Arc::new(BTreeMap::from([("team".into(), texts.typed(12).into())])))
    };
    let prober =
        ProberFacts { domain_files: Arc::new([(texts.typed(13), true)].into()), ..ProberFacts::default() };
    let labels = Arc::new(domains.iter().map(labels).collect());
    Snapshot { domains: domains.into(), labels, prober, ..snapshot }
}

/// The same server with these texts in its certificate and its answers to RCPT.
fn said(server: EndpointBuilder, texts: &Texts<'_>) -> EndpointBuilder {
    let text = |number| texts.peer(number);
    let rcpt = format!("550 {}", text(5));
    let spoilt = |leaf: &mut Certificate| {
        *leaf = Certificate {
            subject: text(8),
            issuer: text(9),
            names: vec![text(10), text(8)],
            signature: text(9),
            key: PublicKey { algorithm: text(10), bits: None },
            ..leaf.clone()
        };
    };
    server.leaf(spoilt).untrusted(ChainTrouble::Invalid(text(4))).postmaster(Some(Ok(transaction(
        None,
        "postmaster@example.com",
        "250 ok",
        &rcpt,
    ))))
}

/// Policies with these texts in their records and in the file.
fn published(texts: &Texts<'_>) -> PolicyBuilder {
    let octets = |number| texts.octets(number).to_vec();
    let record = StsRecord::read(&[b"v=STSv1; id=1".to_vec(), octets(19)]);
    let text = PolicyText::read(Some(texts.peer(21)), texts.octets(18));
    let policies = policies("enforce", &[]).record_is(Outcome::Answer(record));
    policies.fetched(Some(Ok(Fetched::Text(text)))).tls_rpt_is(Outcome::Answer(TlsRpt::read(&[octets(20)])))
}

/// Fails where a page is not exactly what the templates can make.
pub(crate) fn assert_page(html: &str) {
    page::read(html);
}

/// Fails where a text is not OpenMetrics 1.0.
pub(crate) fn assert_openmetrics(text: &str) {
    read(text, Format::OpenMetrics);
}

/// Fails where a text is not the format 0.0.4.
pub(crate) fn assert_classic(text: &str) {
    read(text, Format::Classic);
}

fn assert_json(text: &str) {
    if let Err(error) = serde_json::from_str::<serde::de::IgnoredAny>(text) {
        panic!("{error} in {text}");
    }
}

fn written(snapshot: &Snapshot, write: impl FnOnce(&Snapshot, &mut String) -> std::fmt::Result) -> String {
    let mut text = String::new();
    assert!(write(snapshot, &mut text).is_ok(), "a string takes everything");
    text
}
