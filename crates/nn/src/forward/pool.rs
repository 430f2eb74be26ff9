//! From many places to fewer.

use network::{Pooling, Window};
use torch::{Kind, Tensor};

use super::{At, Value};
use crate::error::Error;

/// Over all valid steps, or over all that lies behind the channels.
pub(super) fn global(at: &At<'_>, pooling: Pooling) -> Tensor {
    let input = at.tensor();
    match (&at.inputs[0].lengths, pooling) {
        (Some(lengths), Pooling::Max) => lengths.max(input),
        (Some(lengths), Pooling::Mean | Pooling::MeanOfValues) => lengths.mean(input),
        (None, Pooling::Max) => input.flatten(2, -1).max_dim(2, false).0,
        (None, Pooling::Mean | Pooling::MeanOfValues) => {
            input.flatten(2, -1).mean_dim([2].as_slice(), false, Kind::Float)
        }
    }
}

/// The sum of valid steps weighed by softmax(score · tanh(projection x + bias)).
pub(super) fn attention(at: &At<'_>) -> Result<Tensor, Error> {
    let (input, lengths) = (at.tensor(), at.lengths()?);
    let scores = at.linear(input, at.param(0), Some(at.param(1))).tanh();
    let scores = at.linear(&scores, at.param(2), None);
    let valid = lengths.valid(input);
    // A row without valid steps keeps its scores, so that no gradient is undefined; its result is 0 all the same.
    let empty = lengths.count.eq(0).to_device(input.device()).reshape([-1, 1, 1]);
    let scores = scores.masked_fill(&valid.logical_or(&empty).logical_not(), f64::NEG_INFINITY);
    let weights = scores.softmax(1, Kind::Float).transpose(1, 2);
    let values = at.factor(&input.where_scalarother(&valid, 0.0));
    let sums = at.factor(&weights).bmm(&values).to_kind(Kind::Float).squeeze_dim(1);
    Ok(lengths.without_empty(&sums))
}

/// As PyTorch's max and average pools; each row of a sequence as if it stood alone.
pub(super) fn windows(at: &At<'_>, pooling: Pooling, windows: &[Window]) -> Value {
    if let (Some(lengths), [window]) = (&at.inputs[0].lengths, windows) {
        let (kernel, stride) = (window.kernel as i64, window.stride as i64);
        let found = match pooling {
            Pooling::Max => lengths
                .laid_out(at.tensor(), window, f64::NEG_INFINITY)
                .max_pool1d(kernel, stride, 0, 1, false),
            Pooling::Mean | Pooling::MeanOfValues => {
                let means =
                    lengths.laid_out(at.tensor(), window, 0.0).avg_pool1d(kernel, stride, 0, false, true);
                let places = means.size()[2];
                let whole = matches!(pooling, Pooling::Mean);
                means * kernel
                    / lengths.covered(window, places, whole).unsqueeze(1).to_device(at.tensor().device())
            }
        };
        let (steps, lengths) = lengths.slid(found, window);
        return Value::new(steps, Some(lengths));
    }
    let each = |of: fn(&Window) -> usize| windows.iter().map(|window| of(window) as i64).collect::<Vec<_>>();
    let (kernel, stride) = (each(|window| window.kernel), each(|window| window.stride));
    let padding = each(|window| window.padding[0]);
    let ceil = windows.iter().any(|window| window.ceil);
    let input = at.tensor();
    let whole = matches!(pooling, Pooling::Mean);
    let found = match (windows.len(), pooling) {
        (1, Pooling::Max) => input.max_pool1d(kernel, stride, padding, 1, ceil),
        (1, _) => input.avg_pool1d(kernel, stride, padding, ceil, whole),
        (_, Pooling::Max) => input.max_pool2d(kernel, stride, padding, 1, ceil),
        (_, _) => input.avg_pool2d(kernel, stride, padding, ceil, whole, None),
    };
    Value::new(found, None)
}

/// As PyTorch's adaptive pools; a sequence to `[batch, features, size]`.
pub(super) fn adaptive(at: &At<'_>, pooling: Pooling, size: &[usize]) -> Tensor {
    let input = at.tensor();
    let sizes: Vec<i64> = size.iter().map(|size| *size as i64).collect();
    match (&at.inputs[0].lengths, pooling, &sizes[..]) {
        (Some(lengths), Pooling::Max, &[places, ..]) => lengths.adaptive_max(input, places),
        (Some(lengths), _, &[places, ..]) => lengths.adaptive_mean(input, places),
        (None, Pooling::Max, [_]) => input.adaptive_max_pool1d(&sizes[..]).0,
        (None, Pooling::Max, _) => input.adaptive_max_pool2d(&sizes[..]).0,
        (None, _, [_]) => input.adaptive_avg_pool1d(&sizes[..]),
        (_, _, _) => input.adaptive_avg_pool2d(&sizes[..]),
    }
}
