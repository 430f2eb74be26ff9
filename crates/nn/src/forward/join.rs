//! Several inputs to one.

use std::rc::Rc;

use torch::Tensor;

use super::{At, Value};
use crate::error::Error;

/// Joined along features or channels.
pub(super) fn concat(at: &At<'_>) -> Result<Value, Error> {
    equal_steps(at)?;
    let tensors: Vec<&Tensor> = at.inputs.iter().map(|part| &part.tensor).collect();
    Ok(at.same_steps(Tensor::cat(&tensors, at.node().signal.channel_axis() as i64)))
}

/// The inputs joined two by two, from the first on.
pub(super) fn fold(at: &At<'_>, join: impl Fn(Tensor, &Tensor) -> Tensor) -> Result<Value, Error> {
    equal_steps(at)?;
    let first = at.tensor().shallow_clone();
    Ok(at.same_steps(at.inputs[1..].iter().fold(first, |all, part| join(all, &part.tensor))))
}

/// Zeros before and behind the features or channels.
pub(super) fn pad(at: &At<'_>, before: usize, behind: usize) -> Tensor {
    let input = at.tensor();
    let inner = input.dim() - at.node().signal.channel_axis() - 1;
    let mut sizes = vec![0; 2 * inner];
    // The last dimension comes first.
    sizes.extend([before as i64, behind as i64]);
    input.constant_pad_nd(sizes)
}

/// Refuses sequences of different lengths.
fn equal_steps(at: &At<'_>) -> Result<(), Error> {
    let first = &at.inputs[0].lengths;
    for part in at.inputs.iter().skip(1) {
        let equal = match (first, &part.lengths) {
            (Some(first), Some(other)) => Rc::ptr_eq(first, other) || first.count.equal(&other.count),
            (None, None) => true,
            _ => false,
        };
        if !equal {
            return Err(Error::Lengths { node: at.node().name.clone() });
        }
    }
    Ok(())
}
