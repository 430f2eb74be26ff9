//! `predict`: a score and a class for every row.

use std::collections::BTreeMap;

use data::Part;
use plan::ArtifactKind;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::check::Context;
use crate::evaluate::{check_model, model_references};
use crate::fact::Fact;
use crate::table::{Params, Reference, Stage};

/// Writes `predictions.csv`: the row's id, the score of each class (for two classes, of the second), the class.
/// `pipeline predict RECIPE STAGE --input new.csv` does the same for a new file.
///
/// Output: `predictions`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Predict {
    /// The network or the head.
    pub model: String,
    /// The encoded rows; for a head by default those it was trained on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub data: Option<String>,
    /// Features for a head; by default those it was trained on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub features: Option<Vec<String>>,
    /// Which rows; by default all.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub part: Option<Part>,
    /// An `evaluate` stage whose threshold and calibration are applied.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub evaluation: Option<String>,
}

impl Stage for Predict {
    fn references(&self, stages: &BTreeMap<String, Params>) -> Vec<Reference> {
        let evaluation = self.evaluation.iter();
        let evaluation = evaluation.map(|name| Reference::new("evaluation", name, &[ArtifactKind::Metrics]));
        let model = model_references(&self.model, self.data.as_deref(), self.features.as_deref(), stages);
        model.into_iter().chain(evaluation).collect()
    }

    fn check(&self, context: &mut Context<'_>) -> Vec<(&'static str, Fact)> {
        let checked = check_model(&self.model, self.data.as_deref(), self.features.as_deref(), context);
        let Some(model) = checked else { return vec![] };
        if self.part.is_some() {
            context.part(self.part, &model.data);
        }
        vec![("predictions", Fact::Plain(ArtifactKind::Predictions))]
    }
}
