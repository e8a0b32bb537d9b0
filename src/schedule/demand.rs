//! How much all domains together want of each address, and by how much that stretches their intervals: a session an
//! address every `min_spacing`, which counts from the end of the one before, and five postmasters a session.

use super::contacts::POSTMASTERS;
use crate::name::DomainName;
use crate::observe::SessionKey;
use std::collections::{BTreeMap, HashMap};
use std::net::IpAddr;
use std::time::Duration;

/// A postmaster that is asked for once a cycle at this address alone.
const WHOLE: u64 = 1_000_000;

/// What one domain wants of one endpoint.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Demand {
    /// The endpoint.
    pub key: SessionKey,
    /// Among how many addresses of the MX the domain's postmaster is asked for in turn; 0 where it is not.
    pub among: usize,
}

/// The intervals that a domain gets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Intervals {
    /// Between two sessions with an endpoint.
    pub sessions: Duration,
    /// Between two tests of the same.
    pub transactions: Duration,
}

/// What all domains want.
#[derive(Debug, Default)]
pub(super) struct Demands {
    domains: HashMap<DomainName, (Vec<Demand>, Intervals)>,
    addresses: HashMap<IpAddr, Load>,
}

/// Of a visit that is shorter than those before, so large a part of the difference is believed.
const SHORTENS: u32 = 8;

/// What is wanted of one address.
#[derive(Debug, Default)]
struct Load {
    /// How long a visit takes, by the last ones.
    took: Duration,
    /// How many domains use each endpoint.
    keys: HashMap<SessionKey, usize>,
    /// Postmasters a cycle, in parts of [`WHOLE`].
    postmasters: u64,
    /// How often each pair of intervals is wanted.
    intervals: BTreeMap<(Duration, Duration), usize>,
}

impl Demands {
    /// Replaces what a domain wants.
    pub(super) fn set(&mut self, domain: &DomainName, demands: Vec<Demand>, wanted: Intervals) {
        self.remove(domain);
        for demand in &demands {
            let load = self.addresses.entry(demand.key.address.ip()).or_default();
            load.add(demand, wanted);
        }
        self.domains.insert(domain.clone(), (demands, wanted));
    }

    /// What was wanted of one endpoint is wanted of another.
    pub(super) fn hand_over(&mut self, from: &SessionKey, to: &SessionKey) {
        let load = self.addresses.get(&from.address.ip()).filter(|load| load.keys.contains_key(from));
        let Some(took) = load.map(|load| load.took) else { return };
        let names: Vec<DomainName> =
            self.domains.keys().filter(|name| self.uses(name, from)).cloned().collect();
        for name in names {
            let Some((mut demands, wanted)) = self.domains.get(&name).cloned() else { continue };
            demands
                .iter_mut()
                .filter(|demand| demand.key == *from)
                .for_each(|demand| demand.key = to.clone());
            self.set(&name, demands, wanted);
        }
        self.visited(to.address.ip(), took);
    }

    /// Forgets what a domain wants.
    pub(super) fn remove(&mut self, domain: &DomainName) {
        let Some((demands, wanted)) = self.domains.remove(domain) else { return };
        for demand in &demands {
            let address = demand.key.address.ip();
            let Some(load) = self.addresses.get_mut(&address) else { continue };
            load.take(demand, wanted);
            if load.keys.is_empty() {
                self.addresses.remove(&address);
            }
        }
    }

    /// Forgets all domains but these.
    pub(super) fn keep_only(&mut self, is_watched: impl Fn(&DomainName) -> bool) {
        let gone: Vec<DomainName> = self.domains.keys().filter(|name| !is_watched(name)).cloned().collect();
        gone.iter().for_each(|name| self.remove(name));
    }

    /// Takes down how long a visit to an address took.
    pub(super) fn visited(&mut self, address: IpAddr, took: Duration) {
        if let Some(load) = self.addresses.get_mut(&address) {
            load.took = took.max(load.took - load.took.saturating_sub(took) / SHORTENS);
        }
    }

    /// Whether a domain uses an endpoint.
    pub(super) fn uses(&self, domain: &DomainName, key: &SessionKey) -> bool {
        self.domains.get(domain).is_some_and(|(demands, _)| demands.iter().any(|demand| demand.key == *key))
    }

    /// Every endpoint that is wanted, each once an address.
    pub(super) fn keys(&self) -> impl Iterator<Item = &SessionKey> {
        self.addresses.values().flat_map(|load| load.keys.keys())
    }

    /// Every domain that uses an endpoint.
    pub(super) fn users(&self, key: &SessionKey) -> Vec<DomainName> {
        let uses = |demands: &[Demand]| demands.iter().any(|demand| demand.key == *key);
        let users = self.domains.iter().filter(|(_, (demands, _))| uses(demands));
        users.map(|(domain, _)| domain.clone()).collect()
    }

    /// What a domain gets of what it wants: the busiest of its addresses decides.
    pub(super) fn granted(&self, domain: &DomainName, spacing: Duration) -> Option<Intervals> {
        let (demands, wanted) = self.domains.get(domain)?;
        let loads = demands.iter().filter_map(|demand| self.addresses.get(&demand.key.address.ip()));
        Some(loads.fold(*wanted, |granted, load| {
            let least = load.least(spacing);
            Intervals {
                sessions: granted.sessions.max(least.sessions),
                transactions: granted.transactions.max(least.transactions),
            }
        }))
    }

    /// Addresses of which more is wanted than the spacing allows.
    pub(super) fn over_capacity(&self, spacing: Duration) -> usize {
        self.addresses.values().filter(|load| load.is_over_capacity(spacing)).count()
    }
}

impl Load {
    fn add(&mut self, demand: &Demand, wanted: Intervals) {
        *self.keys.entry(demand.key.clone()).or_default() += 1;
        self.postmasters += share(demand);
        *self.intervals.entry((wanted.sessions, wanted.transactions)).or_default() += 1;
    }

    fn take(&mut self, demand: &Demand, wanted: Intervals) {
        self.postmasters = self.postmasters.saturating_sub(share(demand));
        decrease(self.keys.get_mut(&demand.key));
        self.keys.retain(|_, users| *users > 0);
        decrease(self.intervals.get_mut(&(wanted.sessions, wanted.transactions)));
        self.intervals.retain(|_, users| *users > 0);
    }

    /// The shortest intervals that the spacing allows.
    fn least(&self, spacing: Duration) -> Intervals {
        // In whole seconds, so that intervals do not change with every visit.
        let visit = spacing + Duration::from_secs(self.took.as_millis().div_ceil(1000) as u64);
        let visits = |count: u64| visit.saturating_mul(u32::try_from(count).unwrap_or(u32::MAX));
        let postmasters = self.postmasters.div_ceil(WHOLE * POSTMASTERS as u64);
        let keys = self.keys.len() as u64;
        Intervals { sessions: visits(keys), transactions: visits(postmasters.max(keys)) }
    }

    fn is_over_capacity(&self, spacing: Duration) -> bool {
        let least = self.least(spacing);
        self.intervals
            .keys()
            .any(|(sessions, transactions)| *sessions < least.sessions || *transactions < least.transactions)
    }
}

fn share(demand: &Demand) -> u64 {
    WHOLE.checked_div(demand.among as u64).unwrap_or_default()
}

fn decrease(count: Option<&mut usize>) {
    if let Some(count) = count {
        *count -= 1;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::name::MxName;

    const MINUTE: Duration = Duration::from_secs(60);
    const WANTED: Intervals =
        Intervals { sessions: Duration::from_secs(900), transactions: Duration::from_secs(3600) };

    fn domain(n: usize) -> DomainName {
        DomainName::parse(&format!("d{n}.example")).unwrap()
    }

    fn key(host: &str, last: usize) -> SessionKey {
        let address = format!("192.0.2.{last}:25").parse().unwrap();
        SessionKey { address, tls_name: MxName::parse(host).unwrap() }
    }

    /// So many domains on one MX with so many addresses.
    fn shared(domains: usize, addresses: usize) -> Demands {
        let mut demands = Demands::default();
        for n in 0..domains {
            let all = (1..=addresses).map(|last| Demand { key: key("mx.example", last), among: addresses });
            demands.set(&domain(n), all.collect(), WANTED);
        }
        demands
    }

    #[test]
    fn postmasters_beyond_five_a_spacing_stretch_the_interval_evenly() {
        for (domains, addresses, minutes, over) in [
            (1, 1, 60, 0),
            (300, 1, 60, 0),
            (301, 1, 61, 1),
            (1000, 1, 200, 1),
            (1000, 4, 60, 0),
            (2000, 4, 100, 4),
        ] {
            let demands = shared(domains, addresses);
            let granted = demands.granted(&domain(0), MINUTE).unwrap();
            let want = Intervals { transactions: minutes * MINUTE, ..WANTED };
            assert_eq!((granted, demands.over_capacity(MINUTE)), (want, over), "{domains} on {addresses}");
        }
        let idle = shared(1000, 1).granted(&domain(0), Duration::ZERO);
        assert_eq!(idle, Some(WANTED), "without spacing nothing is stretched");
    }

    #[test]
    fn many_names_of_one_address_stretch_the_sessions() {
        let mut demands = Demands::default();
        for n in 0..50 {
            demands.set(
                &domain(n),
                vec![Demand { key: key(&format!("mx{n}.example"), 1), among: 1 }],
                WANTED,
            );
        }
        let granted = demands.granted(&domain(7), MINUTE).unwrap();
        assert_eq!(granted, Intervals { sessions: 50 * MINUTE, transactions: 60 * MINUTE });
        assert_eq!(demands.over_capacity(MINUTE), 1);
    }

    #[test]
    fn what_is_removed_is_wanted_no_more() {
        let mut demands = shared(1000, 1);
        assert!(
            demands.uses(&domain(3), &key("mx.example", 1))
                && !demands.uses(&domain(3), &key("mx.example", 2))
        );
        demands.keep_only(|name| *name == domain(3));
        assert_eq!(demands.granted(&domain(3), MINUTE), Some(WANTED));
        assert_eq!((demands.granted(&domain(4), MINUTE), demands.over_capacity(MINUTE)), (None, 0));
        demands.remove(&domain(3));
        assert!(demands.addresses.is_empty() && demands.domains.is_empty());
    }
}
