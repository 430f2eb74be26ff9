//! What can go wrong with data, each with the place in the file where there is one.

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};

use crate::check::ChainProblem;
use crate::source::Problem;

/// A place in a text file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    /// The file.
    pub path: PathBuf,
    /// The physical line, from 1.
    pub line: u64,
    /// The character in that line, from 1.
    pub column: u64,
}

impl Place {
    /// The place of the byte at `offset` of `text`, which is what the file at `path` holds.
    pub(crate) fn of(path: &Path, text: &str, offset: usize) -> Self {
        let before = &text[..offset];
        let bytes = before.as_bytes();
        let (mut line, mut start) = (1, if text.starts_with('\u{feff}') { 3.min(offset) } else { 0 });
        for at in memchr::memchr2_iter(b'\n', b'\r', bytes) {
            let in_pair = bytes[at] == b'\r' && text.as_bytes().get(at + 1) == Some(&b'\n');
            if !in_pair {
                line += 1;
                start = at + 1;
            }
        }
        Self { path: path.into(), line, column: before[start..].chars().count() as u64 + 1 }
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}:{}", self.path.display(), self.line, self.column)
    }
}

/// What can go wrong with data.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// There is no such file.
    #[error("{}: no such file", path.display())]
    Missing {
        /// The file.
        path: PathBuf,
    },
    /// The system refused to read or write.
    #[error("{}: {source}", path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// Neither the declaration nor the name says the format.
    #[error("{}: the name does not say the format", path.display())]
    Format {
        /// The file.
        path: PathBuf,
    },
    /// The file holds nothing.
    #[error("{}: the file is empty", path.display())]
    Empty {
        /// The file.
        path: PathBuf,
    },
    /// The file ends after its header.
    #[error("{}: the file has a header and no rows", path.display())]
    HeaderOnly {
        /// The file.
        path: PathBuf,
    },
    /// Two columns have one name.
    #[error("{place}: the column `{name}` is there twice")]
    DuplicateColumn {
        /// Where the second is.
        place: Place,
        /// Its name.
        name: String,
    },
    /// The file is not UTF-8.
    #[error("{place}: the text is not UTF-8")]
    NotUtf8 {
        /// Where the first bad byte is.
        place: Place,
        /// The encoding that the file's first bytes announce.
        looks_like: Option<&'static str>,
    },
    /// A row has more or fewer fields than the header.
    #[error("{place}: the row has {found} fields, the header {expected}")]
    Ragged {
        /// Where the first field too many is, or where the row ends.
        place: Place,
        /// Fields of the header.
        expected: usize,
        /// Fields of the row.
        found: usize,
    },
    /// The file ends within a quoted field.
    #[error("{place}: the quoted field that starts here never ends")]
    UnclosedQuote {
        /// Where the field starts.
        place: Place,
    },
    /// The compressed file is damaged or cut off.
    #[error("{}: {reason}", path.display())]
    Gzip {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// The split cannot be carried out.
    #[error("{}: {}", path.display(), problems.first().map_or("bad split", |problem| &problem.message))]
    Split {
        /// The data.
        path: PathBuf,
        /// All that is wrong.
        problems: Vec<Problem>,
    },
    /// A cell of the split column names no part.
    #[error("{place}: `{cell}` in column `{column}` names no part")]
    SplitCell {
        /// Where the cell is.
        place: Place,
        /// The split column.
        column: String,
        /// The cell.
        cell: String,
    },
    /// The table lacks a column.
    #[error("{}: no column `{column}`", path.display())]
    UnknownColumn {
        /// The file.
        path: PathBuf,
        /// The wanted column.
        column: String,
        /// The nearest names first; all names where none is near.
        nearest: Vec<String>,
    },
    /// A column's chain does not type-check.
    #[error("column `{column}`: {}", problems.first().map_or("bad chain", |problem| &problem.message))]
    Chain {
        /// The column.
        column: String,
        /// All that is wrong.
        problems: Vec<ChainProblem>,
    },
    /// No column was declared.
    #[error("no column to encode")]
    NoColumns,
    /// The label is also an input.
    #[error("the label `{column}` is also an input column")]
    LabelIsInput {
        /// The column.
        column: String,
    },
    /// The split leaves no row to fit on.
    #[error("{}: no training rows to fit on", path.display())]
    NoTrainingRows {
        /// The file.
        path: PathBuf,
    },
    /// A cell is not a number.
    #[error("{place}: `{cell}` in column `{column}` is not a finite number")]
    NotANumber {
        /// Where the cell is.
        place: Place,
        /// The column.
        column: String,
        /// The cell.
        cell: String,
    },
    /// A cell is not a date of the declared forms.
    #[error("{place}: `{cell}` in column `{column}` is not a date like {}", formats.join(" or "))]
    NotADate {
        /// Where the cell is.
        place: Place,
        /// The column.
        column: String,
        /// The cell.
        cell: String,
        /// The forms.
        formats: Vec<String>,
    },
    /// A step has no finite result for a number.
    #[error("{place}: `{step}` makes no finite number of `{cell}` in column `{column}`")]
    NoResult {
        /// Where the cell is.
        place: Place,
        /// The column.
        column: String,
        /// The cell.
        cell: String,
        /// The step.
        step: &'static str,
    },
    /// The training rows have nothing that a step could learn from.
    #[error("column `{column}`: the training rows leave nothing for `{step}` to learn from")]
    NothingToLearn {
        /// The column.
        column: String,
        /// The step.
        step: &'static str,
    },
    /// A block has too few rows or numbers for as many directions, or too many numbers.
    #[error("column `{column}`: `pca` cannot find that many directions in {rows} rows of {width} numbers")]
    Directions {
        /// The column.
        column: String,
        /// The training rows.
        rows: usize,
        /// The numbers of a row.
        width: usize,
    },
    /// A label's cell is empty.
    #[error("{place}: the label in column `{column}` is empty")]
    EmptyLabel {
        /// Where the cell is.
        place: Place,
        /// The column.
        column: String,
    },
    /// A label that training never saw.
    #[error("{place}: the label `{cell}` in column `{column}` is none of the classes {}", classes.join(", "))]
    UnknownLabel {
        /// Where the cell is.
        place: Place,
        /// The column.
        column: String,
        /// The cell.
        cell: String,
        /// The classes of the training rows.
        classes: Vec<String>,
    },
    /// A label with too many classes.
    #[error("{}: the label `{column}` has more than {limit} classes", path.display())]
    TooManyClasses {
        /// The file.
        path: PathBuf,
        /// The column.
        column: String,
        /// The most that are taken for classes.
        limit: usize,
    },
    /// A label was asked of a transform that was fitted without one.
    #[error("the transform was fitted without a label")]
    NoLabel,
    /// An index does not fit in the 32 bits of its tensor.
    #[error("column `{column}`: more than 2147483647 different values")]
    TooManyValues {
        /// The column.
        column: String,
    },
    /// A stored transform or data set is not what was written.
    #[error("{}: {reason}", path.display())]
    Damaged {
        /// The file, or the document's name.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
}

impl Error {
    /// The place in the user's file, where the error has one.
    pub fn place(&self) -> Option<&Place> {
        match self {
            Self::DuplicateColumn { place, .. }
            | Self::NotUtf8 { place, .. }
            | Self::Ragged { place, .. }
            | Self::UnclosedQuote { place }
            | Self::SplitCell { place, .. }
            | Self::NotANumber { place, .. }
            | Self::NotADate { place, .. }
            | Self::NoResult { place, .. }
            | Self::EmptyLabel { place, .. }
            | Self::UnknownLabel { place, .. } => Some(place),
            _ => None,
        }
    }

    /// What would put it right, where that is known.
    pub fn hint(&self) -> Option<String> {
        Some(match self {
            Self::Format { .. } => "add format = \"csv\" or format = \"tsv\"".into(),
            Self::DuplicateColumn { .. } => "rename one of the two".into(),
            Self::NotUtf8 { looks_like: Some(encoding), .. } => {
                format!("the file looks like {encoding}; save it as UTF-8")
            }
            Self::NotUtf8 { .. } => "save the file as UTF-8".into(),
            Self::Ragged { expected, found, .. } if found > expected => {
                "a field that holds the separator needs quotes".into()
            }
            Self::Ragged { .. } => "the row may be cut off".into(),
            Self::UnclosedQuote { .. } => "the file may be cut off, or a quote is not doubled".into(),
            Self::Split { problems, .. } => problems.first()?.hint.clone()?,
            Self::SplitCell { .. } => "the parts are train, valid and test".into(),
            Self::UnknownColumn { nearest, .. } => format!("did you mean {}?", quoted(nearest)),
            Self::Chain { problems, .. } => problems.first()?.hint.clone()?,
            Self::NoTrainingRows { .. } => "give the split a training part".into(),
            Self::NotANumber { cell, .. } if cell.is_empty() => {
                "put { impute = \"0\" } before `number` to fill empty cells".into()
            }
            Self::NotADate { cell, .. } if cell.trim().is_empty() => {
                "put { impute = { with = \"median\" } } after `date` to fill empty cells".into()
            }
            Self::NotADate { .. } => "say its form: formats = [\"%d.%m.%Y\"]".into(),
            Self::NoResult { step: "log", .. } => "`log` is of 1 + x: numbers must be above -1".into(),
            Self::NothingToLearn { step: "count" | "tf-idf", .. } => {
                "no word is within `min-df` and `max-df`: loosen them".into()
            }
            Self::NothingToLearn { .. } => "every cell of them is empty: drop the column".into(),
            Self::Directions { .. } => "keep fewer components, or fewer words by `max-features`".into(),
            Self::TooManyClasses { .. } => "for a quantity, say label-kind = \"number\"".into(),
            Self::UnknownLabel { .. } => "classes come from the training rows".into(),
            _ => return None,
        })
    }

    pub(crate) fn io(path: &Path, source: io::Error) -> Self {
        if source.kind() == io::ErrorKind::NotFound {
            return Self::Missing { path: path.into() };
        }
        Self::Io { path: path.into(), source }
    }

    pub(crate) fn damaged(path: &Path, reason: impl ToString) -> Self {
        Self::Damaged { path: path.into(), reason: reason.to_string() }
    }
}

fn quoted(names: &[String]) -> String {
    names.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_count_lines_and_characters() {
        let at = |text: &str, offset: usize| {
            let place = Place::of(Path::new("f"), text, offset);
            (place.line, place.column)
        };
        assert_eq!(at("ab\ncd", 0), (1, 1));
        assert_eq!(at("ab\ncd", 4), (2, 2));
        assert_eq!(at("a\r\nb\rc", 3), (2, 1));
        assert_eq!(at("a\r\nb\rc", 5), (3, 1));
        assert_eq!(at("\u{feff}äb", 5), (1, 2));
    }
}
