//! Random draws as pure functions of a seed.
//!
//! Invariant: libtorch's generator is only used under one lock that seeds it first, so neither other draws nor the
//! number of threads can change a draw.

use std::sync::{Mutex, PoisonError};

use tch::{Device, Kind, Tensor};

use crate::{Error, guard};

static GENERATOR: Mutex<()> = Mutex::new(());

/// Runs `draw` with libtorch's generators (CPU and CUDA) seeded, while nobody else draws.
///
/// The same seed and the same calls give the same numbers on one kind of device. Do not nest.
///
/// # Errors
/// As [`guard`].
pub fn seeded<T>(seed: u64, draw: impl FnOnce() -> T) -> Result<T, Error> {
    // a panic while drawing leaves nothing behind: the next draw seeds anew
    let _lock = GENERATOR.lock().unwrap_or_else(PoisonError::into_inner);
    guard(|| {
        tch::manual_seed(seed.cast_signed());
        draw()
    })
}

/// A mask for inverted dropout: each element is 0 with probability `p`, else `1 / (1 - p)`; kind `Float`.
///
/// `p` at or above 1 gives zeros, at or below 0 ones (PyTorch's `nn.Dropout` at training time).
///
/// # Errors
/// As [`guard`].
pub fn dropout_mask(shape: &[i64], p: f64, seed: u64, device: Device) -> Result<Tensor, Error> {
    let options = (Kind::Float, device);
    if p <= 0.0 {
        return guard(|| Tensor::ones(shape, options));
    }
    if p >= 1.0 {
        return guard(|| Tensor::zeros(shape, options));
    }
    seeded(seed, || {
        let _no_grad = tch::no_grad_guard();
        let mut mask = Tensor::empty(shape, options).bernoulli_float_(1.0 - p);
        mask.g_mul_scalar_(1.0 / (1.0 - p))
    })
}
