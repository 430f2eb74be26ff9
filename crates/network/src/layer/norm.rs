//! Normalisation.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::yes;
use crate::build::Builder;
use crate::graph::{Initial, Param};
use crate::primitive::Primitive;
use crate::shape::{Dim, Signal};

/// Batch normalisation of each feature or channel, Ioffe and Szegedy 2015: over `[batch, features]`, the valid steps of
/// `[batch, time, features]`, or the pixels of `[batch, channels, height, width]`. As PyTorch's `nn.BatchNorm1d` and
/// `nn.BatchNorm2d`.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub(crate) struct BatchNorm {
    /// Added to the variance.
    #[serde(default = "epsilon")]
    #[schemars(range(min = 0.0))]
    epsilon: f64,
    /// Weight of the newest batch in the running statistics.
    #[serde(default = "momentum")]
    #[schemars(range(min = 0.0, max = 1.0))]
    momentum: f64,
}

impl BatchNorm {
    pub(super) fn lower(&self, build: &mut Builder<'_, '_>) -> Option<()> {
        let signal = features(build)?;
        let params = BatchNorm::params(build, "", &signal);
        build.node(self.primitive(), signal, params)
    }

    pub(crate) fn primitive(&self) -> Primitive {
        Primitive::BatchNorm { epsilon: self.epsilon, momentum: self.momentum }
    }

    /// Parameters and running statistics, their names behind `prefix`.
    pub(crate) fn params(build: &Builder<'_, '_>, prefix: &str, signal: &Signal) -> Vec<Param> {
        let shape = || vec![signal.channels().clone()];
        vec![
            build.param(&format!("{prefix}weight"), shape(), Initial::Ones),
            build.param(&format!("{prefix}bias"), shape(), Initial::Zeros),
            build.buffer(&format!("{prefix}running_mean"), shape(), Initial::Zeros),
            build.buffer(&format!("{prefix}running_var"), shape(), Initial::Ones),
        ]
    }
}

impl Default for BatchNorm {
    fn default() -> Self {
        BatchNorm { epsilon: epsilon(), momentum: momentum() }
    }
}

/// Normalises the last dimension of each row, each step of a sequence on its own, Ba et al. 2016. As PyTorch's
/// `nn.LayerNorm`; with `channels` as torchvision's `LayerNorm2d`.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub(super) struct LayerNorm {
    /// Added to the variance.
    #[serde(default = "epsilon")]
    #[schemars(range(min = 0.0))]
    epsilon: f64,
    /// Whether each feature has a weight and a bias.
    #[serde(default = "yes")]
    affine: bool,
    /// Whether it is the channels of each pixel of an image that are normalised, not the last dimension.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    channels: bool,
}

impl LayerNorm {
    pub(super) fn lower(&self, build: &mut Builder<'_, '_>) -> Option<()> {
        let signal = features(build)?;
        let axis = if self.channels { signal.channel_axis() } else { signal.shape.0.len() - 1 };
        let params = affine(self.affine, &signal.shape.0[axis], build);
        build.node(Primitive::LayerNorm { epsilon: self.epsilon, axis }, signal, params)
    }
}

/// Normalises groups of features or channels of each row, over its valid steps or pixels, Wu and He 2018. As
/// PyTorch's `nn.GroupNorm`.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub(super) struct GroupNorm {
    /// Groups; they divide the channels.
    #[schemars(range(min = 1, max = 1000000))]
    groups: usize,
    /// Added to the variance.
    #[serde(default = "epsilon")]
    #[schemars(range(min = 0.0))]
    epsilon: f64,
    /// Whether each channel has a weight and a bias.
    #[serde(default = "yes")]
    affine: bool,
}

impl GroupNorm {
    pub(super) fn lower(&self, build: &mut Builder<'_, '_>) -> Option<()> {
        let signal = features(build)?;
        if signal.channels().size().is_some_and(|size| !size.is_multiple_of(self.groups)) {
            let wants = format!("channels in {} groups", self.groups);
            return build.mismatch(&wants, "`groups` must divide the channels");
        }
        let params = affine(self.affine, signal.channels(), build);
        let op = Primitive::GroupNorm { groups: Some(self.groups), epsilon: self.epsilon };
        build.node(op, signal, params)
    }
}

/// Normalises each channel of each row over its pixels or valid steps, Ulyanov et al. 2016. As PyTorch's
/// `nn.InstanceNorm1d` and `nn.InstanceNorm2d`.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub(super) struct InstanceNorm {
    /// Added to the variance.
    #[serde(default = "epsilon")]
    #[schemars(range(min = 0.0))]
    epsilon: f64,
    /// Whether each channel has a weight and a bias.
    #[serde(default)]
    affine: bool,
}

impl InstanceNorm {
    pub(super) fn lower(&self, build: &mut Builder<'_, '_>) -> Option<()> {
        let signal = features(build)?;
        if signal.shape.0.len() < 3 {
            return build.mismatch("sequences or images", "one value has no variance: use `layer-norm`");
        }
        let params = affine(self.affine, signal.channels(), build);
        build.node(Primitive::GroupNorm { groups: None, epsilon: self.epsilon }, signal, params)
    }
}

/// Each vector divided by its length; one of zeros stays as it is. `[batch, features]`, each step of a sequence on its own.
/// As PyTorch's `functional.normalize`.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub(super) struct UnitNorm {}

impl UnitNorm {
    pub(super) fn lower(&self, build: &mut Builder<'_, '_>) -> Option<()> {
        let signal = features(build)?;
        build.node(Primitive::UnitNorm, signal, vec![])
    }
}

/// What can be normalised: features or channels.
fn features(build: &mut Builder<'_, '_>) -> Option<Signal> {
    build.values("values [batch, features]")
}

fn affine(wanted: bool, size: &Dim, build: &Builder<'_, '_>) -> Vec<Param> {
    let param = |name, initial| build.param(name, vec![size.clone()], initial);
    if wanted { vec![param("weight", Initial::Ones), param("bias", Initial::Zeros)] } else { vec![] }
}

fn epsilon() -> f64 {
    1e-5
}

fn momentum() -> f64 {
    0.1
}
