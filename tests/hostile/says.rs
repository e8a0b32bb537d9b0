//! What the rules say of a meeting, at the first look and when a second one met the same; and tables of meetings.
//!
//! In short, in the order people read the rules, a letter each (see [`LETTERS`]): `pass`, the codes that are found,
//! `?cause` where nothing could be concluded, `-` where the rule has no business. Equal neighbours are told together:
//! `RB pass, ESHANPOXT ?timeout`.

use crate::meet::{Meeting, Met};
use crate::support::smtp::Script;
use mx_exporter::name::DomainName;
use mx_exporter::observe::{
    Contact, Dnssec, DomainDns, Endpoint, Fact, HostDns, Lasting, Lookup, MxRecord, MxTarget, Observation,
    Outcome, Policy, Ptr,
};
use mx_exporter::rules::{self, Finding, Judged, Judgement, Subject, Tests, Verdict};
use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

/// The rules that a session decides.
const LETTERS: [(&str, char); 11] = [
    ("smtp.endpoint_reachable", 'R'),
    ("smtp.banner_sanity", 'B'),
    ("smtp.ehlo_supported", 'E'),
    ("smtp.starttls_offered", 'S'),
    ("smtp.starttls_handshake", 'H'),
    ("smtp.auth_posture", 'A'),
    ("smtp.null_sender", 'N'),
    ("smtp.postmaster", 'P'),
    ("smtp.open_relay", 'O'),
    ("smtp.extension_posture", 'X'),
    ("smtp.tls_quality", 'T'),
];

/// A name behind the numbers of its lines, the meeting, the peer, the session in short, and what is said of it at the
/// first look and at the second; `""`: the same.
pub(crate) type Case = (&'static str, Meeting, Script, &'static str, &'static str, &'static str);

/// Plays every case and tells all that came out otherwise.
pub(crate) async fn all(cases: Vec<Case>) {
    let mut wrong = vec![];
    for (name, meeting, peer, gist, first, second) in cases {
        let met = meeting.with(peer).await;
        wrong.extend(met.differs(name, gist, (first, second)));
    }
    assert!(wrong.is_empty(), "\n{}", wrong.join("\n"));
}

impl Met {
    /// What came out otherwise than it should.
    pub(crate) fn differs(&self, name: &str, gist: &str, (first, second): (&str, &str)) -> Option<String> {
        let second = if second.is_empty() { first } else { second };
        let came = (self.whole_gist(), self.says(1), self.says(2));
        let is_so = came == (gist.to_owned(), first.to_owned(), second.to_owned());
        (!is_so).then(|| format!("{name}:\n  {}\n  {}\n  {}\n  {}", came.0, came.1, came.2, self.trouble()))
    }

    /// The session and what its tests proved.
    pub(crate) fn whole_gist(&self) -> String {
        let tests = self.tests();
        if tests.is_empty() { self.gist() } else { format!("{}; {tests}", self.gist()) }
    }

    /// What the rules say when so many looks in a row met this.
    pub(crate) fn says(&self, looks: u32) -> String {
        let judged = rules::judge(&self.observation(looks), &context(self.session.at));
        told_together(judged.iter().filter(|judged| judged.subject != Subject::Domain))
    }

    /// The evidence of everything that is found.
    pub(crate) fn evidence(&self) -> Vec<String> {
        self.findings().map(|finding| finding.evidence).collect()
    }

    /// The code of everything that is found at the endpoint.
    pub(crate) fn codes(&self) -> Vec<&'static str> {
        self.findings().map(|finding| finding.issue.code).filter(|code| !code.contains("ipv6")).collect()
    }

    fn findings(&self) -> impl Iterator<Item = Finding> {
        let judged = rules::judge(&self.observation(2), &context(self.session.at));
        let findings = judged.into_iter().filter_map(|judged| match judged.judgement {
            Ok(Verdict::Findings(findings)) => Some(findings),
            _ => None,
        });
        findings.flatten()
    }

    /// A domain with this server as its only MX.
    pub(crate) fn observation(&self, looks: u32) -> Observation {
        let mut contact = Contact::renewed(None, self.key.clone(), self.session.clone());
        for _ in 1..looks {
            contact = Contact::renewed(Some(&contact), self.key.clone(), self.session.clone());
        }
        let (mx, at) = (self.key.tls_name.clone(), self.session.at);
        let asked = self.session.postmasters.first().map(|(_, asked)| asked.clone());
        let postmaster = asked.map(|seen| Fact::of_transaction(None, at, seen));
        let address = self.key.address.ip();
        let endpoint = Endpoint {
            mx: mx.clone(),
            preference: 10,
            contact: Arc::new(contact),
            ptr: Arc::new(Fact::following(None, at, Ok(sound_ptr(address)), None)),
            postmaster,
            rests_until: None,
            retry_at: None,
            absent: None,
            pooled: false,
        };
        let addresses = match address {
            IpAddr::V4(v4) => {
                HostDns { aliases: vec![], a: answer(vec![v4]), aaaa: lookup(Outcome::NoData), tlsa: vec![] }
            }
            IpAddr::V6(v6) => {
                HostDns { aliases: vec![], a: lookup(Outcome::NoData), aaaa: answer(vec![v6]), tlsa: vec![] }
            }
        };
        let record = MxRecord { preference: 10, target: MxTarget::Host(mx.clone()) };
        let hosts = BTreeMap::from([(mx, addresses)]);
        let dns = DomainDns {
            mx: answer(vec![record]),
            implicit: false,
            hosts,
            truncated: false,
            facts: Default::default(),
        };
        let domain = DomainName::parse("example.test").unwrap();
        Observation { domain, at, dns, policy: Policy::unseen(), endpoints: vec![endpoint] }
    }
}

/// The defaults of the configuration.
pub(crate) fn context(now: SystemTime) -> rules::Context {
    rules::Context {
        now,
        certificate_expires_soon: Duration::from_secs(20 * 86_400),
        tests: Tests { null_sender: true, postmaster: true, open_relay: true },
        expect_mx: vec![],
        trusted_by: vec![],
        persistent: Duration::from_secs(4 * 3_600),
        prober: rules::Prober::default(),
    }
}

/// Every judgement in a word, equal neighbours together.
fn told_together<'a>(judged: impl Iterator<Item = &'a Judged>) -> String {
    let mut runs: Vec<(String, String)> = vec![];
    for Judged { rule, judgement, .. } in judged {
        let Some((_, letter)) = LETTERS.iter().find(|(code, _)| *code == rule.code) else { continue };
        let word = word(judgement);
        match runs.last_mut() {
            Some((letters, same)) if *same == word => letters.push(*letter),
            _ => runs.push((letter.to_string(), word)),
        }
    }
    let told = runs.iter().map(|(letters, word)| format!("{letters} {word}"));
    told.collect::<Vec<_>>().join(", ")
}

/// A judgement without its evidence.
pub(crate) fn word(judgement: &Judgement) -> String {
    match judgement {
        Ok(Verdict::Pass) => "pass".to_owned(),
        Ok(Verdict::NotApplicable) => "-".to_owned(),
        Ok(Verdict::Findings(findings)) => {
            let codes = findings.iter().map(|finding| finding.issue.code.trim_start_matches("smtp."));
            codes.collect::<Vec<_>>().join("+")
        }
        Err(unseen) => format!("?{}", unseen.cause()),
    }
}

/// A look-up that ended so.
pub(crate) fn lookup<T>(outcome: Outcome<T>) -> Lookup<T> {
    Lookup { outcome, dnssec: Dnssec::Unchecked, took: Duration::ZERO, lasting: Lasting::default() }
}

fn answer<T>(records: Vec<T>) -> Lookup<Vec<T>> {
    lookup(Outcome::Answer(records))
}

fn sound_ptr(address: IpAddr) -> Ptr {
    Ptr {
        names: answer(vec!["mx.example.test".into()]),
        forward: vec![("mx.example.test".into(), answer(vec![address]))],
    }
}
