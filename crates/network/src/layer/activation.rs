//! Functions of each value alone, and of the last dimension.

use std::sync::Arc;

use schemars::{JsonSchema, Schema, schema_for};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::{Declared, LayerKind, Op};
use crate::build::Builder;
use crate::primitive::{Function, Primitive};
use crate::shape::{Dim, Signal};

/// An activation function, with PyTorch's formula and defaults.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Activation {
    /// max(x, 0).
    Relu,
    /// min(max(x, 0), 6).
    Relu6,
    /// x where it is positive, else 0.01 x.
    LeakyRelu,
    /// x where it is positive, else exp(x) - 1: Clevert et al. 2016.
    Elu,
    /// x times the normal distribution's share below x: Hendrycks and Gimpel 2016.
    Gelu,
    /// The approximation of `gelu` by tanh.
    GeluTanh,
    /// x / (1 + exp(-x)).
    Silu,
    /// ln(1 + exp(x)).
    Softplus,
    /// Hyperbolic tangent.
    Tanh,
    /// 1 / (1 + exp(-x)).
    Sigmoid,
    /// x min(max(x + 3, 0), 6) / 6: Howard et al. 2019.
    HardSwish,
    /// min(max(x + 3, 0), 6) / 6.
    HardSigmoid,
    /// Shares of the last dimension that sum to 1.
    Softmax,
    /// The logarithm of `softmax`.
    LogSoftmax,
}

impl Activation {
    /// What it computes.
    pub fn function(self) -> Function {
        match self {
            Activation::Relu => Function::Relu,
            Activation::Relu6 => Function::Relu6,
            Activation::LeakyRelu => Function::LeakyRelu { slope: slope() },
            Activation::Elu => Function::Elu { alpha: alpha() },
            Activation::Gelu => Function::Gelu { tanh: false },
            Activation::GeluTanh => Function::Gelu { tanh: true },
            Activation::Silu => Function::Silu,
            Activation::Softplus => Function::Softplus,
            Activation::Tanh => Function::Tanh,
            Activation::Sigmoid => Function::Sigmoid,
            Activation::HardSwish => Function::HardSwish,
            Activation::HardSigmoid => Function::HardSigmoid,
            Activation::Softmax => Function::Softmax,
            Activation::LogSoftmax => Function::LogSoftmax,
        }
    }
}

/// A layer that is an activation without settings.
pub(super) struct Applied(pub(super) Activation);

/// The keys of such a layer.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct NoKeys {}

impl LayerKind for Applied {
    fn name(&self) -> &'static str {
        self.0.function().name()
    }

    /// Described in the activation's own words.
    fn schema(&self) -> Schema {
        let mut schema = schema_for!(NoKeys);
        let activations = schema_for!(Activation).to_value();
        let mut known = activations["oneOf"].as_array().into_iter().flatten();
        if let Some(own) = known.find(|value| value["const"] == self.name()) {
            schema.insert("description".to_owned(), own["description"].clone());
        }
        schema
    }

    fn read(&self, keys: Map<String, Value>) -> serde_json::Result<Op> {
        let NoKeys {} = serde_json::from_value(Value::Object(keys))?;
        Ok(Op { kind: self.name(), declared: Arc::new(self.0) })
    }
}

impl Declared for Activation {
    fn keys(&self) -> serde_json::Result<Map<String, Value>> {
        Ok(Map::new())
    }

    fn lower(&self, build: &mut Builder<'_, '_>) -> Option<()> {
        build.pointwise(Primitive::Activation(self.function()))
    }
}

/// x where it is positive, else `slope` x: Maas et al. 2013, as PyTorch's `nn.LeakyReLU`.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub(super) struct LeakyRelu {
    /// The slope below zero.
    #[serde(default = "slope")]
    slope: f64,
}

impl LeakyRelu {
    pub(super) fn lower(&self, build: &mut Builder<'_, '_>) -> Option<()> {
        build.pointwise(Primitive::Activation(Function::LeakyRelu { slope: self.slope }))
    }
}

/// x where it is positive, else `alpha` (exp(x) - 1): Clevert et al. 2016, as PyTorch's `nn.ELU`.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub(super) struct Elu {
    /// The value far below zero, negated.
    #[serde(default = "alpha")]
    alpha: f64,
}

impl Elu {
    pub(super) fn lower(&self, build: &mut Builder<'_, '_>) -> Option<()> {
        build.pointwise(Primitive::Activation(Function::Elu { alpha: self.alpha }))
    }
}

/// Half of the features times the sigmoid of the other half: `[batch, 2 n]` to `[batch, n]`, sequences along their
/// features, images along their channels. Dauphin et al. 2017, as PyTorch's `nn.GLU`.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub(super) struct Glu {}

impl Glu {
    pub(super) fn lower(&self, build: &mut Builder<'_, '_>) -> Option<()> {
        let wants = "an even number of features or channels";
        let signal = build.values(wants)?;
        let half = match signal.channels() {
            Dim::Size(size) if size.is_multiple_of(2) => Dim::Size(size / 2),
            Dim::Size(_) => return build.mismatch(wants, "one half of them gates the other"),
            other => Dim::Named(format!("half of {other}")),
        };
        let mut shape = signal.shape.0.clone();
        shape[signal.channel_axis()] = half;
        build.node(Primitive::Glu, Signal::values(shape), vec![])
    }
}

fn slope() -> f64 {
    0.01
}

fn alpha() -> f64 {
    1.0
}
