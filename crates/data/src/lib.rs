//! Sources, splits, fitted transforms, encoded data sets and batches; no libtorch.
//!
//! The way of the data: a [`Source`] is declared, [`Table::read`] reads it, [`assign`] splits it,
//! [`Transform::fit`] learns vocabularies from the training rows, [`Transform::apply`] encodes all rows,
//! [`Encoded::write`] stores them, [`Dataset::open`] maps them, [`batches`] says which rows go together.

mod batches;
mod block;
mod category;
mod chain;
mod check;
mod dataset;
mod encoded;
mod error;
mod label;
mod map;
mod moment;
mod numbers;
mod pca;
mod random;
mod scan;
mod source;
mod split;
mod step;
mod table;
mod terms;
mod text;
mod transform;
mod vocabulary;
mod words;

pub use batches::{Order, batches};
pub use check::{ChainProblem, check_chain};
pub use dataset::{Dataset, PaddedBatch, SparseBatch};
pub use encoded::{ColumnDescription, DESCRIPTION_FILE, Description, Encoded, PartDescription, TENSORS_FILE};
pub use error::{Error, Place};
pub use label::{FittedLabel, LabelKind, Labels};
pub use random::Draws;
pub use source::{Format, Part, Problem, Source, Split};
pub use split::assign;
pub use step::{
    Bins, ColumnType, Count, Cut, Date, DatePart, Fill, Frequent, Impute, ImputeFitted, Index, Norm, Pca,
    Replace, Step, Target, TfIdf, Tokenize,
};
pub use table::{Table, header, unknown_column};
pub use transform::{Fitted, FittedColumn, LearntSteps, Spec, Transform};
pub use vocabulary::{PAD, UNK, Vocabulary};
