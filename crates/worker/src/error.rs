//! Errors of the crates below as errors of a stage: whose turn it is, and where.

use std::path::Path;

use plan::{Blame, Location, StageError};

use crate::train::blame;

/// Turns an error of a crate below into one of the stage; an extension so that `?` stays readable.
pub(crate) trait OrStage<T> {
    /// The value, or the error with its blame.
    fn or_stage(self) -> Result<T, StageError>;
}

impl<T> OrStage<T> for Result<T, data::Error> {
    fn or_stage(self) -> Result<T, StageError> {
        self.map_err(|error| {
            let blame = match &error {
                data::Error::Io { .. } | data::Error::Missing { .. } | data::Error::Damaged { .. } => {
                    Blame::Environment
                }
                _ => Blame::Input,
            };
            let location = error.place().map(|place| Location {
                file: place.path.clone(),
                line: place.line,
                column: place.column,
            });
            StageError { blame, message: error.to_string(), hint: error.hint(), location }
        })
    }
}

impl<T> OrStage<T> for Result<T, train::Error> {
    fn or_stage(self) -> Result<T, StageError> {
        self.map_err(|error| {
            let hint = match &error {
                train::Error::Diverged { .. } => Some(
                    "lower the learning rate or set clip-gradient; the last whole epoch's checkpoint is kept"
                        .to_owned(),
                ),
                train::Error::NotMoved(_) => {
                    Some("freeze these parameters, or find out why nothing reaches them".to_owned())
                }
                _ => None,
            };
            let message = match &error {
                // The crate's own fragment names the file; what the system said is its source.
                train::Error::Io { source, .. } => format!("{error}: {source}"),
                _ => error.to_string(),
            };
            StageError { blame: blame(&error), message, hint, location: None }
        })
    }
}

impl<T> OrStage<T> for Result<T, nn::Error> {
    fn or_stage(self) -> Result<T, StageError> {
        self.map_err(train::Error::from).or_stage()
    }
}

impl<T> OrStage<T> for Result<T, torch::Error> {
    fn or_stage(self) -> Result<T, StageError> {
        self.map_err(train::Error::from).or_stage()
    }
}

impl<T> OrStage<T> for Result<T, boost::Error> {
    fn or_stage(self) -> Result<T, StageError> {
        self.map_err(|error| StageError::new(Blame::Stage, error.to_string()))
    }
}

impl<T> OrStage<T> for Result<T, report::Error> {
    fn or_stage(self) -> Result<T, StageError> {
        self.map_err(|error| StageError::new(Blame::Stage, error.to_string()))
    }
}

/// An error of the file system.
pub(crate) fn io(path: &Path, error: &std::io::Error) -> StageError {
    let full =
        error.kind() == std::io::ErrorKind::StorageFull || error.kind() == std::io::ErrorKind::QuotaExceeded;
    let message = if full { "the disk is full".to_owned() } else { format!("{}: {error}", path.display()) };
    let error = StageError::new(Blame::Environment, message);
    if full {
        error.hint("free some space and run again: finished stages and epochs are kept")
    } else {
        error
    }
}

/// A file of the store that does not hold what it should.
pub(crate) fn damaged(path: &Path, error: impl std::fmt::Display) -> StageError {
    StageError::new(Blame::Environment, format!("{}: {error}", path.display()))
        .hint("`pipeline cache verify --repair` removes what is damaged; the next run makes it again")
}
