//! `predict`: a score and a class for every row.

use std::collections::BTreeMap;

use data::{LabelKind, Part};
use plan::{ArtifactKind, Diagnostic};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::check::Context;
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
    /// What the classes are called, where it is not the data that says so.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub classes: Option<ClassNames>,
}

/// Names of classes that pretrained networks tell.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum ClassNames {
    /// The 1000 classes of ImageNet's challenge of 2012 (Russakovsky et al., 2015), called as torchvision calls them.
    Imagenet,
}

impl ClassNames {
    /// The names in the order of the classes.
    pub fn names(self) -> Vec<String> {
        match self {
            // torchvision 0.26, `torchvision.models._meta._IMAGENET_CATEGORIES`, one a line.
            Self::Imagenet => include_str!("imagenet.txt").lines().map(str::to_owned).collect(),
        }
    }
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
        let Some(names) = self.classes.map(ClassNames::names) else { return };
        let graph = context.network(&self.model).and_then(|fact| fact.network?.lower().ok());
        let units = graph.and_then(|graph| {
            let (_, node) = *graph.results().first()?;
            graph.nodes[node].signal.width().size()
        });
        if let Some(units) = units.filter(|units| *units != names.len()) {
            let message =
                format!("`classes` names {} classes, and `{}` tells {units}", names.len(), self.model);
            let hint = "remove `classes`: the data's label names those that it was trained on";
            context.report(Diagnostic::new("classes", context.place("classes"), message).hint(hint));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::ClassNames;

    #[test]
    fn imagenet_has_its_classes_in_order() {
        let names = ClassNames::Imagenet.names();
        assert_eq!(names.len(), 1000);
        // As in the challenge's synset list: n01440764, n02099601, n03063599, n15075141.
        for (class, name) in
            [(0, "tench"), (207, "golden retriever"), (504, "coffee mug"), (999, "toilet tissue")]
        {
            assert_eq!(names[class], name);
        }
    }
}
