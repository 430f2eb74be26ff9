//! `linear`: logistic regression, ridge and elastic net on features and columns.

use std::collections::BTreeMap;

use data::LabelKind;
use plan::Diagnostic;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::check::Context;
use crate::class_weights::ClassWeights;
use crate::fact::Fact;
use crate::inputs::Inputs;
use crate::table::{Params, Reference, Stage};

/// Fits a linear model on features and on columns: categories one-hot, sparse vectors (`count`, `tf-idf`) as they are.
///
/// The label decides, with scikit-learn's definitions: two classes as `LogisticRegression`, more as its multinomial
/// form (softmax); a number as `Ridge`, or with `l1-ratio` above 0 as `ElasticNet`. The intercept is not penalised.
/// Columns are taken as they come, as there: give numbers `"standardize"`, or set `standardize` here. Rows weigh what the
/// data says they do.
///
/// Output: `head`, with `coefficients.csv`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Linear {
    /// The encoded rows: the label, the parts and the columns come from here.
    pub data: String,
    /// Stages whose features are joined, row by row.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub features: Vec<String>,
    /// Category, number and vector columns of the data to use; by default all of them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub columns: Option<Vec<String>>,
    /// For classes: the inverse of the penalty's strength, the weight of the summed log-loss beside the penalty; by
    /// default 1.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(extend("exclusiveMinimum" = 0.0))]
    pub c: Option<f64>,
    /// For numbers: the penalty's strength; by default 1. Without `l1-ratio` it stands beside the sum of squared
    /// errors (`Ridge`), with it beside half their mean (`ElasticNet`).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 0.0))]
    pub alpha: Option<f64>,
    /// Share of the penalty that is on absolute coefficients, so that many become 0; the rest is on half their
    /// squares.
    #[serde(default)]
    #[schemars(range(min = 0.0, max = 1.0))]
    pub l1_ratio: f64,
    /// How much the classes weigh; by default all the same.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub class_weights: Option<ClassWeights>,
    /// Whether there is an intercept.
    #[serde(default = "yes")]
    pub intercept: bool,
    /// Whether the penalty is on coefficients of columns with deviation 1 in the training rows; the coefficients are
    /// still those of the columns as they are.
    #[serde(default)]
    pub standardize: bool,
    /// Steps of the solver at most.
    #[serde(default = "max_iter")]
    #[schemars(range(min = 1, max = 1000000))]
    pub max_iter: usize,
    /// The solver stops when no entry of the gradient is larger, with columns and number labels scaled to curvature 1.
    #[serde(default = "tolerance")]
    #[schemars(extend("exclusiveMinimum" = 0.0))]
    pub tolerance: f64,
}

impl Stage for Linear {
    fn references(&self, _: &BTreeMap<String, Params>) -> Vec<Reference> {
        self.inputs().references()
    }

    fn check(&self, context: &mut Context<'_>) -> Vec<(&'static str, Fact)> {
        let Some((_, head)) = self.inputs().check_head(context) else { return vec![] };
        let (other, given): (&str, &[(&str, bool)]) = match head.label {
            LabelKind::Class | LabelKind::MultiLabel | LabelKind::Tags => {
                ("numbers", &[("alpha", self.alpha.is_some())])
            }
            LabelKind::Number => {
                ("classes", &[("c", self.c.is_some()), ("class-weights", self.class_weights.is_some())])
            }
        };
        for (key, _) in given.iter().filter(|(_, given)| *given) {
            let message = format!("`{key}` is for labels of {other}");
            let hint = match *key {
                "alpha" => "say `c`, the inverse of the penalty's strength",
                "c" => "say `alpha`, the penalty's strength",
                _ => "remove it",
            };
            let diagnostic = Diagnostic::new("label-kind", context.place(key), message);
            context.report(diagnostic.at_key().hint(hint));
        }
        vec![("head", Fact::Head(head))]
    }
}

impl Linear {
    /// What it is fitted on.
    pub fn inputs(&self) -> Inputs<'_> {
        Inputs { data: &self.data, features: &self.features, columns: self.columns.as_deref() }
    }
}

/// scikit-learn stops at 100, which is often before the coefficients have settled.
fn max_iter() -> usize {
    1000
}

fn tolerance() -> f64 {
    1e-4
}

fn yes() -> bool {
    true
}
