//! Digests of files outside the store, and files that were downloaded into it. Invariant: a remembered digest is used only for a file with the same path,
//! identity, size and time, and none is remembered that a change within the clock's tick could make wrong.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use sha2::Digest as _;
use sha2::Sha256;

use crate::digest::Digest;
use crate::error::{Error, IoContext, Result};
use crate::stamp::{self, Stamp};
use crate::store::Store;

/// How often a file that changes under our hands is read.
const ATTEMPTS: usize = 3;

/// What is remembered of a file.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Source<D> {
    path: PathBuf,
    stamp: Stamp,
    digest: D,
}

impl Store {
    /// The digest of a file outside the store, from memory when the file is as it was.
    ///
    /// # Errors
    /// When the file cannot be read, or changes while it is read.
    pub fn source_digest(&self, path: &Path) -> Result<Digest> {
        let path = std::path::absolute(path).at("find", path)?;
        self.remembered(&path, &self.layout().source(&path), |path| self.hash_file(path))
    }

    /// The SHA-256 of a file in lower-case hexadecimal, from memory when the file is as it was.
    ///
    /// # Errors
    /// When the file cannot be read, or changes while it is read.
    pub fn sha256(&self, path: &Path) -> Result<String> {
        let path = std::path::absolute(path).at("find", path)?;
        self.remembered(&path, &self.layout().source_sha256(&path), sha256)
    }

    /// Where a download lies: by its digest, under its own name.
    pub fn download(&self, sha256: &str, name: &str) -> PathBuf {
        self.layout().downloads().join(sha256.to_ascii_lowercase()).join(name)
    }

    fn remembered<D: Clone + Serialize + DeserializeOwned>(
        &self,
        path: &Path,
        note: &Path,
        hash: impl Fn(&Path) -> Result<D>,
    ) -> Result<D> {
        let mut metadata = fs::metadata(path).at("read", path)?;
        let known: Option<Source<D>> =
            fs::read(note).ok().and_then(|bytes| serde_json::from_slice(&bytes).ok());
        if let Some(known) = known.filter(|known| known.path == path && known.stamp == Stamp::of(&metadata)) {
            return Ok(known.digest);
        }
        for _ in 0..ATTEMPTS {
            let racy = stamp::is_racy(&metadata);
            let stamp = Stamp::of(&metadata);
            let digest = hash(path)?;
            metadata = fs::metadata(path).at("read", path)?;
            if Stamp::of(&metadata) != stamp {
                continue;
            }
            // A path that is not UTF-8 has no JSON and is simply not remembered.
            if !racy && path.to_str().is_some() {
                self.write_hint(note, &Source { path: path.to_owned(), stamp, digest: digest.clone() });
            }
            return Ok(digest);
        }
        Err(Error::Changing { path: path.to_owned() })
    }
}

/// The SHA-256 of a file's content in lower-case hexadecimal.
pub(crate) fn sha256(path: &Path) -> Result<String> {
    let mut hasher = Sha256::new();
    let mut file = fs::File::open(path).at("read", path)?;
    io::copy(&mut file, &mut hasher).at("read", path)?;
    Ok(hasher.finalize().iter().map(|byte| format!("{byte:02x}")).collect())
}
