//! Why a command ends without success, and with which exit code.

use std::io;

use plan::{Blame, StageError};

use crate::context::workers_hint;

/// Shorthand for what commands return.
pub(crate) type Result<T = ()> = std::result::Result<T, Failure>;

/// Why a command ends without success.
#[derive(Debug)]
pub(crate) enum Failure {
    /// The recipe has mistakes: exit 2.
    Recipe(recipe::Report),
    /// Anything that is said in a sentence.
    Said { blame: Blame, message: String, hint: Option<String> },
    /// It has been said already; only the exit code is left.
    Silent(u8),
}

impl Failure {
    pub(crate) fn new(blame: Blame, message: impl Into<String>) -> Self {
        Failure::Said { blame, message: message.into(), hint: None }
    }

    pub(crate) fn usage(message: impl Into<String>) -> Self {
        Failure::new(Blame::Input, message)
    }

    pub(crate) fn hint(self, advice: impl Into<String>) -> Self {
        match self {
            Failure::Said { blame, message, .. } => {
                Failure::Said { blame, message, hint: Some(advice.into()) }
            }
            other => other,
        }
    }

    /// A file that cannot be read or written.
    pub(crate) fn file(action: &str, path: &std::path::Path, error: &io::Error) -> Self {
        Failure::new(Blame::Environment, format!("cannot {action} `{}`: {error}", path.display()))
    }

    pub(crate) fn code(&self) -> u8 {
        match self {
            Failure::Recipe(_) => 2,
            Failure::Said { blame, .. } => code(*blame),
            Failure::Silent(code) => *code,
        }
    }
}

/// The exit code for an error.
pub(crate) fn code(blame: Blame) -> u8 {
    match blame {
        Blame::Input => 2,
        Blame::Environment => 3,
        Blame::Stage => 4,
        Blame::Bug => 70,
    }
}

/// Standard output that nobody reads any more, as after `| head`, ends a command quietly.
impl From<io::Error> for Failure {
    fn from(error: io::Error) -> Self {
        if error.kind() == io::ErrorKind::BrokenPipe {
            return Failure::Silent(0);
        }
        Failure::new(Blame::Environment, format!("cannot write: {error}"))
    }
}

impl From<store::Error> for Failure {
    fn from(error: store::Error) -> Self {
        let failure = Failure::new(Blame::Environment, chain(&error));
        if error.is_disk_full() {
            failure.hint("free some space and run again: finished stages are kept")
        } else if error.is_no_permission() {
            failure.hint("make it accessible, or choose another store with --store")
        } else if matches!(error, store::Error::NotAStore { .. } | store::Error::NotADirectory { .. }) {
            failure.hint("choose a new or empty folder with --store")
        } else if matches!(error, store::Error::Damaged { .. }) {
            failure.hint("run the recipe again: it makes anew what is damaged")
        } else {
            failure
        }
    }
}

impl From<exec::Error> for Failure {
    fn from(error: exec::Error) -> Self {
        match error {
            exec::Error::Store(error) => error.into(),
            other => Failure::new(Blame::Environment, chain(&other)).hint(workers_hint()),
        }
    }
}

impl From<serde_json::Error> for Failure {
    fn from(error: serde_json::Error) -> Self {
        match error.io_error_kind() {
            Some(kind) => io::Error::from(kind).into(),
            None => Failure::new(Blame::Bug, format!("cannot print it as JSON: {error}")),
        }
    }
}

impl From<recipe::Failure> for Failure {
    fn from(failure: recipe::Failure) -> Self {
        match failure {
            recipe::Failure::Diagnostics(report) => Failure::Recipe(report),
            recipe::Failure::Io { path, source } if source.kind() == io::ErrorKind::NotFound => {
                Failure::usage(format!("there is no recipe `{}`", path.display()))
            }
            recipe::Failure::Io { path, source } => Failure::file("read", &path, &source),
        }
    }
}

impl From<recipe::InputFailure> for Failure {
    fn from(failure: recipe::InputFailure) -> Self {
        Failure::usage(chain(&failure))
    }
}

impl From<StageError> for Failure {
    fn from(error: StageError) -> Self {
        Failure::Said { blame: error.blame, message: error.message, hint: error.hint }
    }
}

/// An error with what lies beneath it and adds to it.
fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut next = error.source();
    while let Some(error) = next {
        let cause = error.to_string();
        if !text.contains(&cause) {
            text = format!("{text}: {cause}");
        }
        next = error.source();
    }
    text
}
