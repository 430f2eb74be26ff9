//! Normalisation.

use super::{At, Value};
use crate::module::uses_running_statistics;

/// PyTorch's `BatchNorm1d`. A training batch of one row has no variance: it is normalised by the running statistics
/// and leaves them as they are (PyTorch refuses such a batch).
pub(super) fn batch(at: &At<'_>, epsilon: f64, momentum: f64) -> Value {
    let input = at.tensor();
    let part = |part: usize| Some(at.param(part));
    let training = at.is_training()
        && input.size()[0] > 1
        && !uses_running_statistics(at.node(), &at.module.network.frozen);
    let (weight, bias, mean, variance) = (part(0), part(1), part(2), part(3));
    at.same_steps(input.batch_norm(weight, bias, mean, variance, training, momentum, epsilon, false))
}
