//! Number formats of training.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The number format in which training passes multiply: linear maps, convolutions and attention. Weights, what flows
/// between layers, everything else that is computed and all measurements stay in 32 bits, recurrent layers too.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Precision {
    /// 32 bits.
    #[default]
    Float32,
    /// 16 bits with the range of 32; on CPUs and GPUs.
    Bfloat16,
    /// 16 bits of a smaller range, on GPUs only. The loss is scaled so that small gradients do not vanish, and steps
    /// with gradients that are not finite are left out, as by PyTorch's `GradScaler`.
    Float16,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde asks so")]
pub(crate) fn is_float32(precision: &Precision) -> bool {
    *precision == Precision::Float32
}
