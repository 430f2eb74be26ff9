//! What `train` and `finetune` have in common: epochs, batches, loss, optimiser, metrics, early stopping.

use data::Part;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// How a network is trained.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub struct Training {
    /// Passes over the training rows.
    #[schemars(range(min = 1, max = 100000))]
    pub epochs: usize,
    /// How rows come together in batches.
    #[serde(default)]
    pub batch: Batch,
    /// What is minimised; by default what the labels call for (`finetune`: what the network was trained with).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub loss: Option<Loss>,
    /// How weights move.
    #[serde(default)]
    pub optimizer: Optimizer,
    /// Limits on the gradient.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub clip_gradient: Option<ClipGradient>,
    /// Metrics measured on every part after every epoch; the loss always is.
    #[serde(default = "metrics")]
    pub metrics: Vec<Metric>,
    /// Stop when a metric no longer improves.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub early_stopping: Option<EarlyStopping>,
    /// Seed of this stage's draws, instead of the recipe's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub seed: Option<u64>,
}

/// How rows come together in batches.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields, default)]
pub struct Batch {
    /// Rows in a batch.
    #[schemars(range(min = 1))]
    pub size: usize,
    /// Length buckets: a batch holds rows of one bucket, so that little is padded. 1 mixes all lengths.
    #[schemars(range(min = 1, max = 10000))]
    pub buckets: usize,
}

impl Default for Batch {
    fn default() -> Self {
        Batch { size: 64, buckets: 1 }
    }
}

/// What is minimised.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Loss {
    /// Two classes, one logit a row; mean over the batch, as PyTorch's `BCEWithLogitsLoss`.
    BinaryCrossEntropy,
    /// Any number of classes, one logit a class; mean over the batch, as PyTorch's `CrossEntropyLoss`.
    CategoricalCrossEntropy,
}

impl Loss {
    /// The loss's name in recipes.
    pub fn name(self) -> &'static str {
        match self {
            Loss::BinaryCrossEntropy => "binary-cross-entropy",
            Loss::CategoricalCrossEntropy => "categorical-cross-entropy",
        }
    }
}

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

/// A number that says how good predictions are.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Metric {
    /// Mean loss over the rows.
    Loss,
    /// Share of rows whose most likely class is right.
    Accuracy,
    /// Area under the ROC curve; ties count half. For several classes the mean of one against the rest.
    Auc,
    /// Root of the mean squared error.
    Rmse,
    /// Mean absolute error.
    Mae,
    /// Coefficient of determination.
    R2,
}

impl Metric {
    /// The metric's name in recipes and tables.
    pub fn name(self) -> &'static str {
        match self {
            Metric::Loss => "loss",
            Metric::Accuracy => "accuracy",
            Metric::Auc => "auc",
            Metric::Rmse => "rmse",
            Metric::Mae => "mae",
            Metric::R2 => "r2",
        }
    }

    /// Whether a larger value is better.
    pub fn larger_is_better(self) -> bool {
        matches!(self, Metric::Accuracy | Metric::Auc | Metric::R2)
    }

    /// Whether the metric is for classes; otherwise for numbers. The loss is for both.
    pub fn fits_classes(self) -> bool {
        matches!(self, Metric::Loss | Metric::Accuracy | Metric::Auc)
    }
}

/// Stop when a metric no longer improves.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct EarlyStopping {
    /// Epochs without improvement that are waited for.
    #[schemars(range(min = 1))]
    pub patience: usize,
    /// What must improve.
    #[serde(default = "loss")]
    pub metric: Metric,
    /// On which rows.
    #[serde(default = "valid")]
    pub part: Part,
    /// The least change that counts as an improvement.
    #[serde(default)]
    #[schemars(range(min = 0.0))]
    pub min_delta: f64,
    /// Whether the best epoch's weights are kept instead of the last's.
    #[serde(default = "yes")]
    pub restore_best: bool,
}

fn betas() -> [f64; 2] {
    [0.9, 0.999]
}

fn epsilon() -> f64 {
    1e-8
}

fn metrics() -> Vec<Metric> {
    vec![Metric::Accuracy, Metric::Auc]
}

fn loss() -> Metric {
    Metric::Loss
}

fn valid() -> Part {
    Part::Valid
}

fn yes() -> bool {
    true
}
