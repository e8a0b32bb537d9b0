//! Hosts with more addresses in one family than are told apart: which hosts those are, and at which of its addresses
//! each is visited. Whoever has such a host among its MX shares what is known of it. Takes its time as an argument.

use crate::name::MxName;
use crate::observe::{Absence, Family, Place};
use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::net::IpAddr;
use std::sync::Arc;
use std::time::SystemTime;

/// As many addresses of one host and family are remembered.
const MOST: usize = 64;

/// The hosts that are pools, by family.
pub type Pooled = Arc<BTreeSet<(MxName, Family)>>;

/// Addresses with what is known of their absence; none while DNS has them.
pub type Members = BTreeMap<IpAddr, Option<Absence>>;

/// What a look-up that worked shows of a host in one family.
#[derive(Clone, Debug)]
pub struct Sighting {
    /// The host.
    pub mx: MxName,
    /// The family.
    pub family: Family,
    /// The addresses that it has, and those that it had within the last day as far as whoever looked knows.
    pub members: Members,
}

/// Every pool.
#[derive(Debug, Default)]
pub(super) struct Pools {
    pools: HashMap<(MxName, Family), Pool>,
    names: Pooled,
}

#[derive(Debug)]
struct Pool {
    members: Members,
    /// Where it was or is to be visited; none before the first time.
    seat: Option<IpAddr>,
}

impl Pools {
    /// Those there are.
    pub(super) fn names(&self) -> &Pooled {
        &self.names
    }

    /// Takes in what was seen: a host is a pool from its ninth address on, until a day has had eight or fewer.
    pub(super) fn take_in(&mut self, sighting: Sighting, now: SystemTime) {
        let Sighting { mx, family, members } = sighting;
        let name = (mx, family);
        match self.pools.get_mut(&name) {
            Some(pool) => {
                pool.follow(&members, now);
                if pool.members.len() <= Place::TOLD_APART {
                    self.pools.remove(&name);
                    self.count();
                }
            }
            None if members.len() > Place::TOLD_APART => {
                self.pools.insert(name, Pool::of(members));
                self.count();
            }
            None => {}
        }
    }

    /// Where a host is visited; none where it is no pool, or was not visited as one.
    pub(super) fn seat(&self, mx: &MxName, family: Family) -> Option<IpAddr> {
        self.pools.get(&(mx.clone(), family))?.seat
    }

    /// Has a pool visited elsewhere.
    pub(super) fn set_seat(&mut self, mx: &MxName, seat: IpAddr) {
        if let Some(pool) = self.pools.get_mut(&(mx.clone(), Family::of(seat))) {
            pool.seat = Some(seat);
        }
    }

    /// The addresses that a pool had within the last day.
    pub(super) fn members(&self, mx: &MxName, family: Family) -> Vec<IpAddr> {
        let pool = self.pools.get(&(mx.clone(), family));
        pool.map(|pool| pool.members.keys().copied().collect()).unwrap_or_default()
    }

    /// Forgets hosts that nobody uses any more.
    pub(super) fn keep_only(&mut self, used: &HashSet<&MxName>) {
        self.pools.retain(|(mx, _), _| used.contains(mx));
        self.count();
    }

    /// What has to survive a restart. The seats do not: the last contact of each pool tells.
    pub(super) fn remembered(&self) -> BTreeMap<(MxName, Family), Members> {
        self.pools.iter().map(|(name, pool)| (name.clone(), pool.members.clone())).collect()
    }

    /// Goes on with what an earlier process knew.
    pub(super) fn recall(&mut self, remembered: &BTreeMap<(MxName, Family), Members>) {
        let pools = remembered.iter().map(|(name, members)| (name.clone(), Pool::of(members.clone())));
        self.pools.extend(pools);
        self.count();
    }

    fn count(&mut self) {
        self.names = Arc::new(self.pools.keys().cloned().collect());
    }
}

impl Pool {
    fn of(members: Members) -> Self {
        let mut pool = Self { members, seat: None };
        pool.trim();
        pool
    }

    /// One more look-up. Only what it shows itself counts, not what others remember.
    fn follow(&mut self, seen: &Members, now: SystemTime) {
        let is_there = |address: &IpAddr| seen.get(address).is_some_and(Option::is_none);
        for (address, absence) in &mut self.members {
            *absence = if is_there(address) { None } else { Some(Absence::following(*absence, now)) };
        }
        self.members.retain(|_, absence| !absence.is_some_and(|absence| absence.is_final(now)));
        self.members.extend(seen.keys().filter(|address| is_there(address)).map(|address| (*address, None)));
        self.trim();
    }

    /// Forgets the longest absent of very many.
    fn trim(&mut self) {
        while self.members.len() > MOST {
            let since = |absence: &Option<Absence>| absence.map(|absence| absence.since);
            let gone = self
                .members
                .iter()
                .max_by_key(|(_, absence)| (absence.is_some(), std::cmp::Reverse(since(absence))));
            let Some(address) = gone.map(|(address, _)| *address) else { return };
            self.members.remove(&address);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::ops::Range;
    use std::time::Duration;

    fn hour(hours: u64) -> SystemTime {
        SystemTime::UNIX_EPOCH + Duration::from_secs(1_800_000_000 + hours * 3600)
    }

    fn sighting(present: Range<u8>, missed: Range<u8>) -> Sighting {
        let mx = MxName::parse("mx.example").unwrap();
        let address = |last: u8| IpAddr::from([192, 0, 2, last]);
        let absence = Some(Absence::following(None, hour(0)));
        let members =
            missed.map(|last| (address(last), absence)).chain(present.map(|last| (address(last), None)));
        Sighting { mx, family: Family::V4, members: members.collect() }
    }

    /// Whether there is a pool after each of some look-ups.
    fn after(looks: impl IntoIterator<Item = (u64, Range<u8>)>) -> Vec<bool> {
        let mut pools = Pools::default();
        let mut is_pool = |(hours, present)| {
            pools.take_in(sighting(present, 0..0), hour(hours));
            !pools.names().is_empty()
        };
        looks.into_iter().map(&mut is_pool).collect()
    }

    #[test]
    fn the_ninth_address_of_a_day_makes_a_pool() {
        for (present, missed, want) in
            [(0..8, 0..0, false), (0..9, 0..0, true), (0..1, 1..8, false), (0..4, 2..9, true)]
        {
            let mut pools = Pools::default();
            pools.take_in(sighting(present.clone(), missed.clone()), hour(0));
            assert_eq!(!pools.names().is_empty(), want, "{present:?} {missed:?}");
        }
    }

    #[test]
    fn a_day_with_eight_ends_it_and_nothing_less() {
        assert_eq!(
            after([(0, 0..9), (1, 0..8), (2, 0..8), (24, 0..8), (25, 0..8)]),
            [true, true, true, true, false]
        );
        assert_eq!(
            after([(0, 0..9), (1, 0..8), (25, 0..8), (26, 0..8)]),
            [true, true, true, false],
            "three look-ups"
        );
        assert_eq!(
            after([(0, 0..9), (20, 0..8), (30, 8..9), (43, 0..8), (44, 0..8)]),
            [true; 5],
            "it came back"
        );
        assert_eq!(
            after([(0, 0..9), (48, 0..8), (49, 0..8), (50, 0..8)]),
            [true; 4],
            "nobody looked for two days"
        );
    }

    #[test]
    fn very_many_addresses_are_not_all_remembered() {
        let mut pools = Pools::default();
        for n in 0..40 {
            pools.take_in(sighting(n * 5..n * 5 + 9, 0..0), hour(n.into()));
            let all = pools.members(&MxName::parse("mx.example").unwrap(), Family::V4);
            assert!(all.len() <= MOST && all.len() >= MOST.min(9 + usize::from(n) * 5), "{}", all.len());
            assert!(all.contains(&[192, 0, 2, n * 5 + 8].into()), "the latest are");
        }
        pools.keep_only(&HashSet::new());
        assert!(pools.names().is_empty() && pools.remembered().is_empty());
    }
}
