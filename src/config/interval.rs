//! How often a domain is looked at: every so often, or at the ticks of a cron expression in UTC. Knows no clock.

use super::kind;
use croner::parser::{CronParser, Seconds, Year};
use croner::{Direction, errors::CronError};
use jiff::civil::{DateTime, date};
use jiff::{Timestamp, tz::Offset};
use std::fmt;
use std::hash::{Hash, Hasher};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

/// A longer expression is a slip.
const LONGEST_TEXT: usize = 100;

/// Every combination of leap years and weekdays comes in so many years.
const CYCLE: std::ops::Range<i16> = 2001..2029;

/// `interval:`
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Interval {
    /// The same time from run to run.
    Every(Duration),
    /// Ticks of the calendar, each of which opens a window for a run.
    Cron(Arc<Cron>),
}

/// A cron expression that ticks at least once in every year, at whole minutes in UTC.
#[derive(Clone, PartialEq, Eq)]
pub struct Cron(croner::Cron);

impl Interval {
    /// The time between two runs around `at`: with cron, from the tick before it to the tick behind it.
    pub fn gap(&self, at: SystemTime) -> Duration {
        match self {
            Self::Every(interval) => *interval,
            Self::Cron(cron) => between(cron.tick_until(at), cron.tick_after(at)),
        }
    }

    /// How old a fact may be that serves a run at `at`: half the interval. With cron, half the shorter one of the gaps
    /// on both sides of the last tick, so that a night without ticks makes nothing stale fresh.
    pub fn half(&self, at: SystemTime) -> Duration {
        match self {
            Self::Every(interval) => *interval / 2,
            Self::Cron(cron) => {
                let tick = cron.tick_until(at);
                let before = cron.tick_until(tick - Duration::from_secs(1));
                between(before, tick).min(between(tick, cron.tick_after(at))) / 2
            }
        }
    }
}

impl Cron {
    /// Reads five fields or a nickname such as `@daily`.
    pub(super) fn parse(text: &str) -> Option<Self> {
        let plain = |c: char| c.is_ascii_alphanumeric() || " \t*/,-#?@+".contains(c);
        if text.len() > LONGEST_TEXT || !text.chars().all(plain) {
            return None;
        }
        let parser = CronParser::builder().seconds(Seconds::Disallowed).year(Year::Disallowed).build();
        let cron = parser.parse(text).ok()?;
        let ticks_in = |year: i16| {
            let tick = cron.find_next_occurrence(&date(year, 1, 1).at(0, 0, 0, 0), true);
            tick.is_ok_and(|tick| tick.year() == year)
        };
        CYCLE.clone().all(ticks_in).then_some(Self(cron))
    }

    /// The first tick behind `at`. Where the calendar ends, a year later.
    pub fn tick_after(&self, at: SystemTime) -> SystemTime {
        self.tick(at, Direction::Forward).unwrap_or(at + kind::LONGEST)
    }

    /// The last tick that is not behind `at`. Where the calendar begins, a year earlier.
    pub fn tick_until(&self, at: SystemTime) -> SystemTime {
        let earlier = at.checked_sub(kind::LONGEST).unwrap_or(SystemTime::UNIX_EPOCH);
        self.tick(at, Direction::Backward).unwrap_or(earlier)
    }

    fn tick(&self, at: SystemTime, direction: Direction) -> Option<SystemTime> {
        let at = Offset::UTC.to_datetime(Timestamp::try_from(at).ok()?);
        let tick: Result<DateTime, CronError> = match direction {
            Direction::Forward => self.0.find_next_occurrence(&at, false),
            Direction::Backward => self.0.find_previous_occurrence(&at, true),
        };
        Some(Offset::UTC.to_timestamp(tick.ok()?).ok()?.into())
    }
}

impl fmt::Display for Cron {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.pattern.to_string())
    }
}

impl fmt::Debug for Cron {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Cron({self})")
    }
}

impl Hash for Cron {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.0.pattern.to_string().hash(state);
    }
}

fn between(earlier: SystemTime, later: SystemTime) -> Duration {
    later.duration_since(earlier).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const HOUR: Duration = Duration::from_secs(3600);

    fn at(text: &str) -> SystemTime {
        text.parse::<Timestamp>().unwrap().into()
    }

    fn cron(text: &str) -> Interval {
        Interval::Cron(Arc::new(Cron::parse(text).unwrap()))
    }

    #[test]
    fn ticks_are_those_of_the_calendar_in_utc() {
        for (text, now, before, after) in [
            ("*/15 6-20 * * 1-5", "2026-11-20T20:50:00Z", "2026-11-20T20:45:00Z", "2026-11-23T06:00:00Z"),
            ("0 3 * * *", "2026-11-20T03:00:00Z", "2026-11-20T03:00:00Z", "2026-11-21T03:00:00Z"),
            ("0 3 * * *", "2026-11-20T02:59:59.9Z", "2026-11-19T03:00:00Z", "2026-11-20T03:00:00Z"),
            ("0 3 * * *", "2026-11-20T03:00:00.1Z", "2026-11-20T03:00:00Z", "2026-11-21T03:00:00Z"),
            ("30 12 1 1 *", "2026-11-20T00:00:00Z", "2026-01-01T12:30:00Z", "2027-01-01T12:30:00Z"),
            ("@weekly", "2026-11-20T00:00:00Z", "2026-11-15T00:00:00Z", "2026-11-22T00:00:00Z"),
            ("0 0 * jan,jul Sun", "2026-11-20T00:00:00Z", "2026-07-26T00:00:00Z", "2027-01-03T00:00:00Z"),
        ] {
            let cron = Cron::parse(text).unwrap();
            let ticks = (cron.tick_until(at(now)), cron.tick_after(at(now)));
            assert_eq!(ticks, (at(before), at(after)), "{text} at {now}");
        }
    }

    #[test]
    fn what_is_no_expression_or_does_not_tick_every_year_is_refused() {
        for text in [
            "",
            "15",
            "* * * *",
            "* * * * * *",
            "0 0 0 1 1 * 2027",
            "60 * * * *",
            "0 24 * * *",
            "0 0 0 * *",
            "0 0 * 13 *",
            "0 0 * * 8",
            "*/0 * * * *",
            "5-1 * * * *",
            "@reboot",
            "@every 5m",
            "0 0 30 2 *",
            "0 0 29 2 *",
            "0 0 31 2 *",
            "0 0 * 2 1#5",
            "0 3 * * * \u{a0}",
            "0 3 * * ſun",
        ] {
            assert_eq!(Cron::parse(text), None, "{text:?}");
        }
        assert_eq!(Cron::parse(&format!("0 3 * * {}", " ".repeat(100))), None);
    }

    #[test]
    fn a_gap_leads_from_one_tick_to_the_next() {
        let office = cron("0 8-17 * * 1-5");
        for (now, gap, half) in [
            ("2026-11-20T12:20:00Z", HOUR, HOUR / 2),
            ("2026-11-20T17:05:00Z", 63 * HOUR, HOUR / 2),
            ("2026-11-22T12:00:00Z", 63 * HOUR, HOUR / 2),
            ("2026-11-23T08:05:00Z", HOUR, HOUR / 2),
        ] {
            assert_eq!((office.gap(at(now)), office.half(at(now))), (gap, half), "{now}");
        }
        let every = Interval::Every(HOUR);
        assert_eq!(
            (every.gap(at("2026-11-20T12:20:00Z")), every.half(SystemTime::UNIX_EPOCH)),
            (HOUR, HOUR / 2)
        );
    }

    #[test]
    fn a_clock_outside_the_calendar_is_no_fault() {
        let cron = cron("0 3 * * *");
        for now in [at("9999-12-30T21:00:00Z"), SystemTime::UNIX_EPOCH, SystemTime::UNIX_EPOCH - HOUR] {
            assert!(cron.gap(now) > Duration::ZERO && cron.half(now) > Duration::ZERO, "{now:?}");
        }
    }

    proptest! {
        #[test]
        fn no_text_breaks_the_reader(text in "[0-9A-Z*/,#?@+ -]{0,20}|([0-9*/,L#-]{1,4} ){4}[0-9*/,L#+-]{1,4}") {
            if let Some(cron) = Cron::parse(&text) {
                let now = at("2026-11-20T12:20:30Z");
                let (before, after) = (cron.tick_until(now), cron.tick_after(now));
                prop_assert!(before < now && now < after);
                prop_assert!(between(before, after) <= 2 * kind::LONGEST + 24 * HOUR, "{cron:?}");
                prop_assert_eq!(cron.tick_until(after), after);
            }
        }
    }
}
