//! Attention of steps to steps.

use std::rc::Rc;

use torch::{Device, Kind, Tensor};

use super::{At, Value, dropout};
use crate::error::Error;
use crate::sequence::Lengths;

/// Scaled dot-product attention of queries to keys and values, over the valid steps of the keys.
pub(super) fn run(at: &At<'_>, heads: usize, rate: f64) -> Result<Value, Error> {
    let [query, key, value] = match &at.inputs[..] {
        [query, key, value] => [query, key, value].map(|part| part.tensor.shallow_clone()),
        _ => {
            let mut parts = at.tensor().chunk(3, -1).into_iter();
            [(); 3].map(|()| parts.next().expect("three parts of a packed projection"))
        }
    };
    let keys = at.inputs.get(1).unwrap_or(&at.inputs[0]).lengths.as_ref();
    let keys = keys.ok_or_else(|| Error::Lengths { node: at.node().name.clone() })?;
    if key.size()[1] != value.size()[1] {
        return Err(Error::Lengths { node: at.node().name.clone() });
    }
    let visible = visible(keys, &key);
    let [query, key, value] = [query, key, value].map(|part| at.factor(&in_heads(&part, heads)));
    let draws = dropout::seed(at, 0, rate).is_some();
    // libtorch draws the dropout of its fused kernel itself, and that kernel's backward pass on a GPU adds in any order.
    let found = if draws || at.is_training() && at.module.device != Device::Cpu {
        let scores =
            (query / (key.size()[3] as f64).sqrt()).matmul(&key.transpose(2, 3)).to_kind(Kind::Float);
        let scores = match &visible {
            Some(visible) => scores.masked_fill(&visible.logical_not(), f64::NEG_INFINITY),
            None => scores,
        };
        let weights = scores.softmax(-1, Kind::Float);
        at.factor(&dropout::of_weights(at, rate, &weights)?).matmul(&value)
    } else {
        Tensor::scaled_dot_product_attention(&query, &key, &value, visible.as_ref(), 0.0, false, None, false)
    };
    Ok(at.same_steps(found.transpose(1, 2).flatten(2, 3).to_kind(Kind::Float)))
}

/// `[batch, time, features]` as `[batch, heads, time, features of a head]`.
fn in_heads(values: &Tensor, heads: usize) -> Tensor {
    let size = values.size();
    values.view([size[0], size[1], heads as i64, size[2] / heads as i64]).transpose(1, 2)
}

/// `[batch, 1, 1, time]`, true at the steps that may be looked at; `None` where that are all. A row without valid steps
/// keeps its steps, so that no mean is undefined.
fn visible(lengths: &Rc<Lengths>, keys: &Tensor) -> Option<Tensor> {
    let time = keys.size()[1];
    let whole = lengths.count.eq(0).logical_or(&lengths.count.ge(time));
    if whole.all().int64_value(&[]) == 1 {
        return None;
    }
    let empty = lengths.count.eq(0).to_device(keys.device()).reshape([-1, 1, 1]);
    Some(lengths.valid(keys).logical_or(&empty).reshape([-1, 1, 1, time]))
}
