//! The fence around libtorch: the only crate that names `tch`.
//!
//! What it adds: panics turned into errors ([`guard`]), devices found at run time ([`device`], [`cuda`]), draws that
//! are pure functions of a seed ([`random`]), canonical weight files ([`weights`]) and fused recurrent layers
//! ([`recurrent`]).
//! Invariant: nothing that a user can cause gets past [`guard`] as a panic, and no result depends on the number of
//! threads.

pub mod cuda;
mod error;
mod packed;
pub mod random;
pub mod recurrent;
mod threads;
pub mod values;
pub mod weights;

pub use cuda::{device, numerics_class};
pub use error::{Error, guard, try_guard};
pub use tch::{
    Cuda, Device, IndexOp, Kind, NewAxis, NoGradGuard, Reduction, Scalar, TchError, Tensor, TensorIndexer,
    index, no_grad, no_grad_guard, with_grad,
};
pub use threads::{set_threads, threads};

/// The version of libtorch that this build links, such as `2.11.0`.
pub fn version() -> &'static str {
    env!("LIBTORCH_VERSION")
}
