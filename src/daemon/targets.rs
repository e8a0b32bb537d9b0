//! From DNS to endpoints: which addresses a run visits. Pure.

use crate::name::{DomainName, MxName};
use crate::observe::{Absence, DomainDns, Endpoint, HostDns, MxTarget, Observation};
use std::collections::{BTreeMap, BTreeSet};
use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::net::IpAddr;
use std::time::{Duration, SystemTime};

/// As many endpoints of one domain are visited.
const ENDPOINTS: usize = 32;
/// An address stays a subject until so many look-ups,
const LOOKS: u32 = 3;
/// and so long a time, have missed it.
const DAY: Duration = Duration::from_secs(24 * 3600);

/// One address to visit.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Target {
    /// The MX's preference.
    pub(super) preference: u16,
    /// The MX.
    pub(super) mx: MxName,
    /// Its address.
    pub(super) address: IpAddr,
}

/// The endpoints in preference order. Where a look-up failed, those of the previous run stand in: a resolver's
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
    targets.into_iter().take(ENDPOINTS).collect()
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
        let Absence { since, looks } = endpoint.absent.unwrap_or(Absence { since: now, looks: 0 });
        let absence = Absence { since, looks: looks + 1 };
        let gone = absence.looks >= LOOKS && since + DAY <= now;
        let (preference, absent) = (*preference, Some(absence));
        (!is_there && !gone).then(|| Endpoint { preference, absent, retry_at: None, ..endpoint.clone() })
    });
    missed.take(ENDPOINTS).collect()
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
        Self { preference, mx: mx.clone(), address }
    }
}

#[cfg(test)]
mod tests;
