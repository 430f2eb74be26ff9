//! Learned factors.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::build::Builder;
use crate::graph::Initial;
use crate::primitive::Primitive;
use crate::shape::Dim;

/// A learned factor for each feature or channel, Touvron et al. 2021. Its parameter has the layer's own name and, for
/// images, the shape `[channels, 1, 1]`, as in torchvision's ConvNeXt.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub(super) struct LayerScale {
    /// The factors at the start.
    #[serde(default = "initial")]
    initial: f64,
}

impl LayerScale {
    pub(super) fn lower(&self, build: &mut Builder<'_, '_>) -> Option<()> {
        let signal = build.values("values [batch, features]")?;
        let mut shape = vec![signal.channels().clone()];
        shape.resize(signal.shape.0.len() - signal.channel_axis(), Dim::Size(1));
        let scale = build.own_param(shape, Initial::Constant(self.initial));
        build.node(Primitive::Scale, signal, vec![scale])
    }
}

fn initial() -> f64 {
    1e-6
}
