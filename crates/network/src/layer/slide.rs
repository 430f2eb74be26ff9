//! What layers with sliding windows share: sizes for each axis, and the axes that they slide along.

use std::num::NonZeroU16;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::build::Builder;
use crate::shape::{Dim, Signal};
use crate::window::Window;

/// A size for every axis, or one for each: `[height, width]`.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(untagged)]
pub(super) enum Sizes {
    /// The same along every axis.
    All(NonZeroU16),
    /// One an axis.
    Each(Vec<NonZeroU16>),
}

/// Zeros put around the values.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(untagged)]
pub(super) enum Padding {
    /// As many as keep the size.
    Word(PaddingWord),
    /// So many at both ends of every axis.
    All(u16),
    /// One number an axis.
    Each(Vec<u16>),
}

/// As many zeros as keep the size; of an odd number one more goes to the end.
#[derive(Clone, Copy, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub(super) enum PaddingWord {
    Same,
}

/// Where a window slides: steps of sequences, positions of `[batch, channels, length]`, pixels of images.
pub(super) struct Grid {
    signal: Signal,
    axes: Vec<usize>,
}

/// Windows as they are declared.
pub(super) struct Windows<'k> {
    pub(super) kernel: &'k Sizes,
    pub(super) stride: Option<&'k Sizes>,
    pub(super) padding: Option<&'k Padding>,
    pub(super) dilation: Option<&'k Sizes>,
    pub(super) ceil: bool,
}

impl Sizes {
    /// One size an axis.
    pub(super) fn of(
        &self,
        key: &'static str,
        axes: usize,
        build: &mut Builder<'_, '_>,
    ) -> Option<Vec<usize>> {
        match self {
            Sizes::All(size) => Some(vec![usize::from(size.get()); axes]),
            Sizes::Each(sizes) => {
                counted(key, sizes.len(), axes, build)?;
                Some(sizes.iter().map(|size| usize::from(size.get())).collect())
            }
        }
    }
}

/// Reports a list that has not one size an axis.
fn counted(key: &'static str, found: usize, axes: usize, build: &mut Builder<'_, '_>) -> Option<()> {
    if found == axes {
        return Some(());
    }
    let wants = if axes == 1 { "one number" } else { "one number, or [height, width]" };
    let message = format!("`{key}` has {found} sizes, expected {axes}");
    build.problem(Some(key), "layer-sizes", message, Some(format!("write {wants}")))
}

impl Windows<'_> {
    /// The windows, one an axis.
    pub(super) fn along(&self, axes: usize, build: &mut Builder<'_, '_>) -> Option<Vec<Window>> {
        let kernel = self.kernel.of("kernel", axes, build)?;
        let or_one = |sizes: Option<&Sizes>, key, build: &mut Builder<'_, '_>| match sizes {
            Some(sizes) => sizes.of(key, axes, build),
            None => Some(vec![1; axes]),
        };
        let stride = or_one(self.stride, "stride", build)?;
        let dilation = or_one(self.dilation, "dilation", build)?;
        let windows = (0..axes).map(|axis| Window {
            kernel: kernel[axis],
            stride: stride[axis],
            padding: [0; 2],
            dilation: dilation[axis],
            ceil: self.ceil,
        });
        let mut windows: Vec<Window> = windows.collect();
        match self.padding {
            None => {}
            Some(Padding::All(zeros)) => {
                windows.iter_mut().for_each(|window| window.padding = [usize::from(*zeros); 2]);
            }
            Some(Padding::Each(zeros)) => {
                counted("padding", zeros.len(), axes, build)?;
                for (window, zeros) in windows.iter_mut().zip(zeros) {
                    window.padding = [usize::from(*zeros); 2];
                }
            }
            Some(Padding::Word(PaddingWord::Same)) => {
                if stride.iter().any(|stride| *stride > 1) {
                    let message = "`padding = \"same\"` keeps the size, a stride above 1 does not".to_owned();
                    let hint = format!("give the padding as a number, such as {}", kernel[0] / 2);
                    return build.problem(Some("padding"), "layer-sizes", message, Some(hint));
                }
                for window in &mut windows {
                    let zeros = window.reach() - 1;
                    window.padding = [zeros / 2, zeros - zeros / 2];
                }
            }
        }
        Some(windows)
    }
}

impl Grid {
    /// The input of a layer that slides along so many axes.
    pub(super) fn of(axes: usize, build: &mut Builder<'_, '_>) -> Option<Grid> {
        let wants = match axes {
            1 => "a sequence [batch, time, features] or values [batch, channels, length]",
            _ => "images [batch, channels, height, width]",
        };
        let signal = build.values(wants)?;
        let rank = signal.shape.0.len();
        if rank != axes + 2 {
            let other = |axes: &str| build.layer.op.kind().replace(['1', '2'], axes);
            let hint = match (axes, rank) {
                (2, 3) => format!("use a `{}` layer for one axis", other("1")),
                (1, 4) => format!("use a `{}` layer for images", other("2")),
                (1, 2) => "put a `reshape` layer before it: shape = [channels, length]".to_owned(),
                (2, 2) => "put a `reshape` layer before it: shape = [channels, height, width]".to_owned(),
                _ => String::new(),
            };
            return build.mismatch(wants, &hint);
        }
        if axes == 2 && signal.is_sequence() {
            return build.mismatch(wants, "");
        }
        let axes = if signal.is_sequence() { vec![1] } else { (2..rank).collect() };
        Some(Grid { signal, axes })
    }

    /// Channels of an image, features of a step.
    pub(super) fn channels(&self) -> &Dim {
        &self.signal.shape.0[self.signal.channel_axis()]
    }

    /// What flows out of windows sliding here.
    pub(super) fn slid(&self, windows: &[Window], build: &mut Builder<'_, '_>) -> Option<Signal> {
        let mut shape = self.signal.shape.0.clone();
        for (&axis, window) in self.axes.iter().zip(windows) {
            let name = match self.axes.len() {
                1 => "length",
                _ => ["height", "width"][axis - 2],
            };
            shape[axis] = match &shape[axis] {
                Dim::Size(size) if window.places(*size) == 0 => {
                    let least = (1..).find(|&size| window.places(size) > 0).unwrap_or(1);
                    let wants = format!("a {name} of at least {least} for its kernel of {}", window.kernel);
                    return build.mismatch(&wants, "make the kernel smaller, or add `padding`");
                }
                Dim::Size(size) => Dim::Size(window.places(*size)),
                Dim::Named(_) if !window.keeps_size() => {
                    Dim::Named(format!("{name} after {}", build.layer.name))
                }
                Dim::Time | Dim::After(_) if !window.keeps_size() => Dim::After(build.layer.name.clone()),
                same => same.clone(),
            };
        }
        Some(Signal::values(shape))
    }

    /// What flows out with these sizes in place of the axes, `[batch, channels, ...]`.
    pub(super) fn sized(&self, sizes: &[usize]) -> Signal {
        let mut shape = vec![Dim::Batch, self.channels().clone()];
        shape.extend(sizes.iter().map(|size| Dim::Size(*size)));
        Signal::values(shape)
    }
}
