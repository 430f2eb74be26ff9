//! What `train` and `finetune` have in common: epochs and batches, and all that has a file of its own.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::loss::{ClassWeights, Loss};
use crate::metric::Metric;
use crate::optimizer::{ClipGradient, Optimizer};
use crate::stopping::EarlyStopping;

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
    /// Rows that pass through the network together.
    #[schemars(range(min = 1))]
    pub size: usize,
    /// Length buckets: a batch holds rows of one bucket, so that little is padded. 1 mixes all lengths.
    #[schemars(range(min = 1, max = 10000))]
    pub buckets: usize,
    /// Batches whose gradients are added up for one step, by default 1. The step is that of one batch of `size` x `accumulate` rows,
    /// its loss the weighted mean over all of them, in the memory of `size` rows; batch norms and dropout still work
    /// on `size` rows.
    #[schemars(range(min = 1, max = 100000))]
    #[serde(skip_serializing_if = "is_one")]
    pub accumulate: usize,
    /// Draw training rows at random, with replacement, by their class: a row is drawn with a probability in proportion
    /// to its class's weight, as by PyTorch's `WeightedRandomSampler`; with `"balanced"` every class is drawn equally
    /// often on average. An epoch draws as many rows as there are. By default every row is taken once an epoch.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sample: Option<ClassWeights>,
}

impl Default for Batch {
    fn default() -> Self {
        Batch { size: 64, buckets: 1, accumulate: 1, sample: None }
    }
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde asks so")]
fn is_one(count: &usize) -> bool {
    *count == 1
}

fn metrics() -> Vec<Metric> {
    vec![Metric::Accuracy, Metric::Auc]
}
