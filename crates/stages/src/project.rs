//! `project`: principal components of features and columns.

use std::collections::BTreeMap;

use plan::ArtifactKind;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::check::Context;
use crate::fact::Fact;
use crate::inputs::Inputs;
use crate::table::{Params, Reference, Stage};

/// Shows rows in the plane of the two directions in which the training rows vary most, coloured by label, and how much
/// of the variance each direction explains; as scikit-learn's `PCA`. To feed the components to a head or a network use
/// the step `pca` of a column's chain.
///
/// Columns are taken as they come: give numbers `"standardize"` where their units differ. Output: `projection`, with
/// `points.csv`, `variance.csv`, and both as pictures.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Project {
    /// The encoded rows: the label, the parts and the columns come from here.
    pub data: String,
    /// Stages whose features are joined, row by row.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub features: Vec<String>,
    /// Category, number and vector columns of the data to use; by default all of them. Categories are taken one-hot.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub columns: Option<Vec<String>>,
    /// Directions whose variance is told; two are drawn.
    #[serde(default = "ten")]
    #[schemars(range(min = 2, max = 1000))]
    pub components: usize,
}

impl Stage for Project {
    fn references(&self, _: &BTreeMap<String, Params>) -> Vec<Reference> {
        self.inputs().references()
    }

    fn check(&self, context: &mut Context<'_>) -> Vec<(&'static str, Fact)> {
        match self.inputs().check(context) {
            Some(_) => vec![("projection", Fact::Plain(ArtifactKind::Projection))],
            None => vec![],
        }
    }
}

impl Project {
    /// What it is fitted on.
    pub fn inputs(&self) -> Inputs<'_> {
        Inputs { data: &self.data, features: &self.features, columns: self.columns.as_deref() }
    }
}

fn ten() -> usize {
    10
}
