//! How long a trouble has been lasting of which no single look proves anything. What is the same trouble is wider here
//! than for a second look: a server that answers 451 now and nothing in time later has been in one trouble all along.

use super::{Cause, stored};
use serde::{Deserialize, Serialize};
use std::time::{Duration, SystemTime};

/// Fewer looks prove nothing, however far they are apart.
const LOOKS: u32 = 5;

/// Looks in a row that came to nothing by a temporary refusal, a deadline or a failing look-up.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Lasting {
    /// When the first of them was.
    #[serde(with = "stored::moment")]
    pub since: SystemTime,
    /// When the last of them was.
    #[serde(with = "stored::moment")]
    pub until: SystemTime,
    /// How many they are; 0 where the last look that says anything went well, or failed conclusively.
    pub count: u32,
}

impl Default for Lasting {
    fn default() -> Self {
        Self { since: SystemTime::UNIX_EPOCH, until: SystemTime::UNIX_EPOCH, count: 0 }
    }
}

impl Lasting {
    /// One more look; `cause` is what it counts for by now. What is about this client ends the row, since the server
    /// then treats it as no other; what is this machine's own fault is no look at all.
    pub fn next(self, at: SystemTime, cause: Option<Cause>) -> Self {
        match cause {
            Some(Cause::Tempfail | Cause::Timeout | Cause::DnsFailure) if self.count == 0 => {
                Self { since: at, until: at, count: 1 }
            }
            Some(Cause::Tempfail | Cause::Timeout | Cause::DnsFailure) => {
                Self { until: at, count: self.count.saturating_add(1), ..self }
            }
            Some(Cause::Throttled | Cause::Greylisted | Cause::ClientBlocked) | None => Self::default(),
            Some(cause) if cause.is_inconclusive() => self,
            Some(_) => Self::default(),
        }
    }

    /// Whether it has been seen five times or more, the last time no sooner than `persistent` after the first.
    pub fn is_persistent(self, persistent: Duration) -> bool {
        let span = self.until.duration_since(self.since).unwrap_or_default();
        self.count >= LOOKS && span >= persistent
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOUR: Duration = Duration::from_secs(3600);

    /// An hour apart.
    fn after(causes: &[Option<Cause>]) -> Lasting {
        let mut at = SystemTime::UNIX_EPOCH;
        causes.iter().fold(Lasting::default(), |lasting, cause| {
            at += HOUR;
            lasting.next(at, *cause)
        })
    }

    #[test]
    fn what_passes_by_itself_is_one_trouble_whatever_it_is_called() {
        use Cause::{
            ClientBlocked, DnsFailure, Greylisted, ProberError, Rejected, Tempfail, Throttled, Timeout,
            VantageBlocked,
        };
        for (causes, want) in [
            (&[][..], 0),
            (&[Some(Tempfail), Some(Timeout), Some(DnsFailure), Some(Tempfail), Some(Timeout)], 5),
            (&[Some(Tempfail), None, Some(Tempfail)], 1),
            (&[Some(Tempfail), Some(Tempfail), None], 0),
            (&[Some(Tempfail), Some(Rejected), Some(Timeout)], 1),
            (&[Some(Tempfail), Some(VantageBlocked), Some(ProberError), Some(Timeout)], 2),
            (&[Some(Tempfail), Some(Throttled), Some(Tempfail)], 1),
            (&[Some(Greylisted), Some(ClientBlocked), Some(Throttled), Some(Greylisted), Some(Throttled)], 0),
        ] {
            assert_eq!(after(causes).count, want, "{causes:?}");
        }
    }

    #[test]
    fn it_takes_five_looks_and_all_of_the_time() {
        let five = after(&[Some(Cause::Timeout); 5]);
        assert!(five.is_persistent(4 * HOUR) && !five.is_persistent(4 * HOUR + Duration::from_secs(1)));
        assert!(!after(&[Some(Cause::Timeout); 4]).is_persistent(HOUR));
        assert!(!Lasting::default().is_persistent(Duration::ZERO));
        let ours = after(&[Some(Cause::Timeout), Some(Cause::VantageBlocked), Some(Cause::VantageBlocked)]);
        assert_eq!(ours.until, ours.since, "what was not seen does not make it last");
    }
}
