//! What tells a file from its earlier self without reading it. Invariant: equal stamps of a path mean that nobody
//! wrote the file in between, up to programs that set its time back.

use std::fs::Metadata;
use std::os::unix::fs::MetadataExt;
use std::time::{Duration, SystemTime};

use serde::{Deserialize, Serialize};

/// A file changed less than this before it was hashed may change again within the same tick of its file system's
/// clock (git's "racy" rule).
const RACY: Duration = Duration::from_secs(2);

/// Identity, size and modification time of a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Stamp {
    device: u64,
    inode: u64,
    size: u64,
    modified_seconds: i64,
    modified_nanos: i64,
}

impl Stamp {
    pub(crate) fn of(metadata: &Metadata) -> Self {
        Self {
            device: metadata.dev(),
            inode: metadata.ino(),
            size: metadata.len(),
            modified_seconds: metadata.mtime(),
            modified_nanos: metadata.mtime_nsec(),
        }
    }
}

/// Whether a later change could leave the stamp as it is.
pub(crate) fn is_racy(metadata: &Metadata) -> bool {
    match metadata.modified().map(|modified| SystemTime::now().duration_since(modified)) {
        Ok(Ok(age)) => age < RACY,
        // A time in the future, or none at all, says nothing.
        _ => true,
    }
}
