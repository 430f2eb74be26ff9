//! `gradient-boosting`: trees on features of any number of stages and on columns of the data.

use std::collections::BTreeMap;

use data::{ColumnType, Part};
use network::nearest;
use plan::{ArtifactKind, Diagnostic};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::check::Context;
use crate::fact::{BoosterFact, DatasetFact, Fact};
use crate::table::{Params, Reference, Stage};
use crate::train::trained_on;

/// Boosts trees (LightGBM) on features and on numeric and categorical columns. Categories are turned into
/// cross-fitted target statistics, so that no row sees its own label.
///
/// Binary, multiclass and regression follow from the label. Output: `booster`, with importances.
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
        let data = Reference::new("data", &self.data, &[ArtifactKind::Dataset]);
        let features = Reference::list("features", &self.features, &[ArtifactKind::Features]);
        std::iter::once(data).chain(features).collect()
    }

    fn check(&self, context: &mut Context<'_>) -> Vec<(&'static str, Fact)> {
        let Some(data) = context.dataset(&self.data) else { return vec![] };
        let columns = self.columns(&data, context);
        if columns.is_empty() && self.features.is_empty() {
            let place = context.place("data");
            let message = "there is nothing to grow trees on";
            let hint = "name `features` of a stage, or encode some columns as category or number";
            context.report(Diagnostic::new("no-columns", place, message).hint(hint));
        }
        let Some(label) = data.label.clone() else {
            let message = "the data has no label to train on";
            let hint = "add `label = \"...\"` to the preprocess stage";
            context.report(Diagnostic::new("no-label", context.place("data"), message).hint(hint));
            return vec![];
        };
        if self.early_stopping.is_some() && !data.parts.contains(&Part::Valid) {
            let message =
                format!("early stopping watches the valid part, which `{}` does not have", data.rows.source);
            let diagnostic = Diagnostic::new("unknown-part", context.place("early-stopping"), message);
            context.report(diagnostic.hint("add it to the source's split"));
        }
        let Some((widths, fitted)) = joined(&self.features, &data, context) else { return vec![] };
        let fitted = fitted.union(&trained_on(&data));
        vec![("booster", Fact::Booster(BoosterFact { widths, columns, label: label.kind, fitted }))]
    }

    fn seed(&self) -> Option<u64> {
        self.seed
    }
}

impl GradientBoosting {
    fn columns(&self, data: &DatasetFact, context: &mut Context<'_>) -> Vec<String> {
        let usable = |name: &String| !matches!(data.columns[name], ColumnType::Sequence { .. });
        let all: Vec<String> = data.columns.keys().filter(|name| usable(name)).cloned().collect();
        let Some(columns) = &self.columns else { return all };
        for (index, name) in columns.iter().enumerate().filter(|(_, name)| !all.contains(name)) {
            let place = context.inside(["columns".into(), index.into()]);
            let diagnostic = if data.columns.contains_key(name) {
                let message = format!("`{name}` is a sequence, and trees take categories and numbers");
                Diagnostic::new("column-type", place, message).hint("extract features from it with a network")
            } else {
                let hint = match nearest(name, all.iter().map(String::as_str)) {
                    Some(near) => format!("did you mean `{near}`?"),
                    None => "encode it in the preprocess stage as \"category\" or \"number\"".to_owned(),
                };
                Diagnostic::new("missing-column", place, format!("the data has no encoded column `{name}`"))
                    .hint(hint)
            };
            context.report(diagnostic);
        }
        columns.clone()
    }
}

/// Widths of features and the rows they were fitted on; reports features of other rows than the data's.
pub(crate) fn joined(
    features: &[String],
    data: &DatasetFact,
    context: &mut Context<'_>,
) -> Option<(Vec<Option<usize>>, crate::RowSet)> {
    let facts: Option<Vec<_>> = features.iter().map(|stage| context.features(stage)).collect();
    let facts = facts?;
    let mut fitted = data.fitted.clone();
    for (index, fact) in facts.iter().enumerate() {
        if (&fact.rows.file, &fact.rows.split) != (&data.rows.file, &data.rows.split) {
            let place = context.inside(["features".into(), index.into()]);
            let message = format!(
                "`{}` holds features of `{}`, but the data's rows are of `{}`",
                features[index], fact.rows.source, data.rows.source
            );
            let hint = "extract the features from the same rows";
            context.report(Diagnostic::new("other-rows", place, message).hint(hint));
        }
        fitted = fitted.union(&fact.fitted);
    }
    Some((facts.iter().map(|fact| fact.width).collect(), fitted))
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
