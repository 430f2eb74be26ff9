//! The one error type of the store. Invariant: every variant that a user can cause carries the path, and the
//! operating system's reasons are sorted into "disk full", "no permission" and "not a directory" here only.

use std::io;
use std::path::{Path, PathBuf};

use crate::{Digest, Fault};

/// Shorthand for the store's results.
pub type Result<T> = std::result::Result<T, Error>;

/// What can go wrong in the store.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A component of the path exists and is no directory.
    #[error("`{path}` is not a directory", path = path.display())]
    NotADirectory {
        /// The path asked for.
        path: PathBuf,
    },
    /// The operating system denied reading or writing.
    #[error("no permission to {action} `{path}`", path = path.display())]
    NoPermission {
        /// What was tried, as a verb.
        action: &'static str,
        /// Where it was tried.
        path: PathBuf,
        /// The system's own words.
        source: io::Error,
    },
    /// No space, no quota, or the file would be larger than allowed.
    #[error("disk full: cannot {action} `{path}`", path = path.display())]
    DiskFull {
        /// What was tried, as a verb.
        action: &'static str,
        /// Where it was tried.
        path: PathBuf,
        /// The system's own words.
        source: io::Error,
    },
    /// The directory has files in it and none of them is a store's format version.
    #[error("`{path}` holds other files and is not a store", path = path.display())]
    NotAStore {
        /// The directory.
        path: PathBuf,
    },
    /// The store was written by a newer program.
    #[error("`{path}` has store format {found}, this program knows formats up to {known}", path = path.display())]
    NewerFormat {
        /// The store's directory.
        path: PathBuf,
        /// The format found there.
        found: u32,
        /// The newest format that this program knows.
        known: u32,
    },
    /// A file of the store does not have the form that this program writes.
    #[error("`{path}` is malformed: {reason}", path = path.display())]
    Malformed {
        /// The file.
        path: PathBuf,
        /// What the parser said.
        reason: String,
    },
    /// Writing was asked of a store that was opened for reading.
    #[error("the store `{path}` is open for reading only", path = path.display())]
    ReadOnly {
        /// The store's directory.
        path: PathBuf,
    },
    /// No manifest has this digest.
    #[error("the store has no artifact {digest}")]
    NoArtifact {
        /// The digest asked for.
        digest: Digest,
    },
    /// A blob or manifest is not what its name says. It was removed, so that the next run rebuilds it.
    #[error("damaged artifact {artifact}: `{path}` {fault}", path = path.display(), artifact = artifact.short())]
    Damaged {
        /// The digest that the content should have.
        digest: Digest,
        /// The damaged file.
        path: PathBuf,
        /// The artifact that needs it.
        artifact: Digest,
        /// What is wrong with it.
        fault: Box<Fault>,
    },
    /// An artifact may hold plain files only, with names in UTF-8.
    #[error("`{path}` cannot be part of an artifact: {reason}", path = path.display())]
    NotPlainFile {
        /// The offending entry.
        path: PathBuf,
        /// Why it is refused.
        reason: &'static str,
    },
    /// A file changed while it was read.
    #[error("`{path}` changed while it was being read", path = path.display())]
    Changing {
        /// The file.
        path: PathBuf,
    },
    /// A value has no canonical JSON form.
    #[error("{}{reason}", if at.is_empty() { String::new() } else { format!("`{at}`: ") })]
    NotCanonical {
        /// The path of keys to the value, with dots.
        at: String,
        /// Why it has none.
        reason: String,
    },
    /// A text is not 64 hexadecimal digits.
    #[error("`{text}` is not a digest: 64 hexadecimal digits expected")]
    BadDigest {
        /// The text.
        text: String,
    },
    /// Any other failure of the operating system.
    #[error("cannot {action} `{path}`", path = path.display())]
    Io {
        /// What was tried, as a verb.
        action: &'static str,
        /// Where it was tried.
        path: PathBuf,
        /// The system's own words.
        source: io::Error,
    },
}

impl Error {
    /// Sorts a failure of the operating system into the variant that names its cause.
    pub fn io(action: &'static str, path: impl Into<PathBuf>, source: io::Error) -> Self {
        let path = path.into();
        match source.kind() {
            io::ErrorKind::NotADirectory => Self::NotADirectory { path },
            io::ErrorKind::PermissionDenied | io::ErrorKind::ReadOnlyFilesystem => {
                Self::NoPermission { action, path, source }
            }
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded | io::ErrorKind::FileTooLarge => {
                Self::DiskFull { action, path, source }
            }
            _ => Self::Io { action, path, source },
        }
    }

    /// Whether freeing disk space would help.
    pub fn is_disk_full(&self) -> bool {
        matches!(self, Self::DiskFull { .. })
    }

    /// Whether the operating system denied access.
    pub fn is_no_permission(&self) -> bool {
        matches!(self, Self::NoPermission { .. })
    }

    /// Whether stored content is missing or wrong, so that running the stage again cures it.
    pub fn is_damaged(&self) -> bool {
        matches!(self, Self::Damaged { .. } | Self::NoArtifact { .. })
    }

    /// Whether the file asked for does not exist.
    pub fn is_not_found(&self) -> bool {
        matches!(self, Self::Io { source, .. } if source.kind() == io::ErrorKind::NotFound)
    }
}

/// Attaches an action and a path to the operating system's errors.
pub(crate) trait IoContext<T> {
    /// Sorts the error, as [`Error::io`] does.
    fn at(self, action: &'static str, path: &Path) -> Result<T>;
}

impl<T> IoContext<T> for io::Result<T> {
    fn at(self, action: &'static str, path: &Path) -> Result<T> {
        self.map_err(|source| Error::io(action, path, source))
    }
}
