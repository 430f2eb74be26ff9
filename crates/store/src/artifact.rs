//! Artifacts: what a stage leaves on one output port. Invariant: an artifact's digest is a function of its kind,
//! its files' names and contents, and its meta, and of nothing else.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::canonical::canonical_json;
use crate::digest::Digest;
use crate::error::Result;

/// A kind, named files and small metadata.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Artifact {
    /// What the files mean, for example `weights`.
    pub kind: String,
    /// The files by name; `/` separates folders.
    pub files: BTreeMap<String, FileEntry>,
    /// Small facts about the files, for those who do not want to open them.
    pub meta: serde_json::Value,
}

/// One file of an artifact.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FileEntry {
    /// The digest of the content: the blob's name.
    pub digest: Digest,
    /// Size in bytes.
    pub size: u64,
}

impl Artifact {
    /// The digest of the canonical manifest.
    ///
    /// # Errors
    /// When the meta has no canonical form.
    pub fn digest(&self) -> Result<Digest> {
        Ok(Digest::of_bytes(canonical_json(self)?.as_bytes()))
    }

    /// The sum of the files' sizes in bytes.
    pub fn bytes(&self) -> u64 {
        self.files.values().map(|entry| entry.size).sum()
    }
}
