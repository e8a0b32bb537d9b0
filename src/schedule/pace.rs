//! How soon a connection may be opened: `min_spacing` for each address, `new_connections_per_second` for all.

use std::collections::HashMap;
use std::net::IpAddr;
use std::time::Duration;
use tokio::time::Instant;

/// Two connections of TLS scans with one address are so many spacings apart: they look like broken handshakes, and who
/// sees many of those at once may ban for it.
const SCAN_SPACINGS: u32 = 5;
/// One in so many connections may be of a TLS scan.
const SCAN_SHARE: u32 = 4;

/// Remembers the connections that matter for the next ones. Holds no clock.
#[derive(Debug)]
pub(super) struct Pace {
    min_spacing: Duration,
    gap: Duration,
    next_slot: Option<Instant>,
    next_scan: Option<Instant>,
    visited: HashMap<IpAddr, Instant>,
    scanned: HashMap<IpAddr, Instant>,
    crowd: usize,
}

impl Pace {
    /// `per_second` is at least one.
    pub(super) fn new(min_spacing: Duration, per_second: u32) -> Self {
        let (next_slot, next_scan) = (None, None);
        let (visited, scanned) = (HashMap::new(), HashMap::new());
        Self { min_spacing, gap: gap(per_second), next_slot, next_scan, visited, scanned, crowd: 1024 }
    }

    /// Goes on at another pace.
    pub(super) fn set_limits(&mut self, min_spacing: Duration, per_second: u32) {
        (self.min_spacing, self.gap) = (min_spacing, gap(per_second));
    }

    /// When `address` may be connected to again, as far as its own spacing goes.
    pub(super) fn spaced(&self, address: IpAddr, now: Instant) -> Instant {
        self.visited.get(&address).map_or(now, |visited| (*visited + self.min_spacing).max(now))
    }

    /// When a TLS scan may connect to `address` again, sessions with it left out of account.
    pub(super) fn spaced_scan(&self, address: IpAddr, now: Instant) -> Instant {
        let spacing = self.min_spacing * SCAN_SPACINGS;
        self.scanned.get(&address).map_or(now, |scanned| (*scanned + spacing).max(now))
    }

    /// Takes the next free slot of the share that scans have of the global rate.
    pub(super) fn scan_slot(&mut self, now: Instant) -> Instant {
        let slot = self.next_scan.map_or(now, |next| next.max(now));
        self.next_scan = Some(slot + self.gap * SCAN_SHARE);
        slot
    }

    /// Takes the next free slot of the global rate: when a connection, ready now, may be opened.
    pub(super) fn slot(&mut self, now: Instant) -> Instant {
        let slot = self.next_slot.map_or(now, |next| next.max(now));
        self.next_slot = Some(slot + self.gap);
        slot
    }

    /// The addresses that may not be connected to yet, each with the time since its last visit.
    pub(super) fn recent(&self, now: Instant) -> impl Iterator<Item = (IpAddr, Duration)> {
        let ages =
            self.visited.iter().map(move |(address, at)| (*address, now.saturating_duration_since(*at)));
        ages.filter(|(_, age)| *age < self.min_spacing)
    }

    /// The addresses that scans may not connect to yet, each with the time since they last did.
    pub(super) fn recent_scans(&self, now: Instant) -> impl Iterator<Item = (IpAddr, Duration)> {
        let ages =
            self.scanned.iter().map(move |(address, at)| (*address, now.saturating_duration_since(*at)));
        ages.filter(|(_, age)| *age < self.min_spacing * SCAN_SPACINGS)
    }

    /// Takes in the age of a scan's connection that an earlier process made.
    pub(super) fn recall_scan(&mut self, address: IpAddr, age: Duration, now: Instant) {
        if age < self.min_spacing * SCAN_SPACINGS {
            self.scanned.insert(address, now.checked_sub(age).unwrap_or(now));
        }
    }

    /// A scan's connection to `address` is just being opened, or has just ended.
    pub(super) fn scanned(&mut self, address: IpAddr, now: Instant) {
        let spacing = self.min_spacing * SCAN_SPACINGS;
        self.scanned.insert(address, now);
        if self.scanned.len() > self.crowd {
            self.scanned.retain(|_, scanned| *scanned + spacing > now);
        }
    }

    /// Takes in the age of a visit that an earlier process made.
    pub(super) fn recall(&mut self, address: IpAddr, age: Duration, now: Instant) {
        if age < self.min_spacing {
            self.visited(address, now.checked_sub(age).unwrap_or(now));
        }
    }

    /// A connection to `address` is just being opened, or has just ended.
    pub(super) fn visited(&mut self, address: IpAddr, now: Instant) {
        self.visited.insert(address, now);
        if self.visited.len() > self.crowd {
            let spacing = self.min_spacing;
            self.visited.retain(|_, visited| *visited + spacing > now);
            self.crowd = (self.visited.len() * 2).max(1024);
        }
    }
}

fn gap(per_second: u32) -> Duration {
    Duration::from_secs(1) / per_second.max(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    const ADDRESS: IpAddr = IpAddr::V4(std::net::Ipv4Addr::LOCALHOST);

    #[test]
    fn one_address_is_left_alone_for_a_while() {
        let start = Instant::now();
        let mut pace = Pace::new(Duration::from_secs(60), 20);
        assert_eq!(pace.spaced(ADDRESS, start), start);
        pace.visited(ADDRESS, start);
        assert_eq!(pace.spaced(ADDRESS, start + Duration::from_secs(5)), start + Duration::from_secs(60));
        let later = start + Duration::from_secs(61);
        assert_eq!(pace.spaced(ADDRESS, later), later);
    }

    #[test]
    fn no_second_sees_more_connections_than_allowed() {
        let start = Instant::now();
        let mut pace = Pace::new(Duration::ZERO, 20);
        let slots: Vec<Instant> = (0..100).map(|_| pace.slot(start)).collect();
        for window in slots.windows(21) {
            assert!(window[20] - window[0] >= Duration::from_secs(1));
        }
        let idle = start + Duration::from_secs(600);
        assert_eq!(pace.slot(idle), idle, "an idle hour saves nothing up and costs nothing");
    }

    #[test]
    fn addresses_of_the_past_are_forgotten() {
        let start = Instant::now();
        let mut pace = Pace::new(Duration::from_secs(1), 20);
        for n in 0..10_000_u32 {
            pace.visited(std::net::Ipv4Addr::from(n).into(), start + Duration::from_secs(u64::from(n)));
        }
        assert!(pace.visited.len() <= 1025, "{}", pace.visited.len());
    }
}
