//! `gradient-boosting`: trees on features of any number of stages and on columns of the data.

use std::collections::BTreeMap;

use data::Part;
use plan::Diagnostic;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::check::Context;
use crate::fact::Fact;
use crate::inputs::Inputs;
use crate::table::{Params, Reference, Stage};

/// Boosts trees (LightGBM) on features and on numeric and categorical columns. Categories are turned into
/// cross-fitted target statistics, so that no row sees its own label.
///
/// Binary, multiclass and regression follow from the label; rows weigh what the data says they do, but in target
/// statistics, which count them alike. Output: `head`, with importances.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct GradientBoosting {
    /// The encoded rows: the label, the parts and the columns come from here.
    pub data: String,
    /// Stages whose features are joined, row by row.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub features: Vec<String>,
    /// Category, number and vector columns of the data to use; by default all of them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub columns: Option<Vec<String>>,
    /// Trees at most; for several classes, trees for each.
    #[serde(default = "rounds")]
    #[schemars(range(min = 1, max = 1000000))]
    pub rounds: usize,
    /// Share of each tree's correction that is applied.
    #[serde(default = "lr")]
    #[schemars(range(min = 0.0))]
    pub lr: f64,
    /// Leaves of a tree at most.
    #[serde(default = "leaves")]
    #[schemars(range(min = 2, max = 131072))]
    pub leaves: usize,
    /// Rows in a leaf at least.
    #[serde(default = "min_rows")]
    #[schemars(range(min = 1, max = 2147483647))]
    pub min_rows: usize,
    /// Share of the features that each tree may use.
    #[serde(default = "half")]
    #[schemars(range(min = 0.0, max = 1.0))]
    pub feature_fraction: f64,
    /// Share of the rows that each tree is grown on.
    #[serde(default = "most")]
    #[schemars(range(min = 0.0, max = 1.0))]
    pub row_fraction: f64,
    /// Penalty on the squares of the leaves' values.
    #[serde(default = "five")]
    #[schemars(range(min = 0.0))]
    pub l2: f64,
    /// Rounds without improvement on the valid part that are waited for; the best round is kept.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1))]
    pub early_stopping: Option<usize>,
    /// Seed of this stage's draws, instead of the recipe's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub seed: Option<u64>,
}

impl Stage for GradientBoosting {
    fn references(&self, _: &BTreeMap<String, Params>) -> Vec<Reference> {
        self.inputs().references()
    }

    fn check(&self, context: &mut Context<'_>) -> Vec<(&'static str, Fact)> {
        let Some((data, head)) = self.inputs().check_head(context) else { return vec![] };
        if self.early_stopping.is_some() && data.parts.contains(&Part::Valid) {
            let place = context.place("early-stopping");
            context.need(&[Part::Valid], &data, "early stopping watches", place);
        } else if self.early_stopping.is_some() {
            let message =
                format!("early stopping watches the valid part, which `{}` does not have", data.rows.source);
            let diagnostic = Diagnostic::new("unknown-part", context.place("early-stopping"), message);
            context.report(diagnostic.hint(context.part_hint(Part::Valid, &data)));
        }
        vec![("head", Fact::Head(head))]
    }

    fn seed(&self) -> Option<u64> {
        self.seed
    }
}

impl GradientBoosting {
    /// What it is fitted on.
    pub fn inputs(&self) -> Inputs<'_> {
        Inputs { data: &self.data, features: &self.features, columns: self.columns.as_deref() }
    }
}

fn rounds() -> usize {
    200
}

fn lr() -> f64 {
    0.05
}

fn leaves() -> usize {
    8
}

fn min_rows() -> usize {
    10
}

fn half() -> f64 {
    0.5
}

fn most() -> f64 {
    0.7
}

fn five() -> f64 {
    5.0
}
