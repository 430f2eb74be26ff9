//! Noise in training.

use data::Draws;
use torch::{Tensor, random};

use super::{At, Mode};
use crate::error::Error;

/// Inverted dropout, off outside training and in a frozen part. `place` tells the draws of one node apart.
pub(super) fn drop(at: &At<'_>, place: u64, rate: f64, input: &Tensor) -> Result<Tensor, Error> {
    let Some(seed) = seed(at, place, rate) else { return Ok(input.shallow_clone()) };
    let mut shape = input.size();
    if at.inputs[0].lengths.is_none() {
        return Ok(input * random::dropout_mask(&shape, rate, seed, input.device())?);
    }
    // Steps outermost: wider padding only adds draws behind those of the valid steps.
    shape.swap(0, 1);
    Ok(input * random::dropout_mask(&shape, rate, seed, input.device())?.transpose(0, 1))
}

/// Dropout of the weights of attention.
pub(super) fn of_weights(at: &At<'_>, rate: f64, weights: &Tensor) -> Result<Tensor, Error> {
    let Some(seed) = seed(at, 0, rate) else { return Ok(weights.shallow_clone()) };
    Ok(weights * random::dropout_mask(&weights.size(), rate, seed, weights.device())?)
}

/// Dropout of whole features of a sequence or channels of an image.
pub(super) fn spatial(at: &At<'_>, rate: f64) -> Result<Tensor, Error> {
    let input = at.tensor();
    let Some(seed) = seed(at, 0, rate) else { return Ok(input.shallow_clone()) };
    let channels = at.node().signal.channel_axis();
    let mut shape = vec![1; input.dim()];
    for axis in [0, channels] {
        shape[axis] = input.size()[axis];
    }
    Ok(input * random::dropout_mask(&shape, rate, seed, input.device())?)
}

/// Dropout of whole rows.
pub(super) fn rows(at: &At<'_>, rate: f64) -> Result<Tensor, Error> {
    let input = at.tensor();
    let Some(seed) = seed(at, 0, rate) else { return Ok(input.shallow_clone()) };
    let mut shape = vec![1; input.dim()];
    shape[0] = input.size()[0];
    Ok(input * random::dropout_mask(&shape, rate, seed, input.device())?)
}

/// The seed of the node's draws, where it draws.
pub(super) fn seed(at: &At<'_>, place: u64, rate: f64) -> Option<u64> {
    let Mode::Train { seed, .. } = at.mode else { return None };
    let draws = rate > 0.0 && !at.module.frozen_part[at.index];
    draws.then(|| Draws::new(seed, &format!("dropout {}", at.node().name), &[place]).u64())
}
