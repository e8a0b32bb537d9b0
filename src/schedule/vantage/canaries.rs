//! Well-known servers of one family that are asked for no other reason than to know whether they can be.

use super::look::{Answer, Cover, Found};
use std::collections::BTreeMap;
use std::net::IpAddr;
use std::time::SystemTime;

/// The canaries and what became of them.
#[derive(Debug, Default)]
pub(super) struct Canaries {
    /// They are wanted, and it is not known yet where they are.
    awaited: bool,
    all: BTreeMap<IpAddr, Canary>,
}

#[derive(Clone, Copy, Debug, Default)]
struct Canary {
    asked: Option<SystemTime>,
    /// The last thing that was learnt from it.
    song: Option<Song>,
}

/// What one canary says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Song {
    /// Out of reach.
    Silent,
    /// Greets and offers STARTTLS.
    Sound,
    /// Something answers in its place.
    Strange,
}

/// What all of them say.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    /// None works, and something answers in the place of one.
    Proxied,
    /// One works.
    Reached,
    /// None works.
    Silent,
}

impl Canaries {
    /// These and no others, with what is known of them already; none: not known yet.
    pub(super) fn set(&mut self, addresses: Option<Vec<IpAddr>>) {
        self.awaited = addresses.is_none();
        if let Some(addresses) = addresses {
            let known = |address| (address, self.all.get(&address).copied().unwrap_or_default());
            self.all = addresses.into_iter().map(known).collect();
        }
    }

    /// Learns from a session, if it was with one of them. What is temporary, or about this client, teaches nothing.
    pub(super) fn take_in(&mut self, address: IpAddr, at: SystemTime, found: Found) {
        let Some(canary) = self.all.get_mut(&address) else { return };
        canary.asked = Some(at);
        canary.song = match found {
            Found::Answer(Answer { cover: Cover::Secured | Cover::Offered, .. }) => Some(Song::Sound),
            Found::Answer(Answer { cover: Cover::Bare, .. }) => Some(Song::Strange),
            Found::Silence | Found::NoRoute => Some(Song::Silent),
            Found::Answer(Answer { cover: Cover::Unknown, .. }) | Found::Nothing => canary.song,
        };
    }

    /// Whether there are any, or will be.
    pub(super) fn are_wanted(&self) -> bool {
        self.awaited || !self.all.is_empty()
    }

    /// Whether they have yet to be asked.
    pub(super) fn are_awaited(&self) -> bool {
        self.awaited || (!self.all.is_empty() && self.all.values().any(|canary| canary.asked.is_none()))
    }

    /// What they say together; none where there are none, or none said anything, or one has yet to be asked and the
    /// others do not work.
    pub(super) fn verdict(&self) -> Option<Verdict> {
        let songs = || self.all.values().filter_map(|canary| canary.song);
        if songs().any(|song| song == Song::Sound) {
            return Some(Verdict::Reached);
        }
        if self.all.is_empty() || self.all.values().any(|canary| canary.song.is_none()) {
            return None;
        }
        Some(if songs().any(|song| song == Song::Strange) { Verdict::Proxied } else { Verdict::Silent })
    }

    /// Whether one has been found to work since then, or all have been asked and said nothing to the contrary.
    pub(super) fn have_vouched_since(&self, since: SystemTime) -> bool {
        let asked = |canary: &Canary| canary.asked.is_some_and(|asked| asked >= since);
        let mut all = self.all.values();
        all.clone().any(|canary| asked(canary) && canary.song == Some(Song::Sound))
            || (!self.awaited && all.all(asked))
    }

    /// Those that have not been asked since then.
    pub(super) fn unasked(&self, since: SystemTime) -> Vec<IpAddr> {
        let unasked = self.all.iter().filter(|(_, canary)| canary.asked.is_none_or(|asked| asked < since));
        unasked.map(|(address, _)| *address).collect()
    }
}
