//! The latest report of every domain, and what the prober knows of itself: one writer, many readers, never a lock
//! while anyone reads.

use crate::name::DomainName;
use crate::observe::{Histogram, Phase};
use crate::report::Report;
use arc_swap::ArcSwap;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, SystemTime};

/// All reports, sorted by domain.
#[derive(Clone, Debug, Default)]
pub struct Snapshot {
    /// A report a domain that has finished a run.
    pub reports: Arc<[Arc<Report>]>,
    /// Domains that are configured, with or without a report, sorted.
    pub domains: Arc<[DomainName]>,
    /// Labels that operators gave to domains.
    pub labels: Arc<BTreeMap<DomainName, Labels>>,
    /// The prober's own state at that moment.
    pub prober: ProberFacts,
}

/// Values by name.
pub type Labels = Arc<BTreeMap<Box<str>, Box<str>>>;

/// What the prober knows of itself. What is not known yet is absent, never zero.
#[derive(Clone, Debug, Default)]
pub struct ProberFacts {
    /// Whether port 25 is out of this machine's reach over IPv4.
    pub v4_blocked: Option<bool>,
    /// The same over IPv6.
    pub v6_blocked: Option<bool>,
    /// Sessions that have ended since the start.
    pub sessions: BTreeMap<SessionOutcome, u64>,
    /// Sessions under way.
    pub sessions_in_flight: usize,
    /// Runs that ended by a fault of this program.
    pub panics: u64,
    /// How the configuration was last read.
    pub config: Option<ConfigRead>,
    /// Whether each domain file is used as it is now, by its path.
    pub domain_files: Arc<BTreeMap<String, bool>>,
    /// How keeping the state on disk goes; none where it is in memory only.
    pub state: Option<StateFacts>,
    /// Addresses of which more is wanted than the spacing between two connections allows.
    pub addresses_over_capacity: Option<usize>,
    /// How long the work has been waiting that is ready and has waited longest for a place; nothing where none waits.
    pub schedule_lag: Option<Duration>,
    /// How long the phases of all sessions took.
    pub phases: BTreeMap<Phase, Histogram>,
    /// Look-ups that have ended since the start, by record type and outcome.
    pub lookups: BTreeMap<&'static str, BTreeMap<&'static str, u64>>,
    /// Which share of the configured domains is watched here.
    pub shard: Shard,
    /// This process.
    pub process: Option<ProcessFacts>,
}

/// One of several machines that share the domains among them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Shard {
    /// Which one, from 0.
    pub ordinal: u32,
    /// Of how many.
    pub total: u32,
}

/// What the kernel says of this process.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ProcessFacts {
    /// Processor time used, in user mode and in the kernel.
    pub cpu: Duration,
    /// Memory in use.
    pub resident_bytes: u64,
    /// Address space in use.
    pub virtual_bytes: u64,
    /// How much of it there may be; none where there is no limit.
    pub max_virtual_bytes: Option<u64>,
    /// Open file descriptors.
    pub open_fds: usize,
    /// How many there may be; none where there is no limit.
    pub max_fds: Option<u64>,
    /// When it began.
    pub started: SystemTime,
}

/// How a session ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum SessionOutcome {
    /// It went all the way to its QUIT.
    Completed,
    /// It ended early by what proves something about the server.
    Failed,
    /// It ended early by what proves nothing about the server.
    Inconclusive,
}

/// The last attempts to read the configuration.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ConfigRead {
    /// Whether the last attempt succeeded.
    pub successful: bool,
    /// When one last did.
    pub last_success: SystemTime,
}

/// How keeping the state on disk goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StateFacts {
    /// Writes that have failed since the start.
    pub write_failures: u64,
    /// Whether the last one succeeded.
    pub successful: bool,
}

impl Default for Shard {
    /// Alone.
    fn default() -> Self {
        Self { ordinal: 0, total: 1 }
    }
}

impl SessionOutcome {
    /// Every outcome, in alphabetical order.
    pub const ALL: [Self; 3] = [Self::Completed, Self::Failed, Self::Inconclusive];

    /// The word used in labels.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Completed => "completed",
            Self::Failed => "failed",
            Self::Inconclusive => "inconclusive",
        }
    }
}

impl Snapshot {
    /// The report of a domain.
    pub fn report(&self, domain: &DomainName) -> Option<&Arc<Report>> {
        let at = self.reports.binary_search_by(|report| report.domain().cmp(domain)).ok()?;
        self.reports.get(at)
    }

    /// Whether the domain is configured.
    pub fn is_watched(&self, domain: &DomainName) -> bool {
        self.domains.binary_search(domain).is_ok()
    }
}

/// The writing half; only the daemon holds it.
#[derive(Debug)]
pub struct Writer(Arc<Shared>);

/// The reading half.
#[derive(Clone, Debug)]
pub struct Reader(Arc<Shared>);

#[derive(Debug, Default)]
struct Shared {
    latest: ArcSwap<Snapshot>,
    published: AtomicBool,
}

/// An empty snapshot, to be written and to be read.
pub fn channel() -> (Writer, Reader) {
    let shared = Arc::new(Shared::default());
    (Writer(shared.clone()), Reader(shared))
}

impl Writer {
    /// Puts a new snapshot in the place of the old one.
    pub fn publish(&self, snapshot: Snapshot) {
        self.0.latest.store(Arc::new(snapshot));
        self.0.published.store(true, Ordering::Release);
    }
}

impl Reader {
    /// The snapshot of this moment; it does not change while it is held.
    pub fn latest(&self) -> Arc<Snapshot> {
        self.0.latest.load_full()
    }

    /// Whether anything was ever published: until then the snapshot is empty because nobody has spoken.
    pub fn is_published(&self) -> bool {
        self.0.published.load(Ordering::Acquire)
    }
}
