//! From DNS to endpoints: which addresses a run visits. Pure.

use crate::name::{DomainName, MxName};
use crate::observe::{Absence, DomainDns, Endpoint, Family, HostDns, MxTarget, Observation};
use crate::schedule::{Pooled, Sighting};
use std::collections::{BTreeMap, BTreeSet};
use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::net::IpAddr;
use std::time::{Duration, SystemTime};

/// As many endpoints of one domain are visited.
const ENDPOINTS: usize = 32;

/// One address to visit.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Target {
    /// The MX's preference.
    pub(super) preference: u16,
    /// The MX.
    pub(super) mx: MxName,
    /// Its address.
    pub(super) address: IpAddr,
    /// Where it is a pool, the addresses of which any will do.
    pub(super) pool: Vec<IpAddr>,
}

/// Every address in preference order. Where a look-up failed, those of the previous run stand in: a resolver's
/// trouble removes nothing.
pub(super) fn targets(dns: &DomainDns, previous: Option<&Observation>) -> Vec<Target> {
    let endpoints = || previous.into_iter().flat_map(|previous| &previous.endpoints);
    let before = || endpoints().filter(|endpoint| endpoint.absent.is_none());
    if dns.mx.records().is_err() {
        return before()
            .map(|endpoint| Target::of(endpoint.preference, &endpoint.mx, endpoint.address()))
            .collect();
    }
    let mut targets = BTreeSet::new();
    for (mx, preference) in exchangers(dns) {
        let Some(host) = dns.hosts.get(&mx) else { continue };
        targets.extend(addresses(host).map(|address| Target::of(preference, &mx, address)));
        let held = before().filter(|endpoint| endpoint.mx == mx && is_unseen(host, endpoint.address()));
        targets.extend(held.map(|endpoint| Target::of(preference, &mx, endpoint.address())));
    }
    targets.into_iter().collect()
}

/// The endpoints of the previous run whose addresses a look-up that worked no longer has, while their MX is still
/// published: as subjects they stay until three look-ups and a day have missed them, for what rotates comes back.
pub(super) fn absent(dns: &DomainDns, previous: &Observation, now: SystemTime) -> Vec<Endpoint> {
    let published = exchangers(dns);
    if dns.mx.records().is_err() {
        return previous.endpoints.iter().filter(|endpoint| endpoint.absent.is_some()).cloned().collect();
    }
    let missed = previous.endpoints.iter().filter_map(|endpoint| {
        let (preference, host) = (published.get(&endpoint.mx)?, dns.hosts.get(&endpoint.mx)?);
        let address = endpoint.address();
        if is_unseen(host, address) {
            return endpoint.absent.is_some().then(|| endpoint.clone());
        }
        let is_there = addresses(host).any(|other| other == address);
        let absence = Absence::following(endpoint.absent, now);
        let (preference, absent) = (*preference, Some(absence));
        let kept = || Endpoint { preference, absent, pooled: false, retry_at: None, ..endpoint.clone() };
        (!is_there && !absence.is_final(now)).then(kept)
    });
    missed.take(ENDPOINTS).collect()
}

/// What the look-ups that worked show of every host, with the addresses that it had before.
pub(super) fn sightings(dns: &DomainDns, absent: &[Endpoint]) -> Vec<Sighting> {
    let published = exchangers(dns);
    let hosts = dns.hosts.iter().filter(|(mx, _)| published.contains_key(*mx));
    let families = hosts.flat_map(|(mx, host)| [(mx, host, Family::V4), (mx, host, Family::V6)]);
    let sighting = |(mx, host, family): (&MxName, &HostDns, Family)| {
        let is_seen = match family {
            Family::V4 => host.a.records().is_ok(),
            Family::V6 => host.aaaa.records().is_ok(),
        };
        let missed = absent.iter().filter(|endpoint| endpoint.mx == *mx);
        let missed = missed.map(|endpoint| (endpoint.address(), endpoint.absent));
        let all = missed.chain(addresses(host).map(|address| (address, None)));
        let members = all.filter(|(address, _)| Family::of(*address) == family).collect();
        is_seen.then(|| Sighting { mx: mx.clone(), family, members })
    };
    families.filter_map(sighting).collect()
}

/// The targets with one for each pool, as many as are visited.
pub(super) fn gathered(targets: Vec<Target>, pools: &Pooled) -> Vec<Target> {
    let mut gathered: Vec<Target> = Vec::new();
    for mut target in targets {
        let family = Family::of(target.address);
        if is_pool(pools, &target.mx, family) {
            let same = |other: &&mut Target| other.mx == target.mx && Family::of(other.address) == family;
            if let Some(pool) = gathered.iter_mut().find(same) {
                pool.pool.push(target.address);
                continue;
            }
            target.pool.push(target.address);
        }
        gathered.push(target);
    }
    gathered.truncate(ENDPOINTS);
    gathered
}

/// The endpoints with one for each pool: the one that was looked at last, of those that DNS has if there are any.
pub(super) fn regrouped(endpoints: Vec<Endpoint>, pools: &Pooled) -> Vec<Endpoint> {
    let mut regrouped: Vec<Endpoint> = Vec::new();
    for mut endpoint in endpoints {
        let family = Family::of(endpoint.address());
        endpoint.pooled = is_pool(pools, &endpoint.mx, family);
        let same = |other: &&mut Endpoint| other.place() == endpoint.place() && other.mx == endpoint.mx;
        match regrouped.iter_mut().find(same).filter(|_| endpoint.pooled) {
            Some(pool) if rank(pool) >= rank(&endpoint) => {}
            Some(pool) => *pool = endpoint,
            None => regrouped.push(endpoint),
        }
    }
    for pool in regrouped.iter_mut().filter(|endpoint| endpoint.pooled) {
        pool.absent = None;
    }
    regrouped
}

/// Whether the endpoints are those that [`regrouped`] gives.
pub(super) fn agree(endpoints: &[Endpoint], pools: &Pooled) -> bool {
    let family = |endpoint: &Endpoint| Family::of(endpoint.address());
    endpoints.iter().all(|endpoint| endpoint.pooled == is_pool(pools, &endpoint.mx, family(endpoint)))
}

fn rank(endpoint: &Endpoint) -> (bool, SystemTime) {
    (endpoint.absent.is_none(), endpoint.contact.dialogue.at)
}

fn is_pool(pools: &Pooled, mx: &MxName, family: Family) -> bool {
    !pools.is_empty() && pools.contains(&(mx.clone(), family))
}

/// Whether it is a target's turn to be asked for the domain's postmaster, and among how many addresses that goes round.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Turn {
    /// Whether it is now.
    pub(super) is_now: bool,
    /// The addresses of the same MX.
    pub(super) among: usize,
}

/// The postmaster is asked for at one address of each MX a cycle, at each in turn.
pub(super) fn turns(targets: &[Target], domain: &DomainName, at: SystemTime, cycle: Duration) -> Vec<Turn> {
    let mut hasher = DefaultHasher::new();
    domain.hash(&mut hasher);
    let (cycle, since_epoch) = (cycle.as_secs().max(1), at.duration_since(SystemTime::UNIX_EPOCH));
    let round = (since_epoch.unwrap_or_default().as_secs() + hasher.finish() % cycle) / cycle;
    let turn = |target: &Target| {
        let peers: Vec<_> = targets.iter().filter(|other| other.mx == target.mx).collect();
        let among = peers.len().max(1);
        let chosen = usize::try_from(round % among as u64).unwrap_or_default();
        Turn { is_now: peers.get(chosen).is_some_and(|peer| peer.address == target.address), among }
    };
    targets.iter().map(turn).collect()
}

/// Every MX name with its best preference.
fn exchangers(dns: &DomainDns) -> BTreeMap<MxName, u16> {
    if dns.implicit {
        return dns.hosts.keys().map(|host| (host.clone(), 0)).collect();
    }
    let mut exchangers = BTreeMap::new();
    for record in dns.mx_records() {
        if let MxTarget::Host(name) = &record.target {
            let preference = exchangers.entry(name.clone()).or_insert(record.preference);
            *preference = record.preference.min(*preference);
        }
    }
    exchangers
}

fn addresses(host: &HostDns) -> impl Iterator<Item = IpAddr> {
    let v4 = host.a.records().ok().flatten().into_iter().flatten().copied().map(IpAddr::V4);
    let v6 = host.aaaa.records().ok().flatten().into_iter().flatten().copied().map(IpAddr::V6);
    v4.chain(v6)
}

fn is_unseen(host: &HostDns, address: IpAddr) -> bool {
    match address {
        IpAddr::V4(_) => host.a.records().is_err(),
        IpAddr::V6(_) => host.aaaa.records().is_err(),
    }
}

impl Target {
    fn of(preference: u16, mx: &MxName, address: IpAddr) -> Self {
        Self { preference, mx: mx.clone(), address, pool: Vec::new() }
    }
}

#[cfg(test)]
mod tests;
