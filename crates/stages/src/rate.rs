//! Learning rates.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// A learning rate: a number, or one that is found.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(untagged)]
pub enum Rate {
    /// Found before training.
    Found(Search),
    /// This one, above 0.
    Value(#[schemars(range(min = 0.0))] f64),
}

/// How a learning rate is found.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Search {
    /// By a range test on a copy of the network (Smith 2017): up to 100 steps at rates that grow from 1e-7 to 10, until
    /// the loss is four times its least. The rate is taken from the longest stretch of falling loss, as by fastai's
    /// `lr_find` with its rule `valley`. The curve is in the artifact `history`.
    Find,
}

impl Rate {
    /// The number, where it is not yet to be found.
    pub(crate) fn value(self) -> Option<f64> {
        match self {
            Rate::Value(value) => Some(value),
            Rate::Found(Search::Find) => None,
        }
    }
}
