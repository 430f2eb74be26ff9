//! Pickles of tensors and containers, as values.
//!
//! Invariant: memory is linear in what the pickle holds, whatever it says: values are numbers, ranges of the pickle
//! or places in an arena, so nothing is copied, nothing nests, and cycles do no harm.

mod call;
mod global;
mod machine;
mod value;

pub(crate) use machine::{Pickle, read};
pub(crate) use value::{Object, StorageType, Strided, Value};
