//! How long to stay away, and when to ask again: 30 minutes, doubling to 4 hours, give or take a tenth (RFC 5321
//! §4.5.4.1 asks for at least 30 minutes between two tries).

use std::hash::{DefaultHasher, Hash, Hasher as _};
use std::time::Duration;

const MINUTE: Duration = Duration::from_secs(60);
const FIRST: Duration = Duration::from_secs(30 * 60);
const LONGEST: Duration = Duration::from_secs(4 * 60 * 60);

/// How long an address is left alone after the `step`th session in a row that asked for it, from 1. Two of `whom` do not
/// come back at the same time.
pub(super) fn rest(whom: impl Hash, step: u32) -> Duration {
    let doubled = FIRST.saturating_mul(1 << step.saturating_sub(1).min(8)).min(LONGEST);
    jittered(doubled * 9 / 10, doubled / 5, (whom, step))
}

/// When a test that was put off `count` times in a row, from 1, is made again: soon, so that a greylist that wants five
/// minutes is passed, then as [`rest`].
pub(super) fn retry(whom: impl Hash, count: u32) -> Duration {
    match count {
        0 | 1 => jittered(6 * MINUTE, 4 * MINUTE, whom),
        _ => rest(whom, count - 1),
    }
}

fn jittered(least: Duration, spread: Duration, whom: impl Hash) -> Duration {
    let mut hasher = DefaultHasher::new();
    whom.hash(&mut hasher);
    let millis = u64::try_from(spread.as_millis()).unwrap_or(u64::MAX).max(1);
    least + Duration::from_millis(hasher.finish() % millis)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_test_is_made_again_soon_and_then_less_and_less_often() {
        for whom in 0..200 {
            let minutes: Vec<_> = (1..=7).map(|count| retry(whom, count).as_secs() / 60).collect();
            let ranges = [(6, 10), (27, 33), (54, 66), (108, 132), (216, 264), (216, 264), (216, 264)];
            for (minutes, (from, to)) in minutes.iter().zip(ranges) {
                assert!((from..to).contains(minutes), "{minutes} is not in {from}–{to}");
            }
        }
    }

    #[test]
    fn many_do_not_come_back_at_once() {
        let mut returns: Vec<_> = (0..100).map(|whom| rest(whom, 1)).collect();
        returns.sort();
        returns.dedup();
        assert!(returns.len() > 95);
        assert!(rest(0, u32::MAX) <= LONGEST * 11 / 10);
    }
}
