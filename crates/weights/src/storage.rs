//! Where a tensor's bytes are.
#![expect(unsafe_code, reason = "mapping a file is unsafe: the one call is fenced here")]

use std::fs::File;
use std::ops::Range;
use std::path::Path;
use std::sync::Arc;

use memmap2::Mmap;

use crate::error::Reason;

/// The bytes of one storage, which several tensors may share.
#[derive(Clone, Debug)]
pub(crate) enum Storage {
    /// A range of the mapped file.
    Mapped(Range<usize>),
    /// Decompressed.
    Held(Arc<[u8]>),
}

impl Storage {
    pub(crate) fn bytes<'a>(&'a self, file: &'a [u8]) -> &'a [u8] {
        match self {
            Self::Mapped(range) => file.get(range.clone()).unwrap_or_default(),
            Self::Held(bytes) => bytes,
        }
    }

    pub(crate) fn len(&self) -> usize {
        match self {
            Self::Mapped(range) => range.len(),
            Self::Held(bytes) => bytes.len(),
        }
    }
}

/// Maps the file at `path`.
pub(crate) fn map(path: &Path) -> Result<Mmap, Reason> {
    let file = File::open(path).map_err(Reason::Io)?;
    let about = file.metadata().map_err(Reason::Io)?;
    if about.is_dir() {
        return Err(Reason::Io(std::io::ErrorKind::IsADirectory.into()));
    }
    // SAFETY: the map must not change while it is borrowed. Weight files are inputs that nobody writes in place while
    // a stage reads them; their digest is part of the stage's key.
    unsafe { Mmap::map(&file) }.map_err(Reason::Io)
}
