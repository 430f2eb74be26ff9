//! Pictures to arrays with torchvision's semantics: decoding, transforms, augmentation, and sheets of pictures.
//!
//! Invariant: a transform gives what torchvision gives on PIL pictures, to one level of 255; a random one is a pure
//! function of (seed, epoch, sample, place in the chain). What a file can make this crate hold is bounded by
//! [`Limits`].

mod affine;
mod chain;
mod colour;
mod decode;
mod error;
mod idx;
#[cfg(test)]
mod matches_torchvision;
mod numbers;
mod picture;
mod resample;
mod sheet;
mod size;
mod transform;

pub use chain::{Chain, Problem, Sample, Shape};
pub use decode::{Limits, decode, is_picture, read};
pub use error::Error;
pub use idx::Idx;
pub use picture::Picture;
pub use sheet::{Tile, plane, sheet};
pub use transform::{
    CenterCrop, Erase, Interpolation, Normalise, Preset, RandomResizedCrop, Rescale, Resize, Rotate, Shift,
    Short, Statistics, Transform, Zoom,
};
