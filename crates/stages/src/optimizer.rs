//! Optimisers, and limits on the gradients that they get.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::rate::Rate;

/// How weights move. Update rules are PyTorch's, where PyTorch has the rule.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "kind", rename_all = "kebab-case")]
#[schemars(extend("x-kinds" = "optimizer"))]
pub enum Optimizer {
    /// Kingma and Ba 2015; weight decay is added to the gradient.
    Adam(Adam),
    /// Loshchilov and Hutter 2019; weight decay is decoupled from the gradient.
    Adamw(Adam),
    /// Stochastic gradient descent with optional momentum, Nesterov's too.
    Sgd(Sgd),
    /// Hinton 2012, by the root of a running mean of squared gradients; centered as Graves 2013.
    Rmsprop(Rmsprop),
    /// Duchi et al. 2011, by the root of the sum of all squared gradients.
    Adagrad(Adagrad),
    /// Kingma and Ba 2015, by the infinity norm in the place of the second moment.
    Adamax(Adamax),
    /// Dozat 2016: Adam with Nesterov's momentum.
    Nadam(Nadam),
    /// Liu et al. 2020: Adam without its adaptive step where the second moment is of too few gradients.
    Radam(Radam),
    /// You et al. 2020, for large batches: AdamW whose step is scaled to the norm of each parameter. An embedding table
    /// moves as a whole in every step, which costs time where it is large.
    Lamb(Lamb),
    /// Chen et al. 2023: the sign of an interpolated momentum; weight decay is decoupled from the gradient.
    Lion(Lion),
}

impl Default for Optimizer {
    fn default() -> Self {
        Optimizer::Adam(Adam {
            lr: Rate::Value(1e-3),
            betas: betas(),
            epsilon: epsilon(),
            weight_decay: 0.0,
            amsgrad: false,
        })
    }
}

/// Adaptive moments.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Adam {
    /// Learning rate.
    pub lr: Rate,
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
    /// Whether steps are by the largest second moment so far (Reddi et al. 2018).
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub amsgrad: bool,
}

/// Stochastic gradient descent.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Sgd {
    /// Learning rate.
    pub lr: Rate,
    /// Share of the last step that is kept.
    #[serde(default)]
    #[schemars(range(min = 0.0, max = 1.0))]
    pub momentum: f64,
    /// Weight decay, added to the gradient.
    #[serde(default)]
    #[schemars(range(min = 0.0))]
    pub weight_decay: f64,
    /// Share of the gradient that momentum leaves out, from the second step on.
    #[serde(default, skip_serializing_if = "zero")]
    #[schemars(range(min = 0.0, max = 1.0))]
    pub dampening: f64,
    /// Whether the step looks ahead along the momentum (Nesterov's); needs momentum and no dampening.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub nesterov: bool,
}

/// Steps by the root of a running mean.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Rmsprop {
    /// Learning rate.
    pub lr: Rate,
    /// Decay of the running mean of squared gradients.
    #[serde(default = "alpha")]
    #[schemars(range(min = 0.0, max = 1.0))]
    pub alpha: f64,
    /// Added to the root of the running mean.
    #[serde(default = "epsilon")]
    #[schemars(range(min = 0.0))]
    pub epsilon: f64,
    /// Share of the last step that is kept.
    #[serde(default)]
    #[schemars(range(min = 0.0, max = 1.0))]
    pub momentum: f64,
    /// Whether the running mean of the gradient is subtracted, which makes the square a variance.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub centered: bool,
    /// Weight decay, added to the gradient.
    #[serde(default)]
    #[schemars(range(min = 0.0))]
    pub weight_decay: f64,
}

/// Steps by the root of a sum.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Adagrad {
    /// Learning rate.
    pub lr: Rate,
    /// The learning rate of step t is lr / (1 + (t - 1) lr-decay).
    #[serde(default, skip_serializing_if = "zero")]
    #[schemars(range(min = 0.0))]
    pub lr_decay: f64,
    /// What the sum of squared gradients starts with.
    #[serde(default, skip_serializing_if = "zero")]
    #[schemars(range(min = 0.0))]
    pub initial_accumulator: f64,
    /// Added to the root of the sum.
    #[serde(default = "tiny")]
    #[schemars(range(min = 0.0))]
    pub epsilon: f64,
    /// Weight decay, added to the gradient.
    #[serde(default)]
    #[schemars(range(min = 0.0))]
    pub weight_decay: f64,
}

/// Adaptive moments by the infinity norm.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Adamax {
    /// Learning rate.
    pub lr: Rate,
    /// Decay of the first moment and of the infinity norm.
    #[serde(default = "betas")]
    pub betas: [f64; 2],
    /// Added to the gradient's size.
    #[serde(default = "epsilon")]
    #[schemars(range(min = 0.0))]
    pub epsilon: f64,
    /// Weight decay, added to the gradient.
    #[serde(default)]
    #[schemars(range(min = 0.0))]
    pub weight_decay: f64,
}

/// Adaptive moments with Nesterov's momentum.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Nadam {
    /// Learning rate.
    pub lr: Rate,
    /// Decay of the first and second moment.
    #[serde(default = "betas")]
    pub betas: [f64; 2],
    /// Added to the root of the second moment.
    #[serde(default = "epsilon")]
    #[schemars(range(min = 0.0))]
    pub epsilon: f64,
    /// How fast momentum grows to its full share.
    #[serde(default = "momentum_decay")]
    #[schemars(range(min = 0.0))]
    pub momentum_decay: f64,
    /// Weight decay.
    #[serde(default)]
    #[schemars(range(min = 0.0))]
    pub weight_decay: f64,
    /// Whether weight decay shrinks the weights, as in AdamW, instead of being added to the gradient.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub decoupled_weight_decay: bool,
}

/// Rectified adaptive moments.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Radam {
    /// Learning rate.
    pub lr: Rate,
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
    /// Whether weight decay shrinks the weights, as in AdamW, instead of being added to the gradient.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub decoupled_weight_decay: bool,
}

/// Adaptive moments, by layer.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Lamb {
    /// Learning rate.
    pub lr: Rate,
    /// Decay of the first and second moment.
    #[serde(default = "betas")]
    pub betas: [f64; 2],
    /// Added to the root of the second moment.
    #[serde(default = "micro")]
    #[schemars(range(min = 0.0))]
    pub epsilon: f64,
    /// Weight decay, part of the direction whose length is fitted to that of the weights.
    #[serde(default)]
    #[schemars(range(min = 0.0))]
    pub weight_decay: f64,
}

/// The sign of momentum.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Lion {
    /// Learning rate.
    pub lr: Rate,
    /// Share of the momentum in the step, and its decay.
    #[serde(default = "lion_betas")]
    pub betas: [f64; 2],
    /// Weight decay, decoupled from the gradient.
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

impl Optimizer {
    /// The learning rate, before any schedule; `None` where it is yet to be found.
    pub fn lr(&self) -> Option<f64> {
        self.common().0.value()
    }

    /// The same optimiser with another learning rate.
    #[must_use]
    pub fn with_lr(&self, lr: f64) -> Optimizer {
        let mut other = self.clone();
        *match &mut other {
            Optimizer::Adam(own) | Optimizer::Adamw(own) => &mut own.lr,
            Optimizer::Sgd(own) => &mut own.lr,
            Optimizer::Rmsprop(own) => &mut own.lr,
            Optimizer::Adagrad(own) => &mut own.lr,
            Optimizer::Adamax(own) => &mut own.lr,
            Optimizer::Nadam(own) => &mut own.lr,
            Optimizer::Radam(own) => &mut own.lr,
            Optimizer::Lamb(own) => &mut own.lr,
            Optimizer::Lion(own) => &mut own.lr,
        } = Rate::Value(lr);
        other
    }

    /// Weight decay, added to the gradient or decoupled from it.
    pub fn weight_decay(&self) -> f64 {
        self.common().1
    }

    /// The first setting with which no training can be: its key, and why.
    pub fn problem(&self) -> Option<(&'static str, &'static str)> {
        let (lr, decay, betas) = self.common();
        let positive = |value: f64| value >= 0.0 && value.is_finite();
        if lr.value().is_some_and(|lr| lr <= 0.0 || !lr.is_finite()) {
            return Some(("lr", "with this learning rate nothing can move"));
        }
        if !positive(decay) {
            return Some(("weight-decay", "weight decay must not be negative"));
        }
        if !betas.iter().all(|beta| (0.0..1.0).contains(beta)) {
            return Some(("betas", "both betas must be at least 0 and below 1"));
        }
        match self {
            Optimizer::Sgd(sgd) if sgd.nesterov && (sgd.momentum == 0.0 || sgd.dampening != 0.0) => {
                Some(("nesterov", "Nesterov's momentum needs a momentum above 0 and no dampening"))
            }
            _ => None,
        }
    }

    /// Learning rate, weight decay and betas.
    fn common(&self) -> (Rate, f64, &[f64]) {
        match self {
            Optimizer::Adam(own) | Optimizer::Adamw(own) => (own.lr, own.weight_decay, &own.betas),
            Optimizer::Sgd(own) => (own.lr, own.weight_decay, &[]),
            Optimizer::Rmsprop(own) => (own.lr, own.weight_decay, &[]),
            Optimizer::Adagrad(own) => (own.lr, own.weight_decay, &[]),
            Optimizer::Adamax(own) => (own.lr, own.weight_decay, &own.betas),
            Optimizer::Nadam(own) => (own.lr, own.weight_decay, &own.betas),
            Optimizer::Radam(own) => (own.lr, own.weight_decay, &own.betas),
            Optimizer::Lamb(own) => (own.lr, own.weight_decay, &own.betas),
            Optimizer::Lion(own) => (own.lr, own.weight_decay, &own.betas),
        }
    }
}

fn betas() -> [f64; 2] {
    [0.9, 0.999]
}

fn lion_betas() -> [f64; 2] {
    [0.9, 0.99]
}

fn epsilon() -> f64 {
    1e-8
}

fn micro() -> f64 {
    1e-6
}

fn tiny() -> f64 {
    1e-10
}

fn alpha() -> f64 {
    0.99
}

fn momentum_decay() -> f64 {
    4e-3
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde asks so")]
fn zero(value: &f64) -> bool {
    *value == 0.0
}
