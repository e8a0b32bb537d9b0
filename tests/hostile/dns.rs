//! Name servers that lie, stall or break, and what a domain is told for it.

use crate::says::{context, word};
use crate::support::dns::{Dns as World, Plan};
use mx_exporter::name::DomainName;
use mx_exporter::observe::{DomainDns, Observation, Policy};
use mx_exporter::probe::dns::{Dns, DnsSettings, Timeouts};
use mx_exporter::rules::{self, Subject};
use std::net::SocketAddr;
use std::time::Duration;

mod answers;
mod hosts;
mod liars;
mod reverse;

/// A client of this name server with little patience: a try is 200 ms.
pub(crate) fn client(nameserver: SocketAddr) -> Dns {
    let settings = DnsSettings { nameservers: vec![nameserver], dnssec: false, trust_anchor: None };
    let timeouts = Timeouts {
        attempt: Duration::from_millis(200),
        name: Duration::from_millis(900),
        domain: Duration::from_millis(2_000),
    };
    Dns::with_timeouts(&settings, timeouts).unwrap()
}

/// What `example.test` is told of these records.
async fn looked_up(plan: Plan) -> DomainDns {
    let world = plan.await;
    client(world.addr).domain(&domain()).await
}

fn domain() -> DomainName {
    DomainName::parse("example.test").unwrap()
}

/// A zone of `example.test`.
fn zone(records: &str) -> Plan {
    World::serving("example.test.", records)
}

/// What the rules say of the domain by its look-ups alone: null MX, MX, their sanity, IPv6.
fn says(dns: DomainDns) -> String {
    let at = crate::meet::now();
    let observation = Observation { domain: domain(), at, dns, policy: Policy::unseen(), endpoints: vec![] };
    let judged = rules::judge(&observation, &context(at));
    let of_dns = ["smtp.null_mx", "smtp.mx_present", "smtp.mx_sanity", "smtp.ipv6_reachable"];
    let told = judged.iter().filter(|judged| judged.subject == Subject::Domain);
    let told = told.filter(|judged| of_dns.contains(&judged.rule.code));
    told.map(|judged| word(&judged.judgement)).collect::<Vec<_>>().join(", ")
}

/// How each look-up ended: of MX, and of each host's A and AAAA.
fn outcomes(dns: &DomainDns) -> String {
    let hosts = dns
        .hosts
        .iter()
        .map(|(name, host)| format!("{name} {} {}", host.a.outcome.as_str(), host.aaaa.outcome.as_str()));
    [dns.mx.outcome.as_str().to_owned()].into_iter().chain(hosts).collect::<Vec<_>>().join(", ")
}

/// Looks every case up and tells all that came out otherwise: the outcomes and what is said.
async fn all(cases: Vec<(&'static str, Plan, &'static str, &'static str)>) {
    let mut wrong = vec![];
    for (name, plan, want, told) in cases {
        let seen = looked_up(plan).await;
        let came = (outcomes(&seen), says(seen));
        let is_so = came == (want.to_owned(), told.to_owned());
        wrong.extend((!is_so).then(|| format!("{name}: {came:?}")));
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}
