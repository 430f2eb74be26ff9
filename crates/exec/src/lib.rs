//! Runs a plan: finds each stage's key, takes what the store has, runs the rest in worker processes.
//!
//! Invariants: one loop holds all state, and threads only bring it messages; nothing here loads libtorch; jobs,
//! threads and order never change a result; a stage's outputs are in the store before a stage that needs them
//! starts.

mod class;
mod engine;
mod error;
mod event;
mod explain;
mod identity;
mod options;
mod process;
mod summary;
mod task;

pub use engine::run;
pub use error::{Error, Result};
pub use event::{Event, What};
pub use explain::{Explanation, Verdict, explain};
pub use options::{Force, Options, Workers};
pub use summary::{End, StageReport, Summary};
