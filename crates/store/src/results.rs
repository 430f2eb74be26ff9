//! Results: which artifacts a key produced, and the last key of every stage of every recipe. Invariant: a record
//! that is looked up successfully has all its manifests, and all their blobs in full size.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use crate::canonical::canonical_json;
use crate::digest::Digest;
use crate::error::{Error, IoContext, Result};
use crate::store::Store;
use crate::verify::{Fault, Problem};

/// What running a stage under a key produced.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ResultRecord {
    /// The digest of the key document.
    pub key: Digest,
    /// Everything that determines the outputs, so that a later miss can name the field that changed.
    pub key_document: serde_json::Value,
    /// The artifact of every output port.
    pub outputs: BTreeMap<String, Digest>,
    /// How long the stage ran, in seconds.
    pub seconds: f64,
    /// When it ended, in seconds since 1970.
    pub created: u64,
    /// The stage's name in the recipe that ran it.
    pub stage: String,
    /// A few numbers to show again when the result is reused.
    pub summary: serde_json::Value,
}

impl Store {
    /// The result of a key. A damaged one is `None`, and [`Store::take_problems`] tells of it. Blobs are hashed
    /// only if they are not the files that were hashed last, by identity, size and time.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub fn lookup(&self, key: &Digest) -> Result<Option<ResultRecord>> {
        let path = self.layout().result(key);
        let bytes = match fs::read(&path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            bytes => bytes.at("read", &path)?,
        };
        let record = match parse_record(key, &bytes) {
            Ok(record) => record,
            Err(fault) => {
                self.discard(&path);
                self.report(Problem { path, fault, stages: BTreeSet::new() });
                return Ok(None);
            }
        };
        let mut whole = true;
        for digest in record.outputs.values() {
            for (path, fault) in self.faults(digest)? {
                whole = false;
                self.report(Problem { path, fault, stages: BTreeSet::from([record.stage.clone()]) });
            }
        }
        Ok(whole.then_some(record))
    }

    /// What is wrong with an artifact. Removes what is.
    fn faults(&self, digest: &Digest) -> Result<Vec<(PathBuf, Fault)>> {
        let artifact = match self.artifact(digest) {
            Ok(artifact) => artifact,
            Err(Error::NoArtifact { .. }) => {
                return Ok(vec![(self.layout().artifact(digest), Fault::Missing)]);
            }
            Err(Error::Damaged { path, fault, .. }) => return Ok(vec![(path, *fault)]),
            Err(error) => return Err(error),
        };
        let mut faults = Vec::new();
        for entry in artifact.files.values() {
            if let Some(fault) = self.content_fault(entry)? {
                let path = self.blob_path(&entry.digest);
                self.discard(&path);
                faults.push((path, fault));
            }
        }
        Ok(faults)
    }

    /// Stores a result under its key, in place of an older one.
    ///
    /// # Errors
    /// [`Error::NoArtifact`] when an output is not stored, or when the store cannot be written.
    pub fn commit(&self, record: &ResultRecord) -> Result<()> {
        for digest in record.outputs.values() {
            self.artifact(digest)?;
        }
        let text = canonical_json(record)?;
        self.session()?.write(&self.layout().result(&record.key), text.as_bytes(), true)
    }

    /// Notes a result (new or reused) as the latest of its stage in a recipe.
    ///
    /// # Errors
    /// When the store cannot be written.
    pub fn remember(&self, recipe: &str, record: &ResultRecord) -> Result<()> {
        if self.history_for(&record.stage, recipe).as_ref() == Some(record) {
            return Ok(());
        }
        let text = canonical_json(record)?;
        self.session()?.write(&self.layout().latest(recipe, &record.stage), text.as_bytes(), false)
    }

    /// The latest result noted for a stage of a recipe; `None` when there is none or it cannot be read.
    pub fn history_for(&self, stage: &str, recipe: &str) -> Option<ResultRecord> {
        serde_json::from_slice(&fs::read(self.layout().latest(recipe, stage)).ok()?).ok()
    }
}

/// Reads a record whose key is known.
pub(crate) fn parse_record(key: &Digest, bytes: &[u8]) -> std::result::Result<ResultRecord, Fault> {
    match serde_json::from_slice::<ResultRecord>(bytes) {
        Ok(record) if record.key == *key => Ok(record),
        Ok(record) => Err(Fault::Malformed { reason: format!("it has the key {}", record.key) }),
        Err(error) => Err(Fault::Malformed { reason: error.to_string() }),
    }
}
