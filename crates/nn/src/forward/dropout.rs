//! Noise in training.

use data::Draws;
use torch::{Tensor, random};

use super::{At, Mode};
use crate::error::Error;

/// Inverted dropout, off outside training and in a frozen part. `place` tells the draws of one node apart.
pub(super) fn drop(at: &At<'_>, place: u64, rate: f64, input: &Tensor) -> Result<Tensor, Error> {
    let Mode::Train { seed } = at.mode else { return Ok(input.shallow_clone()) };
    if rate <= 0.0 || at.module.frozen_prefix[at.index] {
        return Ok(input.shallow_clone());
    }
    let seed = Draws::new(seed, &format!("dropout {}", at.node().name), &[place]).u64();
    let mut shape = input.size();
    if shape.len() < 3 {
        return Ok(input * random::dropout_mask(&shape, rate, seed, input.device())?);
    }
    // Steps outermost: wider padding only adds draws behind those of the valid steps.
    shape.swap(0, 1);
    Ok(input * random::dropout_mask(&shape, rate, seed, input.device())?.transpose(0, 1))
}
