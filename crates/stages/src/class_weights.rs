//! How much rows of each class weigh.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// How much each class weighs.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(untagged)]
pub enum ClassWeights {
    /// By what the training rows say.
    Fitted(FittedWeights),
    /// A weight for each class by its name, 0 or more; a class that is not named weighs 1.
    ByName(BTreeMap<String, f64>),
}

/// Weights that the training rows say.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum FittedWeights {
    /// Rows / (classes x rows of the class), so that all classes weigh the same together; as scikit-learn's
    /// `compute_class_weight`.
    Balanced,
}

/// A weight for a class that the labels do not have.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("there is no class `{name}` to weigh: the classes are {}", .classes.join(", "))]
pub struct UnknownClass {
    /// The name.
    pub name: String,
    /// The classes that there are.
    pub classes: Vec<String>,
}

impl ClassWeights {
    /// A weight for each of `classes`, of which the training rows have `counts`.
    ///
    /// # Errors
    /// When a weight is for a class that there is not.
    pub fn resolve(&self, classes: &[String], counts: &[u64]) -> Result<Vec<f64>, UnknownClass> {
        match self {
            ClassWeights::Fitted(FittedWeights::Balanced) => Ok(balanced(counts)),
            ClassWeights::ByName(named) => {
                if let Some(name) = named.keys().find(|name| !classes.contains(name)) {
                    return Err(UnknownClass { name: name.clone(), classes: classes.to_vec() });
                }
                Ok(classes.iter().map(|class| named.get(class).copied().unwrap_or(1.0)).collect())
            }
        }
    }
}

/// Rows / (classes x rows of the class), over the classes that have rows; a class without any weighs 1.
fn balanced(counts: &[u64]) -> Vec<f64> {
    let present = counts.iter().filter(|&&count| count > 0).count() as f64;
    let rows = counts.iter().sum::<u64>() as f64;
    counts.iter().map(|&count| if count > 0 { rows / (present * count as f64) } else { 1.0 }).collect()
}
