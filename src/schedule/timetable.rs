//! When each domain is due: a deterministic offset over its interval, so that a fleet is spread evenly and a restart
//! sends no burst. Wall time matters to cron alone, and only while a run is planned: a clock that is set moves nothing
//! that is planned already.

use crate::config::{Cron, Interval};
use crate::name::DomainName;
use std::collections::{BTreeSet, HashMap};
use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::time::{Duration, SystemTime};
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

/// A tick of cron is kept open no longer, however far it is to the next one.
const WINDOW: Duration = Duration::from_secs(10 * 60);

/// The next due time of a domain that has just been run.
pub fn next_due(
    domain: &DomainName,
    interval: &Interval,
    start: Instant,
    (now, wall): (Instant, SystemTime),
) -> Instant {
    match interval {
        Interval::Every(interval) => on_grid(domain, *interval, start, now),
        Interval::Cron(cron) => {
            now + in_window(domain, interval, cron, wall).duration_since(wall).unwrap_or_default()
        }
    }
}

/// The due time of a domain that was to be due at `due` before a restart. What is late is spread over as long as it is
/// late, an interval at most: however long nobody was there, no burst makes up for it. A time further off than the
/// interval, which a clock that was set back leaves, is spread as well.
pub fn due_again(
    domain: &DomainName,
    interval: &Interval,
    due: SystemTime,
    (now, wall): (Instant, SystemTime),
) -> Instant {
    let gap = interval.gap(wall);
    let place = |within: Duration| now + Duration::from_nanos(hash(domain, 1) % nanos(within));
    match due.duration_since(wall) {
        Ok(ahead) if ahead <= gap => now + ahead,
        Ok(_) => place(gap),
        Err(late) => match interval {
            Interval::Every(_) => place(late.duration().min(gap)),
            Interval::Cron(_) => place(late.duration().min(gap / 2).min(WINDOW)),
        },
    }
}

/// In the window of a tick, at the domain's own place, and far enough off that the window just used is not meant.
fn in_window(domain: &DomainName, interval: &Interval, cron: &Cron, wall: SystemTime) -> SystemTime {
    let mut tick = wall;
    loop {
        tick = cron.tick_after(tick);
        let window = interval.half(tick).min(WINDOW);
        let due = tick + Duration::from_nanos(hash(domain, 0) % nanos(window));
        if due >= wall + window {
            return due;
        }
    }
}

/// On the domain's own grid, at least half an interval behind `now`.
fn on_grid(domain: &DomainName, interval: Duration, start: Instant, now: Instant) -> Instant {
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
    use crate::config::kind;

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
            let first = on_grid(&domain(n), interval, start, start);
            let gap = first - start;
            assert!(gap >= interval / 2 && gap <= interval * 3 / 2 + interval / 50, "{gap:?}");
            let second = on_grid(&domain(n), interval, start, first);
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
            let due = on_grid(&domain(n), interval, start, start);
            let tenth = (due - start).as_secs() % 1000 / 100;
            tenths[usize::try_from(tenth).unwrap()] += 1;
        }
        assert!(tenths.iter().all(|count| (850..1150).contains(count)), "{tenths:?}");
    }

    const MINUTE: Duration = Duration::from_secs(60);
    const HOUR: Duration = Duration::from_secs(3600);

    fn cron(text: &str) -> Interval {
        kind::INTERVAL.parse(text).unwrap()
    }

    fn at(text: &str) -> SystemTime {
        text.parse::<jiff::Timestamp>().unwrap().into()
    }

    /// How long after `wall` the domain is due.
    fn wait(n: usize, interval: &Interval, wall: SystemTime) -> Duration {
        let now = Instant::now();
        next_due(&domain(n), interval, now, (now, wall)) - now
    }

    #[test]
    fn a_tick_opens_a_window_of_ten_minutes_at_most() {
        let midnight = at("2026-11-20T00:00:00Z");
        for (text, tick, window) in [
            ("0 3 * * *", 3 * HOUR, 10 * MINUTE),
            ("*/30 * * * *", 30 * MINUTE, 10 * MINUTE),
            ("*/10 * * * *", 10 * MINUTE, 5 * MINUTE),
            ("* * * * *", MINUTE, MINUTE / 2),
        ] {
            let interval = cron(text);
            let waits: Vec<Duration> = (0..500).map(|n| wait(n, &interval, midnight)).collect();
            assert!(waits.iter().all(|wait| (tick..tick + window).contains(wait)), "{text}");
            let early = waits.iter().filter(|wait| **wait < tick + window / 2).count();
            assert!((200..300).contains(&early), "{text}: {early} of 500 in the first half");
        }
    }

    #[test]
    fn a_window_is_used_once() {
        for (text, gap) in [("0 3 * * *", 24 * HOUR), ("* * * * *", MINUTE)] {
            let interval = cron(text);
            for n in 0..50 {
                let mut now = at("2026-11-20T00:00:00Z");
                now += wait(n, &interval, now);
                for drift in [Duration::ZERO, Duration::from_millis(40), MINUTE / 12] {
                    assert_eq!(wait(n, &interval, now + drift), gap - drift, "{text}");
                    let early = wait(n, &interval, now - drift);
                    assert_eq!(early, gap + drift, "{text}: a clock that runs fast");
                }
            }
        }
    }

    /// How long after `wall` each of 1,000 domains is due that were to be due at `due`.
    fn waits(interval: &Interval, due: impl Fn(u64) -> SystemTime, wall: SystemTime) -> Vec<Duration> {
        let now = Instant::now();
        let again = |n: u16| due_again(&domain(n.into()), interval, due(n.into()), (now, wall)) - now;
        (0..1_000).map(again).collect()
    }

    #[test]
    fn a_due_time_that_is_still_to_come_is_kept() {
        let wall = at("2026-11-20T00:00:00Z");
        let due = |n| wall + Duration::from_millis(n * 900);
        for interval in [Interval::Every(15 * MINUTE), cron("*/15 * * * *")] {
            let waits = waits(&interval, due, wall);
            assert!((0..1_000).all(|n| due(n) == wall + waits[usize::try_from(n).unwrap()]));
        }
    }

    #[test]
    fn what_is_late_is_spread_and_so_is_what_a_clock_put_far_off() {
        let wall = at("2026-11-20T00:00:00Z");
        let interval = Interval::Every(15 * MINUTE);
        let (year, night) = (365 * 24 * HOUR, 9 * HOUR);
        for due in [wall - night, wall - year, wall + year, SystemTime::UNIX_EPOCH] {
            let waits = waits(&interval, |_| due, wall);
            assert!(waits.iter().all(|wait| *wait < 15 * MINUTE));
            let busiest =
                (0..15).map(|minute| waits.iter().filter(|wait| wait.as_secs() / 60 == minute).count());
            assert!(busiest.max().unwrap() < 110, "{due:?}");
        }
        let daily = waits(&cron("0 3 * * *"), |_| wall - night, wall);
        assert!(daily.iter().all(|wait| *wait < WINDOW) && daily.iter().any(|wait| *wait > WINDOW / 2));
    }

    #[test]
    fn what_is_a_little_late_waits_a_little() {
        let wall = at("2026-11-20T00:00:00Z");
        let waits = waits(&Interval::Every(15 * MINUTE), |_| wall - Duration::from_secs(3), wall);
        assert!(waits.iter().all(|wait| *wait < Duration::from_secs(3)));
    }

    #[test]
    fn the_night_is_left_out() {
        let office = cron("0 8-17 * * 1-5");
        let evening = at("2026-11-20T17:20:00Z");
        let monday = wait(7, &office, evening);
        assert!((62 * HOUR + 40 * MINUTE..63 * HOUR).contains(&monday), "{monday:?}");
        let again = wait(7, &office, evening + monday);
        assert_eq!(again, HOUR);
    }

    #[test]
    fn a_clock_that_is_set_makes_no_burst() {
        let interval = cron("*/30 * * * *");
        let year = 365 * 24 * HOUR;
        let now = at("2026-11-20T00:07:00Z");
        for set in [now + year, now - year, now + HOUR, now - HOUR, SystemTime::UNIX_EPOCH] {
            let waits: Vec<Duration> = (0..500).map(|n| wait(n, &interval, set)).collect();
            assert!(waits.iter().all(|wait| (10 * MINUTE..50 * MINUTE).contains(wait)));
            let first = waits.iter().min().unwrap();
            let crowd = waits.iter().filter(|wait| **wait < *first + MINUTE).count();
            assert!(crowd < 100, "{crowd} of 500 in one minute");
        }
    }
}
