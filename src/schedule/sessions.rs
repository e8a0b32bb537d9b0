//! Visits to endpoints on behalf of domains: one at a time to an address, spaced, under the global limits, and one for
//! all who wait.

use super::contacts::{Contacts, Errand, Served, Want};
use super::pace::Pace;
use super::{Queue, Tally, Vantage};
use crate::observe::{Contact, Session, SessionKey};
use std::collections::{HashMap, HashSet};
use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime};
use tokio::sync::Notify;
use tokio::time::{Instant, sleep_until};

/// Wall time.
pub type Clock = Arc<dyn Fn() -> SystemTime + Send + Sync>;

/// The limits that all sessions share.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Between two connections to one address.
    pub min_spacing: Duration,
    /// Connections opened in any second.
    pub new_connections_per_second: u32,
    /// Sessions at once.
    pub max_sessions: usize,
}

/// Runs sessions through `probe` and keeps what they bring home.
pub struct Sessions<P> {
    probe: P,
    clock: Clock,
    state: Mutex<State>,
    freed: Notify,
    queue: Queue,
}

struct State {
    limits: Limits,
    tally: Tally,
    pace: Pace,
    contacts: Contacts,
    vantage: Vantage,
    turns: HashMap<IpAddr, Arc<tokio::sync::Mutex<()>>>,
}

impl<P, F> Sessions<P>
where
    P: Fn(Errand, SystemTime) -> F,
    F: Future<Output = Session>,
{
    /// Nothing is known yet.
    pub fn new(limits: Limits, clock: Clock, probe: P) -> Self {
        let state = State {
            limits,
            tally: Tally::default(),
            pace: Pace::new(limits.min_spacing, limits.new_connections_per_second),
            contacts: Contacts::default(),
            vantage: Vantage::default(),
            turns: HashMap::new(),
        };
        Self { probe, clock, state: Mutex::new(state), freed: Notify::new(), queue: Queue::default() }
    }

    /// Changes the limits for every session that has not begun.
    pub fn set_limits(&self, limits: Limits) {
        let mut state = self.state();
        state.limits = limits;
        state.pace.set_limits(limits.min_spacing, limits.new_connections_per_second);
        drop(state);
        self.freed.notify_waiters();
    }

    /// Forgets endpoints that nobody uses any more.
    pub fn keep_only(&self, used: &HashSet<SessionKey>) {
        let mut state = self.state();
        state.contacts.keep_only(used);
        let addresses: HashSet<IpAddr> = used.iter().map(|key| key.address.ip()).collect();
        state.turns.retain(|address, turn| addresses.contains(address) || Arc::strong_count(turn) > 1);
    }

    /// How sessions went so far.
    pub fn tally(&self) -> Tally {
        self.state().tally.clone()
    }

    /// Sessions that wait for a place among those at once, or for the rate, though their address may be visited.
    pub fn queue(&self) -> &Queue {
        &self.queue
    }

    /// The facts that `want` asks for: from the store where they are fresh enough, else from a session that is
    /// waiting or that this call makes. Comes back with what there is after one visit at the latest.
    pub async fn contact(&self, mut want: Want) -> Served {
        let turn = {
            let mut state = self.state();
            if state.deserves_another_look(&want.key, (self.clock)()) {
                want.dialogue_since = (self.clock)();
            }
            if let Some(served) = state.contacts.satisfying(&want) {
                return served;
            }
            state.contacts.wait(want.clone());
            state.turns.entry(want.key.address.ip()).or_default().clone()
        };
        let _turn = turn.lock().await;
        let served = self.state().contacts.satisfying(&want);
        match served {
            Some(served) => served,
            None => self.visit(&want).await,
        }
    }

    /// Whether a look at an endpoint has to be confirmed by another one soon.
    pub fn wants_another_look(&self, key: &SessionKey) -> bool {
        let state = self.state();
        state.contacts.contact(key).is_some_and(|contact| state.wants_another_look(contact))
    }

    /// Which families have been answered so far.
    pub fn vantage(&self) -> Vantage {
        self.state().vantage
    }

    async fn visit(&self, want: &Want) -> Served {
        let (errand, session) = self.run(want.key.address.ip(), |state| state.contacts.errand(want)).await;
        let owed = session.owed;
        let served = self.state().contacts.take_in(&want.key, session, &want.domain.name);
        if !owed {
            return served;
        }
        let plaintext = Errand { plaintext: true, ..errand };
        let (_, session) = self.run(want.key.address.ip(), |_| plaintext).await;
        let tests = self.state().contacts.take_in_tests(&want.key, &session, &want.domain.name);
        tests.unwrap_or(served)
    }

    /// One session as soon as its address, the number at once and the rate allow.
    async fn run(&self, address: IpAddr, errand: impl FnOnce(&mut State) -> Errand) -> (Errand, Session) {
        let spaced = self.state().pace.spaced(address, Instant::now());
        sleep_until(spaced).await;
        let waiting = self.queue.join(Instant::now());
        let _place = self.place().await;
        let slot = self.state().pace.slot(Instant::now());
        sleep_until(slot).await;
        drop(waiting);
        let errand = {
            let mut state = self.state();
            state.pace.visited(address, Instant::now());
            errand(&mut state)
        };
        let session = (self.probe)(errand.clone(), (self.clock)()).await;
        let mut state = self.state();
        state.pace.visited(address, Instant::now());
        let session = state.vantage.weigh(address, session);
        state.tally.count(&session);
        (errand, session)
    }

    /// Waits until fewer than `max_sessions` are under way.
    async fn place(&self) -> Place<'_, P> {
        loop {
            let freed = self.freed.notified();
            {
                let mut state = self.state();
                if state.tally.in_flight < state.limits.max_sessions {
                    state.tally.in_flight += 1;
                    return Place(self);
                }
            }
            freed.await;
        }
    }
}

impl<P> Sessions<P> {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A session's place among those at once; given back however the session ends.
struct Place<'a, P>(&'a Sessions<P>);

impl<P> Drop for Place<'_, P> {
    fn drop(&mut self) {
        self.0.state().tally.in_flight -= 1;
        self.0.freed.notify_one();
    }
}

impl State {
    fn wants_another_look(&self, contact: &Contact) -> bool {
        contact.wants_second_look()
            || self.vantage.has_cleared(contact.key.address.ip(), contact.dialogue.streak.trouble)
    }

    fn deserves_another_look(&self, key: &SessionKey, now: SystemTime) -> bool {
        self.contacts.contact(key).is_some_and(|contact| {
            contact.dialogue.at + self.limits.min_spacing <= now && self.wants_another_look(contact)
        })
    }
}

#[cfg(test)]
mod tests;
