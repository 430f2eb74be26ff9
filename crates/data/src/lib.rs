//! Sources, splits, fitted transforms, encoded data sets and batches; no libtorch.
//!
//! The way of the data: a [`Source`] is declared, [`Table::read`] reads it, [`assign`] splits it,
//! [`Transform::fit`] learns vocabularies from the training rows, [`Transform::apply`] encodes all rows,
//! [`Encoded::write`] stores them, [`Dataset::open`] maps them, [`batches`] says which rows go together.

mod batches;
mod dataset;
mod encoded;
mod error;
mod label;
mod map;
mod random;
mod scan;
mod source;
mod split;
mod step;
mod table;
mod text;
mod transform;
mod vocabulary;
mod words;

pub use batches::{Order, batches};
pub use dataset::{Dataset, PaddedBatch};
pub use encoded::{ColumnDescription, DESCRIPTION_FILE, Description, Encoded, PartDescription, TENSORS_FILE};
pub use error::{Error, Place};
pub use label::{FittedLabel, LabelKind, Labels};
pub use random::Draws;
pub use source::{Format, Part, Problem, Source, Split};
pub use split::assign;
pub use step::{ChainProblem, ColumnType, Index, Replace, Step, Tokenize, check_chain};
pub use table::{Table, header, unknown_column};
pub use transform::{Fitted, FittedColumn, Spec, Transform};
pub use vocabulary::{PAD, UNK, Vocabulary};
