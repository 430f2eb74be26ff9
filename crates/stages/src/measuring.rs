//! What `evaluate` does beside its metrics: confidence intervals, a threshold, calibration; and their checks.

use data::{LabelKind, Part};
use plan::{Diagnostic, Place};
use schemars::JsonSchema;
use serde::de::Error as _;
use serde::ser::Error as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::value;

use crate::check::Context;
use crate::evaluate::Checked;
use crate::metric::Metric;
use crate::shorthand;
use crate::told::Told;

/// Confidence intervals of metrics: the percentile bootstrap over rows (Efron and Tibshirani 1993).
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Confidence {
    /// Share of the resamplings whose values an interval holds.
    #[serde(default = "level")]
    #[schemars(extend("exclusiveMinimum" = 0.0, "exclusiveMaximum" = 1.0))]
    pub level: f64,
    /// Times that as many rows as there are, are drawn with replacement.
    #[serde(default = "samples")]
    #[schemars(range(min = 10, max = 1000000))]
    pub samples: usize,
}

/// From which probability on the second of two classes is chosen.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(untagged)]
pub enum Threshold {
    /// From this one on.
    At(#[schemars(range(min = 0.0, max = 1.0))] f64),
    /// From the one on for which a metric is best.
    Best(BestThreshold),
}

/// The threshold for which a metric is best on rows that are not evaluated.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct BestThreshold {
    /// The metric; one that depends on the chosen class.
    pub maximize: Metric,
    /// The rows; not those that are evaluated.
    #[serde(default = "valid")]
    pub part: Part,
}

/// How logits become better probabilities: a name, or a table with the name as `kind` and its settings.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(remote = "Self", tag = "kind", rename_all = "kebab-case")]
#[schemars(transform = shorthand::schema)]
pub enum Calibrate {
    /// Logits are divided by the one number for which the mean log-loss of a part is least (Guo et al. 2017).
    Temperature(CalibrateOn),
}

/// On which rows a calibration is fitted.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct CalibrateOn {
    /// The rows; not those that are evaluated.
    #[serde(default = "valid", skip_serializing_if = "is_valid")]
    pub part: Part,
}

impl Serialize for Calibrate {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let table = Calibrate::serialize(self, value::Serializer).map_err(S::Error::custom)?;
        shorthand::name(table).serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for Calibrate {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let written = serde_json::Value::deserialize(deserializer)?;
        Calibrate::deserialize(shorthand::table(written)).map_err(D::Error::custom)
    }
}

impl Calibrate {
    /// The rows that it is fitted on.
    pub fn part(self) -> Part {
        let Calibrate::Temperature(CalibrateOn { part }) = self;
        part
    }
}

/// Reports a threshold that is for other labels, or that is chosen by what does not depend on it or on wrong rows.
pub(crate) fn check_threshold(
    threshold: Threshold,
    evaluated: Option<Part>,
    model: &Checked,
    told: &Told,
    context: &mut Context<'_>,
) {
    let other = match (told.kind, told.classes) {
        (LabelKind::Class, None | Some(2)) => None,
        (LabelKind::Class, Some(classes)) => Some(format!("the model tells {classes} classes")),
        (label, _) => Some(format!("this is {}", label.in_words())),
    };
    if let Some(other) = other {
        let message = format!("a threshold is for two classes, and {other}");
        let hint = "remove `threshold`";
        context.report(Diagnostic::new("metric-kind", context.place("threshold"), message).hint(hint));
        return;
    }
    let Threshold::Best(BestThreshold { maximize, part }) = threshold else { return };
    if !maximize.needs_choice() {
        let message = format!("{maximize} does not depend on a threshold");
        let place = context.inside(["threshold".into(), "maximize".into()]);
        let hint = "maximize f1, balanced-accuracy, accuracy, matthews or kappa";
        context.report(Diagnostic::new("metric-kind", place, message).hint(hint));
    }
    let place = context.place("threshold");
    check_part("the threshold is chosen", part, evaluated, model, place, context);
}

/// Reports a calibration of labels that have no probabilities, or on wrong rows.
pub(crate) fn check_calibration(
    calibrate: Calibrate,
    evaluated: Option<Part>,
    model: &Checked,
    told: &Told,
    context: &mut Context<'_>,
) {
    let place = context.place("calibrate");
    if told.kind == LabelKind::Class {
        check_part("the calibration is fitted", calibrate.part(), evaluated, model, place, context);
    } else {
        let message = format!("calibration is for classes, and this is {}", told.kind.in_words());
        context.report(Diagnostic::new("metric-kind", place, message).hint("remove `calibrate`"));
    }
}

/// Reports rows that there are not, that are evaluated, or that the model was fitted on.
fn check_part(
    what: &str,
    part: Part,
    evaluated: Option<Part>,
    model: &Checked,
    place: Place,
    context: &mut Context<'_>,
) {
    let name = part.name();
    if !model.data.parts.contains(&part) {
        let message = format!("{what} on the {name} part, which `{}` does not have", model.data.rows.source);
        let hint = context.part_hint(part, &model.data);
        context.report(Diagnostic::new("unknown-part", place, message).hint(hint));
    } else if evaluated.is_none_or(|evaluated| evaluated == part) {
        let message = format!("{what} on the rows that are evaluated: the {name} part");
        let hint = "evaluate another part, such as part = \"test\"";
        context.report(Diagnostic::new("fits-on-evaluated-rows", place, message).hint(hint));
    } else if let Some(why) = model.fitted.overlap(&model.data.part(Some(part))) {
        let message = format!("{what} on rows that the model was trained on: {why}");
        let hint = "choose a part that nothing was fitted on, such as part = \"valid\"";
        context.report(Diagnostic::new("fits-on-training-rows", place, message).hint(hint));
    } else {
        context.need(&[part], &model.data, &format!("{what} on"), place);
    }
}

fn level() -> f64 {
    0.95
}

fn samples() -> usize {
    1000
}

fn valid() -> Part {
    Part::Valid
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde asks so")]
fn is_valid(part: &Part) -> bool {
    *part == Part::Valid
}
