//! A disk that fails at the Nth operation, and then is read again: by a process that goes on, and after a loss of power.

use super::*;
use redb::{Database, StorageBackend};
use std::io;
use std::sync::{Mutex, MutexGuard};

/// A disk in memory.
#[derive(Clone, Debug, Default)]
struct Disk(Arc<Mutex<Sectors>>);

#[derive(Clone, Debug, Default)]
struct Sectors {
    /// As the next process finds them.
    written: Vec<u8>,
    /// As they are after a loss of power.
    synced: Vec<u8>,
    /// Operations that go well before one fails; none: all do.
    left: Option<usize>,
    /// Whether only one operation fails, and not all from there on.
    recovers: bool,
    operations: usize,
}

impl Disk {
    fn of(bytes: &[u8]) -> Self {
        let sectors = Sectors { written: bytes.to_vec(), synced: bytes.to_vec(), ..Sectors::default() };
        Self(Arc::new(Mutex::new(sectors)))
    }

    fn failing(bytes: &[u8], left: usize, recovers: bool) -> Self {
        let disk = Self::of(bytes);
        disk.sectors().left = Some(left);
        disk.sectors().recovers = recovers;
        disk
    }

    fn sectors(&self) -> MutexGuard<'_, Sectors> {
        self.0.lock().unwrap()
    }

    fn open(&self) -> Result<(File, Contents), Failure> {
        let made = super::super::file::builder().create_with_backend(self.clone());
        File::read(made.map_err(Failure::of)?)
    }

    /// Saves a picture.
    fn save(&self, picture: &Picture) -> Result<(), Failure> {
        self.open()?.0.write(&all_of(picture))
    }
}

impl Sectors {
    fn operation(&mut self) -> io::Result<&mut Self> {
        self.operations += 1;
        match &mut self.left {
            Some(0) if self.recovers => self.left = None,
            Some(0) => {}
            Some(left) => {
                *left -= 1;
                return Ok(self);
            }
            None => return Ok(self),
        }
        Err(io::Error::new(io::ErrorKind::StorageFull, "no space left on device"))
    }
}

impl StorageBackend for Disk {
    fn len(&self) -> io::Result<u64> {
        Ok(self.sectors().operation()?.written.len() as u64)
    }

    fn read(&self, offset: u64, out: &mut [u8]) -> io::Result<()> {
        let mut sectors = self.sectors();
        let from = usize::try_from(offset).unwrap();
        let part = sectors.operation()?.written.get(from..from + out.len());
        out.copy_from_slice(part.ok_or(io::ErrorKind::UnexpectedEof)?);
        Ok(())
    }

    fn set_len(&self, len: u64) -> io::Result<()> {
        self.sectors().operation()?.written.resize(usize::try_from(len).unwrap(), 0);
        Ok(())
    }

    fn sync_data(&self) -> io::Result<()> {
        let mut sectors = self.sectors();
        let sectors = sectors.operation()?;
        sectors.synced.clone_from(&sectors.written);
        Ok(())
    }

    /// A write that fails has written half.
    fn write(&self, offset: u64, data: &[u8]) -> io::Result<()> {
        let mut sectors = self.sectors();
        let outcome = sectors.operation().map(drop);
        let (from, len) =
            (usize::try_from(offset).unwrap(), data.len() / if outcome.is_ok() { 1 } else { 2 });
        if let Some(part) = sectors.written.get_mut(from..from + len) {
            part.copy_from_slice(&data[..len]);
        }
        outcome
    }
}

#[test]
fn a_save_that_fails_at_any_operation_leaves_the_old_or_the_new() {
    let (old, new) = (picture(1), picture(2));
    let disk = Disk::default();
    disk.save(&old).unwrap();
    let before = disk.sectors().written.clone();
    for recovers in [false, true] {
        let mut operation = 0;
        loop {
            let disk = Disk::failing(&before, operation, recovers);
            let saved = disk.save(&new);
            let Sectors { written, synced, left, .. } = disk.sectors().clone();
            let has_failed = left.is_none() || left == Some(0);
            for (bytes, what) in [(&written, "written"), (&synced, "synced")] {
                let (_, found) = Disk::of(bytes)
                    .open()
                    .unwrap_or_else(|failure| panic!("{what} up to operation {operation}: {failure}"));
                let (is_old, is_new) = (is_same(&found, &old), is_same(&found, &new));
                assert!(is_old || is_new, "{what} up to operation {operation} is neither old nor new");
                assert!(is_new || saved.is_err(), "{what} up to operation {operation}: saved, and not there");
            }
            if !has_failed {
                break;
            }
            operation += 1;
        }
        assert!(operation > 20, "{operation} operations are too few to be all");
    }
}

#[test]
fn a_file_whose_making_failed_is_nothing_or_whole() {
    let mut operation = 0;
    loop {
        let disk = Disk::failing(&[], operation, false);
        let made = disk.save(&picture(1));
        let Sectors { written, left, .. } = disk.sectors().clone();
        match Disk::of(&written).open() {
            Ok((_, found)) if made.is_ok() => assert!(is_same(&found, &picture(1))),
            Ok((_, found)) => assert!(is_same(&found, &picture(1)) || is_same(&found, &Picture::default())),
            Err(failure) => assert!(made.is_err() && matches!(failure, Failure::Damaged(_)), "{failure}"),
        }
        if left != Some(0) {
            break;
        }
        operation += 1;
    }
    assert!(operation > 20, "{operation} operations are too few to be all");
}

/// What the library says of full disks is no damage: nothing is set aside.
#[test]
fn a_full_disk_is_no_damaged_file() {
    let disk = Disk::default();
    disk.save(&picture(1)).unwrap();
    let bytes = disk.sectors().written.clone();
    for operation in 0..200 {
        let failure = Disk::failing(&bytes, operation, false).save(&picture(2));
        assert!(
            matches!(failure, Ok(()) | Err(Failure::Unavailable(_))),
            "operation {operation}: {failure:?}"
        );
    }
    assert!(Database::builder().create_with_backend(Disk::of(b"foreign")).is_err());
}
