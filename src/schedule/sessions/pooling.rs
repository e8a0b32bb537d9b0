//! Where a pool is visited: at one address at a time, the same for all domains, and at the next one with every session
//! that is due. What is known of the pool goes along, so that it gets as many sessions and tests as a single address,
//! and what one of its addresses asked for holds for all.

use super::{Sessions, State};
use crate::observe::{Contact, Family, SessionKey};
use crate::schedule::Want;
use crate::schedule::pools::{Pooled, Sighting};
use std::collections::HashSet;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::SystemTime;
use tokio::time::Instant;

impl<P> Sessions<P> {
    /// Takes down which addresses hosts have. Gives the pools there are now.
    pub fn sight(&self, sightings: Vec<Sighting>) -> Pooled {
        let now = (self.clock)();
        let mut state = self.state();
        for sighting in sightings {
            state.pools.take_in(sighting, now);
        }
        state.pools.names().clone()
    }

    /// The hosts whose addresses nobody tells apart.
    pub fn pools(&self) -> Pooled {
        self.state().pools.names().clone()
    }
}

impl State {
    /// The key under which an endpoint is known: that of a pool is where the pool is visited.
    pub(super) fn seated(&self, key: &SessionKey) -> SessionKey {
        let seat = self.pools.seat(&key.tls_name, Family::of(key.address.ip()));
        seat.map_or_else(|| key.clone(), |seat| moved(key, seat))
    }

    /// The same for who wants something of it. Where that takes a session, a pool is visited at its next address, unless
    /// something is left to be done where it is.
    pub(super) fn seat(&mut self, want: &Want, now: (Instant, SystemTime)) -> SessionKey {
        let key = &want.key;
        let name = (key.tls_name.clone(), Family::of(key.address.ip()));
        if want.pool.is_empty() || !self.pools.names().contains(&name) {
            return self.seated(key);
        }
        let seat = self.pools.seat(&name.0, name.1);
        let last = seat.map(|seat| moved(key, seat)).or_else(|| self.last_seen(key));
        let next = match last {
            Some(last) if self.stays(&last, want, now) => last,
            Some(last) => behind(&last, &want.pool),
            None => key.clone(),
        };
        if self.pools.seat(&name.0, name.1) != Some(next.address.ip()) {
            self.move_to(&next);
        }
        next
    }

    /// The member of a pool that was seen last, as one by itself.
    fn last_seen(&self, key: &SessionKey) -> Option<SessionKey> {
        let members = self.pools.members(&key.tls_name, Family::of(key.address.ip()));
        let known = members.into_iter().map(|address| moved(key, address));
        let seen = known.filter_map(|key| Some((self.contacts.contact(&key)?.dialogue.at, key)));
        seen.max_by_key(|(at, _)| *at).map(|(_, key)| key)
    }

    /// The addresses of the pool that an endpoint belongs to; none where it is no pool's.
    pub(super) fn pool_of(&self, key: &SessionKey) -> Vec<IpAddr> {
        let (name, family) = (&key.tls_name, Family::of(key.address.ip()));
        let is_pooled = self.pools.names().contains(&(name.clone(), family));
        if is_pooled { self.pools.members(name, family).into_iter().collect() } else { Vec::new() }
    }

    /// Whether a pool is still visited where it was: nothing is due, somebody is just there, it asked for rest, the last
    /// visit was a moment ago, or something has to be tried there again.
    fn stays(&self, last: &SessionKey, want: &Want, (now, wall): (Instant, SystemTime)) -> bool {
        let address = last.address.ip();
        let is_published = want.pool.contains(&address);
        let is_taken = self.is_busy(address) || self.manners.resting(address, now).is_some();
        let Some(contact) = self.contacts.contact(last) else { return is_published || is_taken };
        let is_fresh = contact.dialogue.at >= want.dialogue_since && !self.wants_another_look(contact);
        let is_recent = contact.dialogue.at + self.limits.min_spacing > wall;
        is_fresh
            || is_recent
            || is_taken
            || is_published && (contact.key != *last || self.is_unfinished(contact, last, want))
    }

    fn is_unfinished(&self, contact: &Contact, last: &SessionKey, want: &Want) -> bool {
        contact.dialogue.streak.trouble.is_some() || self.contacts.is_put_off(last, &want.domain.name)
    }

    fn is_busy(&self, address: IpAddr) -> bool {
        self.turns.get(&address).is_some_and(|turn| Arc::strong_count(turn) > 1)
    }

    /// Goes on elsewhere with all that is known of a pool and wanted of it.
    fn move_to(&mut self, next: &SessionKey) {
        let (mx, address) = (&next.tls_name, next.address.ip());
        let members = self.pools.members(mx, Family::of(address));
        let seats: HashSet<IpAddr> =
            members.into_iter().chain(self.pools.seat(mx, Family::of(address))).collect();
        for left in seats {
            if left == address || self.is_busy(left) {
                continue;
            }
            let key = moved(next, left);
            self.contacts.hand_over(&key, next);
            self.demands.hand_over(&key, next);
            self.turns.remove(&left);
        }
        self.pools.set_seat(mx, address);
    }
}

/// The next address of a pool behind the last one; the first one behind the end.
fn behind(last: &SessionKey, pool: &[IpAddr]) -> SessionKey {
    let address = last.address.ip();
    let next = pool.iter().filter(|other| **other > address).min().or(pool.iter().min());
    next.map_or_else(|| last.clone(), |next| moved(last, *next))
}

fn moved(key: &SessionKey, address: IpAddr) -> SessionKey {
    SessionKey { address: SocketAddr::new(address, key.address.port()), tls_name: key.tls_name.clone() }
}
