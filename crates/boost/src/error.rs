//! What can go wrong while fitting, loading or applying a boosted model.

/// The errors of this crate.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The LightGBM library was found in none of the places searched.
    #[error(
        "the LightGBM library was not found (set {variable} to its file; looked at: {})",
        .tried.join(", ")
    )]
    LibraryMissing {
        /// Environment variable that names the library's file.
        variable: &'static str,
        /// Places searched, in order.
        tried: Vec<String>,
    },
    /// A file with the library's name was found and could not be used.
    #[error("the LightGBM library at {path} cannot be used: {why}")]
    LibraryUnusable {
        /// The file opened.
        path: String,
        /// What the loader said.
        why: String,
    },
    /// LightGBM refused a call.
    #[error("LightGBM failed in {call}: {message}")]
    Backend {
        /// Function of its C interface.
        call: &'static str,
        /// Its own message.
        message: String,
    },
    /// There is nothing to learn from.
    #[error("there are no {what}")]
    Empty {
        /// "training rows", "validation rows" or "columns".
        what: &'static str,
    },
    /// Two things that must have the same length have not.
    #[error("{what}: expected {expected}, found {found}")]
    Shape {
        /// What was counted.
        what: String,
        /// The count required.
        expected: usize,
        /// The count found.
        found: usize,
    },
    /// A table lacks a column, or has columns in another order.
    #[error("column {position} must be `{expected}`, found `{found}`")]
    Column {
        /// Position, from 0, among the columns of its kind.
        position: usize,
        /// The name seen in training.
        expected: String,
        /// The name found.
        found: String,
    },
    /// A label is not one that the objective allows.
    #[error("the label of {split} row {row} is {value}, expected {expected}")]
    Label {
        /// "training" or "validation".
        split: &'static str,
        /// Row, from 0.
        row: usize,
        /// The label, as text, because it may be NaN.
        value: String,
        /// What the objective allows.
        expected: String,
    },
    /// All training labels are of one class.
    #[error("all {rows} training rows are of class {class}: there is nothing to tell apart")]
    OneClass {
        /// Training rows.
        rows: usize,
        /// The only class.
        class: usize,
    },
    /// A parameter is outside its range.
    #[error("parameter `{name}` is {value}, expected {expected}")]
    Parameter {
        /// Field of `Params`.
        name: &'static str,
        /// The value given.
        value: String,
        /// The range.
        expected: &'static str,
    },
    /// The bytes are not a model that this crate wrote.
    #[error("the boosted model is damaged: {why}")]
    Damaged {
        /// What was found.
        why: String,
    },
}

impl Error {
    pub(crate) fn damaged(why: impl Into<String>) -> Self {
        Self::Damaged { why: why.into() }
    }
}
