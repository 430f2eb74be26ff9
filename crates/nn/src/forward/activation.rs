//! Functions of each value, or of the last dimension.

use network::Function;
use torch::{Kind, Tensor};

/// May panic where libtorch refuses.
pub(super) fn of(function: Function, input: &Tensor) -> Tensor {
    match function {
        Function::Relu => input.relu(),
        Function::Relu6 => input.relu6(),
        Function::LeakyRelu { slope } => input.where_self(&input.gt(0.0), &(input * slope)),
        Function::Elu { alpha } => {
            // Without the limit a large value's exponential is infinite, and so is its gradient times 0.
            let below = input.clamp_max(0.0).expm1() * alpha;
            input.where_self(&input.gt(0.0), &below)
        }
        Function::Gelu { tanh } => input.gelu(if tanh { "tanh" } else { "none" }),
        Function::Silu => input.silu(),
        Function::Softplus => input.softplus(),
        Function::Tanh => input.tanh(),
        Function::Sigmoid => input.sigmoid(),
        Function::HardSwish => input.hardswish(),
        Function::HardSigmoid => input.hardsigmoid(),
        Function::Softmax => input.softmax(-1, Kind::Float),
        Function::LogSoftmax => input.log_softmax(-1, Kind::Float),
    }
}
