//! `knn`: what the nearest training rows say.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::check::Context;
use crate::fact::Fact;
use crate::inputs::Inputs;
use crate::table::{Params, Reference, Stage};

/// Keeps the training rows, and tells of another row what its nearest neighbours among them say: the share of each
/// class, or the mean number; scikit-learn's `KNeighborsClassifier` and `KNeighborsRegressor`. Of rows at the same
/// distance the earlier ones are nearer.
///
/// Columns are taken as they come: give numbers `"standardize"` where their units differ. Output: `head`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Knn {
    /// The encoded rows: the label, the parts and the columns come from here.
    pub data: String,
    /// Stages whose features are joined, row by row.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub features: Vec<String>,
    /// Category, number and vector columns of the data to use; by default all of them. Categories are taken one-hot.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub columns: Option<Vec<String>>,
    /// Neighbours that are asked.
    #[serde(default = "five")]
    #[schemars(range(min = 1, max = 1000000))]
    pub k: usize,
    /// How far two rows are apart.
    #[serde(default)]
    pub metric: Distance,
    /// What a neighbour's word weighs.
    #[serde(default)]
    pub weights: Votes,
}

/// How far two rows are apart.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Distance {
    /// The root of the summed squared differences.
    #[default]
    Euclidean,
    /// 1 - the cosine of the angle between them; a row of zeros is at 1 from all.
    Cosine,
    /// The summed absolute differences.
    Manhattan,
}

/// What a neighbour's word weighs.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Votes {
    /// All the same.
    #[default]
    Uniform,
    /// The inverse of its distance; rows at distance 0 outvote all others.
    Distance,
}

impl Stage for Knn {
    fn references(&self, _: &BTreeMap<String, Params>) -> Vec<Reference> {
        self.inputs().references()
    }

    fn check(&self, context: &mut Context<'_>) -> Vec<(&'static str, Fact)> {
        match self.inputs().check_head(context) {
            Some((_, head)) => vec![("head", Fact::Head(head))],
            None => vec![],
        }
    }
}

impl Knn {
    /// What it is fitted on.
    pub fn inputs(&self) -> Inputs<'_> {
        Inputs { data: &self.data, features: &self.features, columns: self.columns.as_deref() }
    }
}

fn five() -> usize {
    5
}
