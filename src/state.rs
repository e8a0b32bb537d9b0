//! What is known, on disk: reports, contacts and manners survive a restart. Decides nothing; where nothing can be kept,
//! the daemon goes on without.
//!
//! One thread writes what has changed, all of it or nothing, and tries again later where the disk does not let it. A file
//! that cannot be read is set aside under another name.

mod file;
mod keeper;
mod ledger;
mod record;

pub use keeper::{Error, Health, Keeper, open};

use crate::report::Report;
use crate::schedule::Remembered;
use std::sync::Arc;

/// All that is kept, at one moment.
#[derive(Clone, Debug, Default)]
pub struct Picture {
    /// What stands for each domain. The contacts of endpoints are kept once, however many domains share them.
    pub reports: Vec<Kept>,
    /// What the schedule has to remember.
    pub manners: Remembered,
}

/// One domain.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Kept {
    /// What stands for it.
    pub report: Arc<Report>,
    /// Of the configuration that it was last run with.
    pub fingerprint: u64,
}

#[cfg(any(test, fuzzing))]
pub(crate) use record::fuzzing;
#[cfg(test)]
mod tests;
