//! Errors of networks and their training as errors of a stage: whose turn it is, and what helps.

use plan::{Blame, StageError};
use rows::error::{advice, words};

/// Turns an error of a crate below into one of the stage; an extension so that `?` stays readable.
pub(crate) trait OrStage<T> {
    /// The value, or the error with its blame.
    fn or_stage(self) -> Result<T, StageError>;
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

/// Whose turn it is after an error of training.
fn blame(error: &train::Error) -> Blame {
    match error {
        train::Error::Io { .. }
        | train::Error::Data(
            data::Error::Io { .. } | data::Error::Missing { .. } | data::Error::Damaged { .. },
        )
        | train::Error::Half
        | train::Error::NoRoom => Blame::Environment,
        train::Error::Data(_)
        | train::Error::NoRows(_)
        | train::Error::NeverDefined { .. }
        | train::Error::NoLabel
        | train::Error::OtherLabel { .. }
        | train::Error::NoGoal(_)
        | train::Error::Classes { .. }
        | train::Error::UnknownClass(_)
        | train::Error::Width { .. }
        | train::Error::Column { .. }
        | train::Error::Features(_)
        | train::Error::Setting(_)
        | train::Error::Module(nn::Error::TooLong { .. })
        | train::Error::NothingToTrain => Blame::Input,
        train::Error::Torch(error) => torch_blame(error),
        train::Error::Module(nn::Error::Torch(error)) => torch_blame(error),
        _ => Blame::Stage,
    }
}

/// Whose turn it is after an error of libtorch or of a device.
fn torch_blame(error: &torch::Error) -> Blame {
    match error {
        torch::Error::Libtorch(_) => Blame::Stage,
        _ => Blame::Environment,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_full_disk_is_named_however_deep_it_lies() {
        let source = std::io::Error::from(std::io::ErrorKind::StorageFull);
        let checkpoint = torch::Error::Io { path: "tensors.safetensors".into(), source };
        let error = Err::<(), _>(checkpoint).or_stage().unwrap_err();
        assert_eq!(error.blame, Blame::Environment, "{error:?}");
        assert!(error.hint.is_some_and(|hint| hint.starts_with("free some space")));
        assert_eq!(error.message.matches("no storage space").count(), 1, "{}", error.message);
    }
}
