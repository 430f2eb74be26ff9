//! Layers as a recipe declares them: one struct a kind, one table of all kinds.

use schemars::{JsonSchema, Schema, SchemaGenerator, schema_for};
use serde::{Deserialize, Serialize};

/// A declared layer.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Layer {
    /// Its name, unique in the network; a regex over parameter names starts with it.
    pub name: String,
    /// Layers, nodes or data columns that feed it; by default the layer before, for the first layer the only column.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub input: Option<Vec<String>>,
    /// What it computes.
    #[serde(flatten)]
    pub op: Op,
}

/// What a layer computes, by `kind`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "kebab-case")]
pub enum Op {
    /// See [`Embedding`].
    Embedding(Embedding),
    /// A gated recurrent unit, Cho et al. 2014, as PyTorch's `nn.GRU`.
    Gru(Recurrent),
    /// Long short-term memory, Hochreiter and Schmidhuber 1997, as PyTorch's `nn.LSTM`.
    Lstm(Recurrent),
    /// See [`Dense`].
    Dense(Dense),
    /// See [`BatchNorm`].
    BatchNorm(BatchNorm),
    /// See [`Dropout`].
    Dropout(Dropout),
    /// max(x, 0).
    Relu(Pointwise),
    /// Hyperbolic tangent.
    Tanh(Pointwise),
    /// 1 / (1 + exp(-x)).
    Sigmoid(Pointwise),
    /// Last state of a sequence.
    SequenceLast(SequencePool),
    /// Mean over the valid steps.
    MeanPool(SequencePool),
    /// Maximum over the valid steps.
    MaxPool(SequencePool),
    /// See [`Concat`].
    Concat(Concat),
}

/// A table of vectors, one a token or category: `[batch, time]` to `[batch, time, units]`, `[batch]` to
/// `[batch, units]`. As PyTorch's `nn.Embedding`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Embedding {
    /// Length of each vector.
    #[schemars(range(min = 1, max = 1000000))]
    pub units: usize,
    /// How the table is drawn; by default normal with deviation 1, as PyTorch does.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub init: Option<Init>,
}

/// A recurrent layer over the valid steps of a sequence: `[batch, time, features]` to
/// `[batch, time, units]`, twice `units` when bidirectional. Padding never enters the recurrence.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Recurrent {
    /// Length of the state of each direction.
    #[schemars(range(min = 1, max = 1000000))]
    pub units: usize,
    /// Whether a second recurrence runs from the last valid step to the first.
    #[serde(default)]
    pub bidirectional: bool,
    /// Recurrent layers on top of each other.
    #[serde(default = "one")]
    #[schemars(range(min = 1, max = 1000))]
    pub layers: usize,
    /// Dropout between stacked layers.
    #[serde(default)]
    #[schemars(range(min = 0.0, max = 0.99))]
    pub dropout: f64,
    /// How the weight matrices are drawn; by default uniform in ±1/sqrt(units), as PyTorch does.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub init: Option<Init>,
}

/// A linear map of the last dimension, then optional batch norm, activation and dropout, in this order:
/// `[batch, features]` to `[batch, units]`. As PyTorch's `nn.Linear`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Dense {
    /// Length of the output.
    #[schemars(range(min = 1, max = 1000000))]
    pub units: usize,
    /// Whether a bias is added.
    #[serde(default = "yes")]
    pub bias: bool,
    /// Batch norm after the linear map.
    #[serde(default)]
    pub batch_norm: bool,
    /// Activation after that.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub activation: Option<Activation>,
    /// Dropout at the end.
    #[serde(default)]
    #[schemars(range(min = 0.0, max = 0.99))]
    pub dropout: f64,
    /// How the weight is drawn; by default uniform in ±1/sqrt(features), as PyTorch does.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub init: Option<Init>,
}

/// Batch normalisation over `[batch, features]`, Ioffe and Szegedy 2015, as PyTorch's `nn.BatchNorm1d`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct BatchNorm {
    /// Added to the variance.
    #[serde(default = "epsilon")]
    #[schemars(range(min = 0.0))]
    pub epsilon: f64,
    /// Weight of the newest batch in the running statistics.
    #[serde(default = "momentum")]
    #[schemars(range(min = 0.0, max = 1.0))]
    pub momentum: f64,
}

/// Sets a share of the values to zero in training and scales the others up, Srivastava et al. 2014.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Dropout {
    /// The share.
    #[schemars(range(min = 0.0, max = 0.99))]
    pub rate: f64,
}

/// A function of each value alone.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Pointwise {}

/// From a sequence to one vector a row, `[batch, time, features]` to `[batch, features]`; a row without valid
/// steps gives zeros.
///
/// `sequence-last` takes the last state: the last valid step, and for the backward half of a bidirectional layer
/// the first step, where its recurrence ends (PyTorch's `h_n`, Keras' `return_sequences=False`).
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct SequencePool {}

/// Joins its inputs along the last dimension: `[batch, a]` and `[batch, b]` to `[batch, a + b]`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Concat {}

/// An activation function.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Activation {
    /// max(x, 0).
    Relu,
    /// Hyperbolic tangent.
    Tanh,
    /// 1 / (1 + exp(-x)).
    Sigmoid,
}

impl Activation {
    /// Its name in recipes.
    pub fn name(self) -> &'static str {
        match self {
            Activation::Relu => "relu",
            Activation::Tanh => "tanh",
            Activation::Sigmoid => "sigmoid",
        }
    }
}

/// How weights are drawn before training.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Init {
    /// Uniform, variance 2 / (fan in + fan out): Glorot and Bengio 2010.
    Xavier,
    /// Uniform, variance 2 / fan in: He et al. 2015.
    Kaiming,
    /// All zero.
    Zeros,
    /// Normal around 0 with this standard deviation.
    Normal(f64),
    /// Uniform between minus and plus this bound.
    Uniform(f64),
}

/// A declaration in the table of layer kinds.
pub struct LayerKind {
    /// The value of `kind`.
    pub name: &'static str,
    /// The schema of its own keys; `name`, `kind` and `input` are common to all.
    pub schema: fn() -> Schema,
}

/// Every layer kind.
pub const KINDS: &[LayerKind] = &[
    LayerKind { name: "embedding", schema: || schema_for!(Embedding) },
    LayerKind { name: "gru", schema: || schema_for!(Recurrent) },
    LayerKind { name: "lstm", schema: || schema_for!(Recurrent) },
    LayerKind { name: "dense", schema: || schema_for!(Dense) },
    LayerKind { name: "batch-norm", schema: || schema_for!(BatchNorm) },
    LayerKind { name: "dropout", schema: || schema_for!(Dropout) },
    LayerKind { name: "relu", schema: || schema_for!(Pointwise) },
    LayerKind { name: "tanh", schema: || schema_for!(Pointwise) },
    LayerKind { name: "sigmoid", schema: || schema_for!(Pointwise) },
    LayerKind { name: "sequence-last", schema: || schema_for!(SequencePool) },
    LayerKind { name: "mean-pool", schema: || schema_for!(SequencePool) },
    LayerKind { name: "max-pool", schema: || schema_for!(SequencePool) },
    LayerKind { name: "concat", schema: || schema_for!(Concat) },
];

/// In schemas a layer is the marker `{"x-kinds": "layer"}`; the recipe crate puts the table of kinds in its place.
impl JsonSchema for Layer {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Layer".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        schemars::json_schema!({ "type": "object", "x-kinds": "layer" })
    }
}

fn one() -> usize {
    1
}

fn yes() -> bool {
    true
}

fn epsilon() -> f64 {
    1e-5
}

fn momentum() -> f64 {
    0.1
}

impl Default for BatchNorm {
    fn default() -> Self {
        BatchNorm { epsilon: epsilon(), momentum: momentum() }
    }
}
