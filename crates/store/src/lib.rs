//! Content-addressed store: digests, blobs, artifacts, results by key, run history.
//!
//! Invariants: whatever has a final name is whole (files are written under a temporary name, flushed and
//! renamed); a blob's name is the digest of its content; a result points to artifacts that were stored before it;
//! a process that dies leaves nothing but its checkpoint folders and temporaries that the next run removes.

pub mod canonical;

mod artifact;
mod blobs;
mod digest;
mod error;
mod kept;
mod layout;
mod locks;
mod results;
mod runs;
mod session;
mod sources;
mod stamp;
mod store;
mod usage;
mod verify;

pub use artifact::{Artifact, FileEntry};
pub use canonical::canonical_json;
pub use digest::Digest;
pub use error::{Error, Result};
pub use kept::Kept;
pub use layout::file_name;
pub use results::ResultRecord;
pub use runs::{RunInfo, RunLog, RunOutcome, RunRecord, RunState, RunSummary};
pub use session::Staging;
pub use store::{KeyLock, Store};
pub use usage::{Size, Usage};
pub use verify::{Fault, Problem};
