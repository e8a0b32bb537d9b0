//! What the manners of this machine have to survive a restart: who has answered it, and whom it leaves alone for now.

use super::pools::Members;
use crate::name::MxName;
use crate::observe::{Family, Trouble, stored};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::net::IpAddr;
use std::time::{Duration, SystemTime};

/// Plain data in wall time, for no other clock outlives a process. A new field needs a new version in `state::record`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Remembered {
    /// Whether a mail server ever greeted this machine over IPv4.
    pub v4_answered: bool,
    /// The same over IPv6.
    pub v6_answered: bool,
    /// The last visits that the spacing still counts from.
    pub visits: BTreeMap<IpAddr, Visit>,
    /// The last connections of TLS scans, as far as they still count.
    pub scans: BTreeMap<IpAddr, Visit>,
    /// Refusals that addresses were asked for, as far as they still count.
    pub refusals: BTreeMap<IpAddr, Vec<Visit>>,
    /// Addresses that asked to be left alone.
    pub rests: BTreeMap<IpAddr, RestUntil>,
    /// The addresses of hosts that have too many to be told apart.
    pub pools: BTreeMap<(MxName, Family), Members>,
}

/// A connection that was just opened, or had just ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Visit {
    /// When.
    #[serde(with = "stored::moment")]
    pub at: SystemTime,
}

/// For how long an address is left alone, and why.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RestUntil {
    /// Its end.
    #[serde(with = "stored::moment")]
    pub until: SystemTime,
    /// When it was asked for.
    #[serde(with = "stored::moment")]
    pub since: SystemTime,
    /// Which rest in a row it is, from 1.
    pub step: u32,
    /// What asked for it.
    pub trouble: Trouble,
}

impl RestUntil {
    /// How much of it is left. A clock that was set back meanwhile cannot make it longer than `longest`.
    pub fn left(&self, now: SystemTime, longest: Duration) -> Duration {
        self.until.duration_since(now).unwrap_or_default().min(longest)
    }
}

impl Visit {
    /// How long ago it was; just now, where the clock was set back meanwhile.
    pub fn age(&self, now: SystemTime) -> Duration {
        now.duration_since(self.at).unwrap_or_default()
    }
}
