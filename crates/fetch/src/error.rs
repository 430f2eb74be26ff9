//! Why a file is not there.

use std::io;
use std::path::{Path, PathBuf};

/// Shorthand.
pub type Result<T> = std::result::Result<T, Error>;

/// Why a file is not there.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The server has no such file, or does not give it.
    #[error("`{url}` answers with status {status}{}", named(*.status))]
    Status {
        /// The address.
        url: String,
        /// The HTTP status.
        status: u16,
    },
    /// No connection, or one that broke before an answer.
    #[error("cannot reach `{url}`: {why}")]
    Unreachable {
        /// The address.
        url: String,
        /// What the connection said.
        why: String,
    },
    /// The server sent less than it said it would, every time.
    #[error("`{url}` ended after {got} of {of} bytes")]
    Ended {
        /// The address.
        url: String,
        /// Bytes that came.
        got: u64,
        /// Bytes that were to come.
        of: u64,
    },
    /// One address leads to the next without end.
    #[error("`{url}` leads from address to address, and to no file")]
    Redirects {
        /// The address.
        url: String,
    },
    /// The file is another one.
    #[error("`{url}` is not the file that was asked for: its sha256 is {found}")]
    Digest {
        /// The address.
        url: String,
        /// The digest of what came, in hexadecimal.
        found: String,
    },
    /// A file of this machine cannot be read or written.
    #[error("cannot {action} `{path}`: {source}")]
    Io {
        /// `read` or `write`.
        action: &'static str,
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
}

impl Error {
    /// What to do about it.
    pub fn hint(&self) -> &'static str {
        match self {
            Error::Status { status: 404 | 410, .. } | Error::Redirects { .. } => {
                "look whether the address is still right"
            }
            Error::Status { status: 401 | 403, .. } => {
                "download it by hand, and put it under the same name beside the recipe or into a data folder"
            }
            Error::Status { .. } | Error::Unreachable { .. } | Error::Ended { .. } => {
                "run again to go on from what has come, or put the file under the same name into a data folder"
            }
            Error::Digest { .. } => "if that is the right file, write this digest into the recipe",
            Error::Io { source, .. } if source.kind() == io::ErrorKind::StorageFull => {
                "free some space and run again: what has come is kept"
            }
            Error::Io { .. } => "make it accessible, or choose another store with --store",
        }
    }

    pub(crate) fn io(action: &'static str, path: &Path) -> impl FnOnce(io::Error) -> Error {
        move |source| Error::Io { action, path: path.to_owned(), source }
    }
}

fn named(status: u16) -> &'static str {
    match status {
        401 | 403 => ", access denied",
        404 | 410 => ", no such file",
        429 => ", too many requests",
        500.. => ", a fault of the server",
        _ => "",
    }
}
