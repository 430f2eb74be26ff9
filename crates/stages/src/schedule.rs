//! How the learning rate changes during a training.

use data::Part;
use schemars::JsonSchema;
use serde::de::Error as _;
use serde::ser::Error as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::value;

use crate::metric::{Measure, Metric};
use crate::shorthand;

/// How the learning rate changes during a training, from the optimiser's `lr` on: a name, or a table with the name as
/// `kind` and its settings. Values are those of the classes of `torch.optim.lr_scheduler`; t counts from 0.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(remote = "Self", tag = "kind", rename_all = "kebab-case")]
#[schemars(transform = shorthand::schema)]
pub enum Schedule {
    /// PyTorch's `StepLR`: lr gamma^floor(t / every).
    Step(StepDecay),
    /// PyTorch's `MultiStepLR`: lr times gamma at every milestone.
    MultiStep(MultiStep),
    /// PyTorch's `ExponentialLR`: lr gamma^t.
    Exponential(Exponential),
    /// PyTorch's `CosineAnnealingLR`: half a cosine from lr to `min-lr` (Loshchilov and Hutter 2017).
    Cosine(Cosine),
    /// PyTorch's `CosineAnnealingWarmRestarts`: half cosines from lr to `min-lr`, again and again (Loshchilov and Hutter
    /// 2017).
    CosineRestarts(CosineRestarts),
    /// PyTorch's `OneCycleLR`, step by step over the whole training: up to lr and far down again (Smith and Topin 2019).
    OneCycle(OneCycle),
    /// PyTorch's `PolynomialLR`: lr (1 - t / total)^power.
    Polynomial(Polynomial),
    /// PyTorch's `LinearLR`: from one share of lr to another.
    Linear(LinearDecay),
    /// PyTorch's `ConstantLR`: a share of lr for a while, then lr.
    Constant(Constant),
    /// PyTorch's `ReduceLROnPlateau`: lower after epochs in which a metric no longer improves.
    OnPlateau(OnPlateau),
}

/// What a schedule counts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum By {
    /// Passes over the training rows.
    #[default]
    Epoch,
    /// Steps of the optimiser.
    Step,
}

/// Lower every so often.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct StepDecay {
    /// Epochs or steps between two changes.
    #[schemars(range(min = 1))]
    pub every: usize,
    /// What the rate is multiplied with.
    #[serde(default = "tenth")]
    #[schemars(range(min = 0.0))]
    pub gamma: f64,
    /// What is counted.
    #[serde(default)]
    pub by: By,
}

/// Lower at stated times.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct MultiStep {
    /// Epochs or steps, counted from 0, that begin with a lower rate.
    #[schemars(length(min = 1))]
    pub milestones: Vec<usize>,
    /// What the rate is multiplied with.
    #[serde(default = "tenth")]
    #[schemars(range(min = 0.0))]
    pub gamma: f64,
    /// What is counted.
    #[serde(default)]
    pub by: By,
}

/// Lower by the same share every time.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Exponential {
    /// What the rate is multiplied with.
    #[schemars(range(min = 0.0))]
    pub gamma: f64,
    /// What is counted.
    #[serde(default)]
    pub by: By,
}

/// Half a cosine.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Cosine {
    /// Epochs or steps from the highest rate to the lowest; by default all that there are.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1))]
    pub total: Option<usize>,
    /// The lowest rate.
    #[serde(default)]
    #[schemars(range(min = 0.0))]
    pub min_lr: f64,
    /// What is counted.
    #[serde(default)]
    pub by: By,
}

/// Half cosines one after the other.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct CosineRestarts {
    /// Epochs or steps until the first restart.
    #[schemars(range(min = 1))]
    pub period: usize,
    /// How many times longer each period is than the one before.
    #[serde(default = "one")]
    #[schemars(range(min = 1))]
    pub multiply: usize,
    /// The lowest rate.
    #[serde(default)]
    #[schemars(range(min = 0.0))]
    pub min_lr: f64,
    /// What is counted.
    #[serde(default)]
    pub by: By,
}

/// Up, then down.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields, default)]
pub struct OneCycle {
    /// Share of all steps in which the rate rises.
    #[schemars(range(min = 0.0, max = 1.0))]
    pub rise: f64,
    /// The first rate is lr divided by this.
    #[schemars(range(min = 1.0))]
    pub div: f64,
    /// The last rate is the first divided by this.
    #[schemars(range(min = 1.0))]
    pub final_div: f64,
    /// The curve between.
    pub anneal: Anneal,
    /// Whether the rate first falls as far as it rose, in as many steps, and then to the last.
    pub three_phase: bool,
}

impl Default for OneCycle {
    fn default() -> Self {
        OneCycle { rise: 0.3, div: 25.0, final_div: 1e4, anneal: Anneal::Cos, three_phase: false }
    }
}

/// A curve between two rates.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Anneal {
    /// Half a cosine.
    Cos,
    /// A straight line.
    Linear,
}

/// A power of the time that is left.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Polynomial {
    /// The power; 1 is a straight line.
    #[serde(default = "unit")]
    #[schemars(range(min = 0.0))]
    pub power: f64,
    /// Epochs or steps until the rate is 0; by default all that there are.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1))]
    pub total: Option<usize>,
    /// What is counted.
    #[serde(default)]
    pub by: By,
}

/// A straight line.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct LinearDecay {
    /// The first rate, as a share of lr.
    #[serde(default = "unit")]
    #[schemars(range(min = 0.0))]
    pub from: f64,
    /// The last rate, as a share of lr.
    #[serde(default)]
    #[schemars(range(min = 0.0))]
    pub to: f64,
    /// Epochs or steps from the first rate to the last; by default all that there are.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1))]
    pub total: Option<usize>,
    /// What is counted.
    #[serde(default)]
    pub by: By,
}

/// A share of the rate for a while.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Constant {
    /// The share.
    #[serde(default = "unit")]
    #[schemars(range(min = 0.0))]
    pub factor: f64,
    /// Epochs or steps until it is lr; by default all that there are.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1))]
    pub total: Option<usize>,
    /// What is counted.
    #[serde(default)]
    pub by: By,
}

/// Lower when a metric no longer improves.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields, default)]
pub struct OnPlateau {
    /// What must improve.
    pub metric: Metric,
    /// Of which output, where the network has several; without it the metric is the loss of all.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub output: Option<String>,
    /// On which rows.
    pub part: Part,
    /// What the rate is multiplied with.
    #[schemars(range(min = 0.0, max = 1.0))]
    pub factor: f64,
    /// Epochs without improvement that are waited for; the rate falls after one more.
    pub patience: usize,
    /// The least change that counts as an improvement.
    #[schemars(range(min = 0.0))]
    pub threshold: f64,
    /// How the threshold is meant.
    pub threshold_mode: ThresholdMode,
    /// Epochs after a change in which no epoch counts as one without improvement.
    pub cooldown: usize,
    /// The lowest rate.
    #[schemars(range(min = 0.0))]
    pub min_lr: f64,
}

impl Default for OnPlateau {
    fn default() -> Self {
        OnPlateau {
            metric: Metric::Loss,
            output: None,
            part: Part::Valid,
            factor: 0.1,
            patience: 10,
            threshold: 1e-4,
            threshold_mode: ThresholdMode::Rel,
            cooldown: 0,
            min_lr: 0.0,
        }
    }
}

impl OnPlateau {
    /// What is watched.
    pub fn measure(&self) -> Measure {
        Measure { output: self.output.clone().unwrap_or_default(), metric: self.metric }
    }
}

/// What a threshold is of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum ThresholdMode {
    /// A share of the best value.
    Rel,
    /// A difference to the best value.
    Abs,
}

/// The learning rate rises step by step, on a straight line, before the schedule begins; as PyTorch's `LinearLR` before
/// the schedule in a `SequentialLR`.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct WarmUp {
    /// Steps until it is over.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1))]
    pub steps: Option<usize>,
    /// Epochs until it is over, instead of `steps`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1))]
    pub epochs: Option<usize>,
    /// The first rate, as a share of that which the schedule begins with.
    #[serde(default = "hundredth")]
    #[schemars(range(min = 0.0, max = 1.0))]
    pub from: f64,
}

impl Serialize for Schedule {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let table = Schedule::serialize(self, value::Serializer).map_err(S::Error::custom)?;
        shorthand::name(table).serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for Schedule {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let written = serde_json::Value::deserialize(deserializer)?;
        Schedule::deserialize(shorthand::table(written)).map_err(D::Error::custom)
    }
}

impl Schedule {
    /// What it counts; `None` for one that follows a metric.
    pub fn by(&self) -> Option<By> {
        match self {
            Schedule::Step(own) => Some(own.by),
            Schedule::MultiStep(own) => Some(own.by),
            Schedule::Exponential(own) => Some(own.by),
            Schedule::Cosine(own) => Some(own.by),
            Schedule::CosineRestarts(own) => Some(own.by),
            Schedule::OneCycle(_) => Some(By::Step),
            Schedule::Polynomial(own) => Some(own.by),
            Schedule::Linear(own) => Some(own.by),
            Schedule::Constant(own) => Some(own.by),
            Schedule::OnPlateau(_) => None,
        }
    }

    /// Whether another number of epochs changes the rates of the first of them too.
    pub(crate) fn follows_epochs(&self) -> bool {
        match self {
            Schedule::OneCycle(_) => true,
            Schedule::Cosine(own) => own.total.is_none(),
            Schedule::Polynomial(own) => own.total.is_none(),
            Schedule::Linear(own) => own.total.is_none(),
            _ => false,
        }
    }

    /// Why a training of so many epochs after the warm-up would never see this schedule at work: the key, and what is
    /// wrong. Only what counts epochs can be known before the rows are.
    pub(crate) fn idle(&self, epochs: usize) -> Option<(&'static str, String)> {
        let beyond = |what: &str, at: usize| format!("{what} {at}, and the training is over after {epochs}");
        match self {
            Schedule::OneCycle(own) if !(own.rise > 0.0 && own.rise < 1.0) => {
                Some(("rise", "the rate must rise in some steps and fall in some".to_owned()))
            }
            _ if self.by() != Some(By::Epoch) => None,
            Schedule::Step(own) if own.every >= epochs => {
                Some(("every", beyond("the rate would first change after epoch", own.every)))
            }
            Schedule::MultiStep(own) => {
                let late = own.milestones.iter().find(|&&milestone| milestone >= epochs)?;
                Some(("milestones", beyond("the rate would change after epoch", *late)))
            }
            Schedule::Polynomial(Polynomial { total: Some(total), .. }) if *total < epochs => {
                Some(("total", format!("the rate would be 0 after epoch {total} of {epochs}")))
            }
            Schedule::Linear(LinearDecay { total: Some(total), to: 0.0, .. }) if *total < epochs => {
                Some(("total", format!("the rate would be 0 after epoch {total} of {epochs}")))
            }
            _ => None,
        }
    }
}

fn tenth() -> f64 {
    0.1
}

fn hundredth() -> f64 {
    0.01
}

fn unit() -> f64 {
    1.0
}

fn one() -> usize {
    1
}
