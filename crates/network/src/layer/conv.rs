//! Convolutions.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::slide::{Grid, Padding, Sizes, Windows};
use super::{Activation, Init, one, yes};
use crate::build::{Builder, Then};
use crate::primitive::Primitive;
use crate::shape::Dim;

/// A convolution (LeCun et al. 1989) along the steps of a sequence, or the length of `[batch, channels, length]`
/// (`conv1d`), or over the pixels of images `[batch, channels, height, width]` (`conv2d`); then optional batch norm,
/// activation and dropout. As PyTorch's `nn.Conv1d` and `nn.Conv2d`.
///
/// Of a sequence each row is convolved as if it stood alone: what lies behind its last valid step counts as zeros, and
/// it gets `(steps + 2 padding - dilation (kernel - 1) - 1) / stride + 1` valid steps, rounded down; none where the
/// kernel does not fit.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub(super) struct Conv {
    /// Output channels; for a sequence, features.
    #[schemars(range(min = 1, max = 1000000))]
    units: usize,
    /// Size of the window, for images also [height, width].
    kernel: Sizes,
    /// From one place of the window to the next; by default 1.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    stride: Option<Sizes>,
    /// Zeros put at both ends of each axis; "same" keeps the size; by default none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    padding: Option<Padding>,
    /// Distance of the values that a window looks at; by default 1.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    dilation: Option<Sizes>,
    /// Parts of the channels that are convolved on their own; as many as channels for a depthwise convolution.
    #[serde(default = "one")]
    #[schemars(range(min = 1, max = 1000000))]
    groups: usize,
    /// Whether a bias is added.
    #[serde(default = "yes")]
    bias: bool,
    /// Whether the weight is learned as the lengths and the directions of its units' kernels, Salimans and Kingma 2016.
    /// As PyTorch's `weight_norm`.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    weight_norm: bool,
    /// Batch norm after the convolution.
    #[serde(default)]
    batch_norm: bool,
    /// Activation after that.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    activation: Option<Activation>,
    /// Dropout at the end.
    #[serde(default)]
    #[schemars(range(min = 0.0, max = 0.99))]
    dropout: f64,
    /// How the weight is drawn; by default uniform in ±1/sqrt(fan in), as PyTorch does. The fan in is
    /// channels / groups times the kernel's area.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    init: Option<Init>,
}

impl Conv {
    pub(super) fn lower(&self, axes: usize, build: &mut Builder<'_, '_>) -> Option<()> {
        let grid = Grid::of(axes, build)?;
        let windows = Windows {
            kernel: &self.kernel,
            stride: self.stride.as_ref(),
            padding: self.padding.as_ref(),
            dilation: self.dilation.as_ref(),
            ceil: false,
        };
        let windows = windows.along(axes, build)?;
        let channels = self.grouped(grid.channels(), build)?;
        let area: usize = windows.iter().map(|window| window.kernel).product();
        let (matrix, bias) = Init::or_uniform(self.init, channels.size().unwrap_or(1) * area);
        let mut shape = vec![Dim::Size(self.units), channels];
        shape.extend(windows.iter().map(|window| Dim::Size(window.kernel)));
        let mut params = build.weight(shape, matrix, self.weight_norm);
        if self.bias {
            params.push(build.param("bias", vec![Dim::Size(self.units)], bias));
        }
        let mut signal = grid.slid(&windows, build)?;
        let axis = signal.channel_axis();
        signal.shape.0[axis] = Dim::Size(self.units);
        let then = Then { batch_norm: self.batch_norm, activation: self.activation, dropout: self.dropout };
        let op = Primitive::Conv { windows, groups: self.groups, weight_norm: self.weight_norm };
        build.steps(("conv", op), signal, params, then)
    }

    /// Input channels of one group.
    fn grouped(&self, channels: &Dim, build: &mut Builder<'_, '_>) -> Option<Dim> {
        let groups = self.groups;
        if !self.units.is_multiple_of(groups) {
            let message = format!("{groups} groups do not divide {} units", self.units);
            let hint = "units and channels are both split into the groups".to_owned();
            return build.problem(Some("groups"), "layer-groups", message, Some(hint));
        }
        match channels {
            Dim::Size(size) if size.is_multiple_of(groups) => Some(Dim::Size(size / groups)),
            Dim::Size(_) => {
                build.mismatch(&format!("channels in {groups} groups"), "`groups` must divide the channels")
            }
            Dim::Named(name) if groups > 1 => Some(Dim::Named(format!("{name} / {groups}"))),
            other => Some(other.clone()),
        }
    }
}
