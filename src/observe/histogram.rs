//! How long many steps of one kind took: a count for each bound, and nothing of the single step.

use std::time::Duration;

/// Upper bounds in milliseconds, from a neighbour's answer to the patience for a recipient.
const BOUNDS: [u64; 13] = [5, 10, 25, 50, 100, 250, 500, 1_000, 2_500, 5_000, 10_000, 30_000, 60_000];

/// Durations, counted.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Histogram {
    /// Those within each bound and no smaller one; those beyond them all come last.
    counts: [u64; BOUNDS.len() + 1],
    sum: Duration,
}

impl Histogram {
    /// Counts one more.
    pub fn add(&mut self, took: Duration) {
        let within = |bound: &u64| took <= Duration::from_millis(*bound);
        let at = BOUNDS.iter().position(within).unwrap_or(BOUNDS.len());
        self.counts[at] += 1;
        self.sum = self.sum.saturating_add(took);
    }

    /// How many there were.
    pub fn count(&self) -> u64 {
        self.counts.iter().sum()
    }

    /// How long they took together.
    pub fn sum(&self) -> Duration {
        self.sum
    }

    /// Each upper bound in seconds, the last one infinite, and how many came within it and no smaller one.
    pub fn buckets(&self) -> impl Iterator<Item = (f64, u64)> {
        let bounds = BOUNDS.iter().map(|bound| Duration::from_millis(*bound).as_secs_f64());
        bounds.chain([f64::INFINITY]).zip(self.counts)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_duration_counts_once_within_its_bound() {
        let mut histogram = Histogram::default();
        for millis in [0, 5, 6, 60_000, 60_001, 90_000] {
            histogram.add(Duration::from_millis(millis));
        }
        let filled: Vec<_> = histogram.buckets().filter(|(_, count)| *count > 0).collect();
        assert_eq!(filled, [(0.005, 2), (0.01, 1), (60.0, 1), (f64::INFINITY, 2)]);
        assert_eq!((histogram.count(), histogram.sum()), (6, Duration::from_millis(210_012)));
        assert!(BOUNDS.is_sorted());
    }
}
