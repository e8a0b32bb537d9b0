//! Where a server is, as far as anybody tells servers apart: an address, or the pool that it is one of.

use super::stored;
use serde::{Deserialize, Serialize};
use std::fmt;
use std::net::IpAddr;
use std::time::{Duration, SystemTime};

/// An address counts until so many look-ups,
const LOOKS: u32 = 3;
/// and so long a time, have missed it.
const DAY: Duration = Duration::from_secs(24 * 3600);

/// IPv4 or IPv6.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Family {
    /// IPv4.
    V4,
    /// IPv6.
    V6,
}

/// An address of a host, or all of one family where they are too many to be told apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Place {
    /// One address.
    Address(IpAddr),
    /// Whichever address the host has in this family.
    Pool(Family),
}

/// For how long DNS has not had an address that it had before.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Absence {
    /// When it was first missed.
    #[serde(with = "stored::moment")]
    pub since: SystemTime,
    /// How many look-ups in a row have missed it.
    pub looks: u32,
}

impl Family {
    /// The family of an address.
    pub fn of(address: IpAddr) -> Self {
        if address.is_ipv4() { Self::V4 } else { Self::V6 }
    }

    /// The word used in labels.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::V4 => "v4",
            Self::V6 => "v6",
        }
    }
}

impl Place {
    /// So many addresses of a host in one family are told apart; more are a pool.
    pub const TOLD_APART: usize = 8;

    /// The family of its addresses.
    pub fn family(self) -> Family {
        match self {
            Self::Address(address) => Family::of(address),
            Self::Pool(family) => family,
        }
    }
}

impl From<IpAddr> for Place {
    fn from(address: IpAddr) -> Self {
        Self::Address(address)
    }
}

impl fmt::Display for Place {
    /// As it is written in labels: `192.0.2.1`, `pool-v4`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Address(address) => address.fmt(f),
            Self::Pool(family) => write!(f, "pool-{}", family.as_str()),
        }
    }
}

impl Absence {
    /// One more look-up that missed an address.
    pub fn following(previous: Option<Self>, now: SystemTime) -> Self {
        let Self { since, looks } = previous.unwrap_or(Self { since: now, looks: 0 });
        Self { since, looks: looks.saturating_add(1) }
    }

    /// Whether the address no longer counts: what rotates would have come back.
    pub fn is_final(self, now: SystemTime) -> bool {
        self.looks >= LOOKS && self.since + DAY <= now
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_is_an_address_or_all_of_a_family() {
        for (place, written, family) in [
            (Place::Address([192, 0, 2, 1].into()), "192.0.2.1", Family::V4),
            (Place::from("2001:db8::1".parse::<IpAddr>().unwrap()), "2001:db8::1", Family::V6),
            (Place::Pool(Family::V4), "pool-v4", Family::V4),
            (Place::Pool(Family::V6), "pool-v6", Family::V6),
        ] {
            assert_eq!((place.to_string().as_str(), place.family()), (written, family));
        }
    }

    #[test]
    fn three_look_ups_and_a_day_make_an_absence_final() {
        let start = SystemTime::UNIX_EPOCH + Duration::from_secs(1_800_000_000);
        for (hours, want) in [(&[0, 23, 24][..], true), (&[0, 12, 23], false), (&[0, 24], false)] {
            let at = |hours: u32| start + hours * Duration::from_secs(3600);
            let absence = hours.iter().fold(None, |before, &h| Some(Absence::following(before, at(h))));
            let last = at(*hours.last().unwrap());
            assert_eq!(absence.unwrap().is_final(last), want, "{hours:?}");
        }
    }
}
