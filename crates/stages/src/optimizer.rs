//! Optimisers, and limits on the gradients that they get.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// How weights move. Update rules are PyTorch's.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "kind", rename_all = "kebab-case")]
#[schemars(extend("x-kinds" = "optimizer"))]
pub enum Optimizer {
    /// Kingma and Ba 2015; weight decay is added to the gradient.
    Adam(Adam),
    /// Loshchilov and Hutter 2019; weight decay is decoupled from the gradient.
    Adamw(Adam),
    /// Stochastic gradient descent with optional momentum.
    Sgd(Sgd),
}

impl Default for Optimizer {
    fn default() -> Self {
        Optimizer::Adam(Adam { lr: 1e-3, betas: betas(), epsilon: epsilon(), weight_decay: 0.0 })
    }
}

impl Optimizer {
    /// The learning rate.
    pub fn lr(&self) -> f64 {
        match self {
            Optimizer::Adam(adam) | Optimizer::Adamw(adam) => adam.lr,
            Optimizer::Sgd(sgd) => sgd.lr,
        }
    }
}

/// Adaptive moments.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Adam {
    /// Learning rate.
    #[schemars(range(min = 0.0))]
    pub lr: f64,
    /// Decay of the first and second moment.
    #[serde(default = "betas")]
    pub betas: [f64; 2],
    /// Added to the root of the second moment.
    #[serde(default = "epsilon")]
    #[schemars(range(min = 0.0))]
    pub epsilon: f64,
    /// Weight decay.
    #[serde(default)]
    #[schemars(range(min = 0.0))]
    pub weight_decay: f64,
}

/// Stochastic gradient descent.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Sgd {
    /// Learning rate.
    #[schemars(range(min = 0.0))]
    pub lr: f64,
    /// Share of the last step that is kept.
    #[serde(default)]
    #[schemars(range(min = 0.0, max = 1.0))]
    pub momentum: f64,
    /// Weight decay, added to the gradient.
    #[serde(default)]
    #[schemars(range(min = 0.0))]
    pub weight_decay: f64,
}

/// Limits on the gradient, applied before the optimiser.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum ClipGradient {
    /// The norm over all trained parameters is scaled down to this.
    Norm(f64),
    /// Every value is cut to this on both sides.
    Value(f64),
}

fn betas() -> [f64; 2] {
    [0.9, 0.999]
}

fn epsilon() -> f64 {
    1e-8
}
