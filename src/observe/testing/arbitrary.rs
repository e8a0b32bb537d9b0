//! Strategies for observations of any kind: [`Script`] is what a server would answer, played as a session would play it.

use super::super::scan::{Answer, KeyKind, Offer, Refusal, SCANNED, SCANNED_GROUPS, SuiteClass};
use super::super::{
    Anchored, Cause, ChainTrouble, Dialogue, DomainDns, Ehlo, Endpoint, Extensions, Fact, Fetched, Flaw,
    HostDns, Lookup, MxFacts, MxRecord, MxSet, Observation, Outcome, PeerText, Ptr, Reply, Seen, Session,
    Stage, StartTls, StsRecord, Tls, TlsEhlo, TlsRpt, TlsScan, TlsVersion, Tlsa, TlsaLookup, Trouble, Unseen,
    Wildcards,
};
use super::{Of, PolicyBuilder, dns, now, policies, reply, served, session_endpoint, steps, tls};
use crate::name::MxName;
use proptest::prelude::*;
use proptest::sample::select;
use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::sync::Arc;
use std::time::Duration;

mod play;

const MINUTE: Duration = Duration::from_secs(60);

/// The questions of a session, in their order; `Script::answers` holds an answer for each.
pub(crate) const QUESTIONS: usize = 17;

/// What one server answers.
#[derive(Clone, Debug)]
pub(crate) struct Script {
    /// Whether a connection comes about.
    pub(crate) connect: Result<(), Cause>,
    /// An answer to each question, asked or not.
    pub(crate) answers: Vec<Result<Reply, Cause>>,
    /// What the handshake comes to.
    pub(crate) handshake: Handshake,
    /// How often the same session was held.
    pub(crate) looks: u32,
    /// Whether the tests were due.
    pub(crate) tests: bool,
    /// What a TLS scan brought home, if one was made.
    pub(crate) scan: Option<Result<TlsScan, Cause>>,
}

/// The end of a handshake.
#[derive(Clone, Debug)]
pub(crate) enum Handshake {
    Done(Box<Tls>),
    Failed(Cause),
    Injected,
}

/// A domain: its DNS, and a script for each endpoint.
#[derive(Clone, Debug)]
pub(crate) struct World {
    dns: DomainDns,
    pub(crate) policies: PolicyBuilder,
    /// Whether each server stands for a pool.
    pooled: bool,
    pub(crate) endpoints: Vec<(MxName, IpAddr, Ptr, Script)>,
}

impl World {
    /// What a run sees of it.
    pub(crate) fn observe(&self) -> Observation {
        let endpoint = |(mx, address, ptr, script): &(MxName, IpAddr, Ptr, Script)| -> Endpoint {
            let ptr = Arc::new(Fact::following(None, now(), Ok(ptr.clone()), None));
            let looks = (script.looks, MINUTE);
            let play = |at| script.play(at);
            let endpoint = session_endpoint(mx.clone(), 10, (*address, 25).into(), ptr, looks, play);
            Endpoint { pooled: self.pooled, ..endpoint }
        };
        let endpoints = self.endpoints.iter().map(endpoint).collect();
        let (dns, policy) = (self.dns.clone(), self.policies.build());
        Observation { domain: super::domain(), at: now(), dns, policy, endpoints }
    }
}

/// Any domain.
pub(crate) fn world() -> impl Strategy<Value = World> {
    let endpoint = (ptr(), script());
    let pooled = prop::bool::weighted(0.2);
    (domain_dns(), any_policies(), prop::collection::vec(endpoint, 1..4), pooled).prop_map(
        |(dns, policies, endpoints, pooled)| {
            let places = [
                ("mx1", "192.0.2.10"),
                ("mx1", "2001:db8::10"),
                ("mx2", "192.0.2.11"),
                ("mx2", "2001:db8::11"),
            ];
            let places =
                places.map(|(name, address)| (super::mx(&format!("{name}.example.com")), address.parse()));
            let placed = places.into_iter().zip(endpoints);
            let endpoints =
                placed.filter_map(|((mx, address), (ptr, script))| Some((mx, address.ok()?, ptr, script)));
            World { dns, policies, pooled, endpoints: endpoints.collect() }
        },
    )
}

fn script() -> impl Strategy<Value = Script> {
    let answers: Vec<_> = play::STAGES.iter().map(|stage| answer(*stage)).collect();
    (
        prop_oneof![8 => Just(Ok(())), 1 => cause().prop_map(Err)],
        answers,
        handshake(),
        1..3_u32,
        any::<bool>(),
        prop::option::of(any_scan()),
    )
        .prop_map(|(connect, answers, handshake, looks, tests, scan)| Script {
            connect,
            answers,
            handshake,
            looks,
            tests,
            scan,
        })
}

fn cause() -> impl Strategy<Value = Cause> {
    select(Cause::ALL.to_vec())
}

/// Mostly what lets the session go on: the first of the known replies.
fn answer(stage: Stage) -> impl Strategy<Value = Result<Reply, Cause>> {
    let flaws = [Flaw::BareLf, Flaw::CodesDiffer, Flaw::LongLine, Flaw::Truncated, Flaw::Unsolicited];
    let replies = prop_oneof![
        8 => Just(reply(known_replies(stage)[0])),
        6 => select(known_replies(stage)).prop_map(reply),
        1 => (200_u16..600, "\\PC{0,40}").prop_map(|(code, text)| reply(&format!("{code} {text}"))),
    ];
    let flawed = (replies, prop::option::weighted(0.1, select(flaws.to_vec())));
    let answered = flawed.prop_map(|(reply, flaw)| Ok(Reply { flaws: Vec::from_iter(flaw), ..reply }));
    prop_oneof![12 => answered, 1 => cause().prop_map(Err)]
}

fn known_replies(stage: Stage) -> Vec<&'static str> {
    let mut replies = match stage {
        Stage::Banner => {
            vec!["220 mx1.example.com ESMTP", "220-mx1\n220 ESMTP Exim 4.96", "554 no", "250 mx1"]
        }
        Stage::Ehlo | Stage::EhloTls => vec![
            "250-mx1.example.com\n250-PIPELINING\n250-8BITMIME\n250 STARTTLS",
            "250-mx1.example.com\n250 STARTTLS",
            "250-mx1.example.com\n250-AUTH PLAIN\n250-SIZE abc\n250-XXXXXXXA\n250 SMTPUTF8",
            "250-mx1.example.com\n250-AUTH CRAM-MD5\n250 STARTTLS",
            "502 5.5.2 not implemented",
        ],
        Stage::StartTls => vec!["220 go ahead", "454 4.7.0 not now", "502 no"],
        Stage::Mail => vec!["250 Ok", "530 5.7.0 Must issue a STARTTLS command first", "550 <>: no"],
        _ => vec!["250 2.1.5 Ok", "252 maybe", "554 5.7.1 Relay access denied", "550 5.1.10 no such domain"],
    };
    replies.extend(["421 4.7.0 too many connections", "451 4.3.0 later", "550 5.7.1 your IP is blacklisted"]);
    replies
}

fn handshake() -> impl Strategy<Value = Handshake> {
    prop_oneof![
        6 => any_tls().prop_map(|tls| Handshake::Done(Box::new(tls))),
        2 => cause().prop_map(Handshake::Failed),
        1 => Just(Handshake::Injected),
    ]
}

fn trust() -> impl Strategy<Value = Result<(), ChainTrouble>> {
    let text = || "\\PC{0,12}".prop_map(|text: String| PeerText::from(text.as_str()));
    prop_oneof![
        4 => Just(Ok(())),
        1 => Just(Err(ChainTrouble::SelfSigned)),
        1 => Just(Err(ChainTrouble::UnknownIssuer)),
        1 => text().prop_map(|text| Err(ChainTrouble::Expired(text))),
        1 => text().prop_map(|text| Err(ChainTrouble::Invalid(text))),
        1 => text().prop_map(|text| Err(ChainTrouble::Unsupported(text))),
    ]
}

fn any_tls() -> impl Strategy<Value = Tls> {
    let trust = (trust(), prop::collection::vec(anchored(), 0..4));
    let dates = (0..4_000_000_000_u64, 0..4_000_000_000_u64);
    (any::<(bool, bool, bool)>(), trust, dates, 0..3_usize, 0..5_000_usize).prop_map(
        |((named, name_matches, weak), (trust, anchored), (begin, end), chain, bits)| {
            let mut tls = Tls { named, name_matches, trust, anchored, ..tls() };
            tls.chain.truncate(chain);
            for certificate in &mut tls.chain {
                certificate.not_before = std::time::UNIX_EPOCH + Duration::from_secs(begin);
                certificate.not_after = std::time::UNIX_EPOCH + Duration::from_secs(end);
                certificate.weak_signature = weak;
                certificate.key.algorithm = if weak { "RSA".into() } else { "ECDSA P-256".into() };
                certificate.key.bits = Some(bits);
            }
            tls
        },
    )
}

/// Answers of any kind, also such as no server would give together.
fn any_scan() -> impl Strategy<Value = Result<TlsScan, Cause>> {
    let version = || select(TlsVersion::ALL.to_vec());
    let refusals =
        [Refusal::Alert(40), Refusal::Alert(70), Refusal::Closed, Refusal::Nonsense, Refusal::Silent];
    let group = prop::option::of(select(SCANNED_GROUPS.iter().map(|(id, _)| *id).collect::<Vec<_>>()));
    let suite = select(SCANNED.iter().map(|suite| suite.name).collect::<Vec<_>>());
    let chose = (version(), suite, group)
        .prop_map(|(version, suite, group)| Answer::Chose(super::choice(version, suite, group)));
    let answer = prop_oneof![chose, select(refusals.to_vec()).prop_map(Answer::Refused)];
    let offers = [Offer::All, Offer::Hybrid, Offer::Signed(KeyKind::Rsa), Offer::Signed(KeyKind::Ecdsa)];
    let classes = SuiteClass::ALL.map(Offer::Class);
    let offer = select(offers.into_iter().chain(classes).collect::<Vec<_>>());
    let scan =
        prop::collection::vec((version(), offer, answer), 0..13).prop_map(|answers| Ok(super::scan(answers)));
    prop_oneof![5 => scan, 1 => cause().prop_map(Err)]
}

fn domain_dns() -> impl Strategy<Value = DomainDns> {
    let target =
        select(vec![".", "192.0.2.1", "bad name", "mx1.example.com", "mx2.example.com", "m_x.example.com"]);
    let record = (0..30_u16, target)
        .prop_map(|(preference, target)| MxRecord { preference, target: dns::mx_target(target) });
    let hosts = prop::collection::vec(host(), 3);
    (any_lookup(prop::collection::vec(record, 0..5)), hosts, any::<(bool, bool)>(), mx_facts()).prop_map(
        |(mx, hosts, (implicit, truncated), facts)| {
            let hosts = ["mx1.example.com", "mx2.example.com", "m_x.example.com"]
                .map(super::mx)
                .into_iter()
                .zip(hosts);
            DomainDns { hosts: hosts.collect::<BTreeMap<_, _>>(), mx, implicit, truncated, facts }
        },
    )
}

fn mx_facts() -> impl Strategy<Value = MxFacts> {
    let record = |target: &str| MxRecord { preference: 10, target: dns::mx_target(target) };
    let set = prop::option::of(prop::option::of(0..4_000_000_000_u64)).prop_map(move |changed| {
        let changed = changed?.map(|seconds| std::time::UNIX_EPOCH + Duration::from_secs(seconds));
        Some(MxSet { records: vec![record("mx1.example.com")], changed })
    });
    let wildcards = prop::option::of(("\\PC{0,40}", any::<bool>())).prop_map(move |found| {
        let (text, has_mx) = found?;
        let mx = if has_mx { vec![record("mx1.example.com"), record("bad name")] } else { Vec::new() };
        Some(Wildcards { at: now(), mx, txt: vec![text.as_str().into()] })
    });
    let owned = select(vec![true, true, true, false]);
    (set, wildcards, owned).prop_map(|(set, wildcards, owned)| {
        let unowned = (!owned).then(|| (super::mx("mx1.example.com"), super::domain()));
        MxFacts { set, unowned: unowned.into_iter().collect(), wildcards }
    })
}

/// Mostly policies that are in force.
fn any_policies() -> impl Strategy<Value = PolicyBuilder> {
    let mode = select(vec!["enforce", "enforce", "testing", "none"]);
    let mx = prop::collection::vec(select(vec!["*.example.com", "mx1.example.com", "mx.example.net"]), 0..3);
    let sound = (mode, mx).prop_map(|(mode, mx)| policies(mode, &mx));
    let txt = select(vec!["v=STSv1; id=1", "v=STSv1; id=2", "v=STSv1;", "v=spf1 -all", "v=TLSRPTv1; rua=x"]);
    let record = any_lookup(prop::collection::vec(txt, 0..3));
    let rpt = select(vec!["v=TLSRPTv1; rua=mailto:a@example.com", "v=TLSRPTv1; rua=<b>", "\u{1b}[31m"]);
    let rpt = any_lookup(prop::collection::vec(rpt, 0..3));
    let looks = (0..7_u32, select(vec![MINUTE, MINUTE * 90]));
    let broken = (record, rpt, prop::option::of(fetched()), looks);
    (sound, prop::option::of(broken), 0..3_u8).prop_map(|(sound, broken, which)| {
        let Some((record, rpt, fetched, (looks, gap))) = broken else { return sound };
        let octets = |all: Vec<&str>| all.iter().map(|one| one.as_bytes().to_vec()).collect::<Vec<_>>();
        let rpt = rpt.map(|all| TlsRpt::read(&octets(all))).outcome;
        let after = sound.clone().tls_rpt_is(rpt).for_looks(looks, gap).after(&sound);
        match which {
            0 => after,
            1 => after.fetched(fetched),
            _ => after.record_is(record.map(|all| StsRecord::read(&octets(all))).outcome).fetched(fetched),
        }
    })
}

fn fetched() -> impl Strategy<Value = Seen<Fetched>> {
    let text = || "\\PC{0,12}".prop_map(|text: String| PeerText::from(text.as_str()));
    prop_oneof![
        2 => cause().prop_map(|cause| Err(Unseen::failed(Stage::Fetch, cause, ""))),
        1 => text().prop_map(|text| Ok(Fetched::BadCertificate(text))),
        1 => text().prop_map(|text| Ok(Fetched::Encoded(text))),
        1 => (100..600_u16).prop_map(|status| Ok(Fetched::Status(status))),
        1 => Just(Ok(Fetched::TooLarge)),
        1 => "\\PC{0,40}".prop_map(|text: String| Ok(served(&text))),
    ]
}

fn host() -> impl Strategy<Value = HostDns> {
    let a = any_lookup(prop::collection::vec(any::<Ipv4Addr>(), 0..9));
    let aaaa = any_lookup(prop::collection::vec(any::<Ipv6Addr>(), 0..9));
    let aliases = prop::collection::vec(Just(PeerText::from("alias.example.net")), 0..2);
    let tlsa = prop::collection::vec(tlsa_lookup(), 0..3);
    (aliases, a, aaaa, tlsa).prop_map(|(aliases, a, aaaa, tlsa)| HostDns { aliases, a, aaaa, tlsa })
}

fn tlsa_lookup() -> impl Strategy<Value = TlsaLookup> {
    let of = select(vec![Of::Leaf, Of::LeafKey, Of::Issuer, Of::IssuerKey, Of::Nothing]);
    let known = (0..5_u8, 0..4_u8, of).prop_map(|(usage, matching, of)| super::tlsa(usage, matching, of));
    let any = (any::<[u8; 3]>(), prop::collection::vec(any::<u8>(), 0..70), any::<bool>()).prop_map(
        |([usage, selector, matching], data, malformed)| Tlsa {
            usage,
            selector,
            matching,
            data: data.into(),
            sha256: [0; 32],
            malformed,
        },
    );
    let record = prop_oneof![4 => known, 1 => any];
    let base = select(vec!["mx1.example.com", "mx2.example.com", "alias.example.net"]);
    let wildcard =
        prop::option::of(select(vec!["*._tcp.mx1.example.com", "*.example.com", "*.\u{1b}[31m<b>"]));
    (any_lookup(prop::collection::vec(record, 0..4)), base, 0..2_usize, wildcard).prop_map(
        |(lookup, base, more, wildcard)| {
            let wildcard = wildcard.map(PeerText::from);
            TlsaLookup { base: base.into(), lookup, more, wildcard }
        },
    )
}

fn anchored() -> impl Strategy<Value = Anchored> {
    let of = select(vec![Of::Issuer, Of::IssuerKey, Of::Nothing]);
    let place = prop::option::of(0..12_usize);
    (0..3_u8, of, place, trust()).prop_map(|(matching, of, place, trust)| {
        let Tlsa { selector, matching, sha256, .. } = super::tlsa(2, matching, of);
        Anchored { selector, matching, sha256, place, trust }
    })
}

fn any_lookup<T: std::fmt::Debug + Clone>(
    answer: impl Strategy<Value = T>,
) -> impl Strategy<Value = Lookup<T>> {
    use super::super::Dnssec::{Bogus, Insecure, Secure, Unchecked};
    let outcome = prop_oneof![
        6 => answer.prop_map(Outcome::Answer),
        1 => Just(Outcome::NoData),
        1 => Just(Outcome::NoSuchName),
        1 => Just(Outcome::ServerFailure),
        1 => Just(Outcome::Timeout),
        1 => Just(Outcome::Refused),
        1 => Just(Outcome::Loop),
    ];
    let dnssec = select(vec![Insecure, Secure, Unchecked, Unchecked, Insecure, Bogus]);
    (outcome, dnssec).prop_map(|(outcome, dnssec)| Lookup { dnssec, ..dns::lookup(outcome) })
}

fn ptr() -> impl Strategy<Value = Ptr> {
    let address = prop_oneof![Just("192.0.2.10".parse().expect("an address")), any::<IpAddr>()];
    let forward = any_lookup(prop::collection::vec(address, 0..3));
    let name = || PeerText::from("mx1.example.com");
    (any_lookup(prop::collection::vec(Just(name()), 0..3)), prop::collection::vec(forward, 0..3)).prop_map(
        move |(names, forward)| Ptr {
            names,
            forward: forward.into_iter().map(|found| (name(), found)).collect(),
        },
    )
}
