//! Early stopping: when training no longer improves.

use data::Part;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::metric::Metric;

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

fn loss() -> Metric {
    Metric::Loss
}

fn valid() -> Part {
    Part::Valid
}

fn yes() -> bool {
    true
}
