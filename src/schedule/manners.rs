//! When an address wants to be left alone, and how many refusals more it can be asked for. Holds no clock.

use super::backoff;
use crate::observe::{Session, Trouble};
use std::collections::{HashMap, VecDeque};
use std::net::IpAddr;
use std::time::{Duration, SystemTime};
use tokio::time::Instant;

/// Refusals that one session, and one address within ten spacings, may be asked for: fail2ban's stock filter bans
/// who has five in ten minutes.
pub(super) const REFUSALS: usize = 3;
/// Refusals are remembered for so many times the spacing.
const SPACINGS: u32 = 10;

/// What every address has asked for. Those that ask for nothing are not in it.
#[derive(Debug, Default)]
pub(super) struct Manners(HashMap<IpAddr, Guest>);

/// Us, at one address.
#[derive(Debug, Default)]
struct Guest {
    rest: Option<Rest>,
    refusals: VecDeque<Instant>,
}

/// That an address is left alone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rest {
    /// Until when.
    pub until: Instant,
    /// When it was asked for, on the wall.
    pub since: SystemTime,
    /// Which rest in a row it is, from 1.
    pub step: u32,
    /// What asked for it.
    pub trouble: Trouble,
}

impl Manners {
    /// The rest that an address is in.
    pub(super) fn resting(&self, address: IpAddr, now: Instant) -> Option<&Rest> {
        self.0.get(&address)?.rest.as_ref().filter(|rest| rest.until > now)
    }

    /// How many refusals an address may be asked for now.
    pub(super) fn spare(&self, address: IpAddr, now: Instant, spacing: Duration) -> usize {
        let Some(guest) = self.0.get(&address) else { return REFUSALS };
        let recent = guest.refusals.iter().filter(|at| **at + window(spacing) > now).count();
        REFUSALS.saturating_sub(recent)
    }

    /// Learns from a session that has just ended: what it asked for begins now, and so does the end of what was asked
    /// for before.
    pub(super) fn learn(
        &mut self,
        address: IpAddr,
        session: &Session,
        (now, wall): (Instant, SystemTime),
        spacing: Duration,
    ) {
        let guest = self.0.entry(address).or_default();
        guest.refusals.retain(|at| *at + window(spacing) > now);
        guest.refusals.extend((0..session.refusals()).map(|_| now));
        guest.rest = session.asks_for_rest().map(|trouble| {
            let step = guest.rest.as_ref().map_or(1, |rest| rest.step.saturating_add(1));
            Rest { until: now + backoff::rest(address, step), since: wall, step, trouble }
        });
        if guest.rest.is_none() && guest.refusals.is_empty() {
            self.0.remove(&address);
        }
    }

    /// Every address that rests, or has rested last time it was visited.
    pub(super) fn rests(&self) -> impl Iterator<Item = (IpAddr, &Rest)> {
        self.0.iter().filter_map(|(address, guest)| Some((*address, guest.rest.as_ref()?)))
    }

    /// Takes a rest up again, as it was before this program was started.
    pub(super) fn restore(&mut self, address: IpAddr, rest: Rest) {
        self.0.entry(address).or_default().rest = Some(rest);
    }

    /// The age of every refusal that still counts, by the address that was asked for it.
    pub(super) fn refusals(
        &self,
        now: Instant,
        spacing: Duration,
    ) -> impl Iterator<Item = (IpAddr, Vec<Duration>)> {
        let ages = move |guest: &Guest| -> Vec<Duration> {
            let ages = guest.refusals.iter().map(|at| now.saturating_duration_since(*at));
            ages.filter(|age| *age < window(spacing)).collect()
        };
        let all = self.0.iter().map(move |(address, guest)| (*address, ages(guest)));
        all.filter(|(_, ages)| !ages.is_empty())
    }

    /// Takes in the age of a refusal that an earlier process asked for.
    pub(super) fn restore_refusal(&mut self, address: IpAddr, age: Duration, now: Instant) {
        self.0.entry(address).or_default().refusals.push_back(now.checked_sub(age).unwrap_or(now));
    }

    /// Forgets the addresses that are not used, unless something they asked for, or refused, still counts: who removes a
    /// domain and adds it again finds it so.
    pub(super) fn keep_only(&mut self, now: Instant, spacing: Duration, is_used: impl Fn(&IpAddr) -> bool) {
        let counts = |guest: &Guest| {
            guest.rest.as_ref().is_some_and(|rest| rest.until > now)
                || guest.refusals.iter().any(|at| *at + window(spacing) > now)
        };
        self.0.retain(|address, guest| is_used(address) || counts(guest));
    }
}

impl Rest {
    /// When it ends, on the wall.
    pub(super) fn ends(&self, (now, wall): (Instant, SystemTime)) -> SystemTime {
        wall + self.until.saturating_duration_since(now)
    }
}

fn window(spacing: Duration) -> Duration {
    spacing * SPACINGS
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::observe::testing::reply;
    use crate::observe::{Cause, Dialogue, Stage, Step, Unseen};

    const ADDRESS: IpAddr = IpAddr::V4(std::net::Ipv4Addr::LOCALHOST);
    const MINUTE: Duration = Duration::from_secs(60);

    fn session(stage: Stage, text: &str) -> Session {
        let (at, took) = (Duration::ZERO, Duration::ZERO);
        let steps = vec![Step { stage, sent: None, reply: Some(Ok(reply(text))), at, took }];
        let unseen = || Unseen::failed(stage, Cause::Closed, "");
        Session {
            at: SystemTime::UNIX_EPOCH,
            dialogue: Ok(Dialogue { steps, local: None, banner: Err(unseen()), ehlo: Err(unseen()) }),
            null_sender: None,
            relay: None,
            postmasters: Vec::new(),
            owed: false,
            scan: None,
        }
    }

    #[test]
    fn a_rest_doubles_until_the_address_is_well_again() {
        let (mut manners, mut now) = (Manners::default(), Instant::now());
        let learn = |manners: &mut Manners, text: &str, now: Instant| {
            manners.learn(ADDRESS, &session(Stage::Banner, text), (now, SystemTime::UNIX_EPOCH), MINUTE);
            manners.resting(ADDRESS, now).map(|rest| rest.until - now)
        };
        for minutes in [30, 60, 120, 240, 240] {
            let rest = learn(&mut manners, "421 too many connections", now).expect("a rest");
            let want = minutes * MINUTE;
            assert!(rest >= want * 9 / 10 && rest <= want * 11 / 10, "{rest:?}, not {want:?}");
            now += rest;
            assert_eq!(manners.resting(ADDRESS, now), None, "it is over when it is over");
        }
        assert_eq!(learn(&mut manners, "220 welcome", now), None);
        let again = learn(&mut manners, "421 too many connections", now).expect("a rest");
        assert!(again <= 33 * MINUTE, "{again:?}");
        assert_eq!(manners.resting("192.0.2.9".parse().unwrap(), now), None);
    }

    #[test]
    fn three_refusals_in_ten_spacings_are_enough() {
        let (mut manners, start) = (Manners::default(), Instant::now());
        let refused = session(Stage::Rcpt, "554 5.7.1 Relay access denied");
        for (minutes, spare) in [(0, 3), (4, 2), (8, 1), (9, 0), (10, 1), (14, 1), (24, 3)] {
            let now = start + minutes * MINUTE;
            assert_eq!(manners.spare(ADDRESS, now, MINUTE), spare, "after {minutes} minutes");
            if [0, 4, 8, 10].contains(&minutes) {
                manners.learn(ADDRESS, &refused, (now, SystemTime::UNIX_EPOCH), MINUTE);
            }
        }
    }

    #[test]
    fn who_asks_for_nothing_is_forgotten() {
        let (mut manners, now) = (Manners::default(), Instant::now());
        let learn = |manners: &mut Manners, session: &Session, now| {
            manners.learn(ADDRESS, session, (now, SystemTime::UNIX_EPOCH), MINUTE);
            manners.0.len()
        };
        assert_eq!(learn(&mut manners, &session(Stage::Rcpt, "550 no"), now), 1);
        assert_eq!(learn(&mut manners, &session(Stage::Rcpt, "250 ok"), now + 11 * MINUTE), 0);
    }
}
