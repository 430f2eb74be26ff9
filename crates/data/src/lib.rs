//! Sources, splits, fitted transforms, encoded data sets and batches; no libtorch.
//!
//! The way of the data: a [`Source`] is declared, [`Table::read`] reads it, [`assign`] splits it,
//! [`Transform::fit`] learns vocabularies from the training rows, [`Transform::apply`] encodes all rows,
//! [`Encoded::write`] stores them, [`Dataset::open`] maps them, [`batches`] says which rows go together.

mod batches;
mod block;
mod builder;
mod category;
mod cell_type;
mod chain;
mod check;
mod columnar;
mod condition;
mod conll;
mod dataset;
mod date;
mod decode;
mod delimited;
mod encoded;
mod error;
mod evidence;
mod fence;
mod label;
mod leaks;
mod levels;
mod lines;
mod map;
mod memory;
mod minhash;
mod moment;
mod numbers;
mod packed;
mod part;
mod paths;
mod pca;
mod pictures;
mod principal;
mod row_values;
mod runs;
mod scan;
mod select;
mod source;
mod split;
mod spool;
mod step;
mod subspace;
mod subwords;
mod table;
mod tags;
mod terms;
mod text;
mod texts;
mod transform;
mod views;
mod vocabulary;
mod words;

pub use batches::{Order, batches};
pub use cell_type::{CellType, cell_types};
pub use check::{ChainProblem, check_chain};
pub use condition::Condition;
pub use dataset::{Dataset, PaddedBatch, SparseRows};
pub use draws::Draws;
pub use encoded::{
    ColumnDescription, DESCRIPTION_FILE, Description, Encoded, PartDescription, TENSORS_FILE, Unplaced,
};
pub use error::{Error, Place};
pub use label::{FittedLabel, LABEL, Label, LabelColumn, LabelKind, Labels};
pub use leaks::{
    Found, LEAKS_FILE, Leak, LeakRows, Leaks, Likeness, NEAR, RowGroup, Shown, leaks, tells_rows_apart,
};
pub use memory::keep_freed_memory;
pub use part::{Part, Split};
pub use paths::{Paths, is_pattern, matching, pattern_in};
pub use principal::Principal;
pub use row_values::{RowBatch, RowValues, RowValuesWriter};
pub use source::{FileContent, Format, NamedFiles, OnError, Pixels, Problem, Source, UNPACKED_LIMIT};
pub use split::assign;
pub use spool::{Broken, PICTURES_FILE, Pictures};
pub use step::{
    Bins, ColumnType, Count, Cut, Date, DatePart, Fill, Frequent, Impute, ImputeFitted, Index, NaiveBayes,
    Norm, Pca, Replace, Step, Target, TfIdf, Ties, Tokenize,
};
pub use subwords::{Encoder, Subwords, TokenSpan, Tokenizer};
pub use table::{Table, header, header_of, unknown_column};
pub use tags::{Tags, Word, Words, words};
pub use transform::{Fitted, FittedColumn, LearntSteps, Spec, Transform};
pub use views::{Augment, ImageBatch};
pub use vocabulary::{PAD, UNK, Vocabulary};
