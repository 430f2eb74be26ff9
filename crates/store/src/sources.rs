//! Digests of files outside the store. Invariant: a remembered digest is used only for a file with the same path,
//! identity, size and time, and none is remembered that a change within the clock's tick could make wrong.

use std::fs;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::digest::Digest;
use crate::error::{Error, IoContext, Result};
use crate::stamp::{self, Stamp};
use crate::store::Store;

/// How often a file that changes under our hands is read.
const ATTEMPTS: usize = 3;

/// What is remembered of a file.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Source {
    path: PathBuf,
    stamp: Stamp,
    digest: Digest,
}

impl Store {
    /// The digest of a file outside the store, from memory when the file is as it was.
    ///
    /// # Errors
    /// When the file cannot be read, or changes while it is read.
    pub fn source_digest(&self, path: &Path) -> Result<Digest> {
        let path = std::path::absolute(path).at("find", path)?;
        let note = self.layout().source(&path);
        let mut metadata = fs::metadata(&path).at("read", &path)?;
        let known: Option<Source> =
            fs::read(&note).ok().and_then(|bytes| serde_json::from_slice(&bytes).ok());
        if let Some(known) = known.filter(|known| known.path == path && known.stamp == Stamp::of(&metadata)) {
            return Ok(known.digest);
        }
        for _ in 0..ATTEMPTS {
            let racy = stamp::is_racy(&metadata);
            let stamp = Stamp::of(&metadata);
            let digest = self.hash_file(&path)?;
            metadata = fs::metadata(&path).at("read", &path)?;
            if Stamp::of(&metadata) != stamp {
                continue;
            }
            // A path that is not UTF-8 has no JSON and is simply not remembered.
            if !racy && path.to_str().is_some() {
                self.write_hint(&note, &Source { path, stamp, digest });
            }
            return Ok(digest);
        }
        Err(Error::Changing { path })
    }
}
