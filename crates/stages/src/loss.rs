//! Losses: what training minimises.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

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
