//! The file: opened, read as a whole, written in one go, set aside where it is none of ours. Knows nothing of what
//! changes when.

use super::Kept;
use super::record::{self, Record, decode, encode};
use crate::name::DomainName;
use crate::observe::{Contact, SessionKey};
use crate::schedule::Remembered;
use redb::{Builder, Database, ReadOnlyTable, ReadableDatabase as _, ReadableTable as _, TableDefinition};
use std::collections::HashMap;
use std::fs;
use std::io::{self, ErrorKind};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::SystemTime;

const REPORTS: TableDefinition<'_, &str, &[u8]> = TableDefinition::new("reports");
const CONTACTS: TableDefinition<'_, &str, &[u8]> = TableDefinition::new("contacts");
const MANNERS: TableDefinition<'_, &str, &[u8]> = TableDefinition::new("manners");
const META: TableDefinition<'_, &str, u32> = TableDefinition::new("meta");
/// The one key in the last two tables.
const ALL: &str = "all";
/// Of the tables and their keys; values say their own version.
const FORMAT: u32 = 1;
/// For pages of the file: what is read once and written now and then needs little.
const CACHE: usize = 8 << 20;

/// An open file, locked against every other process.
pub(super) struct File(Database);

/// All that a file holds.
#[derive(Default)]
pub(super) struct Contents {
    /// Domains, each with its contacts.
    pub(super) reports: Vec<Kept>,
    /// The manners.
    pub(super) manners: Remembered,
    /// Domains and contacts in the file that nothing could be made of.
    pub(super) unread: (Vec<DomainName>, Vec<String>),
    /// Names in the file that are no names.
    pub(super) nameless: Vec<String>,
    /// The contacts, by their key in the file.
    pub(super) contacts: HashMap<String, Arc<Contact>>,
}

/// What is to be written. None takes the entry out.
#[derive(Debug, Default)]
pub(super) struct Batch {
    pub(super) reports: Vec<(String, Option<Vec<u8>>)>,
    pub(super) contacts: Vec<(String, Option<Vec<u8>>)>,
    pub(super) manners: Option<Vec<u8>>,
}

impl Batch {
    pub(super) fn is_empty(&self) -> bool {
        self.reports.is_empty() && self.contacts.is_empty() && self.manners.is_none()
    }
}

/// Why a file is of no use for now.
#[derive(Debug, thiserror::Error)]
pub(super) enum Failure {
    /// It is no state, or none any more.
    #[error("it is damaged, or no state of this program: {0}")]
    Damaged(String),
    /// Another process has it.
    #[error("another process has it open")]
    InUse,
    /// Nobody has made this program for it yet.
    #[error("a newer version of this program wrote it (format {0}, here {FORMAT})")]
    Newer(u32),
    /// The system does not give it.
    #[error("{0}")]
    Unavailable(String),
}

impl File {
    /// The file in a folder; both are created where they are not there. A file that is of no use is set aside.
    pub(super) fn open(folder: &Path, now: SystemTime) -> Result<(Self, Contents), Failure> {
        let path = path(folder);
        fs::create_dir_all(folder)?;
        match fs::metadata(&path) {
            Ok(found) if found.len() > 0 => {}
            Err(error) if error.kind() != ErrorKind::NotFound => return Err(error.into()),
            _ => return Self::create(&path),
        }
        match careful(|| Self::read(builder().open(&path).map_err(Failure::of)?)) {
            Err(failure @ (Failure::Damaged(_) | Failure::Newer(_))) => {
                let aside = set_aside(&path, now)?;
                let (file, aside) = (path.display(), aside.display());
                tracing::error!(%file, "the state is set aside as {aside}, beginning without: {failure}");
                Self::create(&path)
            }
            opened => opened,
        }
    }

    /// The contents of a database, which may have been made just now.
    pub(super) fn read(database: Database) -> Result<(Self, Contents), Failure> {
        let contents = read(&database).map_err(Unread::into_failure)?;
        Ok((Self(database), contents))
    }

    /// A file is made under another name first: no crash leaves half of one.
    fn create(path: &Path) -> Result<(Self, Contents), Failure> {
        let new = path.with_extension("redb.new");
        let made = match builder().create(&new).map_err(Failure::of) {
            Err(Failure::Damaged(_)) => {
                fs::remove_file(&new)?;
                builder().create(&new).map_err(Failure::of)
            }
            made => made,
        };
        let file = Self(made?);
        file.write(&Batch::default())?;
        fs::rename(&new, path)?;
        Ok((file, Contents::default()))
    }

    /// Writes all or nothing, down to the disk.
    pub(super) fn write(&self, batch: &Batch) -> Result<(), Failure> {
        careful(|| write(&self.0, batch).map_err(Failure::of))
    }
}

/// Where the file is.
pub(super) fn path(folder: &Path) -> PathBuf {
    folder.join("state.redb")
}

/// How every database is opened: what was altered since it was written is found at once, not in the middle.
pub(super) fn builder() -> Builder {
    let mut builder = Database::builder();
    builder.set_cache_size(CACHE).set_check_integrity_on_open(true);
    builder
}

fn write(database: &Database, batch: &Batch) -> Result<(), redb::Error> {
    let transaction = database.begin_write()?;
    for (table, entries) in [(REPORTS, &batch.reports), (CONTACTS, &batch.contacts)] {
        let mut table = transaction.open_table(table)?;
        for (key, value) in entries {
            match value {
                Some(value) => table.insert(&**key, &**value)?,
                None => table.remove(&**key)?,
            };
        }
    }
    if let Some(manners) = &batch.manners {
        transaction.open_table(MANNERS)?.insert(ALL, &**manners)?;
    }
    transaction.open_table(META)?.insert(ALL, FORMAT)?;
    Ok(transaction.commit()?)
}

/// What cannot be read, and why.
enum Unread {
    Format(Option<u32>),
    Library(redb::Error),
}

impl Unread {
    fn into_failure(self) -> Failure {
        match self {
            Self::Format(Some(format)) if format > FORMAT => Failure::Newer(format),
            Self::Format(_) => Failure::Damaged("its format is unknown".to_owned()),
            Self::Library(error) => Failure::of(error),
        }
    }
}

impl<E: Into<redb::Error>> From<E> for Unread {
    fn from(error: E) -> Self {
        Self::Library(error.into())
    }
}

fn read(database: &Database) -> Result<Contents, Unread> {
    let transaction = database.begin_read()?;
    let mut contents = Contents::default();
    if transaction.list_tables()?.next().is_none() {
        return Ok(contents);
    }
    let format = match transaction.open_table(META) {
        Err(redb::TableError::TableDoesNotExist(_)) => None,
        table => table?.get(ALL)?.map(|format| format.value()),
    };
    if format != Some(FORMAT) {
        return Err(Unread::Format(format));
    }
    read_contacts(&transaction.open_table(CONTACTS)?, &mut contents)?;
    read_reports(&transaction.open_table(REPORTS)?, &mut contents)?;
    contents.manners = match transaction.open_table(MANNERS) {
        Err(redb::TableError::TableDoesNotExist(_)) => Remembered::default(),
        table => table?.get(ALL)?.and_then(|bytes| decode(bytes.value())).unwrap_or_default(),
    };
    Ok(contents)
}

fn read_contacts(
    table: &ReadOnlyTable<&'static str, &'static [u8]>,
    contents: &mut Contents,
) -> Result<(), Unread> {
    for entry in table.iter()? {
        let (key, bytes) = entry?;
        let key = key.value().to_owned();
        match decode::<Contact>(bytes.value()).filter(|contact| record::key(&contact.key) == key) {
            Some(contact) => drop(contents.contacts.insert(key, Arc::new(contact))),
            None => contents.unread.1.push(key),
        }
    }
    Ok(())
}

fn read_reports(
    table: &ReadOnlyTable<&'static str, &'static [u8]>,
    contents: &mut Contents,
) -> Result<(), Unread> {
    let contacts = contents.contacts.values();
    let contacts: HashMap<SessionKey, Arc<Contact>> = contacts.map(|c| (c.key.clone(), c.clone())).collect();
    for entry in table.iter()? {
        let (key, bytes) = entry?;
        let key = key.value();
        let record = decode::<Record>(bytes.value()).filter(|record| record.domain().as_str() == key);
        match (record.and_then(|record| record.revive(&contacts)), DomainName::parse(key)) {
            (Some(kept), _) => contents.reports.push(kept),
            (None, Ok(domain)) if domain.as_str() == key => contents.unread.0.push(domain),
            (None, _) => contents.nameless.push(key.to_owned()),
        }
    }
    Ok(())
}

/// A fault in a library that reads what anybody may have written is the file's fault, and ends no thread.
fn careful<T>(work: impl FnOnce() -> Result<T, Failure>) -> Result<T, Failure> {
    let fault = |_| Err(Failure::Damaged("reading or writing it ended by a fault".to_owned()));
    catch_unwind(AssertUnwindSafe(work)).unwrap_or_else(fault)
}

fn set_aside(path: &Path, now: SystemTime) -> io::Result<PathBuf> {
    let stamp = jiff::Timestamp::try_from(now).unwrap_or_default().strftime("%Y%m%dT%H%M%SZ");
    let aside = path.with_extension(format!("redb.corrupt-{stamp}"));
    fs::rename(path, &aside)?;
    Ok(aside)
}

impl Failure {
    pub(super) fn of(error: impl Into<redb::Error>) -> Self {
        use redb::Error;
        match error.into() {
            Error::DatabaseAlreadyOpen | Error::LockProtocolMismatch => Self::InUse,
            Error::Io(error) => error.into(),
            error @ (Error::PreviousIo | Error::DatabaseClosed | Error::LockPoisoned(_)) => {
                Self::Unavailable(error.to_string())
            }
            error => Self::Damaged(error.to_string()),
        }
    }
}

impl From<io::Error> for Failure {
    fn from(error: io::Error) -> Self {
        match error.kind() {
            ErrorKind::InvalidData | ErrorKind::UnexpectedEof => Self::Damaged(error.to_string()),
            _ => Self::Unavailable(error.to_string()),
        }
    }
}

impl From<postcard::Error> for Failure {
    fn from(error: postcard::Error) -> Self {
        Self::Unavailable(error.to_string())
    }
}

/// A domain as it is written.
pub(super) fn written(kept: &Kept) -> Result<Vec<u8>, Failure> {
    Ok(encode(&Record::of(kept))?)
}
