//! From many places to fewer.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::slide::{Grid, Padding, Sizes, Windows};
use super::{Init, yes};
use crate::build::Builder;
use crate::primitive::{Pooling, Primitive};
use crate::shape::{Dim, Signal};

/// The first step of a sequence, `[batch, time, features]` to `[batch, features]`: of BERT the vector of `[CLS]`. A row
/// without valid steps gives zeros.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub(super) struct SequenceFirst {}

impl SequenceFirst {
    pub(super) fn lower(&self, build: &mut Builder<'_, '_>) -> Option<()> {
        let signal = build.sequence("")?;
        build.node(Primitive::SequenceFirst, Signal::values(vec![Dim::Batch, signal.width().clone()]), vec![])
    }
}

/// The last state of a sequence, `[batch, time, features]` to `[batch, features]`: the last valid step, and for the
/// backward half of a bidirectional layer the first step, where its recurrence ends (PyTorch's `h_n`, Keras'
/// `return_sequences=False`). A row without valid steps gives zeros.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub(super) struct SequenceLast {}

impl SequenceLast {
    pub(super) fn lower(&self, build: &mut Builder<'_, '_>) -> Option<()> {
        let signal = build.sequence("")?;
        build.node(Primitive::SequenceLast, Signal::values(vec![Dim::Batch, signal.width().clone()]), vec![])
    }
}

/// One vector a row from all its places: over the valid steps of a sequence, `[batch, time, features]` to
/// `[batch, features]`, or over the pixels of an image, `[batch, channels, height, width]` to `[batch, channels]`.
/// A row without valid steps gives zeros.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub(super) struct GlobalPool {}

impl GlobalPool {
    pub(super) fn lower(&self, pooling: Pooling, build: &mut Builder<'_, '_>) -> Option<()> {
        let wants =
            "a sequence of vectors [batch, time, features] or an image [batch, channels, height, width]";
        let signal = build.values(wants)?;
        if signal.shape.0.len() < 3 {
            return build.mismatch(wants, "it is one vector a row already");
        }
        let shape = vec![Dim::Batch, signal.shape.0[signal.channel_axis()].clone()];
        build.node(Primitive::GlobalPool(pooling), Signal::values(shape), vec![])
    }
}

/// Attention over the valid steps of a sequence, Bahdanau et al. 2015 and Yang et al. 2016: each step weighs
/// `softmax(score · tanh(projection x + bias))` in the sum, `[batch, time, features]` to `[batch, features]`. A row
/// without valid steps gives zeros.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub(super) struct AttentionPool {
    /// Length of the projection.
    #[schemars(range(min = 1, max = 1000000))]
    units: usize,
    /// How the weights are drawn; by default as PyTorch's `nn.Linear` does.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    init: Option<Init>,
}

impl AttentionPool {
    pub(super) fn lower(&self, build: &mut Builder<'_, '_>) -> Option<()> {
        let signal = build.sequence("")?;
        let (features, units) = (signal.width().clone(), Dim::Size(self.units));
        let (matrix, bias) = Init::or_uniform(self.init, features.size().unwrap_or(1));
        let (score, _) = Init::or_uniform(self.init, self.units);
        let params = vec![
            build.param("projection.weight", vec![units.clone(), features.clone()], matrix),
            build.param("projection.bias", vec![units.clone()], bias),
            build.param("score.weight", vec![Dim::Size(1), units], score),
        ];
        build.node(Primitive::AttentionPool, Signal::values(vec![Dim::Batch, features]), params)
    }
}

/// The largest value of each window, along the steps of a sequence or the length of `[batch, channels, length]`
/// (`max-pool1d`), or over the pixels of images (`max-pool2d`). As PyTorch's `nn.MaxPool1d` and `nn.MaxPool2d`; each
/// row of a sequence as if it stood alone.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub(super) struct MaxPool {
    /// Size of the window, for images also [height, width].
    kernel: Sizes,
    /// From one place of the window to the next; by default the kernel.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    stride: Option<Sizes>,
    /// Places put at both ends of each axis that are never the largest; at most half the kernel, by default none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    padding: Option<Padding>,
    /// Whether a last window may reach past the end.
    #[serde(default)]
    ceil: bool,
}

impl MaxPool {
    pub(super) fn lower(&self, axes: usize, build: &mut Builder<'_, '_>) -> Option<()> {
        let windows = (&self.kernel, self.stride.as_ref(), self.padding.as_ref(), self.ceil);
        window_pool(Pooling::Max, windows, axes, build)
    }
}

/// The mean of each window, along the steps of a sequence or the length of `[batch, channels, length]`
/// (`average-pool1d`), or over the pixels of images (`average-pool2d`). As PyTorch's `nn.AvgPool1d` and
/// `nn.AvgPool2d`; each row of a sequence as if it stood alone.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub(super) struct AveragePool {
    /// Size of the window, for images also [height, width].
    kernel: Sizes,
    /// From one place of the window to the next; by default the kernel.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    stride: Option<Sizes>,
    /// Zeros put at both ends of each axis; at most half the kernel, by default none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    padding: Option<Padding>,
    /// Whether a last window may reach past the end.
    #[serde(default)]
    ceil: bool,
    /// Whether the zeros of the padding count in the mean.
    #[serde(default = "yes")]
    include_padding: bool,
}

impl AveragePool {
    pub(super) fn lower(&self, axes: usize, build: &mut Builder<'_, '_>) -> Option<()> {
        let windows = (&self.kernel, self.stride.as_ref(), self.padding.as_ref(), self.ceil);
        let pooling = if self.include_padding { Pooling::Mean } else { Pooling::MeanOfValues };
        window_pool(pooling, windows, axes, build)
    }
}

fn window_pool(
    pooling: Pooling,
    (kernel, stride, padding, ceil): (&Sizes, Option<&Sizes>, Option<&Padding>, bool),
    axes: usize,
    build: &mut Builder<'_, '_>,
) -> Option<()> {
    let grid = Grid::of(axes, build)?;
    let stride = Some(stride.unwrap_or(kernel));
    let windows = Windows { kernel, stride, padding, dilation: None, ceil }.along(axes, build)?;
    if let Some(window) = windows.iter().find(|window| window.padding[1] > window.kernel / 2) {
        let message = format!("a padding of {} is more than half the kernel", window.padding[1]);
        let hint = format!("at most {} for a kernel of {}", window.kernel / 2, window.kernel);
        return build.problem(Some("padding"), "layer-sizes", message, Some(hint));
    }
    let signal = grid.slid(&windows, build)?;
    build.node(Primitive::WindowPool { pooling, windows }, signal, vec![])
}

/// Pools to a given size, whatever the input's: place `i` of `n` covers the input from `floor(i size / n)` to
/// `ceil((i + 1) size / n)`. Images `[batch, channels, height, width]` keep their form (`2d`); a sequence
/// `[batch, time, features]`, over its valid steps, becomes `[batch, features, size]` (`1d`), zeros for a row without
/// any. As PyTorch's `nn.AdaptiveAvgPool1d`, `nn.AdaptiveMaxPool2d` and so on.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub(super) struct AdaptivePool {
    /// Places of the output, for images also [height, width].
    size: Sizes,
}

impl AdaptivePool {
    pub(super) fn lower(&self, pooling: Pooling, axes: usize, build: &mut Builder<'_, '_>) -> Option<()> {
        let grid = Grid::of(axes, build)?;
        let size = self.size.of("size", axes, build)?;
        let signal = grid.sized(&size);
        build.node(Primitive::AdaptivePool { pooling, size }, signal, vec![])
    }
}
