//! Moments and spans as a stored state has them, for `#[serde(with = …)]`: nothing that is read back can overflow what is
//! reckoned with it.

use serde::{Deserialize as _, Deserializer, Serialize as _, Serializer, de::Error as _};
use std::time::{Duration, SystemTime};

/// The end of the year 9999, in seconds since 1970: as far as certificates and calendars go.
const END: i64 = 253_402_300_799;

/// A moment, also before 1970, in whole seconds and the nanoseconds behind them.
pub(crate) mod moment {
    use super::*;

    pub(crate) fn serialize<S: Serializer>(at: &SystemTime, serializer: S) -> Result<S::Ok, S::Error> {
        since_1970(*at).serialize(serializer)
    }

    pub(crate) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<SystemTime, D::Error> {
        let (seconds, nanos) = <(i64, u32)>::deserialize(deserializer)?;
        if !(-END..=END).contains(&seconds) || nanos >= 1_000_000_000 {
            return Err(D::Error::custom("a moment beyond the calendar"));
        }
        let whole = Duration::from_secs(seconds.unsigned_abs());
        let base = if seconds < 0 { SystemTime::UNIX_EPOCH - whole } else { SystemTime::UNIX_EPOCH + whole };
        Ok(base + Duration::from_nanos(nanos.into()))
    }
}

/// A moment, where there is one.
pub(crate) mod maybe_moment {
    use serde::{Deserialize, Deserializer, Serialize, Serializer};
    use std::time::SystemTime;

    #[derive(Deserialize, Serialize)]
    struct Moment(#[serde(with = "super::moment")] SystemTime);

    pub(crate) fn serialize<S: Serializer>(
        at: &Option<SystemTime>,
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        at.map(Moment).serialize(serializer)
    }

    pub(crate) fn deserialize<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<Option<SystemTime>, D::Error> {
        Ok(Option::<Moment>::deserialize(deserializer)?.map(|moment| moment.0))
    }
}

/// A span, in nanoseconds: 584 years at most.
pub(crate) mod span {
    use super::*;

    pub(crate) fn serialize<S: Serializer>(span: &Duration, serializer: S) -> Result<S::Ok, S::Error> {
        u64::try_from(span.as_nanos()).unwrap_or(u64::MAX).serialize(serializer)
    }

    pub(crate) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Duration, D::Error> {
        u64::deserialize(deserializer).map(Duration::from_nanos)
    }
}

/// Spans by whatever they are of.
pub(crate) mod spans {
    use serde::{Deserialize, Deserializer, Serialize, Serializer};
    use std::collections::BTreeMap;
    use std::time::Duration;

    #[derive(Deserialize, Serialize)]
    struct Span(#[serde(with = "super::span")] Duration);

    pub(crate) fn serialize<K: Serialize, S: Serializer>(
        spans: &BTreeMap<K, Duration>,
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        serializer.collect_map(spans.iter().map(|(of, span)| (of, Span(*span))))
    }

    pub(crate) fn deserialize<'de, K: Deserialize<'de> + Ord, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<BTreeMap<K, Duration>, D::Error> {
        let spans = BTreeMap::<K, Span>::deserialize(deserializer)?;
        Ok(spans.into_iter().map(|(of, span)| (of, span.0)).collect())
    }
}

/// Whole seconds, rounded down, and the nanoseconds that are left; a moment beyond the calendar is its end.
fn since_1970(at: SystemTime) -> (i64, u32) {
    let (past, ahead) = match at.duration_since(SystemTime::UNIX_EPOCH) {
        Ok(ahead) => (false, ahead),
        Err(before) => (true, before.duration()),
    };
    let seconds = i64::try_from(ahead.as_secs()).unwrap_or(END);
    match (past, ahead.subsec_nanos()) {
        _ if seconds >= END => (if past { -END } else { END }, 0),
        (false, nanos) => (seconds, nanos),
        (true, 0) => (-seconds, 0),
        (true, nanos) => (-seconds - 1, 1_000_000_000 - nanos),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use serde::Deserialize;

    #[derive(Debug, Deserialize, PartialEq, serde::Serialize)]
    struct Stored(#[serde(with = "moment")] SystemTime, #[serde(with = "span")] Duration);

    fn again(at: SystemTime, span: Duration) -> Result<Stored, serde_json::Error> {
        serde_json::from_str(&serde_json::to_string(&Stored(at, span))?)
    }

    proptest! {
        #[test]
        fn what_is_stored_is_read_as_the_same(seconds in 0..253_402_300_799_u64, nanos in 0..1_000_000_000_u32) {
            let (span, epoch) = (Duration::new(seconds, nanos), SystemTime::UNIX_EPOCH);
            for at in [epoch + span, epoch - span] {
                let short = span / 1000;
                prop_assert_eq!(again(at, short).unwrap(), Stored(at, short));
            }
        }

        #[test]
        fn nothing_that_is_read_can_overflow(seconds: i64, nanos: u32, span: u64) {
            if let Ok(Stored(at, span)) = serde_json::from_str(&format!("[[{seconds},{nanos}],{span}]")) {
                let year = Duration::from_secs(366 * 24 * 60 * 60);
                prop_assert!(at + span > at - span || span.is_zero());
                prop_assert!(at + year > at - year);
            }
        }
    }

    #[test]
    fn the_calendar_has_an_end() {
        let far = SystemTime::UNIX_EPOCH + Duration::from_secs(1 << 40);
        let end = SystemTime::UNIX_EPOCH + Duration::from_secs(253_402_300_799);
        assert_eq!(again(far, Duration::MAX).unwrap(), Stored(end, Duration::from_nanos(u64::MAX)));
    }
}
