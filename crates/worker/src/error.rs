//! Errors of the crates below as errors of a stage: whose turn it is, and where.

use std::error::Error;
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
            let hint = advice(&error).or(error.hint());
            StageError { blame, message: words(&error), hint, location }
        })
    }
}

impl<T> OrStage<T> for Result<T, train::Error> {
    fn or_stage(self) -> Result<T, StageError> {
        self.map_err(|error| {
            let hint = match &error {
                train::Error::Diverged { rate, .. } => Some(format!(
                    "try lr = {:.0e}, or limit the gradient: clip-gradient = {{ norm = 1.0 }}",
                    rate / 10.0
                )),
                train::Error::Module(nn::Error::TooLong { most, .. }) => Some(stages::shorter_texts(most)),
                train::Error::NoRate => Some("give the optimizer a number as lr, such as 1e-3".to_owned()),
                train::Error::Half => {
                    Some("say precision = \"bfloat16\", or run it with --device cuda".to_owned())
                }
                train::Error::NotMoved(_) => {
                    Some("freeze these parameters, or find out why nothing reaches them".to_owned())
                }
                _ => None,
            };
            let hint = advice(&error).or(hint);
            StageError { blame: blame(&error), message: words(&error), hint, location: None }
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
pub(crate) fn io(path: &Path, error: &std::io::Error) -> StageError {
    let message = format!("{}: {}", path.display(), words(error));
    StageError { hint: advice(error), ..StageError::new(Blame::Environment, message) }
}

/// What an error says, and what its causes add to that: a crate's own fragment names the file, its cause is what
/// the system said.
fn words(error: &(dyn Error + 'static)) -> String {
    let mut text = error.to_string();
    for cause in causes(error).skip(1).map(ToString::to_string) {
        if !text.contains(&cause) {
            text = format!("{text}: {cause}");
        }
    }
    text
}

/// What helps when the disk is full, whatever wrote to it.
fn advice(error: &(dyn Error + 'static)) -> Option<String> {
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
pub(crate) fn damaged(path: &Path, error: impl std::fmt::Display) -> StageError {
    StageError::new(Blame::Environment, format!("{}: {error}", path.display()))
        .hint("`pipeline cache verify --repair` removes what is damaged; the next run makes it again")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_full_disk_is_named_however_deep_it_lies() {
        let full = || std::io::Error::from(std::io::ErrorKind::StorageFull);
        let checkpoint = torch::Error::Io { path: "tensors.safetensors".into(), source: full() };
        let deep = Err::<(), _>(checkpoint).or_stage().unwrap_err();
        let encoded = data::Error::Io { path: "data.safetensors".into(), source: full() };
        let encoded = Err::<(), _>(encoded).or_stage().unwrap_err();
        for error in [deep, encoded, io(Path::new("a"), &full())] {
            assert_eq!(error.blame, Blame::Environment, "{error:?}");
            assert!(error.hint.is_some_and(|hint| hint.starts_with("free some space")));
            assert_eq!(error.message.matches("no storage space").count(), 1, "{}", error.message);
        }
    }
}
