//! What takes the space. Invariant: a blob that several artifacts share counts once in the total.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io;
use std::path::Path;

use serde::Serialize;

use crate::error::{IoContext, Result};
use crate::layout;
use crate::store::Store;
use crate::verify::Census;

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
    /// Last checkpoints of stages that ended, for longer ones to go on from.
    pub kept: Size,
    /// Downloaded files, also those that have come in part.
    pub downloads: Size,
    /// Folders of processes that are writing, or died writing.
    pub temporary: Size,
}

impl Size {
    fn add(&mut self, bytes: u64) {
        self.count += 1;
        self.bytes += bytes;
    }
}

impl Store {
    /// Adds up the space that the store takes.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub fn du(&self) -> Result<Usage> {
        let census = Census::take(self)?;
        let mut usage = Usage::default();
        let mut live = BTreeSet::new();
        let mut counted = BTreeSet::new();
        for (digest, artifact) in &census.artifacts {
            let size = usage.kinds.entry(artifact.kind.clone()).or_default();
            size.count += 1;
            for entry in artifact.files.values() {
                if counted.insert((artifact.kind.as_str(), entry.digest)) {
                    size.bytes += entry.size;
                }
            }
            if census.needed_by.contains_key(digest) {
                live.extend(artifact.files.values().map(|entry| entry.digest));
            }
        }
        for path in layout::shard_files(&self.layout().blobs())? {
            let bytes = fs::symlink_metadata(&path).at("read", &path)?.len();
            usage.blobs.add(bytes);
            if !layout::named_digest(&path).is_some_and(|digest| live.contains(&digest)) {
                usage.unreferenced.add(bytes);
            }
        }
        for path in layout::list(&self.layout().partials())? {
            usage.partials.add(bytes_below(&path)?);
        }
        for path in layout::list(&self.layout().keeps())? {
            usage.kept.add(bytes_below(&path)?);
        }
        for path in layout::shard_files(&self.layout().downloads())? {
            usage.downloads.add(bytes_below(&path)?);
        }
        for path in layout::list(&self.layout().tmp())? {
            if path.is_dir() {
                usage.temporary.add(bytes_below(&path)?);
            }
        }
        Ok(usage)
    }
}

/// The bytes of the files below a folder. Files that vanish meanwhile count nothing.
fn bytes_below(path: &Path) -> Result<u64> {
    match fs::symlink_metadata(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(0),
        Ok(metadata) if metadata.is_dir() => layout::list(path)?.iter().map(|entry| bytes_below(entry)).sum(),
        metadata => Ok(metadata.at("read", path)?.len()),
    }
}
