//! A domain's MX records and their hosts with addresses and TLSA records, cut to what is probed.

use super::{Dns, names, tlsa};
use crate::name::{DomainName, MxName};
use crate::observe::{DomainDns, HostDns, Lookup, MxFacts, MxRecord, MxTarget, Outcome, Place};
use hickory_resolver::proto::rr::{Name, RData, RecordType};
use std::collections::BTreeMap;
use tokio::task::JoinSet;
use tokio::time::Instant;

/// MX records kept for probing.
const MX_RECORDS: usize = 20;
/// Endpoints of all hosts together.
const ENDPOINTS: usize = 32;
/// Addresses kept of a host that has more in one family than are told apart: one endpoint, whatever their number.
const POOL: usize = 32;

/// MX records, hosts, addresses.
pub(super) async fn look_up(dns: &Dns, domain: &DomainName, ends: Instant) -> DomainDns {
    let mut mx = mx(dns, domain, ends).await;
    let mut truncated = false;
    if let Outcome::Answer(records) = &mut mx.outcome {
        truncated = records.len() > MX_RECORDS;
        records.truncate(MX_RECORDS);
    }
    let implicit = matches!(mx.outcome, Outcome::NoData);
    let names = if implicit { vec![domain.as_host()] } else { targets(&mx) };
    let mut hosts = hosts(dns, &names, ends).await;
    truncated |= cut(&mut hosts, &names);
    DomainDns { mx, implicit, hosts, truncated, facts: MxFacts::default() }
}

/// MX records in preference order.
pub(super) async fn mx(dns: &Dns, domain: &DomainName, ends: Instant) -> Lookup<Vec<MxRecord>> {
    let name = names::absolute(domain.as_str());
    let (lookup, _) = dns.records(name, RecordType::MX, ends, mx_record).await;
    lookup.map(sorted)
}

pub(super) fn mx_record(data: RData) -> Option<MxRecord> {
    match data {
        RData::MX(mx) => Some(MxRecord { preference: mx.preference, target: names::target(&mx.exchange) }),
        _ => None,
    }
}

/// The distinct hosts in preference order.
fn targets(mx: &Lookup<Vec<MxRecord>>) -> Vec<MxName> {
    let mut names = Vec::new();
    for record in mx.records().ok().flatten().into_iter().flatten() {
        if let MxTarget::Host(name) = &record.target
            && !names.contains(name)
        {
            names.push(name.clone());
        }
    }
    names
}

async fn hosts(dns: &Dns, names: &[MxName], ends: Instant) -> BTreeMap<MxName, HostDns> {
    let mut looking = JoinSet::new();
    for name in names.iter().cloned() {
        let dns = dns.clone();
        looking.spawn(async move {
            let (mut host, aliases) = with_aliases(&dns, &name, ends).await;
            host.tlsa = tlsa::look_up(&dns, &name, &host, &aliases, ends).await;
            (name, host)
        });
    }
    looking.join_all().await.into_iter().collect()
}

/// The addresses alone.
pub(super) async fn host(dns: &Dns, host: &MxName, ends: Instant) -> HostDns {
    with_aliases(dns, host, ends).await.0
}

/// A and AAAA apart, so that the trouble of one family is not the other's; and the CNAMEs on the way.
async fn with_aliases(dns: &Dns, host: &MxName, ends: Instant) -> (HostDns, Vec<Name>) {
    let name = names::absolute(host.as_str());
    let ((a, a_aliases), (aaaa, aaaa_aliases)) = tokio::join!(
        dns.records(name.clone(), RecordType::A, ends, |data| match data {
            RData::A(a) => Some(a.0),
            _ => None,
        }),
        dns.records(name.clone(), RecordType::AAAA, ends, |data| match data {
            RData::AAAA(aaaa) => Some(aaaa.0),
            _ => None,
        }),
    );
    let aliases = if a_aliases.len() < aaaa_aliases.len() { aaaa_aliases } else { a_aliases };
    let texts = aliases.iter().map(names::text).collect();
    (HostDns { aliases: texts, a: a.map(sorted), aaaa: aaaa.map(sorted), tlsa: Vec::new() }, aliases)
}

/// Leaves as many addresses of each host and family as give every host its share, and where even one is too many, the
/// last hosts out. Whether anything went, or is not told apart.
fn cut(hosts: &mut BTreeMap<MxName, HostDns>, in_order: &[MxName]) -> bool {
    let before = addresses(hosts);
    let shares = (1..=Place::TOLD_APART).rev();
    let share = shares.into_iter().find(|share| endpoints(hosts, *share) <= ENDPOINTS).unwrap_or(1);
    let has_pools = hosts.values().any(|host| is_pool(count(&host.a)) || is_pool(count(&host.aaaa)));
    for host in hosts.values_mut() {
        truncate(&mut host.a, share);
        truncate(&mut host.aaaa, share);
    }
    for last in in_order.iter().rev() {
        if endpoints(hosts, share) <= ENDPOINTS {
            break;
        }
        hosts.remove(last);
    }
    has_pools || addresses(hosts) < before
}

fn addresses(hosts: &BTreeMap<MxName, HostDns>) -> usize {
    hosts.values().map(|host| count(&host.a) + count(&host.aaaa)).sum()
}

/// The endpoints of all hosts, if each has at most `share` addresses a family. A pool is one.
fn endpoints(hosts: &BTreeMap<MxName, HostDns>, share: usize) -> usize {
    let of = |count: usize| if is_pool(count) { 1 } else { count.min(share) };
    hosts.values().map(|host| of(count(&host.a)) + of(count(&host.aaaa))).sum()
}

fn is_pool(count: usize) -> bool {
    count > Place::TOLD_APART
}

fn count<T>(lookup: &Lookup<Vec<T>>) -> usize {
    lookup.records().ok().flatten().map_or(0, Vec::len)
}

fn truncate<T>(lookup: &mut Lookup<Vec<T>>, share: usize) {
    if let Outcome::Answer(records) = &mut lookup.outcome {
        records.truncate(if is_pool(records.len()) { POOL } else { share });
    }
}

/// The same order in every run, whatever order the records come in.
fn sorted<T: Ord>(mut records: Vec<T>) -> Vec<T> {
    records.sort();
    records
}
