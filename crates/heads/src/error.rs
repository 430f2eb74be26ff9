//! What can go wrong.

/// The errors of this crate.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// There is nothing to learn from.
    #[error("there are no {what}")]
    Empty {
        /// "rows" or "columns".
        what: &'static str,
    },
    /// Two things that must have the same length have not.
    #[error("{what}: expected {expected}, found {found}")]
    Shape {
        /// What was counted.
        what: &'static str,
        /// The count required.
        expected: usize,
        /// The count found.
        found: usize,
    },
    /// A column holds what is no finite number.
    #[error("column {column} holds {value} in row {row}, and only finite numbers can be fitted")]
    NotFinite {
        /// The column, from 0, dense ones first.
        column: usize,
        /// The row, from 0.
        row: usize,
        /// The value, as text, because it may be NaN.
        value: String,
    },
    /// All labels are of one class.
    #[error("all {rows} rows are of one class: there is nothing to tell apart")]
    OneClass {
        /// The rows.
        rows: usize,
    },
    /// The bytes are not a model that this crate wrote.
    #[error("the model is damaged: {why}")]
    Damaged {
        /// What was found.
        why: String,
    },
}

impl Error {
    pub(crate) fn damaged(why: impl ToString) -> Self {
        Self::Damaged { why: why.to_string() }
    }
}
