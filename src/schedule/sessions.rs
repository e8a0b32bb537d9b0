//! Visits to endpoints on behalf of domains: one at a time to an address, spaced, under the global limits, and one for
//! all who wait.

use super::contacts::{Contacts, Errand, Served, Want};
use super::demand::{Demand, Demands, Intervals};
use super::manners::{Manners, Rest};
use super::pace::Pace;
use super::pools::Pools;
use super::turn::Turn;
use super::vantage::Lookout;
use super::{Queue, Tally};
use crate::name::DomainName;
use crate::observe::{Contact, Dialogue, Session, SessionKey};
use std::collections::{HashMap, HashSet, VecDeque};
use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime};
use tokio::sync::Notify;
use tokio::time::{Instant, sleep_until};

mod places;
mod pooling;
mod reach;
mod recall;
mod scans;

/// A session that took less keeps nobody waiting.
const SOON: Duration = Duration::from_secs(20);

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
    queued: Notify,
    scan_queued: Notify,
    queue: Queue,
}

struct State {
    limits: Limits,
    tally: Tally,
    pace: Pace,
    manners: Manners,
    contacts: Contacts,
    demands: Demands,
    pools: Pools,
    lookout: Lookout,
    turns: HashMap<IpAddr, Arc<Turn>>,
    /// Sessions under way with endpoints that have not proven themselves.
    unproven: usize,
    /// Endpoints before which somebody waits whom no run will visit, each once.
    errands: VecDeque<SessionKey>,
    queued: HashSet<SessionKey>,
    /// Endpoints whose TLS scan has a next question.
    scans: VecDeque<SessionKey>,
    /// Those and the ones that are being asked, each once.
    scanning: HashSet<SessionKey>,
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
            manners: Manners::default(),
            contacts: Contacts::default(),
            demands: Demands::default(),
            pools: Pools::default(),
            lookout: Lookout::default(),
            turns: HashMap::new(),
            unproven: 0,
            errands: VecDeque::new(),
            queued: HashSet::new(),
            scans: VecDeque::new(),
            scanning: HashSet::new(),
        };
        let (freed, queued, scan_queued) = (Notify::new(), Notify::new(), Notify::new());
        let (state, queue) = (Mutex::new(state), Queue::default());
        Self { probe, clock, state, freed, queued, scan_queued, queue }
    }

    /// Changes the limits for every session that has not begun.
    pub fn set_limits(&self, limits: Limits) {
        let mut state = self.state();
        state.limits = limits;
        state.pace.set_limits(limits.min_spacing, limits.new_connections_per_second);
        drop(state);
        self.freed.notify_waiters();
    }

    /// Forgets domains that nobody watches any more, and endpoints that are not among `used` and that no other domain
    /// wants visited.
    pub fn keep_only(&self, used: &HashSet<SessionKey>, is_watched: impl Fn(&DomainName) -> bool) {
        let mut state = self.state();
        state.demands.keep_only(&is_watched);
        state.pools.keep_only(&used.iter().map(|key| &key.tls_name).collect());
        let seats = used.iter().map(|key| state.seated(key));
        let used: HashSet<SessionKey> =
            used.iter().chain(state.demands.keys()).cloned().chain(seats).collect();
        state.contacts.keep_only(&used, is_watched);
        let addresses: HashSet<IpAddr> = used.iter().map(|key| key.address.ip()).collect();
        let spacing = state.limits.min_spacing;
        state.manners.keep_only(Instant::now(), spacing, |address| addresses.contains(address));
        state.lookout.keep_only(&addresses);
        state.turns.retain(|address, turn| addresses.contains(address) || Arc::strong_count(turn) > 1);
    }

    /// Takes down what a domain wants from now on.
    pub fn set_demands(&self, domain: &DomainName, demands: Vec<Demand>, wanted: Intervals) {
        let mut state = self.state();
        let seated = |demand: Demand| Demand { key: state.seated(&demand.key), ..demand };
        let demands = demands.into_iter().map(seated).collect();
        state.demands.set(domain, demands, wanted);
    }

    /// What a domain gets of what it wants.
    pub fn granted(&self, domain: &DomainName) -> Option<Intervals> {
        let state = self.state();
        state.demands.granted(domain, state.limits.min_spacing)
    }

    /// Addresses of which more is wanted than the spacing allows.
    pub fn over_capacity(&self) -> usize {
        let state = self.state();
        state.demands.over_capacity(state.limits.min_spacing)
    }

    /// How sessions went so far.
    pub fn tally(&self) -> Tally {
        self.state().tally.clone()
    }

    /// Sessions that wait for a place among those at once, or for the rate, though their address may be visited.
    pub fn queue(&self) -> &Queue {
        &self.queue
    }

    /// The facts that `want` asks for: from the store where they are fresh enough or the address rests, else from a
    /// session that is waiting or that this call makes. Comes back with what there is after one visit at the latest.
    /// Where only tests of recipients are wanting, those are left to an [errand](Self::next_errand), unless the want is
    /// patient.
    pub async fn contact(&self, want: Want) -> Served {
        let served = self.serve(want.clone()).await;
        self.mind_scan(&want);
        served
    }

    async fn serve(&self, mut want: Want) -> Served {
        let (turn, again) = {
            let mut state = self.state();
            want.key = state.seat(&want, self.now());
            let again = state.deserves_another_look(&want.key, (self.clock)());
            let eager = self.eager(&want, again);
            if let Some(served) = self.at_once(&mut state, &eager) {
                return served;
            }
            state.contacts.wait(eager);
            (state.turn(&want.key), again)
        };
        let _turn = turn.hurried().await;
        // Whose turn it was may have looked again already.
        let again = again && self.state().deserves_another_look(&want.key, (self.clock)());
        let eager = self.eager(&want, again);
        let served = self.at_once(&mut self.state(), &eager);
        match served {
            Some(served) => served,
            None => self.visit(&eager).await,
        }
    }

    /// The next endpoint that somebody waits for whom no run will visit. It is to be [attended to](Self::attend).
    pub async fn next_errand(&self) -> SessionKey {
        loop {
            let queued = self.queued.notified();
            if let Some(key) = self.state().next_errand() {
                return key;
            }
            queued.await;
        }
    }

    /// Visits an endpoint once for those who wait, if its address may be visited. Gives the domains that got what they
    /// waited for.
    pub async fn attend(&self, key: &SessionKey) -> Vec<DomainName> {
        let (key, turn) = {
            let mut state = self.state();
            let key = state.seated(key);
            let turn = state.turn(&key);
            (key, turn)
        };
        let key = &key;
        let _turn = turn.patient().await;
        let Some(want) = self.state().worth_a_visit(key) else { return Vec::new() };
        self.state().contacts.served(key);
        self.visit(&want).await;
        let mut state = self.state();
        let served = state.contacts.served(key);
        if !served.is_empty() && state.contacts.fill_a_session(key) && state.worth_a_visit(key).is_some() {
            self.queue_errand(&mut state, key);
        }
        served
    }

    /// What is known of an endpoint, and of a domain's postmaster there.
    pub fn known(&self, key: &SessionKey, domain: &DomainName) -> Option<Served> {
        let state = self.state();
        let key = &state.seated(key);
        let rest = state.manners.resting(key.address.ip(), Instant::now());
        let rests_until = rest.map(|rest| rest.ends(self.now()));
        Some(Served { rests_until, ..state.contacts.known(key, domain)? })
    }

    /// Whether a look at an endpoint has to be confirmed by another one soon.
    pub fn wants_another_look(&self, key: &SessionKey) -> bool {
        let state = self.state();
        state.contacts.contact(&state.seated(key)).is_some_and(|contact| state.wants_another_look(contact))
    }

    fn now(&self) -> (Instant, SystemTime) {
        (Instant::now(), (self.clock)())
    }

    /// A want that, where another look is to be had, only one from now on satisfies.
    fn eager(&self, want: &Want, again: bool) -> Want {
        let dialogue_since = if again { (self.clock)() } else { want.dialogue_since };
        Want { dialogue_since, ..want.clone() }
    }

    /// What can be had without a visit.
    fn at_once(&self, state: &mut State, want: &Want) -> Option<Served> {
        if let Some(rest) = state.manners.resting(want.key.address.ip(), Instant::now()) {
            return Some(state.resting(want, rest, self.now()));
        }
        if let Some(served) = state.contacts.satisfying(want) {
            return Some(served);
        }
        let served = state.contacts.connected(want).filter(|_| !want.patient)?;
        state.contacts.wait(want.clone());
        if state.contacts.fill_a_session(&want.key) {
            self.queue_errand(state, &want.key);
        }
        Some(served)
    }

    fn queue_errand(&self, state: &mut State, key: &SessionKey) {
        if state.queued.insert(key.clone()) {
            state.errands.push_back(key.clone());
            self.queued.notify_one();
        }
    }

    async fn visit(&self, want: &Want) -> Served {
        let (errand, session, mut took) = self.run(&want.key, |state| state.errand(want)).await;
        let owed = session.owed;
        let (mut served, rests) = {
            let mut state = self.state();
            let served = state.contacts.take_in(&want.key, session, &want.domain.name);
            (served, state.manners.resting(want.key.address.ip(), Instant::now()).is_some())
        };
        if owed && !rests {
            let again =
                |state: &mut State| Errand { plaintext: true, refusals: state.spare(&want.key), ..errand };
            let (_, session, longer) = self.run(&want.key, again).await;
            took += self.state().limits.min_spacing + longer;
            let tests = self.state().contacts.take_in_tests(&want.key, &session, &want.domain.name);
            served = tests.unwrap_or(served);
        }
        let (mut state, address) = (self.state(), want.key.address.ip());
        state.demands.visited(address, took);
        let rest = state.manners.resting(address, Instant::now());
        served.rests_until = rest.map(|rest| rest.ends(self.now()));
        served
    }

    /// One session as soon as its address, the number at once and the rate allow, and how long it took.
    async fn run(
        &self,
        key: &SessionKey,
        errand: impl FnOnce(&mut State) -> Errand,
    ) -> (Errand, Session, Duration) {
        let address = key.address.ip();
        let spaced = self.state().pace.spaced(address, Instant::now());
        sleep_until(spaced).await;
        let waiting = self.queue.join(Instant::now());
        let is_proven = self.state().is_proven(key);
        let _place = self.place(is_proven).await;
        let slot = self.state().pace.slot(Instant::now());
        sleep_until(slot).await;
        drop(waiting);
        let errand = {
            let mut state = self.state();
            let errand = errand(&mut state);
            state.opened(&errand);
            errand
        };
        let began = Instant::now();
        let session = (self.probe)(errand.clone(), (self.clock)()).await;
        let now = self.now();
        let mut state = self.state();
        state.opened(&errand);
        let spacing = state.limits.min_spacing;
        state.manners.learn(address, &session, now, spacing);
        let session = state.lookout.weigh(&errand, session);
        state.tally.count(&session);
        (errand, session, now.0 - began)
    }
}

impl<P> Sessions<P> {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn turn(&mut self, key: &SessionKey) -> Arc<Turn> {
        self.turns.entry(key.address.ip()).or_default().clone()
    }

    /// Whether the last session with an endpoint went all the way, and soon.
    fn is_proven(&self, key: &SessionKey) -> bool {
        self.contacts.contact(key).is_some_and(|contact| {
            let soon = |dialogue: &Dialogue| dialogue.took() < SOON;
            contact.dialogue.streak.trouble.is_none() && contact.dialogue.seen.as_ref().is_ok_and(soon)
        })
    }

    fn next_errand(&mut self) -> Option<SessionKey> {
        let key = self.errands.pop_front()?;
        self.queued.remove(&key);
        Some(key)
    }

    fn errand(&mut self, want: &Want) -> Errand {
        let (spare, demands) = (self.spare(&want.key), &self.demands);
        self.contacts.ask_null_sender_of(&want.key, |domain| demands.uses(domain, &want.key));
        self.contacts.errand(want, spare)
    }

    fn spare(&self, key: &SessionKey) -> usize {
        self.manners.spare(key.address.ip(), Instant::now(), self.limits.min_spacing)
    }

    /// Who has waited longest before an endpoint, if a visit now would help anybody.
    fn worth_a_visit(&mut self, key: &SessionKey) -> Option<Want> {
        if self.manners.resting(key.address.ip(), Instant::now()).is_some() {
            return None;
        }
        let want = self.contacts.next_waiting(key)?;
        let errand = self.errand(&want);
        let asks = errand.relay.is_some() || errand.null_sender.is_some() || !errand.postmasters.is_empty();
        (asks || self.contacts.connected(&want).is_none()).then_some(want)
    }

    /// What is known of an endpoint whose address rests.
    fn resting(&self, want: &Want, rest: &Rest, now: (Instant, SystemTime)) -> Served {
        let known = self.contacts.known(&want.key, &want.domain.name);
        let served = known.unwrap_or_else(|| Served::turned_away(want, rest.since, &rest.trouble));
        Served { rests_until: Some(rest.ends(now)), ..served }
    }

    fn wants_another_look(&self, contact: &Contact) -> bool {
        contact.wants_second_look()
            || self.lookout.has_cleared(contact.key.address.ip(), contact.dialogue.streak.trouble)
    }

    fn deserves_another_look(&self, key: &SessionKey, now: SystemTime) -> bool {
        self.contacts.contact(key).is_some_and(|contact| {
            contact.dialogue.at + self.limits.min_spacing <= now && self.wants_another_look(contact)
        })
    }
}

#[cfg(test)]
mod tests;
