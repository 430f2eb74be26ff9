//! Results: which artifacts a key produced, and the last key of every stage of every recipe. Invariant: a record
//! that is looked up successfully has all its manifests, and all their blobs in full size.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::digest::Digest;
use crate::error::Result;
use crate::store::Store;

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
    /// The result of a key. A damaged one is `None`, and [`Store::take_problems`] tells of it.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub fn lookup(&self, key: &Digest) -> Result<Option<ResultRecord>> {
        let _ = key;
        todo!()
    }

    /// Stores a result under its key, in place of an older one.
    ///
    /// # Errors
    /// When the store cannot be written, or an output is not in it.
    pub fn commit(&self, record: &ResultRecord) -> Result<()> {
        let _ = record;
        todo!()
    }

    /// Notes a result (new or reused) as the latest of its stage in a recipe.
    ///
    /// # Errors
    /// When the store cannot be written.
    pub fn remember(&self, recipe: &str, record: &ResultRecord) -> Result<()> {
        let _ = (recipe, record);
        todo!()
    }

    /// The latest result noted for a stage of a recipe; `None` when there is none or it cannot be read.
    pub fn history_for(&self, stage: &str, recipe: &str) -> Option<ResultRecord> {
        let _ = (recipe, stage);
        todo!()
    }
}
