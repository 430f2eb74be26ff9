//! Normalisation.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::build::Builder;
use crate::graph::{Initial, Param, Primitive};
use crate::shape::Signal;

/// Batch normalisation over `[batch, features]`, Ioffe and Szegedy 2015, as PyTorch's `nn.BatchNorm1d`.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub(crate) struct BatchNorm {
    /// Added to the variance.
    #[serde(default = "epsilon")]
    #[schemars(range(min = 0.0))]
    epsilon: f64,
    /// Weight of the newest batch in the running statistics.
    #[serde(default = "momentum")]
    #[schemars(range(min = 0.0, max = 1.0))]
    momentum: f64,
}

impl BatchNorm {
    pub(super) fn lower(&self, build: &mut Builder<'_, '_>) -> Option<()> {
        let signal = BatchNorm::fits(build)?;
        let params = BatchNorm::params(build, "", &signal);
        build.node(self.primitive(), signal, params)
    }

    /// What flows through a batch norm at this place.
    pub(crate) fn fits(build: &mut Builder<'_, '_>) -> Option<Signal> {
        let wants = "values [batch, features]";
        let signal = build.values(wants)?;
        if signal.shape.0.len() != 2 {
            return build.mismatch(&format!("{wants} for its batch norm"), "pool the sequence first");
        }
        Some(signal)
    }

    pub(crate) fn primitive(&self) -> Primitive {
        Primitive::BatchNorm { epsilon: self.epsilon, momentum: self.momentum }
    }

    /// Parameters and running statistics, their names behind `prefix`.
    pub(crate) fn params(build: &Builder<'_, '_>, prefix: &str, signal: &Signal) -> Vec<Param> {
        let shape = || vec![signal.width().clone()];
        vec![
            build.param(&format!("{prefix}weight"), shape(), Initial::Ones),
            build.param(&format!("{prefix}bias"), shape(), Initial::Zeros),
            build.buffer(&format!("{prefix}running_mean"), shape(), Initial::Zeros),
            build.buffer(&format!("{prefix}running_var"), shape(), Initial::Ones),
        ]
    }
}

impl Default for BatchNorm {
    fn default() -> Self {
        BatchNorm { epsilon: epsilon(), momentum: momentum() }
    }
}

fn epsilon() -> f64 {
    1e-5
}

fn momentum() -> f64 {
    0.1
}
