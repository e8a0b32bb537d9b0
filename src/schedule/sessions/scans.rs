//! TLS scans: one connection at a time, far apart, behind the sessions that are due, and with a share of the rate only.

use super::{Sessions, State};
use crate::name::DomainName;
use crate::observe::{Session, SessionKey};
use crate::schedule::{Errand, Want};
use std::time::SystemTime;
use tokio::time::{Instant, sleep_until};

impl<P, F> Sessions<P>
where
    P: Fn(Errand, SystemTime) -> F,
    F: Future<Output = Session>,
{
    /// The next endpoint whose TLS scan has a question. It is to be [asked](Self::scan).
    pub async fn next_scan(&self) -> SessionKey {
        loop {
            let queued = self.scan_queued.notified();
            if let Some(key) = self.state().scans.pop_front() {
                return key;
            }
            queued.await;
        }
    }

    /// Asks an endpoint the next question of its TLS scan, as soon as its address may be asked, if one is due then. Gives
    /// the domains that use the endpoint where the scan has come to an end by it.
    pub async fn scan(&self, key: &SessionKey) -> Vec<DomainName> {
        let has_ended = self.ask(key).await;
        let mut state = self.state();
        state.scanning.remove(key);
        let key = state.seated(key);
        if has_ended == Some(false) {
            self.queue_scan(&mut state, &key);
        }
        if has_ended == Some(true) { state.demands.users(&key) } else { Vec::new() }
    }

    /// Asks an endpoint all that its TLS scan has to ask.
    pub async fn scan_to_the_end(&self, key: &SessionKey) {
        while self.ask(key).await == Some(false) {}
    }

    /// Queues an endpoint where a domain wants a scan of it that is due.
    pub(super) fn mind_scan(&self, want: &Want) {
        let mut state = self.state();
        let key = state.seated(&want.key);
        state.contacts.want_scan(&key, want);
        self.queue_scan(&mut state, &key);
    }

    fn queue_scan(&self, state: &mut State, key: &SessionKey) {
        if state.scan_errand(key, (self.clock)()).is_some() && state.scanning.insert(key.clone()) {
            state.scans.push_back(key.clone());
            self.scan_queued.notify_one();
        }
    }

    /// Whether the scan has come to an end by one more question; none where there was nothing to ask.
    async fn ask(&self, key: &SessionKey) -> Option<bool> {
        loop {
            let key = &self.state().seated(key);
            let address = key.address.ip();
            let apart = self.state().pace.spaced_scan(address, Instant::now());
            sleep_until(apart).await;
            let spaced = self.state().pace.spaced(address, Instant::now());
            sleep_until(spaced).await;
            let slot = self.state().pace.scan_slot(Instant::now());
            sleep_until(slot).await;
            let turn = self.state().turn(key);
            let _turn = turn.patient().await;
            let now = Instant::now();
            if self.state().pace.spaced_scan(address, now) > now || self.state().seated(key) != *key {
                continue; // another endpoint there was asked meanwhile, or the pool is visited elsewhere
            }
            let errand = self.state().scan_errand(key, (self.clock)())?;
            let (_, session, _) = self.run(key, |_| errand).await;
            return Some(self.state().contacts.take_in_scan(key, &session));
        }
    }
}

impl State {
    /// A connection is just being opened, or has just ended.
    pub(super) fn opened(&mut self, errand: &Errand) {
        let (address, now) = (errand.key.address.ip(), Instant::now());
        self.pace.visited(address, now);
        if errand.scan.is_some() {
            for address in self.pool_of(&errand.key).into_iter().chain([address]) {
                self.pace.scanned(address, now);
            }
        }
    }

    /// The next session of a scan, unless the address rests.
    fn scan_errand(&self, key: &SessionKey, now: SystemTime) -> Option<Errand> {
        let rests = self.manners.resting(key.address.ip(), Instant::now()).is_some();
        self.contacts.scan_errand(key, now).filter(|_| !rests)
    }
}
