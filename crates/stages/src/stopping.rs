//! Early stopping: when training no longer improves.

use data::Part;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::metric::{Measure, Metric};

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
    /// Of which output, where the network has several; without it the metric is the loss of all.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub output: Option<String>,
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

impl EarlyStopping {
    /// What is watched.
    pub fn measure(&self) -> Measure {
        Measure { output: self.output.clone().unwrap_or_default(), metric: self.metric }
    }
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
