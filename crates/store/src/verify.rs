//! Looking for damage. Invariant: after a repair a second look finds nothing, and every stage whose result was
//! damaged is a miss.

use std::collections::BTreeSet;
use std::fmt;
use std::path::PathBuf;

use serde::Serialize;

use crate::digest::Digest;
use crate::error::Result;
use crate::store::Store;

/// What is wrong with a stored file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Fault {
    /// It is not there.
    Missing,
    /// It has another size.
    Size {
        /// Bytes that the manifest promises.
        expected: u64,
        /// Bytes found.
        found: u64,
    },
    /// It has another content.
    Content {
        /// The digest found.
        found: Digest,
    },
    /// It cannot be parsed, or is no plain file.
    Malformed {
        /// What the parser said.
        reason: String,
    },
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Missing => f.write_str("is missing"),
            Self::Size { expected, found } => write!(f, "has {found} bytes instead of {expected}"),
            Self::Content { .. } => f.write_str("has changed content"),
            Self::Malformed { reason } => write!(f, "is malformed: {reason}"),
        }
    }
}

/// A damaged file and whom it concerns.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Problem {
    /// The damaged file.
    pub path: PathBuf,
    /// What is wrong with it.
    pub fault: Fault,
    /// The stages whose results need it, as far as known.
    pub stages: BTreeSet<String>,
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "`{}` {}", self.path.display(), self.fault)?;
        let stages: Vec<&str> = self.stages.iter().map(String::as_str).collect();
        if stages.is_empty() { Ok(()) } else { write!(f, " (needed by {})", stages.join(", ")) }
    }
}

impl Store {
    /// Hashes every blob again and follows every result to its artifacts. With `repair` removes what is damaged
    /// and the results that need it, so that the next run rebuilds them.
    ///
    /// # Errors
    /// When the store cannot be read, or written for a repair.
    pub fn verify(&self, repair: bool) -> Result<Vec<Problem>> {
        let _ = repair;
        todo!()
    }
}
