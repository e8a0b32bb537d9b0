//! The servers of one family by the networks they are in: who answered last time, and who has failed since when.

use super::look::Look;
use crate::observe::SessionKey;
use std::collections::{BTreeMap, HashSet};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::time::{Duration, SystemTime};

/// As many sites that fail together are no coincidence.
pub(super) const TOGETHER: usize = 3;

/// A shorter interval counts as one of this length, for a look that fails may take a quarter of it.
const SHORTEST: Duration = Duration::from_secs(60);

/// A network of one owner: /24 for IPv4, /48 for IPv6.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Site(IpAddr);

/// What is known of each site. One whose servers differ is what its last session was.
#[derive(Debug, Default)]
pub(super) struct Sites {
    live: BTreeMap<Site, Live>,
    failing: BTreeMap<Site, Failing>,
}

#[derive(Debug)]
struct Live {
    key: SessionKey,
    at: SystemTime,
}

#[derive(Debug)]
struct Failing {
    key: SessionKey,
    first: SystemTime,
    last: SystemTime,
    interval: Duration,
}

impl Site {
    pub(super) fn of(address: IpAddr) -> Self {
        Self(match address {
            IpAddr::V4(v4) => Ipv4Addr::from_bits(v4.to_bits() >> 8 << 8).into(),
            IpAddr::V6(v6) => Ipv6Addr::from_bits(v6.to_bits() >> 80 << 80).into(),
        })
    }
}

impl Sites {
    /// A server answered, `connected` when it says. A connection from before its site failed does not end that.
    pub(super) fn answer(&mut self, look: &Look, connected: SystemTime) {
        let site = Site::of(look.address());
        if self.failing.get(&site).is_some_and(|failing| connected < failing.first) {
            return;
        }
        self.failing.remove(&site);
        self.live.insert(site, Live { key: look.key.clone(), at: look.at });
    }

    /// A server failed at connect. Since when its site has been failing, where this is not the first time.
    pub(super) fn fail(&mut self, look: &Look) -> Option<SystemTime> {
        let (site, key, last) = (Site::of(look.address()), look.key.clone(), look.at);
        let before = self.failing.get(&site).map(|failing| failing.first);
        let first = before.unwrap_or(last);
        self.failing.insert(site, Failing { key, first, last, interval: look.interval });
        before
    }

    /// A server is no witness until it has answered again.
    pub(super) fn pass_over(&mut self, address: IpAddr) {
        self.live.retain(|_, live| live.key.address.ip() != address);
    }

    /// Since when the site of `address` has been failing.
    pub(super) fn failing_since(&self, address: IpAddr) -> Option<SystemTime> {
        self.failing.get(&Site::of(address)).map(|failing| failing.first)
    }

    /// How many sites began to fail after `answer`, the last answer of all, and have failed within their own interval.
    /// Names of one owner count once, as the networks do: a big provider is one site.
    pub(super) fn failing_together(&self, answer: Option<SystemTime>, now: SystemTime) -> usize {
        different(self.fresh(answer, now).map(|failing| &failing.key))
    }

    /// Whether so many sites could still turn out to fail together, if all that answered last time, and all that have
    /// failed since the last answer of all, were asked again.
    pub(super) fn could_fail_together(&self, answer: Option<SystemTime>) -> bool {
        let quiet = self.live.iter().filter(|(site, _)| !self.failing.contains_key(*site));
        let failing = self.failing_after(answer).map(|failing| &failing.key);
        // A few are enough to tell; there may be very many.
        different(failing.chain(quiet.map(|(_, live)| &live.key).take(64))) >= TOGETHER
    }

    /// A server that answered last time, is not failing, and has not been asked since.
    pub(super) fn witness(&self, since: SystemTime) -> Option<SessionKey> {
        let quiet =
            self.live.iter().filter(|(site, live)| live.at < since && !self.failing.contains_key(*site));
        quiet.max_by_key(|(_, live)| live.at).map(|(_, live)| live.key.clone())
    }

    /// The server that has been left alone longest, of all that ever answered.
    pub(super) fn scout(&self) -> Option<SessionKey> {
        let asked = |site: &Site, live: &Live| self.failing.get(site).map_or(live.at, |failing| failing.last);
        let longest = self.live.iter().min_by_key(|(site, live)| asked(site, live));
        longest.map(|(_, live)| live.key.clone())
    }

    /// Forgets all others.
    pub(super) fn keep_only(&mut self, used: &HashSet<IpAddr>) {
        self.live.retain(|_, live| used.contains(&live.key.address.ip()));
        self.failing.retain(|_, failing| used.contains(&failing.key.address.ip()));
    }

    fn fresh(&self, answer: Option<SystemTime>, now: SystemTime) -> impl Iterator<Item = &Failing> {
        let failing = self.failing_after(answer);
        failing.filter(move |failing| failing.last + failing.interval.max(SHORTEST) >= now)
    }

    fn failing_after(&self, answer: Option<SystemTime>) -> impl Iterator<Item = &Failing> {
        let failing = self.failing.values();
        failing.filter(move |failing| answer.is_none_or(|answer| answer < failing.first))
    }
}

/// How many these are when networks and owners of names both have to differ.
fn different<'a>(keys: impl Iterator<Item = &'a SessionKey>) -> usize {
    let (mut networks, mut owners) = (HashSet::new(), HashSet::new());
    for key in keys {
        networks.insert(Site::of(key.address.ip()).0);
        owners.insert(owner(key));
    }
    networks.len().min(owners.len())
}

/// The last two labels of the name: near enough to who runs it.
fn owner(key: &SessionKey) -> &str {
    let name = key.tls_name.as_str();
    let second = name.rmatch_indices('.').nth(1);
    second.map_or(name, |(dot, _)| &name[dot + 1..])
}
