//! The compiled experiment: diagnostics, the typed stage DAG, its keys, and what engine and worker say to each other.
//!
//! Invariant: nothing here reads a file, a clock or the environment, and nothing here knows what a stage kind does.

mod diagnostic;
mod key;
mod message;
mod plan;
mod variant;

pub use diagnostic::{Anchor, Diagnostic, Place, Segment};
pub use key::{InputDigest, KeyDocument};
pub use message::{
    Artifact, Blame, FromWorker, Location, Outcome, Output, Progress, StageError, Task, TaskInput, ToWorker,
    Value,
};
pub use plan::{ArtifactKind, Extent, Input, Need, Origin, Plan, Port, Source, Stage};
pub use variant::{Group, Variant};
