//! One address family: what its sessions have shown, and what the next one counts for.

use super::Reach;
use super::canaries::{Canaries, Verdict};
use super::look::{Answer, Cover, Found, Look, Ours};
use super::sites::{Sites, TOGETHER};
use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::fmt;
use std::net::IpAddr;
use std::time::SystemTime;

/// How it is known that port 25 is out of reach.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outage {
    /// No canary can be connected to.
    Canaries,
    /// Servers at three sites or more fail, and none answers.
    Correlation,
    /// Nobody ever greeted in this family.
    NeverAnswered,
    /// This machine has no route, or a filter of its own.
    NoRoute,
    /// Something answers in the canaries' place, without STARTTLS.
    Proxy,
}

/// What is known of one family.
#[derive(Debug, Default)]
pub(super) struct Family {
    /// Whether it ever gave an SMTP greeting.
    pub(super) answered: bool,
    pub(super) canaries: Canaries,
    pub(super) sites: Sites,
    tried: bool,
    no_route: bool,
    /// Since when servers have failed together.
    dark: Option<SystemTime>,
    last_answer: Option<SystemTime>,
    last_secured: Option<SystemTime>,
    /// Whose last session was encrypted.
    secured: BTreeSet<IpAddr>,
    /// Whose sessions come to no encryption, since when.
    bare: BTreeMap<IpAddr, SystemTime>,
}

impl Outage {
    /// Why, for the log.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Canaries => "no canary can be reached",
            Self::Correlation => "servers at three sites or more cannot be reached, and none answers",
            Self::NeverAnswered => "no server ever greeted in this family",
            Self::NoRoute => "this machine has no route",
            Self::Proxy => "something answers in the canaries' place, without STARTTLS",
        }
    }
}

impl fmt::Display for Outage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl Family {
    /// Whether port 25 is in reach; none before anything was tried.
    pub(super) fn reach(&self) -> Option<Reach> {
        let outage = match self.canaries.verdict() {
            _ if self.no_route => Some(Outage::NoRoute),
            Some(Verdict::Silent) => Some(Outage::Canaries),
            Some(Verdict::Proxied) => Some(Outage::Proxy),
            _ if !self.answered => Some(Outage::NeverAnswered),
            Some(Verdict::Reached) => None,
            None => self.dark.map(|_| Outage::Correlation),
        };
        self.tried.then(|| outage.map_or(Reach::Open, Reach::Blocked))
    }

    /// Learns from a session; what it is put down to, where that is not its server.
    pub(super) fn take_in(&mut self, look: &Look) -> Option<Ours> {
        self.canaries.take_in(look.address(), look.at, look.found);
        if look.found == Found::Nothing {
            return None;
        }
        self.tried = true;
        self.no_route = look.found == Found::NoRoute;
        match look.found {
            Found::Answer(answer) => self.answer(look, answer),
            Found::Silence => self.silence(look),
            Found::NoRoute | Found::Nothing => None,
        }
    }

    /// Goes on without the word of who cannot be asked.
    pub(super) fn pass_over(&mut self, address: IpAddr, at: SystemTime) {
        self.canaries.take_in(address, at, Found::Nothing);
        self.sites.pass_over(address);
    }

    /// What an address may be blamed for, or not, and since when it has not been known which.
    pub(super) fn in_question(&self, address: IpAddr) -> Option<SystemTime> {
        let failing = self.sites.failing_since(address).filter(|first| !self.is_vouched_for(*first));
        let bare = self.bare.get(&address).filter(|first| self.doubts(address, **first));
        failing.or(bare.copied())
    }

    /// The canaries, where they are all out of order and a server has been reached since they were asked.
    pub(super) fn disproved_canaries(&self) -> Vec<IpAddr> {
        let proof = match self.canaries.verdict() {
            Some(Verdict::Silent) => self.last_answer,
            Some(Verdict::Proxied) => self.last_secured,
            Some(Verdict::Reached) | None => None,
        };
        proof.map(|proof| self.canaries.unasked(proof)).unwrap_or_default()
    }

    /// Forgets servers that nobody uses any more.
    pub(super) fn keep_only(&mut self, used: &HashSet<IpAddr>) {
        self.sites.keep_only(used);
        self.secured.retain(|address| used.contains(address));
        self.bare.retain(|address, _| used.contains(address));
    }

    /// Somebody answered, the server or another in its place.
    fn answer(&mut self, look: &Look, answer: Answer) -> Option<Ours> {
        self.answered |= answer.greeted;
        self.dark.take_if(|since| *since <= answer.at);
        self.last_answer = self.last_answer.max(Some(answer.at));
        self.sites.answer(look, answer.at);
        self.unmask(look, answer.cover)
    }

    /// Whether an answer is the server's own. Where a proxy answers for the canaries, it is only if it came to be
    /// encrypted. An encryption that ceases is in doubt until the canaries have been asked.
    fn unmask(&mut self, look: &Look, cover: Cover) -> Option<Ours> {
        let address = look.address();
        if matches!(cover, Cover::Secured | Cover::Offered) {
            self.bare.remove(&address);
            if cover == Cover::Secured {
                self.secured.insert(address);
                self.last_secured = self.last_secured.max(self.last_answer);
            }
            return None;
        }
        if self.reach() == Some(Reach::Blocked(Outage::Proxy)) {
            return Some(Ours::Everything("something else answers in this server's place"));
        }
        if cover == Cover::Unknown || !self.canaries.are_wanted() {
            return None;
        }
        let first = *self.bare.entry(address).or_insert(look.at);
        if self.doubts(address, first) {
            return Some(Ours::Everything("no encryption, and the canaries have not been asked since"));
        }
        self.secured.remove(&address);
        None
    }

    /// Whether an address that has been without encryption since `first` may be so because of a proxy.
    fn doubts(&self, address: IpAddr, first: SystemTime) -> bool {
        let was_otherwise = self.secured.contains(&address) || self.canaries.are_awaited();
        was_otherwise && self.canaries.are_wanted() && !self.canaries.have_vouched_since(first)
    }

    /// No connection came about.
    fn silence(&mut self, look: &Look) -> Option<Ours> {
        let before = self.sites.fail(look);
        if self.sites.failing_together(self.last_answer, look.at) >= TOGETHER {
            self.dark.get_or_insert(look.at);
        }
        match (self.reach(), before) {
            (Some(Reach::Blocked(outage)), _) => Some(Ours::Silence(outage.as_str())),
            (_, Some(first)) if !self.is_vouched_for(first) => {
                Some(Ours::Silence("nobody else has been reached since it first failed"))
            }
            _ => None,
        }
    }

    /// Whether it is known that the way out has been open since `first`, so that who fails from then on has himself to
    /// blame; or whether there is nobody left to ask.
    fn is_vouched_for(&self, first: SystemTime) -> bool {
        if self.canaries.are_wanted() {
            return self.canaries.have_vouched_since(first);
        }
        self.last_answer.is_some_and(|answer| answer >= first)
            || !self.sites.could_fail_together(self.last_answer)
    }
}
