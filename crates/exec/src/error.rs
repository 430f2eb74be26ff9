//! Errors that end a run before or between its stages, and how the store's errors become a stage's.

use std::error::Error as _;
use std::path::PathBuf;

use plan::{Blame, StageError};

/// Shorthand for the engine's results.
pub type Result<T> = std::result::Result<T, Error>;

/// What keeps a run from starting.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The store cannot be read or written.
    #[error(transparent)]
    Store(#[from] store::Error),
    /// The worker program cannot be started.
    #[error("cannot start the worker `{path}`", path = path.display())]
    Start {
        /// The program.
        path: PathBuf,
        /// The system's own words.
        source: std::io::Error,
    },
    /// The worker program does not tell its numerics class.
    #[error("the worker `{path}` does not work: {reason}", path = path.display())]
    Class {
        /// The program.
        path: PathBuf,
        /// Its last words.
        reason: String,
    },
}

/// An error with all that lies beneath it: `cannot open `x`: Permission denied`.
pub(crate) fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut next = error.source();
    while let Some(error) = next {
        text = format!("{text}: {error}");
        next = error.source();
    }
    text
}

/// What a failure of the store means for the stage that met it.
pub(crate) fn from_store(error: &store::Error) -> StageError {
    // A value without a canonical form comes out of a stage's own meta: ours, not the machine's.
    let blame = match error {
        store::Error::NotCanonical { .. } | store::Error::NotPlainFile { .. } => Blame::Bug,
        _ => Blame::Environment,
    };
    let failure =
        StageError::new(blame, if error.source().is_some() { chain(error) } else { error.to_string() });
    if error.is_disk_full() {
        failure.hint("free some space and run again: finished stages are kept")
    } else if error.is_no_permission() {
        failure.hint("make the store writable, or choose another with --store")
    } else {
        failure
    }
}
