//! Errors of the crates below as errors of a stage: whose turn it is, and where.

use std::error::Error;
use std::path::Path;

use plan::{Blame, Location, StageError};

/// Turns an error of a crate below into one of the stage; an extension so that `?` stays readable.
pub trait OrStage<T> {
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
            let hint = advice(&error).or(error.hint());
            StageError { blame, message: words(&error), hint, location }
        })
    }
}

impl<T> OrStage<T> for Result<T, stages::UnknownClass> {
    fn or_stage(self) -> Result<T, StageError> {
        self.map_err(|error| StageError::new(Blame::Input, error.to_string()))
    }
}

impl<T> OrStage<T> for Result<T, heads::Error> {
    fn or_stage(self) -> Result<T, StageError> {
        self.map_err(|error| {
            let blame = match &error {
                heads::Error::Damaged { .. } => Blame::Environment,
                heads::Error::NotFinite { .. } | heads::Error::OneClass { .. } => Blame::Input,
                _ => Blame::Stage,
            };
            StageError::new(blame, error.to_string())
        })
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
pub fn io(path: &Path, error: &std::io::Error) -> StageError {
    let message = format!("{}: {}", path.display(), words(error));
    StageError { hint: advice(error), ..StageError::new(Blame::Environment, message) }
}

/// What an error says, and what its causes add to that: a crate's own fragment names the file, its cause is what
/// the system said.
pub fn words(error: &(dyn Error + 'static)) -> String {
    let mut text = error.to_string();
    for cause in causes(error).skip(1).map(ToString::to_string) {
        if !text.contains(&cause) {
            text = format!("{text}: {cause}");
        }
    }
    text
}

/// What helps when the disk is full, whatever wrote to it.
pub fn advice(error: &(dyn Error + 'static)) -> Option<String> {
    let full = causes(error).filter_map(|cause| cause.downcast_ref::<std::io::Error>()).any(|error| {
        matches!(error.kind(), std::io::ErrorKind::StorageFull | std::io::ErrorKind::QuotaExceeded)
    });
    full.then(|| "free some space and run again: finished stages and epochs are kept".to_owned())
}

/// The error, then its cause, then the cause of that.
fn causes<'a>(error: &'a (dyn Error + 'static)) -> impl Iterator<Item = &'a (dyn Error + 'static)> {
    std::iter::successors(Some(error), |&error| error.source())
}

/// A file of the store that does not hold what it should.
pub fn damaged(path: &Path, error: impl std::fmt::Display) -> StageError {
    StageError::new(Blame::Environment, format!("{}: {error}", path.display()))
        .hint("`pipeline cache verify --repair` removes what is damaged; the next run makes it again")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_full_disk_is_named() {
        let full = || std::io::Error::from(std::io::ErrorKind::StorageFull);
        let encoded = data::Error::Io { path: "data.safetensors".into(), source: full() };
        let encoded = Err::<(), _>(encoded).or_stage().unwrap_err();
        for error in [encoded, io(Path::new("a"), &full())] {
            assert_eq!(error.blame, Blame::Environment, "{error:?}");
            assert!(error.hint.is_some_and(|hint| hint.starts_with("free some space")));
            assert_eq!(error.message.matches("no storage space").count(), 1, "{}", error.message);
        }
    }
}
