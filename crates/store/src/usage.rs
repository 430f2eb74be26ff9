//! What takes the space. Invariant: a blob that several artifacts share counts once in the total.

use std::collections::BTreeMap;

use serde::Serialize;

use crate::error::Result;
use crate::store::Store;

/// A count and a sum of bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Size {
    /// How many: artifacts, folders or blobs.
    pub count: u64,
    /// Their size in bytes.
    pub bytes: u64,
}

/// The space that a store takes.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Usage {
    /// Artifacts by kind, with the bytes of their distinct blobs.
    pub kinds: BTreeMap<String, Size>,
    /// All blobs, each once.
    pub blobs: Size,
    /// Blobs that no result leads to.
    pub unreferenced: Size,
    /// Checkpoint folders of stages that have not ended.
    pub partials: Size,
    /// Folders of processes that are writing, or died writing.
    pub temporary: Size,
}

impl Store {
    /// Adds up the space that the store takes.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub fn du(&self) -> Result<Usage> {
        todo!()
    }
}
