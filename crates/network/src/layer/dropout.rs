//! Noise in training.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::build::Builder;
use crate::primitive::Primitive;

/// Sets a share of the values to zero in training and scales the others up, Srivastava et al. 2014.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub(super) struct Dropout {
    /// The share.
    #[schemars(range(min = 0.0, max = 0.99))]
    rate: f64,
}

impl Dropout {
    pub(super) fn lower(&self, build: &mut Builder<'_, '_>) -> Option<()> {
        build.pointwise(Primitive::Dropout { rate: self.rate })
    }
}

/// Dropout of whole features of a sequence, or whole channels of an image, Tompson et al. 2015. As Keras'
/// `SpatialDropout1D` and PyTorch's `nn.Dropout2d`.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub(super) struct SpatialDropout {
    /// The share.
    #[schemars(range(min = 0.0, max = 0.99))]
    rate: f64,
}

impl SpatialDropout {
    pub(super) fn lower(&self, build: &mut Builder<'_, '_>) -> Option<()> {
        let wants = "sequences [batch, time, features] or images [batch, channels, height, width]";
        if build.values(wants)?.shape.0.len() < 3 {
            return build.mismatch(wants, "use `dropout` for vectors");
        }
        build.pointwise(Primitive::SpatialDropout { rate: self.rate })
    }
}

/// In training, sets all values of some rows to zero and scales those of the others up: of a residual branch this leaves
/// out the branch, Huang et al. 2016. As torchvision's `StochasticDepth` by rows.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub(super) struct StochasticDepth {
    /// The share of rows.
    #[schemars(range(min = 0.0, max = 0.99))]
    rate: f64,
}

impl StochasticDepth {
    pub(super) fn lower(&self, build: &mut Builder<'_, '_>) -> Option<()> {
        build.pointwise(Primitive::StochasticDepth { rate: self.rate })
    }
}
