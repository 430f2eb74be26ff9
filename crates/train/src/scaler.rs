//! The loss scale of 16-bit training, as PyTorch's `torch.amp.GradScaler` with its defaults.

use std::collections::BTreeMap;

use nn::Gradient;
use serde::{Deserialize, Serialize};
use torch::{Tensor, guard};

use crate::error::Error;

/// The first scale.
const START: f64 = 65536.0;
/// What the scale grows by after [`PATIENCE`] steps with finite gradients, and shrinks by after one without.
const GROWTH: f64 = 2.0;
const BACKOFF: f64 = 0.5;
/// Steps until it grows.
const PATIENCE: u32 = 2000;

/// A loss scale (Micikevicius et al. 2018): gradients of the scaled loss are large enough for the format.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Scaler {
    pub(crate) scale: f64,
    /// Steps with finite gradients since the scale last changed.
    pub(crate) steady: u32,
}

impl Scaler {
    pub(crate) fn new() -> Self {
        Scaler { scale: START, steady: 0 }
    }

    /// Takes the scale out of the gradients in place, and moves it. Says whether the gradients are finite: with others
    /// no step must be made.
    pub(crate) fn unscale(&mut self, gradients: &mut BTreeMap<String, Gradient>) -> Result<bool, Error> {
        let factor = 1.0 / self.scale;
        let mut finite = true;
        for gradient in gradients.values_mut() {
            match gradient {
                Gradient::Dense(tensor) => {
                    *tensor = guard(|| &*tensor * factor)?;
                    finite &= guard(|| all_finite(tensor))?;
                }
                Gradient::Rows(rows) => {
                    rows.values.iter_mut().for_each(|value| *value *= factor as f32);
                    finite &= rows.values.iter().all(|value| value.is_finite());
                }
            }
        }
        self.observe(finite);
        Ok(finite)
    }

    fn observe(&mut self, finite: bool) {
        self.steady = if finite { self.steady + 1 } else { 0 };
        if !finite {
            self.scale *= BACKOFF;
        } else if self.steady == PATIENCE {
            *self = Scaler { scale: self.scale * GROWTH, steady: 0 };
        }
    }
}

fn all_finite(tensor: &Tensor) -> bool {
    tensor.isfinite().all().int64_value(&[]) != 0
}

#[cfg(test)]
mod tests {
    use torch::values;

    use super::*;

    #[test]
    fn the_scale_moves_as_pytorchs() {
        // GradScaler's scale and growth tracker (PyTorch 2.11) after so many finite gradients and perhaps an infinite one
        let mut scaler = Scaler::new();
        let mut found = vec![];
        for (steps, breaks) in [(1999, true), (1, false), (2, true), (2000, false), (1, false)] {
            (0..steps).for_each(|_| scaler.observe(true));
            if breaks {
                scaler.observe(false);
            }
            found.push((scaler.scale, scaler.steady));
        }
        assert_eq!(found, [(32768.0, 0), (32768.0, 1), (16384.0, 0), (32768.0, 0), (32768.0, 1)]);
    }

    #[test]
    fn gradients_lose_the_scale() {
        let mut scaler = Scaler { scale: 4.0, steady: 0 };
        let gradients = |value: f32| {
            let dense = Tensor::from_slice(&[8.0_f32, value]);
            BTreeMap::from([("a".to_owned(), Gradient::Dense(dense))])
        };
        let mut finite = gradients(-2.0);
        assert!(scaler.unscale(&mut finite).unwrap());
        let Gradient::Dense(found) = &finite["a"] else { panic!("it was dense") };
        assert_eq!(values::floats(found).unwrap(), [2.0, -0.5]);
        assert!(!scaler.unscale(&mut gradients(f32::INFINITY)).unwrap());
        assert_eq!(scaler, Scaler { scale: 2.0, steady: 0 });
    }
}
