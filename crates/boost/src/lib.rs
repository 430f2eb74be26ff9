//! The gradient-boosted head: LightGBM and cross-fitted target statistics.
//!
//! A [`Table`] holds numeric columns and categorical columns. [`fit`] replaces each categorical column by
//! statistics of the target that no row's own label has touched (see [`Params::folds`]), grows LightGBM
//! trees over the result, and hands back a [`Model`] that predicts from tables of the same columns.
//!
//! Invariant: the same rows, labels and parameters give the same model bytes and the same predictions on
//! any number of threads. LightGBM is opened at run time, on the first call that needs it; the crate
//! builds, and everything that needs no trees works, without it.

mod encode;
mod error;
mod ffi;
mod fit;
mod locate;
mod model;
mod params;
mod table;

pub use error::Error;
pub use fit::{Examples, Round, fit};
pub use model::{Importance, Model};
pub use params::{Objective, Params};
pub use table::{Categories, Matrix, Table};
