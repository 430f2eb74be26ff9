//! One error type, and the guard that turns panics of `tch` into it.
//!
//! Invariant: a message is one line of text, never a C++ stack trace.

use std::any::Any;
use std::cell::Cell;
use std::io;
use std::panic::{self, AssertUnwindSafe};
use std::path::PathBuf;
use std::sync::Once;

use tch::TchError;

/// What can go wrong at libtorch's side of the fence.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// libtorch refused an operation; the first line of what it said.
    #[error("libtorch: {0}")]
    Libtorch(String),
    /// Guarded code panicked for a reason of its own.
    #[error("internal error: {0}")]
    Panicked(String),
    /// A device was asked for in words that name none.
    #[error("unknown device `{0}`: expected `auto`, `cpu`, `cuda` or `cuda:N`")]
    UnknownDevice(String),
    /// A GPU was asked for and there is none to use.
    #[error("device `{wanted}` is not available: {reason}")]
    NoDevice {
        /// The device as it was asked for.
        wanted: String,
        /// Why it cannot be used.
        reason: String,
    },
    /// The CUDA part of libtorch is there and could not be opened.
    #[error("cannot open {}: {reason}", path.display())]
    CudaLibrary {
        /// The library.
        path: PathBuf,
        /// The loader's message.
        reason: String,
    },
    /// A weight file could not be read or written.
    #[error("cannot access {}", path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// The system's error.
        source: io::Error,
    },
    /// A weight file holds something else than tensors, or was cut short.
    #[error("{} is not a usable safetensors file: {reason}", path.display())]
    Format {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// A tensor has a kind that a weight file cannot hold.
    #[error("tensor `{name}` has kind {kind:?}, which safetensors cannot hold")]
    Kind {
        /// The tensor's name.
        name: String,
        /// Its kind.
        kind: tch::Kind,
    },
    /// A recurrent layer was called with tensors that do not fit together.
    #[error("recurrent layer: {0}")]
    Recurrent(String),
}

impl From<TchError> for Error {
    fn from(error: TchError) -> Self {
        match error {
            TchError::Torch(message) => Self::Libtorch(first_line(&message)),
            other => Self::Libtorch(first_line(&other.to_string())),
        }
    }
}

pub(crate) fn first_line(message: &str) -> String {
    message.lines().next().unwrap_or_default().trim_end().to_owned()
}

thread_local! {
    static GUARDED: Cell<usize> = const { Cell::new(0) };
}

struct Guarded;

impl Guarded {
    fn enter() -> Self {
        GUARDED.with(|depth| depth.set(depth.get() + 1));
        Self
    }
}

impl Drop for Guarded {
    fn drop(&mut self) {
        GUARDED.with(|depth| depth.set(depth.get() - 1));
    }
}

/// Keeps the default report of a panic off standard error where the panic becomes an [`Error`] anyway.
fn quiet_guarded_panics() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        let previous = panic::take_hook();
        panic::set_hook(Box::new(move |info| {
            if GUARDED.with(Cell::get) == 0 {
                previous(info);
            }
        }));
    });
}

/// Runs `body` and turns a panic inside it into an [`Error`].
///
/// `tch`'s methods without the `f_` prefix panic on every libtorch error; code that uses them runs inside a guard.
/// Gradient mode switched with [`crate::no_grad_guard`] is restored when the panic unwinds ([`crate::no_grad`] does
/// not restore it).
///
/// # Errors
/// [`Error::Libtorch`] for what libtorch refused, [`Error::Panicked`] for any other panic.
pub fn guard<T>(body: impl FnOnce() -> T) -> Result<T, Error> {
    quiet_guarded_panics();
    let guarded = Guarded::enter();
    let result = panic::catch_unwind(AssertUnwindSafe(body));
    drop(guarded);
    result.map_err(|payload| from_panic(payload.as_ref()))
}

/// [`guard`] for a body that can fail with an error of its own.
///
/// # Errors
/// The body's error, or a panic as in [`guard`].
pub fn try_guard<T, E: From<Error>>(body: impl FnOnce() -> Result<T, E>) -> Result<T, E> {
    guard(body)?
}

fn from_panic(payload: &(dyn Any + Send)) -> Error {
    let message = match (payload.downcast_ref::<String>(), payload.downcast_ref::<&str>()) {
        (Some(message), _) => message.as_str(),
        (None, Some(message)) => message,
        (None, None) => "panic without a message",
    };
    // `tch` unwraps, so the message is the debug form of its error: `... value: Torch("text\nmore")`
    let Some((_, debug)) = message.split_once("on an `Err` value: ") else {
        return Error::Panicked(first_line(message));
    };
    match debug.strip_prefix("Torch(\"") {
        Some(text) => Error::Libtorch(first_escaped_line(text)),
        None => Error::Libtorch(first_line(debug)),
    }
}

/// The first line of a string in Rust's debug form, from behind the opening quote.
fn first_escaped_line(text: &str) -> String {
    let mut line = String::new();
    let mut characters = text.chars();
    while let Some(character) = characters.next() {
        match character {
            '"' => break,
            '\\' => match characters.next() {
                Some('n') | None => break,
                Some('t') => line.push(' '),
                Some(escaped) => line.push(escaped),
            },
            other => line.push(other),
        }
    }
    line
}
