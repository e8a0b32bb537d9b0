//! What the kernel says of this process. Only Linux is asked.

use crate::snapshot::ProcessFacts;

#[cfg(target_os = "linux")]
pub(super) use linux::facts;

/// Nobody is asked.
#[cfg(not(target_os = "linux"))]
pub(super) fn facts() -> Option<ProcessFacts> {
    None
}

#[cfg(target_os = "linux")]
mod linux {
    use super::ProcessFacts;
    use procfs::process::{LimitValue, Process};
    use procfs::{WithCurrentSystemInfo as _, boot_time_secs, ticks_per_second};
    use std::sync::OnceLock;
    use std::time::{Duration, SystemTime};

    /// The state of this moment; none where the kernel does not say.
    pub(in crate::daemon) fn facts() -> Option<ProcessFacts> {
        let process = Process::myself().ok()?;
        let (stat, limits) = (process.stat().ok()?, process.limits().ok()?);
        Some(ProcessFacts {
            cpu: ticks(stat.utime + stat.stime),
            resident_bytes: stat.rss_bytes().get(),
            virtual_bytes: stat.vsize,
            max_virtual_bytes: number(limits.max_address_space.soft_limit),
            open_fds: process.fd_count().ok()?,
            max_fds: number(limits.max_open_files.soft_limit),
            started: booted()? + ticks(stat.starttime),
        })
    }

    /// When the machine began. The kernel counts back from the wall clock, and a corrected clock moves it: once is enough.
    fn booted() -> Option<SystemTime> {
        static BOOTED: OnceLock<Option<SystemTime>> = OnceLock::new();
        let read = || Some(SystemTime::UNIX_EPOCH + Duration::from_secs(boot_time_secs().ok()?));
        *BOOTED.get_or_init(read)
    }

    fn ticks(ticks: u64) -> Duration {
        Duration::from_secs_f64(ticks as f64 / ticks_per_second() as f64)
    }

    fn number(limit: LimitValue) -> Option<u64> {
        match limit {
            LimitValue::Unlimited => None,
            LimitValue::Value(value) => Some(value),
        }
    }

    #[cfg(test)]
    mod tests {
        use super::*;

        #[test]
        fn this_process_lives_within_its_limits() {
            let facts = facts().expect("a process on Linux");
            assert!(
                facts.resident_bytes > 1 << 20 && facts.virtual_bytes >= facts.resident_bytes,
                "{facts:?}"
            );
            let open = u64::try_from(facts.open_fds).unwrap();
            assert!(open >= 3 && facts.max_fds.is_none_or(|most| most >= open), "{facts:?}");
        }
    }
}
