//! Sources, splits, fitted transforms, encoded data sets and batches; no libtorch.

mod source;
mod step;

pub use source::{Format, Part, Problem, Source, Split};
pub use step::{ChainProblem, ColumnType, Index, Replace, Step, Tokenize, check_chain};
