//! Convolutions.

use network::Window;
use torch::{Kind, Tensor};

use super::{At, Value};

/// As PyTorch's `conv1d` and `conv2d`; each row of a sequence as if it stood alone.
pub(super) fn conv(at: &At<'_>, windows: &[Window], groups: usize, weight_norm: bool) -> Value {
    if let (Some(lengths), [window]) = (&at.inputs[0].lengths, windows) {
        let input = lengths.laid_out(at.tensor(), window, 0.0);
        let found = convolve(at, &input, weight_norm, &[Window { padding: [0; 2], ..*window }], groups);
        let (steps, lengths) = lengths.slid(found, window);
        return Value::new(steps, Some(lengths));
    }
    Value::new(convolve(at, at.tensor(), weight_norm, windows, groups), None)
}

/// `[batch, channels, axes...]` to `[batch, units, axes...]`.
fn convolve(at: &At<'_>, input: &Tensor, weight_norm: bool, windows: &[Window], groups: usize) -> Tensor {
    let (weight, bias) = at.weight(weight_norm);
    let (weight, bias) = (at.factor(&weight), bias.map(|bias| at.factor(bias)));
    let each = |of: fn(&Window) -> usize| windows.iter().map(|window| of(window) as i64).collect::<Vec<_>>();
    let (stride, dilation) = (each(|window| window.stride), each(|window| window.dilation));
    let mut padding = each(|window| window.padding[0]);
    let mut padded = at.factor(input);
    if windows.iter().any(|window| window.padding[0] != window.padding[1]) {
        // libtorch counts from the last axis, and takes the same number at both ends only.
        let ends = windows.iter().rev().flat_map(|window| window.padding).map(|zeros| zeros as i64);
        padded = padded.constant_pad_nd(ends.collect::<Vec<_>>());
        padding.fill(0);
    }
    let found = match windows.len() {
        1 => padded.conv1d(&weight, bias.as_ref(), stride, padding, dilation, groups as i64),
        _ => padded.conv2d(&weight, bias.as_ref(), stride, padding, dilation, groups as i64),
    };
    found.to_kind(Kind::Float)
}
