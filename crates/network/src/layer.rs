//! Layers as a recipe declares them: one row of [`KINDS`] a kind.
//!
//! A file below declares the keys of a family of kinds, and lowers them to primitive nodes; `nn` computes those.

mod activation;
mod attention;
mod conv;
mod dense;
mod dropout;
mod embedding;
mod form;
mod join;
mod label_scale;
mod norm;
mod pool;
mod position;
mod recurrent;
mod scale;
mod slide;

use std::fmt::Debug;
use std::sync::Arc;

use schemars::{JsonSchema, Schema, SchemaGenerator, schema_for};
use serde::de::{DeserializeOwned, Error as _};
use serde::ser::Error as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::{Map, Value};

pub use activation::Activation;
use activation::{Applied, Elu, Glu, LeakyRelu};
use attention::{Attention, MultiHeadAttention};
use conv::Conv;
use dense::Dense;
use dropout::{Dropout, SpatialDropout, StochasticDepth};
use embedding::Embedding;
use form::{Flatten, PadChannels, Permute, Reshape};
use join::{Concat, Elementwise};
use label_scale::LabelScale;
pub(crate) use norm::BatchNorm;
use norm::{GroupNorm, InstanceNorm, LayerNorm, UnitNorm};
use pool::{AdaptivePool, AttentionPool, AveragePool, GlobalPool, MaxPool, SequenceFirst, SequenceLast};
use position::{PositionEmbedding, SegmentEmbedding, SinusoidalPositions};
use recurrent::{Recurrent, Rnn};
use scale::LayerScale;

use crate::build::Builder;
use crate::graph::{Initial, is_inside};
use crate::primitive::{Pooling, Primitive, Recurrence};

/// Every layer kind: its name in recipes, the struct of its keys, and how that is lowered. A kind under an activation's
/// name applies it.
pub const KINDS: &[&dyn LayerKind] = &[
    &Row("embedding", Embedding::lower),
    &Row("position-embedding", PositionEmbedding::lower),
    &Row("sinusoidal-positions", SinusoidalPositions::lower),
    &Row("segment-embedding", SegmentEmbedding::lower),
    &Row("gru", |gru: &Recurrent, build| gru.lower(Recurrence::Gru, build)),
    &Row("lstm", |lstm: &Recurrent, build| lstm.lower(Recurrence::Lstm, build)),
    &Row("rnn", Rnn::lower),
    &Row("attention", Attention::lower),
    &Row("multi-head-attention", MultiHeadAttention::lower),
    &Row("dense", Dense::lower),
    &Row("conv1d", |conv: &Conv, build| conv.lower(1, build)),
    &Row("conv2d", |conv: &Conv, build| conv.lower(2, build)),
    &Row("batch-norm", BatchNorm::lower),
    &Row("layer-norm", LayerNorm::lower),
    &Row("group-norm", GroupNorm::lower),
    &Row("instance-norm", InstanceNorm::lower),
    &Row("unit-norm", UnitNorm::lower),
    &Row("layer-scale", LayerScale::lower),
    &Row("dropout", Dropout::lower),
    &Row("spatial-dropout", SpatialDropout::lower),
    &Row("stochastic-depth", StochasticDepth::lower),
    &Applied(Activation::Relu),
    &Applied(Activation::Relu6),
    &Row("leaky-relu", LeakyRelu::lower),
    &Row("elu", Elu::lower),
    &Applied(Activation::Gelu),
    &Applied(Activation::GeluTanh),
    &Applied(Activation::Silu),
    &Applied(Activation::Softplus),
    &Applied(Activation::Tanh),
    &Applied(Activation::Sigmoid),
    &Applied(Activation::HardSwish),
    &Applied(Activation::HardSigmoid),
    &Applied(Activation::Softmax),
    &Applied(Activation::LogSoftmax),
    &Row("glu", Glu::lower),
    &Row("sequence-first", SequenceFirst::lower),
    &Row("sequence-last", SequenceLast::lower),
    &Row("mean-pool", |pool: &GlobalPool, build| pool.lower(Pooling::Mean, build)),
    &Row("max-pool", |pool: &GlobalPool, build| pool.lower(Pooling::Max, build)),
    &Row("attention-pool", AttentionPool::lower),
    &Row("max-pool1d", |pool: &MaxPool, build| pool.lower(1, build)),
    &Row("max-pool2d", |pool: &MaxPool, build| pool.lower(2, build)),
    &Row("average-pool1d", |pool: &AveragePool, build| pool.lower(1, build)),
    &Row("average-pool2d", |pool: &AveragePool, build| pool.lower(2, build)),
    &Row("adaptive-max-pool1d", |pool: &AdaptivePool, build| pool.lower(Pooling::Max, 1, build)),
    &Row("adaptive-max-pool2d", |pool: &AdaptivePool, build| pool.lower(Pooling::Max, 2, build)),
    &Row("adaptive-average-pool1d", |pool: &AdaptivePool, build| pool.lower(Pooling::Mean, 1, build)),
    &Row("adaptive-average-pool2d", |pool: &AdaptivePool, build| pool.lower(Pooling::Mean, 2, build)),
    &Row("concat", Concat::lower),
    &Row("add", |add: &Elementwise, build| add.lower(Primitive::Add, build)),
    &Row("multiply", |multiply: &Elementwise, build| multiply.lower(Primitive::Multiply, build)),
    &Row("flatten", Flatten::lower),
    &Row("reshape", Reshape::lower),
    &Row("permute", Permute::lower),
    &Row("pad-channels", PadChannels::lower),
    &Row(LABEL_SCALE, LabelScale::lower),
];

/// The kind of the layer that training adds behind an output of numbers.
pub(crate) const LABEL_SCALE: &str = "label-scale";

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

impl Layer {
    /// Whether the parameter `name` is the layer's.
    pub fn owns(&self, name: &str) -> bool {
        name == self.name || is_inside(name, &self.name)
    }
}

/// What a layer computes: a kind of [`KINDS`] and its keys.
#[derive(Clone, Debug)]
pub struct Op {
    kind: &'static str,
    declared: Arc<dyn Declared>,
}

/// A row of the table of layer kinds.
pub trait LayerKind: Sync {
    /// The value of `kind`.
    fn name(&self) -> &'static str;

    /// The schema of its own keys; `name`, `kind` and `input` are common to all.
    fn schema(&self) -> Schema;

    /// A layer's operation from its own keys.
    ///
    /// # Errors
    /// For keys that do not fit the schema.
    fn read(&self, keys: Map<String, Value>) -> serde_json::Result<Op>;
}

type Lower<K> = fn(&K, &mut Builder<'_, '_>) -> Option<()>;

/// A kind with the keys `K`.
struct Row<K>(&'static str, Lower<K>);

impl<K> LayerKind for Row<K>
where
    K: Debug + Serialize + DeserializeOwned + JsonSchema + Send + Sync + 'static,
{
    fn name(&self) -> &'static str {
        self.0
    }

    fn schema(&self) -> Schema {
        schema_for!(K)
    }

    fn read(&self, keys: Map<String, Value>) -> serde_json::Result<Op> {
        let keys: K = serde_json::from_value(Value::Object(keys))?;
        Ok(Op { kind: self.0, declared: Arc::new(Keys { keys, lower: self.1 }) })
    }
}

/// Keys of one layer, of whatever kind.
trait Declared: Debug + Send + Sync {
    fn keys(&self) -> serde_json::Result<Map<String, Value>>;

    fn lower(&self, build: &mut Builder<'_, '_>) -> Option<()>;
}

#[derive(Debug)]
struct Keys<K> {
    keys: K,
    lower: Lower<K>,
}

impl<K: Debug + Serialize + Send + Sync> Declared for Keys<K> {
    fn keys(&self) -> serde_json::Result<Map<String, Value>> {
        serde_json::from_value(serde_json::to_value(&self.keys)?)
    }

    fn lower(&self, build: &mut Builder<'_, '_>) -> Option<()> {
        (self.lower)(&self.keys, build)
    }
}

impl Layer {
    /// A layer `label-scale` of that name behind `input`.
    pub(crate) fn label_scale(input: &str) -> Layer {
        let keys = Keys { keys: LabelScale {}, lower: LabelScale::lower };
        Layer {
            name: format!("{}-scale", input.replace('.', "-")),
            input: Some(vec![input.to_owned()]),
            op: Op { kind: LABEL_SCALE, declared: Arc::new(keys) },
        }
    }
}

impl Op {
    /// The value of `kind`.
    pub fn kind(&self) -> &'static str {
        self.kind
    }

    /// The operation with `classes` units where it has as many as the data has classes; `None` where it has not.
    pub(crate) fn with_classes(&self, classes: usize) -> Option<Op> {
        let mut keys = self.declared.keys().ok()?;
        let open = self.kind == "dense" && !keys.contains_key("units") && !keys.contains_key("tied");
        keys.insert("units".to_owned(), classes.into());
        let row = KINDS.iter().find(|row| open && row.name() == self.kind)?;
        row.read(keys).ok()
    }

    /// The operation of a layer that moves into the module `name`, with those whose weights it uses.
    pub(crate) fn inside(&self, name: &str) -> Op {
        let moved = || {
            let mut keys = self.declared.keys().ok()?;
            let tied = keys.get_mut("tied")?;
            *tied = format!("{name}.{}", tied.as_str()?).into();
            KINDS.iter().find(|row| row.name() == self.kind)?.read(keys).ok()
        };
        moved().unwrap_or_else(|| self.clone())
    }

    /// Adds the layer's nodes, or reports why there are none.
    pub(crate) fn lower(&self, build: &mut Builder<'_, '_>) -> Option<()> {
        self.declared.lower(build)
    }
}

impl PartialEq for Op {
    fn eq(&self, other: &Op) -> bool {
        self.kind == other.kind && self.declared.keys().ok() == other.declared.keys().ok()
    }
}

impl Serialize for Op {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut table = Map::from_iter([("kind".to_owned(), Value::from(self.kind))]);
        table.extend(self.declared.keys().map_err(S::Error::custom)?);
        table.serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for Op {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Op, D::Error> {
        let mut table = Map::deserialize(deserializer)?;
        let kind = table.remove("kind").ok_or_else(|| D::Error::missing_field("kind"))?;
        let row = KINDS.iter().find(|row| kind == row.name());
        let row = row.ok_or_else(|| D::Error::custom(format!("unknown layer kind {kind}")))?;
        row.read(table).map_err(D::Error::custom)
    }
}

/// In schemas a layer is the marker `{"x-kinds": "layer"}`; the recipe crate puts the table of kinds in its place.
impl JsonSchema for Layer {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Layer".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        schemars::json_schema!({ "type": "object", "x-kinds": "layer" })
    }
}

/// How weights are drawn before training.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
enum Init {
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

impl Init {
    /// How weights and biases start: as declared, and biases then at 0; by default both as PyTorch draws them,
    /// uniform in ±1/sqrt(`fan`).
    fn or_uniform(declared: Option<Init>, fan: usize) -> (Initial, Initial) {
        let bound = Initial::Uniform(1.0 / (fan.max(1) as f64).sqrt());
        declared.map_or((bound, bound), |init| (init.initial(), Initial::Zeros))
    }

    fn initial(self) -> Initial {
        match self {
            Init::Xavier => Initial::Xavier,
            Init::Kaiming => Initial::Kaiming,
            Init::Zeros => Initial::Zeros,
            Init::Normal(deviation) => Initial::Normal(deviation),
            Init::Uniform(bound) => Initial::Uniform(bound),
        }
    }
}

fn one() -> usize {
    1
}

fn yes() -> bool {
    true
}
