//! Noise in training.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::build::Builder;
use crate::graph::Primitive;

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
