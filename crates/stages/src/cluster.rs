//! `cluster`: k-means of features and columns.

use std::collections::BTreeMap;

use plan::ArtifactKind;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::check::Context;
use crate::fact::Fact;
use crate::inputs::Inputs;
use crate::table::{Params, Reference, Stage};

/// Finds clusters of the training rows by k-means (Lloyd's steps from k-means++ starts, as scikit-learn's `KMeans`) and
/// puts every row into the nearest. No label is read to find them; where there is one, `measures.csv` says how far they
/// agree.
///
/// Columns are taken as they come: give numbers `"standardize"` where their units differ. Output: `clusters`, with the
/// clusters, every row's own, the measures, and a picture of the rows in the plane of their first two principal
/// components.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Cluster {
    /// The encoded rows: the parts and the columns come from here.
    pub data: String,
    /// Stages whose features are joined, row by row.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub features: Vec<String>,
    /// Category, number and vector columns of the data to use; by default all of them. Categories are taken one-hot.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub columns: Option<Vec<String>>,
    /// Clusters.
    #[schemars(range(min = 2, max = 100000))]
    pub k: usize,
    /// Starts, of which the one with the least inertia is kept.
    #[serde(default = "ten")]
    #[schemars(range(min = 1, max = 10000))]
    pub restarts: usize,
    /// Steps of each start at most.
    #[serde(default = "max_iter")]
    #[schemars(range(min = 1, max = 1000000))]
    pub max_iter: usize,
    /// The summed squared moves of the centres that end the steps, in units of the columns' mean variance.
    #[serde(default = "tolerance")]
    #[schemars(range(min = 0.0))]
    pub tolerance: f64,
    /// Seed of this stage's draws, instead of the recipe's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub seed: Option<u64>,
}

impl Stage for Cluster {
    fn references(&self, _: &BTreeMap<String, Params>) -> Vec<Reference> {
        self.inputs().references()
    }

    fn check(&self, context: &mut Context<'_>) -> Vec<(&'static str, Fact)> {
        match self.inputs().check(context) {
            Some(_) => vec![("clusters", Fact::Plain(ArtifactKind::Clusters))],
            None => vec![],
        }
    }

    fn seed(&self) -> Option<u64> {
        self.seed
    }
}

impl Cluster {
    /// What it is fitted on.
    pub fn inputs(&self) -> Inputs<'_> {
        Inputs { data: &self.data, features: &self.features, columns: self.columns.as_deref() }
    }
}

fn ten() -> usize {
    10
}

fn max_iter() -> usize {
    300
}

fn tolerance() -> f64 {
    1e-4
}
