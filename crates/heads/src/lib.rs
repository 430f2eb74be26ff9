//! Heads and views on rows of numbers that need neither gradients through a network nor libtorch.
//!
//! Invariant: the same rows and parameters give the same bytes on any number of threads: every sum runs in a fixed
//! order.

mod agreement;
mod clusters;
mod error;
mod linear;
mod matrix;
mod neighbours;

pub use agreement::{adjusted_rand, mutual_information};
pub use clusters::{Clusters, KMeans, silhouette};
pub use error::Error;
pub use linear::{Fitted, Linear, Loss, Params, fit};
pub use matrix::{Matrix, Sparse};
pub use neighbours::{Distance, Neighbours, Votes};
