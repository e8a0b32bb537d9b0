//! Sessions for the sake of the vantage alone: canaries in their turn, and canaries or other servers before a trouble
//! is believed. What they mean is the schedule's business.

use super::workshop::Workshop;
use crate::config::{Config, Domain, Interval, Settings};
use crate::name::{DomainName, MxName};
use crate::observe::{HostDns, SessionKey};
use crate::rules::Tests;
use crate::schedule::{Errand, Reach};
use std::collections::{BTreeMap, HashSet};
use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, Mutex as Lock, PoisonError};
use std::time::{Duration, SystemTime};
use tokio::sync::{Mutex, Notify, watch};
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep};

/// How often to see whether a block may have ended, where the interval is longer.
const SOON: Duration = Duration::from_secs(60);
/// Addresses of one canary in one family that are asked.
const ADDRESSES: usize = 2;
/// As many servers are asked about one trouble.
const WITNESSES: usize = 4;

/// Who is asked, and when.
#[derive(Default)]
pub(super) struct Lookout {
    posts: Lock<Arc<Posts>>,
    moved: Notify,
    /// One consultation a family at a time: what it learns serves all that wait.
    consulting: [Mutex<()>; 2],
    canaries: Lock<Option<BTreeMap<IpAddr, MxName>>>,
}

/// What the configuration says of it.
#[derive(Default)]
struct Posts {
    names: Vec<MxName>,
    intervals: HashSet<Interval>,
    settings: Arc<Settings>,
}

impl Lookout {
    /// Goes on with the canaries of `config`, in the shortest of its intervals.
    fn post(&self, config: &Config) {
        let intervals = config.domains.iter().map(|domain| domain.settings.interval.clone()).collect();
        let tests = Tests { null_sender: false, postmaster: false, open_relay: false };
        let settings = Settings { tests, ..Settings::clone(&config.defaults) };
        let posts = Posts { names: config.network.canaries.clone(), intervals, settings: Arc::new(settings) };
        let mut held = self.posts.lock().unwrap_or_else(PoisonError::into_inner);
        if held.names != posts.names {
            *self.canaries.lock().unwrap_or_else(PoisonError::into_inner) = None;
            self.moved.notify_one();
        }
        *held = Arc::new(posts);
    }

    fn posts(&self) -> Arc<Posts> {
        self.posts.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn known(&self) -> Option<BTreeMap<IpAddr, MxName>> {
        self.canaries.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl Posts {
    /// The shortest interval of all domains.
    fn interval(&self, now: SystemTime) -> Duration {
        let gaps = self.intervals.iter().map(|interval| interval.gap(now));
        gaps.min().unwrap_or_else(|| self.settings.interval.gap(now))
    }
}

impl Workshop {
    /// Asks the canaries of `config` from now on.
    pub(super) fn post_lookout(&self, config: &Config) {
        let before = self.lookout.posts().names.clone();
        self.lookout.post(config);
        match &config.network.canaries[..] {
            [] => self.visits.set_canaries(Some(&[])),
            names if names != before => self.visits.set_canaries(None),
            _ => {}
        }
    }

    /// Asks canaries in their turn, and whoever may tell that a block has ended, until `stop` says so.
    pub(super) async fn keep_lookout(self: Arc<Self>, mut stop: watch::Receiver<bool>) {
        let mut round: Option<Instant> = None;
        while !*stop.borrow_and_update() {
            let (posts, min_spacing) = (self.lookout.posts(), self.tools().network.min_spacing);
            let mut pause = SOON;
            if !posts.names.is_empty() {
                let interval = posts.interval(self.now());
                pause = pause.min(interval);
                if round.is_none_or(|round| round.elapsed() >= interval) {
                    round = Some(Instant::now());
                    self.look_canaries_up(&posts).await;
                    self.ask_canaries(&posts, |_| true).await;
                }
            }
            let disproved = self.visits.disproved_canaries();
            self.ask_canaries(&posts, |canary| disproved.contains(canary)).await;
            self.send_scouts(&posts).await;
            tokio::select! {
                () = sleep(pause.max(min_spacing)) => {}
                () = self.lookout.moved.notified() => round = None,
                _ = stop.changed() => {}
            }
        }
    }

    /// Before a trouble at `address` is looked at again: asks others in its family whether it may be this machine's,
    /// if that is in question.
    pub(super) async fn consult(self: &Arc<Self>, address: IpAddr) {
        if self.visits.in_question(address).is_none() {
            return;
        }
        let _turn = self.lookout.consulting[usize::from(address.is_ipv6())].lock().await;
        let posts = self.lookout.posts();
        if !posts.names.is_empty() && self.lookout.known().is_none() {
            self.look_canaries_up(&posts).await;
        }
        for _ in 0..WITNESSES {
            let Some(since) = self.visits.in_question(address).filter(|_| self.is_open(address)) else {
                return;
            };
            let unasked = self.visits.unasked_canaries(address, since);
            if !unasked.is_empty() {
                self.ask_canaries(&posts, |canary| unasked.contains(canary)).await;
            } else if let Some(key) = self.visits.witness(address, since) {
                self.glance(&posts, key).await;
            } else {
                return;
            }
        }
    }

    /// Finds out where the canaries are. A look-up that fails removes nothing.
    async fn look_canaries_up(&self, posts: &Posts) {
        let tools = self.tools();
        let before = self.lookout.known().unwrap_or_default();
        let mut canaries = BTreeMap::new();
        for name in &posts.names {
            let host = tools.dns.host(name).await;
            let held = before.iter().filter(|(_, canary)| *canary == name).map(|(address, _)| *address);
            let addresses = if host.addresses().is_ok() { some_addresses(&host) } else { held.collect() };
            canaries.extend(addresses.into_iter().map(|address| (address, name.clone())));
        }
        let addresses: Vec<IpAddr> = canaries.keys().copied().collect();
        self.visits.set_canaries(Some(&addresses));
        *self.lookout.canaries.lock().unwrap_or_else(PoisonError::into_inner) = Some(canaries);
    }

    async fn ask_canaries(self: &Arc<Self>, posts: &Arc<Posts>, which: impl Fn(&IpAddr) -> bool) {
        let port = self.tools().network.port;
        let mut asking = JoinSet::new();
        for (address, tls_name) in self.lookout.known().unwrap_or_default() {
            if which(&address) {
                let key = SessionKey { address: SocketAddr::new(address, port), tls_name };
                let (workshop, posts) = (self.clone(), posts.clone());
                asking.spawn(async move { workshop.glance(&posts, key).await });
            }
        }
        asking.join_all().await;
    }

    /// Tries a server in each family where nobody answers any more.
    async fn send_scouts(&self, posts: &Posts) {
        for key in self.visits.scouts() {
            self.glance(posts, key).await;
        }
    }

    async fn glance(&self, posts: &Posts, key: SessionKey) {
        let name = DomainName::parse(key.tls_name.as_str()).or_else(|_| DomainName::parse("invalid"));
        let Ok(name) = name else { return };
        let domain = Arc::new(Domain::plain(name, posts.settings.clone()));
        let (postmasters, relay) = (Vec::new(), None);
        self.visits
            .glance(Errand {
                key,
                domain,
                null_sender: None,
                postmasters,
                relay,
                refusals: 0,
                plaintext: true,
                anchors: Vec::new(),
                scan: None,
            })
            .await;
    }

    fn is_open(&self, address: IpAddr) -> bool {
        let vantage = self.visits.vantage();
        let reach = if address.is_ipv4() { vantage.v4 } else { vantage.v6 };
        reach == Some(Reach::Open)
    }
}

/// A few of each family.
fn some_addresses(host: &HostDns) -> Vec<IpAddr> {
    let all = host.addresses().unwrap_or_default();
    let v4 = all.iter().copied().filter(IpAddr::is_ipv4).take(ADDRESSES);
    v4.chain(all.iter().copied().filter(IpAddr::is_ipv6).take(ADDRESSES)).collect()
}
