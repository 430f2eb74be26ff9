//! A file mapped into memory, read only.
#![expect(unsafe_code, reason = "mapping a file is unsafe: the one call is fenced here")]

use std::fs::File;
use std::path::Path;

use memmap2::Mmap;

use crate::error::Error;

/// Maps the file at `path`.
pub(crate) fn map(path: &Path) -> Result<Mmap, Error> {
    let file = File::open(path).map_err(|error| Error::io(path, error))?;
    // SAFETY: the map must not change while it is borrowed. Data sets live in artifacts, which are written once
    // under another name and never changed in place.
    unsafe { Mmap::map(&file) }.map_err(|error| Error::io(path, error))
}
