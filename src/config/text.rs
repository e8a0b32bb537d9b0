//! The text of a file, as far as it is one: bounded and UTF-8.

use super::error::{Error, Problem};
use std::fs::{self, File};
use std::io::{self, Read as _};
use std::path::Path;

/// A larger file is not read. A million domains by name alone fit.
const MAX_BYTES: u64 = 32 << 20;

/// Reads whatever stands at `path`, a pipe for instance.
pub(super) fn read(path: &Path) -> Result<String, Error> {
    let unreadable = |source| Error::Unreadable { path: path.to_owned(), source };
    let mut bytes = Vec::new();
    let mut file = File::open(path).map_err(unreadable)?.take(MAX_BYTES + 1);
    file.read_to_end(&mut bytes).map_err(unreadable)?;
    if file.limit() == 0 {
        return Err(Error::TooLarge { path: path.to_owned(), limit: MAX_BYTES });
    }
    String::from_utf8(bytes).map_err(|error| {
        let valid = &error.as_bytes()[..error.utf8_error().valid_up_to()];
        Error::Invalid { path: path.to_owned(), problem: Problem::not_utf8(valid) }
    })
}

/// Reads a file, and nothing that could keep the reader waiting.
pub(super) fn read_file(path: &Path) -> Result<String, Error> {
    let unreadable = |source| Error::Unreadable { path: path.to_owned(), source };
    if fs::metadata(path).map_err(unreadable)?.is_file() {
        return read(path);
    }
    Err(unreadable(io::Error::new(io::ErrorKind::InvalidInput, "not a file")))
}
