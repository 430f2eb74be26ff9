//! Linear maps.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Activation, Init, yes};
use crate::build::{Builder, Then};
use crate::primitive::Primitive;
use crate::shape::{Dim, Signal};

/// A linear map of the last dimension, then optional batch norm, activation and dropout, in this order:
/// `[batch, features]` to `[batch, units]`. As PyTorch's `nn.Linear`.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub(super) struct Dense {
    /// Length of the output.
    #[schemars(range(min = 1, max = 1000000))]
    units: usize,
    /// Whether a bias is added.
    #[serde(default = "yes")]
    bias: bool,
    /// Batch norm after the linear map.
    #[serde(default)]
    batch_norm: bool,
    /// Activation after that.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    activation: Option<Activation>,
    /// Dropout at the end.
    #[serde(default)]
    #[schemars(range(min = 0.0, max = 0.99))]
    dropout: f64,
    /// How the weight is drawn; by default uniform in ±1/sqrt(features), as PyTorch does.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    init: Option<Init>,
}

impl Dense {
    pub(super) fn lower(&self, build: &mut Builder<'_, '_>) -> Option<()> {
        let signal = build.values("values [batch, features]")?;
        let features = signal.width().clone();
        // The first weights are drawn when the data has told every width.
        let (matrix, bias) = Init::or_uniform(self.init, features.size().unwrap_or(1));
        let mut params = vec![build.param("weight", vec![Dim::Size(self.units), features], matrix)];
        if self.bias {
            params.push(build.param("bias", vec![Dim::Size(self.units)], bias));
        }
        let mut shape = signal.shape.0;
        shape.pop();
        shape.push(Dim::Size(self.units));
        let then = Then { batch_norm: self.batch_norm, activation: self.activation, dropout: self.dropout };
        build.steps(("linear", Primitive::Linear), Signal::values(shape), params, then)
    }
}
