//! What sessions say of this machine's own reach, and sessions that are held for nothing else.

use super::Sessions;
use crate::observe::{Session, SessionKey};
use crate::schedule::Errand;
use crate::schedule::vantage::{Answered, Vantage};
use std::net::IpAddr;
use std::time::SystemTime;

impl<P, F> Sessions<P>
where
    P: Fn(Errand, SystemTime) -> F,
    F: Future<Output = Session>,
{
    /// What this machine reaches.
    pub fn vantage(&self) -> Vantage {
        self.state().lookout.vantage()
    }

    /// The families that ever gave a greeting.
    pub fn answered(&self) -> Answered {
        self.state().lookout.answered()
    }

    /// Remembers the families that gave a greeting in an earlier life.
    pub fn restore_answered(&self, answered: Answered) {
        self.state().lookout.restore(answered);
    }

    /// The canaries' addresses; none while they are wanted and not known yet.
    pub fn set_canaries(&self, addresses: Option<&[IpAddr]>) {
        self.state().lookout.set_canaries(addresses);
    }

    /// Since when it has not been known whether a trouble of an endpoint is this machine's; see [`Vantage`].
    pub fn in_question(&self, address: IpAddr) -> Option<SystemTime> {
        self.state().lookout.in_question(address)
    }

    /// Canaries of the family of `address` that have not been asked since.
    pub fn unasked_canaries(&self, address: IpAddr, since: SystemTime) -> Vec<IpAddr> {
        self.state().lookout.unasked(address, since)
    }

    /// Canaries whose silence others have disproved since they were asked.
    pub fn disproved_canaries(&self) -> Vec<IpAddr> {
        self.state().lookout.disproved_canaries()
    }

    /// A server of the family of `address` that answered last time and has not been asked since.
    pub fn witness(&self, address: IpAddr, since: SystemTime) -> Option<SessionKey> {
        self.state().lookout.witness(address, since)
    }

    /// In each family where nobody answers any more, the server to try next.
    pub fn scouts(&self) -> Vec<SessionKey> {
        self.state().lookout.scouts()
    }

    /// One session for the sake of the vantage alone, at its server's and everybody's pace: nothing is known of the
    /// endpoint by it.
    pub async fn glance(&self, errand: Errand) {
        let key = errand.key.clone();
        let turn = self.state().turn(&key);
        let _turn = turn.patient().await;
        let (address, now) = (key.address.ip(), self.now());
        if self.state().manners.resting(address, now.0).is_some() {
            self.state().lookout.pass_over(address, now.1);
        } else {
            self.run(&key, |_| errand).await;
        }
    }
}
