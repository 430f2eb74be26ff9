//! `predict`: a score and a class for every row.

use std::collections::BTreeMap;

use data::{LabelKind, Part};
use plan::{ArtifactKind, Diagnostic};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::check::Context;
use crate::class_names::ClassNames;
use crate::evaluate::{check_model, model_references};
use crate::fact::Fact;
use crate::table::{Params, Reference, Stage};

/// Writes `predictions.csv`: the row's id, the score of each class (for two classes, of the second), the class; for
/// labels of which a row may have several, the score of each and those above a half; for numbers the value. For tags of
/// words a line for each entity: its type, its text, its first character and the one behind its last (Unicode scalar
/// values from 0, as Python counts), and the mean probability of its words' tags; where tags spell no entities, such as
/// parts of speech, a line for each word.
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
    /// Instead of every class's score, the N most likely classes with their probabilities, the likeliest first.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = 1000))]
    pub top: Option<usize>,
    /// What the classes are called, in the order of the network's units, where neither the data nor the network says so:
    /// `["cat", "dog"]`, or `"imagenet"`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub classes: Option<ClassNames>,
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
        let other = model.told.iter().find(|told| told.kind != LabelKind::Class);
        if let (Some(_), Some(other)) = (self.top, other) {
            let message = format!("`top` is for classes, and the model tells {}", other.kind.in_words());
            let diagnostic = Diagnostic::new("label-kind", context.place("top"), message).at_key();
            context.report(diagnostic.hint("remove `top`"));
        }
        self.check_classes(context);
        vec![("predictions", Fact::Plain(ArtifactKind::Predictions))]
    }
}

impl Predict {
    /// Reports names of classes that the model does not tell.
    fn check_classes(&self, context: &mut Context<'_>) {
        let network = context.network(&self.model).and_then(|fact| fact.network);
        if let (Some(names), Some(network)) = (&self.classes, network) {
            let place = context.place("classes");
            names.check(&network, &format!("`{}`", self.model), &place, context);
        }
    }
}
