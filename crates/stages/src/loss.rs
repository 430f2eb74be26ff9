//! Losses: what training minimises.

use data::LabelKind;
use schemars::JsonSchema;
use serde::de::Error as _;
use serde::ser::Error as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::value;

use crate::class_weights::ClassWeights;
use crate::shorthand;
use crate::target::Target;

/// What is minimised: a name, or a table with the name as `kind` and its settings.
///
/// A batch's loss is the weighted mean of its rows' losses, sum(w l) / sum(w); a row weighs what its class does. Losses
/// of numbers are of errors counted in deviations of the label over the training rows, unless they say
/// `standardize = false`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(remote = "Self", tag = "kind", rename_all = "kebab-case")]
#[schemars(transform = shorthand::schema)]
pub enum Loss {
    /// Two classes, one logit a row; as PyTorch's `BCEWithLogitsLoss`.
    BinaryCrossEntropy(BinaryCrossEntropy),
    /// Any number of classes, one logit a class; as PyTorch's `CrossEntropyLoss`.
    CategoricalCrossEntropy(CategoricalCrossEntropy),
    /// Tags of words, one logit a tag at each step: the mean over the words, each at its first token, as PyTorch's
    /// `CrossEntropyLoss` with `ignore_index` at all other steps. A word that no token stands for is left out.
    TokenwiseCrossEntropy(CategoricalCrossEntropy),
    /// Cross-entropy of a logit times (1 - p)^gamma, p the probability of what is true, so that rows that are right
    /// already count less (Lin et al. 2017); as torchvision's `sigmoid_focal_loss`.
    BinaryFocal(BinaryFocal),
    /// As `binary-focal`, of one logit a class.
    CategoricalFocal(CategoricalFocal),
    /// Squared error; as PyTorch's `MSELoss`.
    Mse(OfNumbers),
    /// Absolute error; as PyTorch's `L1Loss`.
    Mae(OfNumbers),
    /// Half the squared error up to `delta`, then linear (Huber 1964); as PyTorch's `HuberLoss`.
    Huber(Huber),
    /// ln(cosh(error)): near the squared error's half for small ones, the absolute one's for large ones.
    LogCosh(OfNumbers),
}

/// Cross-entropy of a logit.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct BinaryCrossEntropy {
    /// How much the classes weigh; by default all the same.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub class_weights: Option<ClassWeights>,
    /// What the loss of rows of the second class is multiplied with, as PyTorch's `pos_weight`; unlike with
    /// `class-weights` the mean is still over the rows.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 0.0))]
    pub pos_weight: Option<f64>,
    /// Share of the true class that is spread evenly over all classes, as PyTorch's `label_smoothing` (Szegedy et
    /// al. 2016).
    #[serde(default, skip_serializing_if = "zero")]
    #[schemars(range(min = 0.0, max = 1.0))]
    pub label_smoothing: f64,
}

/// Cross-entropy of one logit a class.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct CategoricalCrossEntropy {
    /// How much the classes weigh; by default all the same.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub class_weights: Option<ClassWeights>,
    /// Share of the true class that is spread evenly over all classes, as PyTorch's `label_smoothing` (Szegedy et
    /// al. 2016).
    #[serde(default, skip_serializing_if = "zero")]
    #[schemars(range(min = 0.0, max = 1.0))]
    pub label_smoothing: f64,
}

/// The focal loss of a logit.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct BinaryFocal {
    /// How much less rows count that are right already; with 0 the loss is the cross-entropy.
    #[serde(default = "two")]
    #[schemars(range(min = 0.0))]
    pub gamma: f64,
    /// What the loss of rows of the second class is multiplied with, that of the others with 1 - alpha; by default
    /// neither is. The mean is still over the rows.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 0.0, max = 1.0))]
    pub alpha: Option<f64>,
    /// How much the classes weigh; by default all the same.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub class_weights: Option<ClassWeights>,
}

/// The focal loss of one logit a class.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct CategoricalFocal {
    /// How much less rows count that are right already; with 0 the loss is the cross-entropy.
    #[serde(default = "two")]
    #[schemars(range(min = 0.0))]
    pub gamma: f64,
    /// How much the classes weigh; by default all the same.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub class_weights: Option<ClassWeights>,
}

/// A loss of numbers.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct OfNumbers {
    /// Whether the network learns the label less its mean, divided by its deviation, both of the training rows. What it
    /// predicts is in the label's units all the same: a layer `label-scale` at its end turns it back.
    #[serde(default = "yes", skip_serializing_if = "is_true")]
    pub standardize: bool,
}

/// Huber's loss.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Huber {
    /// The error from which on the loss is linear: in deviations of the label, with `standardize = false` in its units.
    #[serde(default = "one")]
    #[schemars(extend("exclusiveMinimum" = 0.0))]
    pub delta: f64,
    /// Whether the network learns the label less its mean, divided by its deviation, both of the training rows. What it
    /// predicts is in the label's units all the same: a layer `label-scale` at its end turns it back.
    #[serde(default = "yes", skip_serializing_if = "is_true")]
    pub standardize: bool,
}

impl Serialize for Loss {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let table = Loss::serialize(self, value::Serializer).map_err(S::Error::custom)?;
        shorthand::name(table).serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for Loss {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let written = serde_json::Value::deserialize(deserializer)?;
        Loss::deserialize(shorthand::table(written)).map_err(D::Error::custom)
    }
}

impl Loss {
    /// The loss that an output with this meaning calls for.
    pub fn of(target: Target) -> Loss {
        match target {
            Target::Binary | Target::MultiLabel => Loss::BinaryCrossEntropy(BinaryCrossEntropy::default()),
            Target::Multiclass => Loss::CategoricalCrossEntropy(CategoricalCrossEntropy::default()),
            Target::Number => Loss::Mse(OfNumbers { standardize: true }),
            Target::Tags => Loss::TokenwiseCrossEntropy(CategoricalCrossEntropy::default()),
        }
    }

    /// The loss's name in recipes.
    pub fn name(&self) -> &'static str {
        match self {
            Loss::BinaryCrossEntropy(_) => "binary-cross-entropy",
            Loss::CategoricalCrossEntropy(_) => "categorical-cross-entropy",
            Loss::TokenwiseCrossEntropy(_) => "tokenwise-cross-entropy",
            Loss::BinaryFocal(_) => "binary-focal",
            Loss::CategoricalFocal(_) => "categorical-focal",
            Loss::Mse(_) => "mse",
            Loss::Mae(_) => "mae",
            Loss::Huber(_) => "huber",
            Loss::LogCosh(_) => "log-cosh",
        }
    }

    /// What an output of `width` values a row means that is trained by this loss.
    pub fn target(&self, width: usize) -> Target {
        match self {
            Loss::BinaryCrossEntropy(_) | Loss::BinaryFocal(_) if width > 1 => Target::MultiLabel,
            Loss::BinaryCrossEntropy(_) | Loss::BinaryFocal(_) => Target::Binary,
            Loss::CategoricalCrossEntropy(_) | Loss::CategoricalFocal(_) => Target::Multiclass,
            Loss::Mse(_) | Loss::Mae(_) | Loss::Huber(_) | Loss::LogCosh(_) => Target::Number,
            Loss::TokenwiseCrossEntropy(_) => Target::Tags,
        }
    }

    /// What an output means that is trained by this loss on labels of this kind; `None` where the loss is for others.
    pub fn target_of(&self, label: LabelKind) -> Option<Target> {
        let targets = [self.target(1), self.target(2)];
        targets.into_iter().find(|target| target.label() == label)
    }

    /// The losses for labels of this kind.
    pub fn names(label: LabelKind) -> &'static [&'static str] {
        match label {
            LabelKind::Class => {
                &["binary-cross-entropy", "categorical-cross-entropy", "binary-focal", "categorical-focal"]
            }
            LabelKind::MultiLabel => &["binary-cross-entropy", "binary-focal"],
            LabelKind::Number => &["mse", "mae", "huber", "log-cosh"],
            LabelKind::Tags => &["tokenwise-cross-entropy"],
        }
    }

    /// The function that makes probabilities of the logits that this takes; none for numbers.
    pub(crate) fn squashes(&self) -> Option<&'static str> {
        match self.target(1) {
            Target::Binary | Target::MultiLabel => Some("sigmoid"),
            Target::Multiclass | Target::Tags => Some("softmax"),
            Target::Number => None,
        }
    }

    /// Whether a network that minimises this learns numbers less their mean, divided by their deviation.
    pub fn standardizes(&self) -> bool {
        match self {
            Loss::Mse(OfNumbers { standardize })
            | Loss::Mae(OfNumbers { standardize })
            | Loss::LogCosh(OfNumbers { standardize })
            | Loss::Huber(Huber { standardize, .. }) => *standardize,
            _ => false,
        }
    }

    /// How much the classes weigh, where the recipe says so.
    pub fn class_weights(&self) -> Option<&ClassWeights> {
        match self {
            Loss::BinaryCrossEntropy(loss) => loss.class_weights.as_ref(),
            Loss::CategoricalCrossEntropy(loss) | Loss::TokenwiseCrossEntropy(loss) => {
                loss.class_weights.as_ref()
            }
            Loss::BinaryFocal(loss) => loss.class_weights.as_ref(),
            Loss::CategoricalFocal(loss) => loss.class_weights.as_ref(),
            Loss::Mse(_) | Loss::Mae(_) | Loss::Huber(_) | Loss::LogCosh(_) => None,
        }
    }
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde asks so")]
fn zero(value: &f64) -> bool {
    *value == 0.0
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde asks so")]
fn is_true(value: &bool) -> bool {
    *value
}

fn yes() -> bool {
    true
}

fn one() -> f64 {
    1.0
}

fn two() -> f64 {
    2.0
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_name_is_the_loss_with_its_defaults() {
        for (written, same) in [
            (json!({ "kind": "binary-cross-entropy" }), json!("binary-cross-entropy")),
            (
                json!({ "kind": "binary-cross-entropy", "label-smoothing": 0.0 }),
                json!("binary-cross-entropy"),
            ),
            (json!({ "kind": "mse", "standardize": true }), json!("mse")),
        ] {
            let loss: Loss = serde_json::from_value(written).unwrap();
            assert_eq!(loss, serde_json::from_value(same.clone()).unwrap());
            assert_eq!(serde_json::to_value(loss).unwrap(), same);
        }
        let table = json!({ "kind": "categorical-cross-entropy", "class-weights": { "a": 2.0 } });
        let loss: Loss = serde_json::from_value(table.clone()).unwrap();
        assert_eq!(serde_json::to_value(loss).unwrap(), table);
    }
}
