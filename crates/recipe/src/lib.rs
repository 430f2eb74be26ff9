//! TOML text to a checked plan, or every diagnostic.
//!
//! The way of a recipe: its text becomes a tree of spanned values, laid over what it `extends`; `--set` and `[vars]`
//! are put in; what depends on `[matrix]` or `[folds]` is multiplied, and blocks of layers are unfolded; schemas made
//! from the declarations find what is misspelt or mistyped; what is left is decoded, and
//! the stages' own checks run in the order of the DAG, each on the facts of those before. Nothing stops at the first
//! mistake, and a mistake is reported where it was made, not again where its effects show.
//!
//! Invariant: of the data only headers are read, and the digests of files that a recipe names by address; nothing is
//! fetched, and nothing written but what the store remembers of digests.

mod blocks;
mod catalogue;
mod compile;
mod decoding;
mod editor;
mod fewer_tokens;
mod hoist;
mod input;
mod load;
mod preprocessing;
mod pretrained;
mod reference;
mod references;
mod remote;
mod report;
mod set;
mod skipped;
mod sources;
mod sweep;
mod tree;
mod validate;
mod vars;
mod words;

pub use compile::{Compiled, Facts, Options, compile, compile_text};
pub use editor::schema;
pub use input::{InputFailure, for_input};
pub use reference::{Page, Section, reference};
pub use remote::{Remote, missing};
pub use report::{Failure, File, Finding, Report, Span};
