//! `evaluate`: metrics of a network or a head on rows that it has not seen.

use std::collections::BTreeMap;

use data::{LABEL, LabelKind, Part};
use plan::{ArtifactKind, Diagnostic, Place};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::check::Context;
use crate::fact::{DatasetFact, Fact};
use crate::features::fits;
use crate::inputs::joined;
use crate::measuring::{Calibrate, Confidence, Threshold, check_calibration, check_threshold};
use crate::metric::{Measure, Metric};
use crate::rows::RowSet;
use crate::table::{Params, Reference, Stage};
use crate::told::{Told, check_metrics, find_output, told};

/// Measures a network or a head on rows that nothing was fitted on.
///
/// Output: `metrics`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Evaluate {
    /// The network or the head.
    pub model: String,
    /// The encoded rows; for a head by default those it was trained on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub data: Option<String>,
    /// Features for a head; by default those it was trained on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub features: Option<Vec<String>>,
    /// Which of a network's several outputs; by default all, their metrics named `mood auc`. The rows themselves are kept
    /// for an output that is evaluated alone, and only it may have a threshold or a calibration.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub output: Option<String>,
    /// Which rows; by default the test part, else the valid part, else all where the model has learnt from none of them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub part: Option<Part>,
    /// What is measured; by default what fits the label.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub metrics: Vec<Metric>,
    /// Whether metrics count each row by its weight, the `weights` of the encoded rows; as scikit-learn's
    /// `sample_weight`. Thresholds and temperatures are found, classes and rows counted with all rows alike.
    #[serde(default, skip_serializing_if = "is_false")]
    pub weighted: bool,
    /// Confidence intervals of the metrics, as `{ level = 0.95, samples = 1000 }`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub confidence: Option<Confidence>,
    /// The probability from which on the second of two classes is chosen, as `0.3` or `{ maximize = "f1" }`; by default
    /// above a half.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub threshold: Option<Threshold>,
    /// How logits become better probabilities, as `"temperature"`; by default they stay as they are.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub calibrate: Option<Calibrate>,
}

/// What is known of a model and the rows it is run on.
pub(crate) struct Checked {
    /// Rows that the model, or anything before it, was fitted on.
    pub(crate) fitted: RowSet,
    /// The rows.
    pub(crate) data: DatasetFact,
    /// What its outputs speak of.
    pub(crate) told: Vec<Told>,
}

impl Stage for Evaluate {
    fn references(&self, stages: &BTreeMap<String, Params>) -> Vec<Reference> {
        model_references(&self.model, self.data.as_deref(), self.features.as_deref(), stages)
    }

    fn check(&self, context: &mut Context<'_>) -> Vec<(&'static str, Fact)> {
        let Some(model) = check_model(&self.model, self.data.as_deref(), self.features.as_deref(), context)
        else {
            return vec![];
        };
        let Checked { fitted, data, told } = &model;
        let told = match &self.output {
            None => told.clone(),
            Some(output) => match find_output(output, told, context.place("output"), context) {
                Some(told) => vec![told.clone()],
                None => return vec![],
            },
        };
        if !told.iter().all(|told| has_label(told, data, context)) {
            return vec![];
        }
        let place = context.place("metrics");
        check_metrics(&self.metrics, &told, |at| place.join(at), context);
        self.check_weights(data, context);
        let part = context.part(self.part, data);
        let key = if self.part.is_some() { "part" } else { "model" };
        context.unseen(fitted, &data.part(part), key);
        if self.part.is_none() && fitted.overlap(&data.part(None)).is_some() {
            self.need_unseen(fitted, data, context);
        }
        match &told[..] {
            [only] => {
                if let Some(threshold) = self.threshold {
                    check_threshold(threshold, part, &model, only, context);
                }
                if let Some(calibrate) = self.calibrate {
                    check_calibration(calibrate, part, &model, only, context);
                }
            }
            _ => {
                let given =
                    [("threshold", self.threshold.is_some()), ("calibrate", self.calibrate.is_some())];
                for (key, _) in given.into_iter().filter(|(_, given)| *given) {
                    let message = format!("`{key}` is of one output, and the network has {}", told.len());
                    let hint = format!("say which is evaluated: output = \"{}\"", told[0].output);
                    context.report(Diagnostic::new("unknown-output", context.place(key), message).hint(hint));
                }
            }
        }
        vec![("metrics", Fact::Metrics(self.measures(&told)))]
    }
}

/// Reports that the data has no label to compare with, or one of another kind; whether it has.
fn has_label(told: &Told, data: &DatasetFact, context: &mut Context<'_>) -> bool {
    match data.labels.get(&told.label) {
        None => {
            let (message, hint) = match data.labels.is_empty() {
                true => {
                    let hint = "add `label = \"...\"` to the preprocess stage".to_owned();
                    ("the data has no label to compare with".to_owned(), hint)
                }
                false => {
                    let names: Vec<&str> = data.labels.keys().map(String::as_str).collect();
                    let message = format!("the data has no label `{}` to compare with", told.label);
                    (message, format!("it has {}", names.join(", ")))
                }
            };
            context.report(Diagnostic::new("no-label", context.place("data"), message).hint(hint));
            // Of classes the rest can be checked all the same.
            data.labels.is_empty()
        }
        Some(other) if other.kind != told.kind => {
            let message = format!(
                "the model speaks of {}, and `{}` is {}",
                told.kind.in_words(),
                other.name(),
                other.kind.in_words()
            );
            let hint = "evaluate on data whose label is of that kind: see `label-kind`";
            context.report(Diagnostic::new("label-kind", context.place("model"), message).hint(hint));
            false
        }
        Some(_) => true,
    }
}

impl Evaluate {
    /// Asks for rows that the model has not seen: where test and valid are empty, all rows would be taken.
    fn need_unseen(&self, fitted: &RowSet, data: &DatasetFact, context: &mut Context<'_>) {
        let unseen =
            |part: &Part| data.parts.contains(part) && fitted.overlap(&data.part(Some(*part))).is_none();
        let parts: Vec<Part> = [Part::Test, Part::Valid].into_iter().filter(unseen).collect();
        if !parts.is_empty() {
            let who = "the model has learnt from other rows, so this evaluates";
            context.need(&parts, data, who, context.place("data"));
        }
    }

    /// Reports rows without weights, and metrics that count all rows alike.
    fn check_weights(&self, data: &DatasetFact, context: &mut Context<'_>) {
        if !self.weighted {
            return;
        }
        if !data.weighted {
            let message = "the rows have no weights to count by";
            let hint = "name their column in the preprocess stage: weights = \"...\"";
            let diagnostic = Diagnostic::new("no-weights", context.place("weighted"), message);
            context.report(diagnostic.hint(hint));
        }
        for (at, metric) in self.metrics.iter().enumerate().filter(|(_, metric)| !metric.takes_weights()) {
            let message = format!("{metric} counts all rows alike");
            let hint = "leave it out here, or measure it in a stage without `weighted`";
            let place = context.place("metrics").join(at);
            context.report(Diagnostic::new("metric-kind", place, message).hint(hint));
        }
    }

    /// Metrics that are measured for a label of this kind.
    pub fn measured(&self, label: LabelKind) -> Vec<Metric> {
        match (self.metrics.is_empty(), label) {
            (false, _) => self.metrics.clone(),
            (true, LabelKind::Class | LabelKind::MultiLabel) => {
                vec![Metric::Auc, Metric::Accuracy, Metric::Loss]
            }
            (true, LabelKind::Tags) => vec![Metric::F1, Metric::Precision, Metric::Recall, Metric::Accuracy],
            (true, LabelKind::Number) => vec![Metric::Rmse, Metric::Mae, Metric::R2],
        }
    }

    /// What is measured of several outputs; one that is evaluated alone needs no name.
    fn measures(&self, told: &[Told]) -> Vec<Measure> {
        let of = |one: &Told| {
            let output = if told.len() > 1 { one.output.clone() } else { String::new() };
            let metrics = self.measured(one.kind).into_iter().filter(|metric| metric.fits(one.kind));
            metrics.map(move |metric| Measure { output: output.clone(), metric }).collect::<Vec<_>>()
        };
        told.iter().flat_map(of).collect()
    }
}

/// References of a stage that applies a model: a head brings its own data and features unless told otherwise.
pub(crate) fn model_references(
    model: &str,
    data: Option<&str>,
    features: Option<&[String]>,
    stages: &BTreeMap<String, Params>,
) -> Vec<Reference> {
    let mut references = vec![Reference::new("model", model, &[ArtifactKind::Network, ArtifactKind::Head])];
    let (implied_data, implied_features) = implied(model, stages);
    let implied =
        |port, name: &str, accepts| Reference { port, key: ("model", None), name: name.to_owned(), accepts };
    match (data, implied_data) {
        (Some(name), _) => references.push(Reference::new("data", name, &[ArtifactKind::Dataset])),
        (None, Some(name)) => references.push(implied("data", &name, &[ArtifactKind::Dataset])),
        (None, None) => {}
    }
    match features {
        Some(names) => references.extend(Reference::list("features", names, &[ArtifactKind::Features])),
        None => references
            .extend(implied_features.iter().map(|name| implied("features", name, &[ArtifactKind::Features]))),
    }
    references
}

/// Data and features that a head was trained on.
fn implied(model: &str, stages: &BTreeMap<String, Params>) -> (Option<String>, Vec<String>) {
    match stages.get(model).and_then(Params::head) {
        Some(inputs) => (Some(inputs.data.to_owned()), inputs.features.to_vec()),
        None => (None, vec![]),
    }
}

/// Reports what does not fit between a model and rows; gives what is known of both. `None` when an input is wrong, which
/// has been reported.
pub(crate) fn check_model(
    model: &str,
    data: Option<&str>,
    features: Option<&[String]>,
    context: &mut Context<'_>,
) -> Option<Checked> {
    if let Some(network) = context.network(model) {
        if let Some(names) = features.filter(|names| !names.is_empty()) {
            let message = format!("a network reads the data itself, not features such as `{}`", names[0]);
            context.report(
                Diagnostic::new("no-features", context.place("features"), message).hint("remove `features`"),
            );
        }
        let Some(stage) = data else {
            let place = Place::stage(context.stage);
            let hint = "add data = \"...\", a preprocess stage";
            context
                .report(Diagnostic::new("missing-key", place, "a network needs `data` to run on").hint(hint));
            return None;
        };
        let data = context.dataset(stage)?;
        if let Some(network) = &network.network
            && !fits(network, &data, context)
        {
            return None;
        }
        let fitted = network.fitted.union(&data.fitted);
        let told = told(&network.goals, &data, network.network.as_ref());
        return Some(Checked { fitted, data, told });
    }
    let head = context.head(model)?;
    let inputs = context.inputs.clone();
    let of_port = |port: &str| {
        inputs.iter().filter(|(p, _)| *p == port).map(|(_, name)| name.clone()).collect::<Vec<_>>()
    };
    let data = context.dataset(of_port("data").first()?)?;
    let (widths, fitted) = joined(&of_port("features"), &data, context)?;
    let key = if features.is_some() { "features" } else { "model" };
    if widths.len() != head.widths.len()
        || widths.iter().zip(&head.widths).any(|(a, b)| a.is_some() && b.is_some() && a != b)
    {
        let show = |widths: &[Option<usize>]| {
            let widths: Vec<String> =
                widths.iter().map(|width| width.map_or("?".into(), |w| w.to_string())).collect();
            format!("[{}]", widths.join(", "))
        };
        let message = format!(
            "the head was trained on features of widths {}, these are {}",
            show(&head.widths),
            show(&widths)
        );
        context.report(
            Diagnostic::new("shape-mismatch", context.place(key), message)
                .hint("extract them with the same network"),
        );
    }
    for column in head.columns.iter().filter(|column| !data.columns.contains_key(*column)) {
        let message = format!("the head reads a column `{column}` that the data does not have");
        let hint = "encode the data with `fitted`, the transform that the head was trained with";
        let key = if features.is_some() { "data" } else { "model" };
        context.report(Diagnostic::new("missing-column", context.place(key), message).hint(hint));
    }
    let told = Told { output: String::new(), label: LABEL.to_owned(), kind: head.label, classes: None };
    Some(Checked { fitted: head.fitted.union(&fitted), data, told: vec![told] })
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde asks so")]
fn is_false(value: &bool) -> bool {
    !*value
}
