//! How look-ups ended, counted by type and outcome; both come from closed sets.

use crate::observe::Outcome;
use hickory_resolver::proto::rr::RecordType;
use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

/// Counts by record type, then by outcome. A type that was ever asked for has every outcome.
pub type LookupCounts = BTreeMap<&'static str, BTreeMap<&'static str, u64>>;

/// Counts look-ups, those that the cache answered included.
#[derive(Debug, Default)]
pub struct LookupCounter(Mutex<LookupCounts>);

impl LookupCounter {
    /// All counts so far.
    pub fn read(&self) -> LookupCounts {
        self.counts().clone()
    }

    pub(super) fn count<T>(&self, kind: RecordType, outcome: &Outcome<T>) {
        let mut counts = self.counts();
        let of_kind =
            counts.entry(kind.into()).or_insert_with(|| Outcome::<T>::WORDS.map(|word| (word, 0)).into());
        *of_kind.entry(outcome.as_str()).or_default() += 1;
    }

    fn counts(&self) -> MutexGuard<'_, LookupCounts> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_outcome_is_counted_and_the_others_are_zero() {
        let counter = LookupCounter::default();
        assert!(counter.read().is_empty());
        counter.count(RecordType::MX, &Outcome::<()>::NoData);
        counter.count(RecordType::MX, &Outcome::<()>::NoData);
        counter.count(RecordType::AAAA, &Outcome::Answer(()));
        let counts = counter.read();
        assert_eq!(counts.keys().copied().collect::<Vec<_>>(), ["AAAA", "MX"]);
        assert_eq!((counts["MX"]["no_data"], counts["MX"]["timeout"], counts["AAAA"]["answer"]), (2, 0, 1));
        assert_eq!(counts["MX"].len(), Outcome::<()>::WORDS.len());
    }
}
