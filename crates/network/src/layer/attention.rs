//! Attention of steps to steps.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Init, yes};
use crate::build::Builder;
use crate::graph::Initial;
use crate::primitive::Primitive;
use crate::shape::{Dim, Signal};

/// Scaled dot-product attention with several heads, Vaswani et al. 2017, over three inputs: queries, keys and values. Each
/// head has its share of their features; in it every step of the queries takes the mean of the values, weighed by
/// `softmax(query · key / sqrt(features of a head))` over the valid steps of the keys. `[batch, time, features]` each to
/// `[batch, time of the queries, features of the values]`. As PyTorch's `scaled_dot_product_attention`; `dense` layers
/// before and behind it make it the attention of a transformer, which `multi-head-attention` is in one.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub(super) struct Attention {
    /// How many parts the features are split into; it divides them.
    #[schemars(range(min = 1, max = 10000))]
    heads: usize,
    /// Dropout of the weights.
    #[serde(default)]
    #[schemars(range(min = 0.0, max = 0.99))]
    dropout: f64,
}

impl Attention {
    pub(super) fn lower(&self, build: &mut Builder<'_, '_>) -> Option<()> {
        if build.inputs.len() != 3 {
            let message =
                format!("attention takes queries, keys and values, not {} inputs", build.inputs.len());
            let hint = "name three layers: input = [\"query\", \"key\", \"value\"]; `multi-head-attention` makes them of one";
            return build.problem(Some("input"), "attention-inputs", message, Some(hint.to_owned()));
        }
        let signals = build.all_values()?;
        let wants = "a sequence of vectors [batch, time, features]";
        if let Some(at) = signals.iter().position(|signal| !signal.is_sequence()) {
            return build.mismatch_at(at, wants, "pool the sequence after its last attention, not before");
        }
        for (at, signal) in signals.iter().enumerate() {
            divided(self.heads, at, signal, build)?;
        }
        let (query, key, value) = (&signals[0], &signals[1], &signals[2]);
        let differ =
            |one: &Dim, other: &Dim| one.size().zip(other.size()).is_some_and(|(one, other)| one != other);
        if differ(query.width(), key.width()) {
            let wants = format!("keys as wide as the queries of {}", build.described(0));
            return build.mismatch_at(1, &wants, "give both the same `units`");
        }
        if key.shape.0[1] != value.shape.0[1] {
            let wants = format!("a value for each key of {}", build.described(1));
            return build.mismatch_at(2, &wants, "make keys and values of one sequence");
        }
        let shape = vec![Dim::Batch, query.shape.0[1].clone(), value.width().clone()];
        let op = Primitive::Attention { heads: self.heads, dropout: self.dropout };
        build.node(op, Signal::values(shape), vec![])
    }
}

/// Attention of the steps of a sequence to each other, with its linear maps, Vaswani et al. 2017:
/// `[batch, time, features]` to the same shape. As PyTorch's `nn.MultiheadAttention` of one sequence, under its parameter
/// names; padding is never looked at.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub(super) struct MultiHeadAttention {
    /// How many parts the features are split into; it divides them.
    #[schemars(range(min = 1, max = 10000))]
    heads: usize,
    /// Whether the linear maps add a bias.
    #[serde(default = "yes")]
    bias: bool,
    /// Dropout of the weights.
    #[serde(default)]
    #[schemars(range(min = 0.0, max = 0.99))]
    dropout: f64,
    /// How the weight matrices are drawn; by default as PyTorch does, the biases at 0.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    init: Option<Init>,
}

impl MultiHeadAttention {
    pub(super) fn lower(&self, build: &mut Builder<'_, '_>) -> Option<()> {
        let signal = build.sequence("pool the sequence after its last attention, not before")?;
        divided(self.heads, 0, &signal, build)?;
        let (steps, features) = (signal.shape.0[1].clone(), signal.width().clone());
        let all = match &features {
            Dim::Size(size) => Dim::Size(3 * size),
            other => Dim::Named(format!("3 times {other}")),
        };
        let (matrix, _) = Init::or_uniform(self.init, features.size().unwrap_or(1));
        let first = self.init.map_or(Initial::Xavier, Init::initial);
        let mut inner = vec![build.param("in_proj_weight", vec![all.clone(), features.clone()], first)];
        let mut outer =
            vec![build.param("out_proj.weight", vec![features.clone(), features.clone()], matrix)];
        if self.bias {
            inner.push(build.param("in_proj_bias", vec![all.clone()], Initial::Zeros));
            outer.push(build.param("out_proj.bias", vec![features.clone()], Initial::Zeros));
        }
        let linear = || Primitive::Linear { weight_norm: false };
        let vectors = |width: &Dim| Signal::values(vec![Dim::Batch, steps.clone(), width.clone()]);
        build.step("in_proj", linear(), vectors(&all), inner);
        let attention = Primitive::Attention { heads: self.heads, dropout: self.dropout };
        build.step("attention", attention, vectors(&features), vec![]);
        build.step("out_proj", linear(), vectors(&features), outer);
        Some(())
    }
}

/// Reports an input whose features do not split into the heads.
fn divided(heads: usize, at: usize, signal: &Signal, build: &mut Builder<'_, '_>) -> Option<()> {
    match signal.width().size() {
        Some(size) if !size.is_multiple_of(heads) => {
            build.mismatch_at(at, &format!("features in {heads} heads"), "`heads` must divide the features")
        }
        _ => Some(()),
    }
}
