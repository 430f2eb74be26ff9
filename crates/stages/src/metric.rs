//! Metrics: numbers that say how good predictions are.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

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
