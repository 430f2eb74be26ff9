//! Averages of weights over a training.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::schedule::Anneal;

/// Averages of the weights, which are measured in place of the weights and are the result.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "kind", rename_all = "kebab-case")]
#[schemars(extend("x-kinds" = "average"))]
pub enum Average {
    /// Exponential moving average, taken after every step; as PyTorch's `AveragedModel` with `get_ema_multi_avg_fn`.
    Ema(Ema),
    /// Stochastic weight averaging (Izmailov et al. 2018): the plain mean of the weights after each of the last epochs,
    /// as PyTorch's `AveragedModel`. The statistics of batch norms are those of a pass over the training rows with the
    /// averaged weights, as by PyTorch's `update_bn`.
    Swa(Swa),
}

/// An exponential moving average.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Ema {
    /// How much of the average each step keeps: average = decay x average + (1 - decay) x weights. The first step's
    /// weights are the first average.
    #[serde(default = "decay")]
    #[schemars(range(min = 0.0, max = 1.0))]
    pub decay: f64,
}

/// Stochastic weight averaging.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Swa {
    /// The first epoch after which weights are averaged; until then they are measured as they are.
    #[schemars(range(min = 1, max = 100000))]
    pub from: usize,
    /// The learning rate after that epoch, in the place of the training's schedule.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub schedule: Option<SwaSchedule>,
}

/// From the learning rate of the first averaged epoch to another, and no further; as PyTorch's `SWALR`. Parameters that
/// have a rate of their own keep its ratio to the optimiser's.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct SwaSchedule {
    /// The rate that it comes to.
    #[schemars(extend("exclusiveMinimum" = 0.0))]
    pub lr: f64,
    /// After how many epochs.
    #[serde(default = "ten")]
    #[schemars(range(min = 1, max = 100000))]
    pub epochs: usize,
    /// The curve between.
    #[serde(default = "cos")]
    pub anneal: Anneal,
}

fn decay() -> f64 {
    0.999
}

fn ten() -> usize {
    10
}

fn cos() -> Anneal {
    Anneal::Cos
}
