//! Whether this machine can reach port 25 at all, family by family, and so whose fault a failed session is. It learns
//! from every session, asks nobody itself, and takes its time as an argument.
//!
//! A family is blocked when this machine has no route for it; when it has canaries and none of them works; without
//! canaries, when servers at three sites fail at connect within one interval and none answers; and before its first
//! SMTP greeting ever. A failure counts against a server only when something else in its family was reached since.

mod canaries;
mod family;
mod look;
mod sites;

use super::Errand;
use crate::observe::{Cause, Session, SessionKey, Stage};
use family::Family;
pub use family::Outage;
use look::Look;
use std::collections::HashSet;
use std::net::IpAddr;
use std::time::SystemTime;

/// What this machine reaches; none before anything was tried.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Vantage {
    /// Over IPv4.
    pub v4: Option<Reach>,
    /// Over IPv6.
    pub v6: Option<Reach>,
}

/// Whether port 25 is in reach.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reach {
    /// It is not, and this is how it is known.
    Blocked(Outage),
    /// It is.
    Open,
}

/// The families that ever gave an SMTP greeting: worth remembering beyond the life of a process.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Answered {
    /// IPv4.
    pub v4: bool,
    /// IPv6.
    pub v6: bool,
}

/// All that sessions have taught so far.
#[derive(Debug, Default)]
pub(super) struct Lookout {
    v4: Family,
    v6: Family,
}

impl Vantage {
    /// Whether port 25 is out of reach over IPv4; none before anything was tried.
    pub fn v4_blocked(&self) -> Option<bool> {
        self.v4.map(Reach::is_blocked)
    }

    /// The same over IPv6.
    pub fn v6_blocked(&self) -> Option<bool> {
        self.v6.map(Reach::is_blocked)
    }
}

impl Reach {
    fn is_blocked(self) -> bool {
        self != Self::Open
    }
}

impl Lookout {
    /// Where things stand.
    pub(super) fn vantage(&self) -> Vantage {
        Vantage { v4: self.v4.reach(), v6: self.v6.reach() }
    }

    /// The families that ever answered.
    pub(super) fn answered(&self) -> Answered {
        Answered { v4: self.v4.answered, v6: self.v6.answered }
    }

    /// Remembers families that answered in an earlier life.
    pub(super) fn restore(&mut self, answered: Answered) {
        self.v4.answered |= answered.v4;
        self.v6.answered |= answered.v6;
    }

    /// The canaries' addresses from now on; none while they are wanted and not known yet.
    pub(super) fn set_canaries(&mut self, addresses: Option<&[IpAddr]>) {
        self.v4.canaries.set(addresses.map(|all| all.iter().copied().filter(IpAddr::is_ipv4).collect()));
        self.v6.canaries.set(addresses.map(|all| all.iter().copied().filter(IpAddr::is_ipv6).collect()));
    }

    /// Forgets servers that nobody uses any more.
    pub(super) fn keep_only(&mut self, used: &HashSet<IpAddr>) {
        self.v4.keep_only(used);
        self.v6.keep_only(used);
    }

    /// Learns from a session, and says what it counts for: what is this machine's own trouble is put down to it.
    pub(super) fn weigh(&mut self, errand: &Errand, session: Session) -> Session {
        let look = Look::of(errand, &session);
        match self.family_mut(look.address()).take_in(&look) {
            None => session,
            Some(ours) => look::put_down(session, ours),
        }
    }

    /// A canary or a witness cannot be asked, since its address rests: nobody is to wait for its word.
    pub(super) fn pass_over(&mut self, address: IpAddr, at: SystemTime) {
        self.family_mut(address).pass_over(address, at);
    }

    /// Whether a trouble that was put down to this machine deserves another look by now.
    pub(super) fn has_cleared(&self, address: IpAddr, trouble: Option<(Stage, Cause)>) -> bool {
        trouble == Some((Stage::Connect, Cause::VantageBlocked))
            && self.family(address).reach() == Some(Reach::Open)
    }

    /// Since when something at `address` may be its own trouble or this machine's: somebody else in its family should
    /// be asked before it is looked at again. None where nothing is in question.
    pub(super) fn in_question(&self, address: IpAddr) -> Option<SystemTime> {
        self.family(address).in_question(address)
    }

    /// Canaries of the family of `address` that have not been asked since.
    pub(super) fn unasked(&self, address: IpAddr, since: SystemTime) -> Vec<IpAddr> {
        self.family(address).canaries.unasked(since)
    }

    /// Canaries of blocked families in which a server has been reached since they were asked: they should sing again.
    pub(super) fn disproved_canaries(&self) -> Vec<IpAddr> {
        [&self.v4, &self.v6].into_iter().flat_map(Family::disproved_canaries).collect()
    }

    /// A server of the family of `address` that answered last time and has not been asked since: if it answers again,
    /// the way out is open.
    pub(super) fn witness(&self, address: IpAddr, since: SystemTime) -> Option<SessionKey> {
        self.family(address).sites.witness(since)
    }

    /// Where families are blocked because nobody answers any more: the server of each that has been left alone longest.
    pub(super) fn scouts(&self) -> Vec<SessionKey> {
        let dark = |family: &&Family| family.reach() == Some(Reach::Blocked(Outage::Correlation));
        [&self.v4, &self.v6].into_iter().filter(dark).filter_map(|family| family.sites.scout()).collect()
    }

    fn family(&self, address: IpAddr) -> &Family {
        if address.is_ipv4() { &self.v4 } else { &self.v6 }
    }

    fn family_mut(&mut self, address: IpAddr) -> &mut Family {
        if address.is_ipv4() { &mut self.v4 } else { &mut self.v6 }
    }
}

#[cfg(test)]
mod tests;
