//! Weight files of others: PyTorch state dicts (`.pth`, `.pt`; zip and legacy format) and `.safetensors`, behind one
//! view of names, types, shapes and bytes; and files of word vectors, by word.
//!
//! Invariant: nothing that a file says is ever run. A pickle is read by a machine that knows tensors and containers;
//! a file that names anything else is refused with that name. What a file can make this crate hold in memory is
//! bounded by [`Limits`], and tensors that lie in the file as they are stay there, mapped.

mod dtype;
mod error;
mod layout;
mod legacy;
mod limits;
mod pickle;
mod safe;
mod state;
mod storage;
mod vectors;
mod weights;
mod zipped;

pub use dtype::Dtype;
pub use error::{Error, Reason};
pub use limits::Limits;
pub use vectors::{Hit, VectorFormat, WordVectors};
pub use weights::{Format, Options, Tensor, Weights};
