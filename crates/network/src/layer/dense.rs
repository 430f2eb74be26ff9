//! Linear maps.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Activation, Init, yes};
use crate::build::{Builder, Then};
use crate::graph::Param;
use crate::primitive::Primitive;
use crate::shape::{CLASSES, Dim, Signal};

/// A linear map of the last dimension, then optional batch norm, activation and dropout, in this order:
/// `[batch, features]` to `[batch, units]`. As PyTorch's `nn.Linear`.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub(super) struct Dense {
    /// Length of the output; left out, as many as the data has classes, 1 where the label is a number.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = 1000000))]
    units: Option<usize>,
    /// Whether a bias is added.
    #[serde(default = "yes")]
    bias: bool,
    /// Whether the weight is learned as the lengths and the directions of its rows, Salimans and Kingma 2016. As
    /// PyTorch's `weight_norm`.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    weight_norm: bool,
    /// A layer before this one whose weight is this one's too, such as the `embedding` of the tokens that an output
    /// chooses from: Press and Wolf 2017. There are as many units as the weight has rows.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    tied: Option<String>,
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
        let (units, mut params) = match &self.tied {
            Some(layer) => self.tied(layer, &features, build)?,
            None => {
                let units = self.units.map_or_else(|| Dim::Named(CLASSES.to_owned()), Dim::Size);
                let weight = build.weight(vec![units.clone(), features], matrix, self.weight_norm);
                (units, weight)
            }
        };
        if self.bias {
            params.push(build.param("bias", vec![units.clone()], bias));
        }
        let mut shape = signal.shape.0;
        shape.pop();
        shape.push(units);
        let then = Then { batch_norm: self.batch_norm, activation: self.activation, dropout: self.dropout };
        let op = Primitive::Linear { weight_norm: self.weight_norm };
        build.steps(("linear", op), Signal::values(shape), params, then)
    }

    /// The units and the weight that another layer gives.
    fn tied(&self, layer: &str, features: &Dim, build: &mut Builder<'_, '_>) -> Option<(Dim, Vec<Param>)> {
        for (key, given) in [
            ("units", self.units.is_some()),
            ("weight-norm", self.weight_norm),
            ("init", self.init.is_some()),
        ] {
            if given {
                let message = format!("`{key}` follows from the layer whose weight this is");
                return build.problem(Some(key), "tied-layer", message, Some("leave it out".to_owned()));
            }
        }
        let weight = build.tied(layer)?;
        let width = &weight.shape[1];
        if width.size().zip(features.size()).is_some_and(|(width, features)| width != features) {
            let wants = format!("{width} features, the width of `{}`", weight.name);
            return build.mismatch(&wants, "a `dense` layer before it can change the width");
        }
        Some((weight.shape[0].clone(), vec![weight]))
    }
}
