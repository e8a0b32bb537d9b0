//! Whether the resolvers themselves work: what came of the questions that were really put to them, so that one zone's
//! trouble is told from theirs. Holds no clock.

use std::collections::VecDeque;
use std::collections::hash_map::{DefaultHasher, HashMap};
use std::hash::{Hash, Hasher as _};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::time::Instant;

/// What is older says nothing of now.
const MEMORY: Duration = Duration::from_secs(3600);
/// As many questions are remembered.
const QUESTIONS: usize = 2_048;

/// The latest questions on the wire.
#[derive(Debug, Default)]
pub(super) struct Health(Mutex<VecDeque<Asked>>);

#[derive(Clone, Copy, Debug)]
struct Asked {
    at: Instant,
    name: u64,
    answered: bool,
}

impl Health {
    /// A question about `name` was put to the resolvers, and answered or not; a denial is an answer.
    pub(super) fn note(&self, name: &impl Hash, answered: bool, at: Instant) {
        let mut hasher = DefaultHasher::new();
        name.hash(&mut hasher);
        let mut latest = self.latest();
        if latest.len() == QUESTIONS {
            latest.pop_front();
        }
        latest.push_back(Asked { at, name: hasher.finish(), answered });
    }

    /// Whether names were answered within the last hour, and no fewer than were not: each counts once, by how it was
    /// answered last. None where nothing was asked.
    pub(super) fn answers(&self, now: Instant) -> Option<bool> {
        let mut latest = self.latest();
        latest.retain(|asked| asked.at + MEMORY > now);
        let names: HashMap<u64, bool> = latest.iter().map(|asked| (asked.name, asked.answered)).collect();
        drop(latest);
        let answered = names.values().filter(|answered| **answered).count();
        (!names.is_empty()).then_some(answered > 0 && answered >= names.len() - answered)
    }

    fn latest(&self) -> MutexGuard<'_, VecDeque<Asked>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_zone_s_trouble_is_not_the_resolver_s() {
        let start = Instant::now();
        for (asked, want) in [
            (&[][..], None),
            (&[("a", true)][..], Some(true)),
            (&[("a", false)], Some(false)),
            (&[("a", false), ("a", false), ("a", false), ("b", true)], Some(true)),
            (&[("a", false), ("b", false), ("c", true)], Some(false)),
            (&[("a", true), ("b", true), ("a", false), ("b", false)], Some(false)),
            (&[("a", false), ("b", false), ("a", true)], Some(true)),
        ] {
            let health = Health::default();
            for (name, answered) in asked {
                health.note(name, *answered, start);
            }
            assert_eq!(health.answers(start), want, "{asked:?}");
        }
    }

    #[test]
    fn the_past_and_a_flood_are_forgotten() {
        let start = Instant::now();
        let health = Health::default();
        health.note(&"a", true, start);
        let later = start + MEMORY;
        assert_eq!(health.answers(later - Duration::from_secs(1)), Some(true));
        health.note(&"b", false, later);
        assert_eq!(health.answers(later), Some(false));
        for n in 0..10 * QUESTIONS {
            health.note(&n, true, later);
        }
        let remembered = health.latest().len();
        assert_eq!((remembered, health.answers(later)), (QUESTIONS, Some(true)));
    }
}
