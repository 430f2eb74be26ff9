//! A declared network as tensors: built from a seed or from weights, run forward, differentiated.
//!
//! Invariant: every value is a pure function of the weights, the inputs and the seed; threads, padding and the other
//! rows of an evaluated batch change nothing but rounding.

mod error;
mod forward;
mod gradient;
mod init;
mod module;
mod sequence;
mod windows;

pub use error::{Error, Misshapen};
pub use forward::{Column, Inputs, Pass};
pub use gradient::{Gradient, RowGradient, add_gradients};
pub use module::Module;
