//! The thread that keeps the file: it takes the latest picture, writes what has changed, and goes on without where it
//! cannot. Nobody waits for it but those who end.

use super::file::{self, Contents, Failure, File};
use super::ledger::Ledger;
use super::{Kept, Picture};
use crate::schedule::Remembered;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::SystemTime;
use tracing::{error, info};

/// After a failure, so many pictures pass before the next try.
const PATIENCE: u32 = 5;

/// Why this process cannot go on.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Another daemon keeps its state there.
    #[error("`{}` is in use by another process: each daemon needs a `state.path` of its own", path.display())]
    InUse {
        /// The file.
        path: PathBuf,
    },
    /// No thread can be started.
    #[error("cannot start the thread that keeps the state")]
    Thread(#[source] std::io::Error),
}

/// How keeping goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Health {
    /// Tries that have failed since the start.
    pub failures: u64,
    /// Whether the last one succeeded.
    pub successful: bool,
}

/// The writing thread. It ends when this is dropped.
#[derive(Debug)]
pub struct Keeper {
    shared: Arc<Shared>,
    thread: Option<JoinHandle<()>>,
}

#[derive(Debug, Default)]
struct Shared {
    path: PathBuf,
    slot: Mutex<Slot>,
    called: Condvar,
    failures: AtomicU64,
    failing: AtomicBool,
}

/// What is handed over; a newer picture takes the place of one that was not taken yet.
#[derive(Debug, Default)]
struct Slot {
    picture: Option<Picture>,
    is_last: bool,
}

/// How the file is opened.
pub(super) type Open = Box<dyn FnMut() -> Result<(File, Contents), Failure> + Send>;

/// The thread's own.
struct Desk {
    open: Open,
    clock: fn() -> SystemTime,
    file: Option<File>,
    ledger: Ledger,
    passed: u32,
    shared: Arc<Shared>,
}

/// Opens the state in a folder, and goes on keeping it. What is known from earlier comes with it. Blocks while it reads.
///
/// # Errors
/// When another process has it. Where the disk does not give it, nothing is known, and it is tried again later.
pub fn open(folder: &Path, clock: fn() -> SystemTime) -> Result<(Keeper, Picture), Error> {
    let owned = folder.to_owned();
    keep(file::path(folder), Box::new(move || File::open(&owned, clock())), clock)
}

/// The same with a file of any origin; `path` is for people.
pub(super) fn keep(
    path: PathBuf,
    mut open: Open,
    clock: fn() -> SystemTime,
) -> Result<(Keeper, Picture), Error> {
    let shared = Arc::new(Shared { path, ..Shared::default() });
    let (mut file, mut ledger, mut known) = (None, Ledger::default(), Picture::default());
    match open() {
        Ok((opened, contents)) => {
            file = Some(opened);
            ledger = Ledger::of(&contents);
            tell_unread(&contents);
            known = Picture { reports: contents.reports, manners: contents.manners };
        }
        Err(Failure::InUse) => return Err(Error::InUse { path: shared.path.clone() }),
        Err(failure) => shared.failed(&failure),
    }
    let mut desk = Desk { open, clock, file, ledger, passed: 0, shared: shared.clone() };
    let thread = thread::Builder::new().name("state".to_owned()).spawn(move || desk.work());
    Ok((Keeper { shared, thread: Some(thread.map_err(Error::Thread)?) }, known))
}

impl Keeper {
    /// Hands over what is to be kept from now on. Never waits for the disk.
    pub fn offer(&self, reports: Vec<Kept>, manners: Remembered) {
        self.shared.slot().picture = Some(Picture { reports, manners });
        self.shared.called.notify_one();
    }

    /// How it goes.
    pub fn health(&self) -> Health {
        let failures = self.shared.failures.load(Ordering::Relaxed);
        Health { failures, successful: !self.shared.failing.load(Ordering::Relaxed) }
    }

    /// Waits until what was handed over is written, or cannot be, and ends.
    pub fn finish(mut self) {
        self.end();
        if let Some(thread) = self.thread.take() {
            thread.join().ok(); // a thread that ended by a fault has told so
        }
    }

    fn end(&self) {
        self.shared.slot().is_last = true;
        self.shared.called.notify_one();
    }
}

impl Drop for Keeper {
    fn drop(&mut self) {
        self.end();
    }
}

impl Desk {
    fn work(&mut self) {
        loop {
            let (picture, is_last) = self.shared.next();
            if let Some(picture) = picture
                && (is_last || self.is_time())
            {
                self.try_save(&picture);
            }
            if is_last {
                return;
            }
        }
    }

    /// After a failure not at once.
    fn is_time(&mut self) -> bool {
        let waits = self.shared.failing.load(Ordering::Relaxed) && self.passed < PATIENCE;
        self.passed = if waits { self.passed + 1 } else { 0 };
        !waits
    }

    fn try_save(&mut self, picture: &Picture) {
        match self.save(picture) {
            Ok(()) => self.shared.succeeded(),
            Err(failure) => {
                self.file = None; // after a failure only a file that is opened anew is sure to be sound
                self.shared.failed(&failure);
            }
        }
    }

    fn save(&mut self, picture: &Picture) -> Result<(), Failure> {
        let file = match &mut self.file {
            Some(file) => file,
            none => {
                let (file, contents) = (self.open)()?;
                self.ledger = Ledger::of_keys(&contents);
                none.insert(file)
            }
        };
        let due = self.ledger.due(picture, (self.clock)())?;
        if !due.batch.is_empty() {
            file.write(&due.batch)?;
        }
        self.ledger.book(due);
        Ok(())
    }
}

impl Shared {
    /// The next picture, once there is one, and whether it is the last.
    fn next(&self) -> (Option<Picture>, bool) {
        let idle = |slot: &mut Slot| slot.picture.is_none() && !slot.is_last;
        let slot = self.called.wait_while(self.slot(), idle);
        let mut slot = slot.unwrap_or_else(PoisonError::into_inner);
        (slot.picture.take(), slot.is_last)
    }

    fn slot(&self) -> MutexGuard<'_, Slot> {
        self.slot.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Told once, however often it is tried.
    fn failed(&self, failure: &Failure) {
        self.failures.fetch_add(1, Ordering::Relaxed);
        if !self.failing.swap(true, Ordering::Relaxed) {
            error!(file = %self.path.display(), "the state cannot be kept, going on without: {failure}");
        }
    }

    fn succeeded(&self) {
        if self.failing.swap(false, Ordering::Relaxed) {
            info!(file = %self.path.display(), "the state is kept again");
        }
    }
}

fn tell_unread(contents: &Contents) {
    let unread = contents.unread.0.len() + contents.unread.1.len() + contents.nameless.len();
    if unread > 0 {
        info!(
            unread,
            "entries of the state could not be read, as after an update; their domains are due at once"
        );
    }
}
