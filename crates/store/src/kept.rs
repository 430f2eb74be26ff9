//! The last checkpoints of stages that ended, for longer ones of the same kind to go on from.
//!
//! Invariant: there is at most one for each digest that such stages share, and it is as old as the result that its note
//! names; it is a help and never a result, so whoever uses it checks its content.

use std::fs;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use crate::digest::Digest;
use crate::error::{IoContext, Result};
use crate::layout;
use crate::store::Store;

const NOTE: &str = "kept.json";

/// A checkpoint folder that a stage left when it ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Kept {
    /// The key of the result that the stage ended with.
    pub key: Digest,
    /// The epoch after which it ended.
    pub epoch: usize,
    /// The folder.
    pub path: PathBuf,
}

#[derive(Serialize, Deserialize)]
struct Note {
    key: Digest,
    epoch: usize,
}

impl Store {
    /// What the last stage that shares a digest left.
    pub fn kept(&self, shared: &Digest) -> Option<Kept> {
        self.kept_at(self.layout().kept(shared))
    }

    fn kept_at(&self, path: PathBuf) -> Option<Kept> {
        let Note { key, epoch } = serde_json::from_slice(&fs::read(path.join(NOTE)).ok()?).ok()?;
        Some(Kept { key, epoch, path })
    }

    /// Keeps the checkpoint folder of a key, which ended after `epoch`, in the place of an older one under the digest
    /// `shared`.
    ///
    /// # Errors
    /// When the store cannot be written.
    pub fn keep_partial(&self, key: &Digest, epoch: usize, shared: &Digest) -> Result<()> {
        let session = self.session()?;
        let (from, to) = (self.layout().partial(key), self.layout().kept(shared));
        let note = serde_json::to_vec(&Note { key: *key, epoch }).expect("plain data with text keys");
        fs::write(from.join(NOTE), note).at("write", &from)?;
        let folder = self.layout().keeps();
        fs::create_dir_all(&folder).at("create", &folder)?;
        session.discard_dir(&to)?;
        fs::rename(&from, &to).at("write", &to)
    }

    /// Removes what was kept of results that are gone.
    pub(crate) fn drop_orphans(&self) -> Result<()> {
        for path in layout::list(&self.layout().keeps())? {
            let kept = self.kept_at(path.clone());
            if !kept.is_some_and(|kept| self.layout().result(&kept.key).exists()) {
                self.session()?.discard_dir(&path)?;
            }
        }
        Ok(())
    }
}
