//! Recurrences over the valid steps of a sequence.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Init, one};
use crate::build::Builder;
use crate::primitive::{Primitive, Recurrence};
use crate::shape::{Dim, Signal};

/// A recurrent layer over the valid steps of a sequence: `[batch, time, features]` to
/// `[batch, time, units]`, twice `units` when bidirectional. Padding never enters the recurrence.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub(super) struct Recurrent {
    /// Length of the state of each direction.
    #[schemars(range(min = 1, max = 1000000))]
    units: usize,
    /// Whether a second recurrence runs from the last valid step to the first.
    #[serde(default)]
    bidirectional: bool,
    /// Recurrent layers on top of each other.
    #[serde(default = "one")]
    #[schemars(range(min = 1, max = 1000))]
    layers: usize,
    /// Dropout between stacked layers.
    #[serde(default)]
    #[schemars(range(min = 0.0, max = 0.99))]
    dropout: f64,
    /// How the weight matrices are drawn; by default uniform in ±1/sqrt(units), as PyTorch does.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    init: Option<Init>,
}

/// A simple recurrent layer, Elman 1990: h = f(W x + b + U h + c). Else as `gru` and `lstm`; as PyTorch's `nn.RNN`.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub(super) struct Rnn {
    /// The function f.
    #[serde(default)]
    activation: Nonlinearity,
    #[serde(flatten)]
    recurrent: Recurrent,
}

/// A function of a simple recurrent layer.
#[derive(Clone, Copy, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
enum Nonlinearity {
    /// Hyperbolic tangent.
    #[default]
    Tanh,
    /// max(x, 0).
    Relu,
}

impl Rnn {
    pub(super) fn lower(&self, build: &mut Builder<'_, '_>) -> Option<()> {
        let recurrence = match self.activation {
            Nonlinearity::Tanh => Recurrence::RnnTanh,
            Nonlinearity::Relu => Recurrence::RnnRelu,
        };
        self.recurrent.lower(recurrence, build)
    }
}

impl Recurrent {
    pub(super) fn lower(&self, recurrence: Recurrence, build: &mut Builder<'_, '_>) -> Option<()> {
        let signal = build.sequence("pool the sequence after its last recurrent layer, not before")?;
        let units = self.units;
        let directions = if self.bidirectional { 2 } else { 1 };
        let gates = recurrence.gates();
        let (matrix, bias) = Init::or_uniform(self.init, units);
        let mut params = vec![];
        for k in 0..self.layers {
            let columns = if k == 0 { signal.width().clone() } else { Dim::Size(units * directions) };
            for suffix in ["", "_reverse"].iter().take(directions) {
                for (part, shape, initial) in [
                    ("weight_ih", vec![Dim::Size(gates * units), columns.clone()], matrix),
                    ("weight_hh", vec![Dim::Size(gates * units), Dim::Size(units)], matrix),
                    ("bias_ih", vec![Dim::Size(gates * units)], bias),
                    ("bias_hh", vec![Dim::Size(gates * units)], bias),
                ] {
                    params.push(build.param(&format!("{part}_l{k}{suffix}"), shape, initial));
                }
            }
        }
        let steps = signal.shape.0[1].clone();
        let mut signal = Signal::values(vec![Dim::Batch, steps, Dim::Size(units * directions)]);
        signal.directions = directions;
        let op = Primitive::Recurrent {
            recurrence,
            units,
            bidirectional: self.bidirectional,
            layers: self.layers,
            dropout: self.dropout,
        };
        build.node(op, signal, params)
    }
}
