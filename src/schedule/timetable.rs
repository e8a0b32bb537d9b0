//! When each domain is due: a deterministic offset over its interval, so that a fleet is spread evenly and a restart
//! sends no burst.

use crate::name::DomainName;
use std::collections::{BTreeSet, HashMap};
use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::time::Duration;
use tokio::time::Instant;

/// The domains in the order they are due; one entry each.
#[derive(Debug, Default)]
pub struct Timetable {
    queue: BTreeSet<(Instant, DomainName)>,
    at: HashMap<DomainName, Instant>,
}

impl Timetable {
    /// Puts a domain on the table, or moves it.
    pub fn put(&mut self, domain: DomainName, at: Instant) {
        self.remove(&domain);
        self.queue.insert((at, domain.clone()));
        self.at.insert(domain, at);
    }

    /// Takes a domain off.
    pub fn remove(&mut self, domain: &DomainName) {
        if let Some(at) = self.at.remove(domain) {
            self.queue.remove(&(at, domain.clone()));
        }
    }

    /// When the next domain is due.
    pub fn next(&self) -> Option<Instant> {
        self.queue.first().map(|(at, _)| *at)
    }

    /// Takes a domain that is due by `now`, the longest overdue first.
    pub fn pop(&mut self, now: Instant) -> Option<DomainName> {
        self.queue.first().filter(|(at, _)| *at <= now)?;
        let (_, domain) = self.queue.pop_first()?;
        self.at.remove(&domain);
        Some(domain)
    }
}

/// The next due time on the domain's own grid that lies at least half an interval behind `now`.
pub fn next_due(domain: &DomainName, interval: Duration, start: Instant, now: Instant) -> Instant {
    let offset = Duration::from_nanos(hash(domain, 0) % nanos(interval));
    let elapsed = now.saturating_duration_since(start) + interval / 2;
    let past = elapsed.saturating_sub(offset);
    let ticks =
        if past.is_zero() { 0 } else { nanos(past).div_ceil(nanos(interval)).min(u64::from(u32::MAX)) };
    let jitter = Duration::from_nanos(hash(domain, ticks) % (nanos(interval) / 50).max(1));
    start + offset + interval * u32::try_from(ticks).unwrap_or(u32::MAX) + jitter
}

fn hash(domain: &DomainName, salt: u64) -> u64 {
    let mut hasher = DefaultHasher::new();
    (domain, salt).hash(&mut hasher);
    hasher.finish()
}

/// At least one, so that it can divide; 584 years at most.
fn nanos(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX).max(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn domain(n: usize) -> DomainName {
        DomainName::parse(&format!("d{n}.example")).unwrap()
    }

    #[test]
    fn domains_come_in_the_order_they_are_due() {
        let start = Instant::now();
        let at = |seconds| start + Duration::from_secs(seconds);
        let mut table = Timetable::default();
        table.put(domain(1), at(20));
        table.put(domain(2), at(10));
        table.put(domain(1), at(5));
        table.put(domain(3), at(30));
        table.remove(&domain(3));
        assert_eq!(table.next(), Some(at(5)));
        assert_eq!(table.pop(at(4)), None);
        assert_eq!(
            [table.pop(at(60)), table.pop(at(60)), table.pop(at(60))],
            [Some(domain(1)), Some(domain(2)), None]
        );
    }

    #[test]
    fn the_gap_after_a_run_is_an_interval_give_or_take_half_at_first_and_jitter_later() {
        let start = Instant::now();
        let interval = Duration::from_secs(900);
        for n in 0..200 {
            let first = next_due(&domain(n), interval, start, start);
            let gap = first - start;
            assert!(gap >= interval / 2 && gap <= interval * 3 / 2 + interval / 50, "{gap:?}");
            let second = next_due(&domain(n), interval, start, first);
            let gap = second - first;
            assert!(gap >= interval - interval / 50 && gap <= interval + interval / 50, "{gap:?}");
        }
    }

    #[test]
    fn a_fleet_is_spread_over_the_interval() {
        let start = Instant::now();
        let interval = Duration::from_secs(1000);
        let mut tenths = [0; 10];
        for n in 0..10_000 {
            let due = next_due(&domain(n), interval, start, start);
            let tenth = (due - start).as_secs() % 1000 / 100;
            tenths[usize::try_from(tenth).unwrap()] += 1;
        }
        assert!(tenths.iter().all(|count| (850..1150).contains(count)), "{tenths:?}");
    }
}
