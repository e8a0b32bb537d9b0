//! Builders of what DNS says: `observation()`, `host()` and `ptr()`.

use super::super::{
    Dnssec, DomainDns, Fact, HostDns, Lookup, MxFacts, MxRecord, MxTarget, Observation, Outcome, PeerText,
    Ptr, Tlsa, TlsaLookup,
};
use super::dane::{published, signed};
use super::{EndpointBuilder, PolicyBuilder, endpoint, mx, now, policies};
use crate::name::{DomainName, MxName};
use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::time::Duration;

/// A look-up that ended so.
pub(crate) fn lookup<T>(outcome: Outcome<T>) -> Lookup<T> {
    Lookup::ended(outcome, Dnssec::Secure, Duration::from_millis(20))
}

/// A look-up with this answer.
pub(crate) fn answer<T>(records: T) -> Lookup<T> {
    lookup(Outcome::Answer(records))
}

/// One domain; its DNS follows from its endpoints until a method says otherwise.
#[derive(Clone, Debug)]
pub(crate) struct ObservationBuilder {
    endpoints: Vec<EndpointBuilder>,
    domain: DomainName,
    mx: Option<Lookup<Vec<MxRecord>>>,
    dnssec: Dnssec,
    hosts: BTreeMap<MxName, HostDns>,
    implicit: bool,
    truncated: bool,
    facts: MxFacts,
    policies: Option<PolicyBuilder>,
}

/// `example.com` with `mx1.example.com`, which has an IPv4 and an IPv6 address; nothing to object to.
pub(crate) fn observation() -> ObservationBuilder {
    ObservationBuilder {
        endpoints: vec![endpoint(), endpoint().at("mx1.example.com", "2001:db8::10")],
        domain: super::domain(),
        mx: None,
        dnssec: Dnssec::Secure,
        hosts: BTreeMap::new(),
        implicit: false,
        truncated: false,
        facts: MxFacts::default(),
        policies: None,
    }
}

impl ObservationBuilder {
    /// Other endpoints.
    pub(crate) fn of(mut self, endpoints: impl IntoIterator<Item = EndpointBuilder>) -> Self {
        self.endpoints = endpoints.into_iter().collect();
        self
    }

    /// Another domain.
    pub(crate) fn named(mut self, domain: &str) -> Self {
        self.domain = DomainName::parse(domain).expect("a domain");
        self
    }

    /// Other MX records: a host name, `.`, an address, or text that is no name. New hosts get an address each.
    pub(crate) fn mx<const N: usize>(mut self, records: [(u16, &str); N]) -> Self {
        let record = |(preference, target)| MxRecord { preference, target: mx_target(target) };
        self.mx = Some(answer(records.map(record).to_vec()));
        self
    }

    /// Another end of the look-up of MX records. Without records there are no hosts and no endpoints.
    pub(crate) fn mx_lookup(mut self, outcome: Outcome<Vec<MxRecord>>) -> Self {
        self.mx = Some(lookup(outcome));
        self.endpoints.clear();
        self
    }

    /// No MX records, so that the domain's own addresses stand in.
    pub(crate) fn implicit(mut self) -> Self {
        self.implicit = true;
        let own = self.domain.as_host();
        self.endpoints = vec![endpoint().at(own.as_str(), "192.0.2.10")];
        self.mx = Some(lookup(Outcome::NoData));
        self
    }

    /// Another DNSSEC status of the MX records.
    pub(crate) fn dnssec(mut self, dnssec: Dnssec) -> Self {
        self.dnssec = dnssec;
        self
    }

    /// Nothing is signed, here or at the hosts so far.
    pub(crate) fn without_dane(mut self) -> Self {
        let unsigned = |host: HostDns| HostBuilder(host).dnssec(Dnssec::Insecure);
        for (name, host) in self.build().dns.hosts {
            self.hosts.insert(name, unsigned(host).0);
        }
        self.dnssec(Dnssec::Insecure)
    }

    /// Other addresses of a host.
    pub(crate) fn host(mut self, name: &str, host: HostBuilder) -> Self {
        self.hosts.insert(mx(name), host.0);
        self
    }

    /// More was published than is probed.
    pub(crate) fn truncated(mut self) -> Self {
        self.truncated = true;
        self
    }

    /// Other policies than MTA-STS enforced for all its hosts, and TLS-RPT.
    pub(crate) fn policies(mut self, policies: PolicyBuilder) -> Self {
        self.policies = Some(policies);
        self
    }

    /// Something else is known beside the MX records.
    pub(crate) fn facts(mut self, change: impl FnOnce(&mut MxFacts)) -> Self {
        change(&mut self.facts);
        self
    }

    /// The observation.
    pub(crate) fn build(&self) -> Observation {
        let endpoints: Vec<_> = self.endpoints.iter().map(EndpointBuilder::build).collect();
        let mut records: Vec<MxRecord> = Vec::new();
        for endpoint in &endpoints {
            let target = MxTarget::Host(endpoint.mx.clone());
            let record = MxRecord { preference: endpoint.preference, target };
            if !records.contains(&record) {
                records.push(record);
            }
        }
        let published = self.mx.clone().unwrap_or_else(|| answer(records));
        let dns = DomainDns {
            hosts: self.all_hosts(&published),
            mx: Lookup { dnssec: self.dnssec, ..published },
            implicit: self.implicit,
            truncated: self.truncated,
            facts: self.facts.clone(),
        };
        let hosts: Vec<_> = dns.hosts.keys().map(MxName::as_str).collect();
        let sound = || policies("enforce", if hosts.is_empty() { &["mx1.example.com"] } else { &hosts });
        let policy = self.policies.clone().unwrap_or_else(sound).build();
        Observation { domain: self.domain.clone(), at: now(), dns, policy, endpoints }
    }

    fn all_hosts(&self, published: &Lookup<Vec<MxRecord>>) -> BTreeMap<MxName, HostDns> {
        let mut hosts: BTreeMap<MxName, HostBuilder> = BTreeMap::new();
        for endpoint in &self.endpoints {
            let empty = || host().a([]).aaaa([]);
            hosts.entry(endpoint.mx_name().clone()).or_insert_with(empty).add(endpoint.address());
        }
        if let Outcome::Answer(records) = &published.outcome {
            for record in records {
                if let MxTarget::Host(name) = &record.target {
                    hosts.entry(name.clone()).or_insert_with(host);
                }
            }
        }
        let mut hosts: BTreeMap<_, _> = hosts.into_iter().map(|(name, host)| (name, host.0)).collect();
        hosts.extend(self.hosts.clone());
        hosts
    }
}

/// A target as it stands in a record: a host name, `.`, an address, or text that is no name.
pub(super) fn mx_target(text: &str) -> MxTarget {
    match (text, text.parse(), MxName::parse(text)) {
        (".", _, _) => MxTarget::Null,
        (_, Ok(address), _) => MxTarget::IpLiteral(address),
        (_, _, Ok(name)) => MxTarget::Host(name),
        _ => MxTarget::BadName(text.into()),
    }
}

/// The addresses of a host.
#[derive(Clone, Debug)]
pub(crate) struct HostBuilder(HostDns);

/// A host with an address in each family.
pub(crate) fn host() -> HostBuilder {
    let a = answer(vec![Ipv4Addr::new(192, 0, 2, 10)]);
    let aaaa = answer(vec![Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 0x10)]);
    HostBuilder(HostDns { aliases: Vec::new(), a, aaaa, tlsa: published() })
}

impl HostBuilder {
    /// Other IPv4 addresses.
    pub(crate) fn a<const N: usize>(mut self, addresses: [&str; N]) -> Self {
        self.0.a = records(addresses.map(|address| address.parse().expect("an address")).to_vec());
        self
    }

    /// Other IPv6 addresses.
    pub(crate) fn aaaa<const N: usize>(mut self, addresses: [&str; N]) -> Self {
        self.0.aaaa = records(addresses.map(|address| address.parse().expect("an address")).to_vec());
        self
    }

    /// Another end of the look-up of IPv4 addresses.
    pub(crate) fn a_is(mut self, outcome: Outcome<Vec<Ipv4Addr>>) -> Self {
        self.0.a = lookup(outcome);
        self
    }

    /// Another end of the look-up of IPv6 addresses.
    pub(crate) fn aaaa_is(mut self, outcome: Outcome<Vec<Ipv6Addr>>) -> Self {
        self.0.aaaa = lookup(outcome);
        self
    }

    /// IPv4 addresses whose signatures do not fit.
    pub(crate) fn bogus(mut self) -> Self {
        self.0.a = Lookup { dnssec: Dnssec::Bogus, ..lookup(Outcome::ServerFailure) };
        self.0.tlsa.clear();
        self
    }

    /// Addresses of another DNSSEC status, which are not asked for TLSA records.
    pub(crate) fn dnssec(mut self, dnssec: Dnssec) -> Self {
        (self.0.a.dnssec, self.0.aaaa.dnssec) = (dnssec, dnssec);
        self.0.tlsa.clear();
        self
    }

    /// Other signed TLSA records.
    pub(crate) fn tlsa<const N: usize>(self, records: [Tlsa; N]) -> Self {
        self.tlsa_is([signed(records.to_vec())])
    }

    /// Other look-ups of TLSA records.
    pub(crate) fn tlsa_is<const N: usize>(mut self, lookups: [TlsaLookup; N]) -> Self {
        self.0.tlsa = lookups.into();
        self
    }

    /// A CNAME on the way.
    pub(crate) fn alias_of(mut self, name: &str) -> Self {
        self.0.aliases.push(name.into());
        self
    }

    fn add(&mut self, address: IpAddr) {
        match address {
            IpAddr::V4(v4) => push(&mut self.0.a, v4),
            IpAddr::V6(v6) => push(&mut self.0.aaaa, v6),
        }
    }
}

fn records<T>(records: Vec<T>) -> Lookup<Vec<T>> {
    if records.is_empty() { lookup(Outcome::NoData) } else { answer(records) }
}

fn push<T>(lookup: &mut Lookup<Vec<T>>, address: T) {
    match &mut lookup.outcome {
        Outcome::Answer(addresses) => addresses.push(address),
        outcome => *outcome = Outcome::Answer(vec![address]),
    }
}

/// The reverse names of an address that is known only in the end.
#[derive(Clone, Debug)]
pub(crate) struct PtrBuilder {
    names: Outcome<Vec<PeerText>>,
    forward: Vec<(PeerText, Forward)>,
}

#[derive(Clone, Debug)]
enum Forward {
    Back,
    Ends(Outcome<Vec<IpAddr>>),
}

/// A reverse name that has no address.
pub(crate) fn ptr(name: &str) -> PtrBuilder {
    PtrBuilder {
        names: Outcome::Answer(vec![name.into()]),
        forward: vec![(name.into(), Forward::Ends(Outcome::NoData))],
    }
}

/// No reverse name.
pub(crate) fn no_ptr() -> PtrBuilder {
    PtrBuilder { names: Outcome::NoSuchName, forward: Vec::new() }
}

/// A reverse look-up that failed.
pub(crate) fn ptr_fails() -> PtrBuilder {
    PtrBuilder { names: Outcome::ServerFailure, forward: Vec::new() }
}

impl PtrBuilder {
    /// The last name leads back to the address.
    pub(crate) fn maps_back(self) -> Self {
        self.forward(Forward::Back)
    }

    /// The last name leads elsewhere.
    pub(crate) fn maps_to(self, address: &str) -> Self {
        let elsewhere = address.parse().expect("an address");
        self.forward(Forward::Ends(Outcome::Answer(vec![elsewhere])))
    }

    /// The look-up of the last name ended so.
    pub(crate) fn forward_is(self, outcome: Outcome<Vec<IpAddr>>) -> Self {
        self.forward(Forward::Ends(outcome))
    }

    /// A second reverse name and what becomes of it.
    pub(crate) fn and(mut self, other: Self) -> Self {
        if let (Outcome::Answer(names), Outcome::Answer(more)) = (&mut self.names, other.names) {
            names.extend(more);
        }
        self.forward.extend(other.forward);
        self
    }

    fn forward(mut self, forward: Forward) -> Self {
        self.forward.last_mut().expect("a name").1 = forward;
        self
    }

    /// What was seen of `address`.
    pub(crate) fn fact(&self, address: IpAddr) -> Fact<Ptr> {
        let forward = |(name, forward): &(PeerText, Forward)| match forward {
            Forward::Back => (name.clone(), answer(vec![address])),
            Forward::Ends(outcome) => (name.clone(), lookup(outcome.clone())),
        };
        let ptr =
            Ptr { names: lookup(self.names.clone()), forward: self.forward.iter().map(forward).collect() };
        Fact::following(None, now(), Ok(ptr), None)
    }
}
