//! What `train` and `finetune` have in common: epochs and batches, and all that has a file of its own.

use std::collections::BTreeMap;

use data::LabelKind;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::average::Average;
use crate::class_weights::ClassWeights;
use crate::goal::Output;
use crate::groups::{LayerRate, NoDecay, Thaw};
use crate::loss::Loss;
use crate::metric::Metric;
use crate::optimizer::{ClipGradient, Optimizer};
use crate::precision::{Precision, is_float32};
use crate::schedule::{OnPlateau, Schedule, WarmUp};
use crate::stopping::EarlyStopping;
use crate::table::{Extent, Params};

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
    /// Several outputs that each learn a label, by name: `outputs = { mood = {}, rating = { weight = 0.5 } }`. What is
    /// minimised is the sum of their losses, each times its weight. Metrics are measured for every output that they fit.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub outputs: BTreeMap<String, Output>,
    /// What is done to pictures of the training rows, drawn anew in every epoch; no other part is changed. Each picture
    /// is transformed as it is before the crop that its column's chain ends with, and cropped then.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub augment: Vec<images::Transform>,
    /// How many augmented views of each training picture are drawn, once; the epochs take them in turn. By default every
    /// epoch draws anew. With views a frozen first part of the network is run once over all of them, and not in every
    /// epoch.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = 1000))]
    pub views: Option<u64>,
    /// How weights move.
    #[serde(default)]
    pub optimizer: Optimizer,
    /// The number format in which training passes multiply.
    #[serde(default, skip_serializing_if = "is_float32")]
    pub precision: Precision,
    /// How the learning rate changes; by default it does not.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub schedule: Option<Schedule>,
    /// How the learning rate rises before the schedule begins.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub warm_up: Option<WarmUp>,
    /// Other learning rates and weight decays by pattern; a parameter takes the first that matches its name.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub rates: Vec<LayerRate>,
    /// The learning rate of each layer is that of the next layer with parameters times this; the last has it whole.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 0.0, max = 1.0))]
    pub layer_decay: Option<f64>,
    /// Parameters without weight decay.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub no_decay: Vec<NoDecay>,
    /// Gradual unfreezing: layers are frozen until their epoch, and those that are not named throughout. A parameter
    /// that the network has frozen stays so.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub unfreeze: Vec<Thaw>,
    /// Limits on the gradient.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub clip_gradient: Option<ClipGradient>,
    /// Averages of the weights, which are measured in place of the weights and are the result.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub average: Option<Average>,
    /// Metrics measured on every part after every epoch, by default what fits the label; the loss always is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub metrics: Option<Vec<Metric>>,
    /// Stop when a metric no longer improves.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub early_stopping: Option<EarlyStopping>,
    /// Whether the frozen first part of the network is run once over the data, in a stage of its own, and not in every
    /// epoch, where that is worth it: `pipeline plan` says so. The result is the same but for rounding.
    #[serde(default = "yes", skip_serializing_if = "is_true")]
    pub hoist: bool,
    /// Seed of this stage's draws, instead of the recipe's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub seed: Option<u64>,
}

impl Training {
    /// The training without what only says how far it goes: those that agree in this have the same first epochs.
    ///
    /// The numbers of epochs and the patience are 0 here.
    #[must_use]
    pub fn way(&self) -> Training {
        let mut way = self.clone();
        if self.bound().is_none() {
            way.epochs = 0;
        }
        if let Some(stopping) = &mut way.early_stopping {
            stopping.patience = 0;
        }
        way
    }

    /// Why another number of epochs changes the first of them too, where it does.
    pub fn bound(&self) -> Option<String> {
        let bound = self.schedule.as_ref().is_some_and(Schedule::follows_epochs);
        bound.then(|| "the learning rate's schedule is laid out over all epochs".to_owned())
    }

    pub(crate) fn extent(&self, way: Params) -> Extent {
        Extent { epochs: self.epochs, way, bound: self.bound() }
    }
}

/// Rows that pass through a network together.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(untagged)]
pub enum BatchSize {
    /// As many as the device takes.
    Fitting(Fitting),
    /// So many.
    Rows(#[schemars(range(min = 1))] usize),
}

/// How many rows a device takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Fitting {
    /// On a GPU the largest power of two, up to 65536 and to the number of training rows, that fits its memory, tried
    /// before training with the longest rows; on a CPU 64. Results of one model of GPU agree when its memory is free;
    /// where others use it too, give a number. What was found is told, and stays with the result.
    Auto,
}

/// How rows come together in batches.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields, default)]
pub struct Batch {
    /// Rows that pass through the network together.
    pub size: BatchSize,
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
        Batch { size: BatchSize::Rows(64), buckets: 1, accumulate: 1, sample: None }
    }
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde asks so")]
fn is_one(count: &usize) -> bool {
    *count == 1
}

fn yes() -> bool {
    true
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "as serde calls it")]
fn is_true(value: &bool) -> bool {
    *value
}

impl Training {
    /// The schedule, where it follows a metric.
    pub fn plateau(&self) -> Option<&OnPlateau> {
        match &self.schedule {
            Some(Schedule::OnPlateau(plateau)) => Some(plateau),
            _ => None,
        }
    }

    /// Metrics that are measured for a label of this kind.
    pub fn measured(&self, label: LabelKind) -> Vec<Metric> {
        self.metrics.clone().unwrap_or_else(|| match label {
            LabelKind::Class | LabelKind::MultiLabel => vec![Metric::Accuracy, Metric::Auc],
            LabelKind::Tags => vec![Metric::Accuracy, Metric::F1],
            LabelKind::Number => vec![Metric::Rmse, Metric::Mae, Metric::R2],
        })
    }
}
