//! Instants and durations as people and programs read them: UTC only.

use jiff::Timestamp;
use std::time::{Duration, SystemTime};

/// RFC 3339 in whole seconds: `2026-11-20T13:05:00Z`.
pub(super) fn rfc3339(at: SystemTime) -> String {
    timestamp(at).strftime("%Y-%m-%dT%H:%M:%SZ").to_string()
}

/// The same with the fraction of the second, where there is one: it tells which of two looks came later.
pub(super) fn rfc3339_exact(at: SystemTime) -> String {
    timestamp(at).strftime("%Y-%m-%dT%H:%M:%S%.fZ").to_string()
}

/// `2026-11-20`
pub(super) fn iso_day(at: SystemTime) -> String {
    timestamp(at).strftime("%Y-%m-%d").to_string()
}

/// `20 Nov 2026 13:05 UTC`
pub(super) fn minute(at: SystemTime) -> String {
    timestamp(at).strftime("%-d %b %Y %H:%M UTC").to_string()
}

/// `20 Nov 2026`
pub(super) fn day(at: SystemTime) -> String {
    timestamp(at).strftime("%-d %b %Y").to_string()
}

/// Seconds since 1970, negative before it.
pub(super) fn unix_seconds(at: SystemTime) -> f64 {
    match at.duration_since(SystemTime::UNIX_EPOCH) {
        Ok(after) => after.as_secs_f64(),
        Err(before) => -before.duration().as_secs_f64(),
    }
}

/// How long ago `at` was; nothing where a clock was set back in between.
pub(super) fn age(at: SystemTime, now: SystemTime) -> Duration {
    now.duration_since(at).unwrap_or_default()
}

/// `4 min`: the largest unit that fits, rounded down.
pub(super) fn rough(span: Duration) -> String {
    let seconds = span.as_secs();
    match seconds {
        0..60 => format!("{seconds} s"),
        60..3_600 => format!("{} min", seconds / 60),
        3_600..172_800 => format!("{} h", seconds / 3_600),
        _ => format!("{} days", seconds / 86_400),
    }
}

/// `just now`, `4 min ago`
pub(super) fn ago(at: SystemTime, now: SystemTime) -> String {
    match age(at, now) {
        span if span < Duration::from_secs(1) => "just now".to_owned(),
        span => format!("{} ago", rough(span)),
    }
}

/// `in 11 min`, or `now` for what is due.
pub(super) fn until(at: SystemTime, now: SystemTime) -> String {
    match at.duration_since(now) {
        Ok(span) if span >= Duration::from_secs(1) => format!("in {}", rough(span)),
        _ => "now".to_owned(),
    }
}

/// `38 ms`, or `1.42 s` from one second on.
pub(super) fn precise(span: Duration) -> String {
    match span.as_millis() {
        millis @ 0..1_000 => format!("{millis} ms"),
        _ => format!("{:.2} s", span.as_secs_f64()),
    }
}

/// Whole days from `now` until `at`, rounded towards now; negative once it is over.
pub(super) fn days_until(at: SystemTime, now: SystemTime) -> i64 {
    let days = |span: Duration| i64::try_from(span.as_secs() / 86_400).unwrap_or(i64::MAX);
    match at.duration_since(now) {
        Ok(left) => days(left),
        Err(over) => -days(over.duration()),
    }
}

/// The nearest instant that the calendar knows.
fn timestamp(at: SystemTime) -> Timestamp {
    let edge = if at < SystemTime::UNIX_EPOCH { Timestamp::MIN } else { Timestamp::MAX };
    Timestamp::try_from(at).unwrap_or(edge)
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOUR: u64 = 3_600;

    fn at(seconds: u64) -> SystemTime {
        SystemTime::UNIX_EPOCH + Duration::from_secs(seconds)
    }

    #[test]
    fn instants_are_utc() {
        assert_eq!(rfc3339(at(1_795_179_900)), "2026-11-20T13:05:00Z");
        assert_eq!(minute(at(1_795_179_900)), "20 Nov 2026 13:05 UTC");
        assert_eq!(day(at(1_795_179_900)), "20 Nov 2026");
    }

    #[test]
    fn instants_beyond_the_calendar_do_no_harm() {
        assert!(rfc3339(at(1 << 60)).starts_with("9999-"));
        let before = SystemTime::UNIX_EPOCH - Duration::from_secs(10);
        assert_eq!(unix_seconds(before), -10.0);
        assert_eq!(rfc3339(before), "1969-12-31T23:59:50Z");
    }

    #[test]
    fn spans_are_told_roughly() {
        for (seconds, want) in [
            (0, "0 s"),
            (59, "59 s"),
            (60, "1 min"),
            (HOUR, "1 h"),
            (47 * HOUR, "47 h"),
            (48 * HOUR, "2 days"),
            (400 * 24 * HOUR, "400 days"),
        ] {
            assert_eq!(rough(Duration::from_secs(seconds)), want);
        }
        assert_eq!(precise(Duration::from_micros(38_900)), "38 ms");
        assert_eq!(precise(Duration::from_millis(1_420)), "1.42 s");
    }

    #[test]
    fn a_clock_set_back_gives_no_negative_age() {
        assert_eq!(ago(at(100), at(40)), "just now");
        assert_eq!(ago(at(40), at(100)), "1 min ago");
        assert_eq!(until(at(40), at(100)), "now");
        assert_eq!(until(at(700), at(40)), "in 11 min");
        assert_eq!(days_until(at(0), at(3 * 24 * HOUR)), -3);
        assert_eq!(days_until(at(3 * 24 * HOUR), at(1)), 2);
    }
}
