//! What sessions know, handed on from one process to the next.

use super::{Sessions, State};
use crate::name::DomainName;
use crate::observe::{Contact, Fact, Transaction};
use crate::schedule::backoff;
use crate::schedule::manners::Rest;
use crate::schedule::remembered::{Remembered, RestUntil, Visit};
use crate::schedule::vantage::Answered;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::{Duration, SystemTime};
use tokio::time::Instant;

impl<P> Sessions<P> {
    /// What of its manners has to survive a restart.
    pub fn remembered(&self) -> Remembered {
        let wall = (self.clock)();
        self.state().remembered((Instant::now(), wall))
    }

    /// Goes on with the manners of an earlier process; before the first session.
    pub fn recall(&self, remembered: &Remembered) {
        let wall = (self.clock)();
        self.state().recall(remembered, (Instant::now(), wall));
    }

    /// Goes on with what an earlier process knew of an endpoint; before the first session.
    pub fn recall_contact(
        &self,
        contact: &Arc<Contact>,
        domain: &DomainName,
        postmaster: Option<&Fact<Transaction>>,
    ) {
        self.state().contacts.recall(contact, domain, postmaster);
    }
}

impl State {
    fn remembered(&self, (now, wall): (Instant, SystemTime)) -> Remembered {
        let Answered { v4: v4_answered, v6: v6_answered } = self.lookout.answered();
        let visit = |age: Duration| wall.checked_sub(age).map(|at| Visit { at });
        let visits = self.pace.recent(now).filter_map(|(address, age)| Some((address, visit(age)?)));
        let refusals = self.manners.refusals(now, self.limits.min_spacing);
        let refusals =
            refusals.map(|(address, ages)| (address, ages.into_iter().filter_map(visit).collect()));
        let rests = self.manners.rests().map(|(address, rest)| {
            let Rest { since, step, ref trouble, .. } = *rest;
            (address, RestUntil { until: rest.ends((now, wall)), since, step, trouble: trouble.clone() })
        });
        let scans = self.pace.recent_scans(now).filter_map(|(address, age)| Some((address, visit(age)?)));
        Remembered {
            v4_answered,
            v6_answered,
            visits: visits.collect(),
            scans: scans.collect(),
            refusals: refusals.collect(),
            rests: rests.collect(),
            pools: self.pools.remembered(),
        }
    }

    /// A clock that was set back meanwhile makes no rest longer than it may be.
    fn recall(&mut self, remembered: &Remembered, (now, wall): (Instant, SystemTime)) {
        let Remembered { v4_answered: v4, v6_answered: v6, visits, scans, refusals, rests, pools } =
            remembered;
        self.lookout.restore(Answered { v4: *v4, v6: *v6 });
        self.pools.recall(pools);
        for (address, visit) in visits {
            self.pace.recall(*address, visit.age(wall), now);
        }
        for (address, scan) in scans {
            self.pace.recall_scan(*address, scan.age(wall), now);
        }
        let each = |(address, refusals): (&IpAddr, &Vec<Visit>)| {
            refusals.iter().map(|refusal| (*address, refusal.age(wall))).collect::<Vec<_>>()
        };
        for (address, age) in refusals.iter().flat_map(each) {
            self.manners.restore_refusal(address, age, now);
        }
        for (address, rest) in rests {
            let left = rest.left(wall, backoff::rest(address, rest.step));
            let RestUntil { since, step, ref trouble, .. } = *rest;
            self.manners.restore(*address, Rest { until: now + left, since, step, trouble: trouble.clone() });
        }
    }
}
