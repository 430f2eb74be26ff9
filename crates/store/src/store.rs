//! The store's directory and the operations on artifacts.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use crate::artifact::Artifact;
use crate::digest::Digest;
use crate::error::Result;
use crate::verify::Problem;

/// A store directory. Cheap to clone; clones share what they know.
#[derive(Clone, Debug)]
pub struct Store {
    root: PathBuf,
}

/// A private folder under `tmp/`, removed on drop.
#[derive(Debug)]
pub struct Staging {
    path: PathBuf,
}

impl Staging {
    /// The folder.
    pub fn path(&self) -> &Path {
        &self.path
    }
}

/// The right to work on a key, given back on drop or when the process dies.
#[derive(Debug)]
pub struct KeyLock {}

impl Store {
    /// Opens a store for reading and writing; creates it where there is none.
    ///
    /// # Errors
    /// When the directory cannot be made or written, is no store, or has a newer format.
    pub fn open(dir: impl AsRef<Path>) -> Result<Self> {
        Ok(Self { root: dir.as_ref().to_owned() })
    }

    /// Opens a store for reading. A directory that does not exist yet is an empty store.
    ///
    /// # Errors
    /// When the directory is no store, cannot be read, or has a newer format.
    pub fn open_read_only(dir: impl AsRef<Path>) -> Result<Self> {
        Ok(Self { root: dir.as_ref().to_owned() })
    }

    /// The store's directory.
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// Bytes of file content hashed by this store object and its clones; reusing results must not raise it.
    pub fn hashed_bytes(&self) -> u64 {
        todo!()
    }

    /// Takes the damage met since the last call.
    pub fn take_problems(&self) -> Vec<Problem> {
        todo!()
    }

    /// A new private folder on the store's file system.
    ///
    /// # Errors
    /// When it cannot be made.
    pub fn stage_dir(&self) -> Result<Staging> {
        todo!()
    }

    /// Stores the plain files of a folder as an artifact. The files are moved out of the folder.
    ///
    /// # Errors
    /// When the folder holds anything but plain files and folders, or the store cannot be written.
    pub fn put_artifact(
        &self,
        kind: &str,
        meta: serde_json::Value,
        folder: &Path,
    ) -> Result<(Digest, Artifact)> {
        let _ = (kind, meta, folder);
        todo!()
    }

    /// The manifest of an artifact.
    ///
    /// # Errors
    /// When there is none, or it is damaged.
    pub fn artifact(&self, digest: &Digest) -> Result<Artifact> {
        let _ = digest;
        todo!()
    }

    /// Where a blob lies, or would lie.
    pub fn blob_path(&self, digest: &Digest) -> PathBuf {
        let _ = digest;
        todo!()
    }

    /// The paths of an artifact's files by name, after checking size and content of each. A content is hashed
    /// again only if the file is not the one that was hashed last.
    ///
    /// # Errors
    /// [`crate::Error::Damaged`] when a file is missing or wrong; it has been removed then.
    pub fn verified(&self, artifact: &Artifact) -> Result<BTreeMap<String, PathBuf>> {
        let _ = artifact;
        todo!()
    }

    /// The checkpoint folder of a key; it stays until [`Store::drop_partial`].
    ///
    /// # Errors
    /// When it cannot be made.
    pub fn partial(&self, key: &Digest) -> Result<PathBuf> {
        let _ = key;
        todo!()
    }

    /// Removes the checkpoint folder of a key, if there is one.
    ///
    /// # Errors
    /// When it cannot be removed.
    pub fn drop_partial(&self, key: &Digest) -> Result<()> {
        let _ = key;
        todo!()
    }

    /// Waits for the right to work on a key.
    ///
    /// # Errors
    /// When the lock file cannot be made.
    pub fn lock(&self, key: &Digest) -> Result<KeyLock> {
        let _ = key;
        todo!()
    }

    /// The right to work on a key, or `None` when another thread or process has it.
    ///
    /// # Errors
    /// When the lock file cannot be made.
    pub fn try_lock(&self, key: &Digest) -> Result<Option<KeyLock>> {
        let _ = key;
        todo!()
    }

    /// The digest of a file outside the store, from memory when the file is as it was.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub fn source_digest(&self, path: &Path) -> Result<Digest> {
        let _ = path;
        todo!()
    }
}
