//! The same values in another form.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::build::Builder;
use crate::primitive::Primitive;
use crate::shape::{Dim, Signal};

/// All values of a row as one vector, `[batch, channels, height, width]` to `[batch, channels height width]`. As
/// PyTorch's `nn.Flatten`. Of a sequence it needs `steps`: `[batch, time, features]` to `[batch, steps features]`.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub(super) struct Flatten {
    /// Of a sequence, the steps of every row: zeros where it has fewer, and the first of them where it has more.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = 1000000))]
    steps: Option<usize>,
}

impl Flatten {
    pub(super) fn lower(&self, build: &mut Builder<'_, '_>) -> Option<()> {
        let signal = build.values("values")?;
        match (signal.is_sequence(), self.steps) {
            (true, Some(steps)) => {
                let size = match signal.width() {
                    Dim::Size(width) => Dim::Size(steps * width),
                    width => Dim::Named(format!("{steps} x {width}")),
                };
                return build.node(
                    Primitive::FlattenSteps(steps),
                    Signal::values(vec![Dim::Batch, size]),
                    vec![],
                );
            }
            (true, None) => {
                let hint =
                    "say how many steps: steps = 100, zeros where a row has fewer; or pool the sequence";
                return build.mismatch("values of a fixed size", hint);
            }
            (false, Some(_)) => {
                let message = "`steps` is of sequences, and this has none".to_owned();
                return build.problem(
                    Some("steps"),
                    "flatten-steps",
                    message,
                    Some("leave it out".to_owned()),
                );
            }
            (false, None) => {}
        }
        let sizes = &signal.shape.0[1..];
        let total: Option<usize> = sizes.iter().map(Dim::size).product();
        let all = || sizes.iter().map(Dim::to_string).collect::<Vec<_>>().join(" x ");
        let total = total.map_or_else(|| Dim::Named(all()), Dim::Size);
        build.node(Primitive::Reshape, Signal::values(vec![Dim::Batch, total]), vec![])
    }
}

/// The values of a row, in their order, in another shape: `[batch, 784]` to `[batch, 1, 28, 28]`. As PyTorch's
/// `reshape`.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub(super) struct Reshape {
    /// Sizes behind the batch, `[1, 28, 28]`; one may be -1, which takes what is left.
    #[schemars(length(min = 1, max = 8), inner(range(min = -1, max = 1000000000)))]
    shape: Vec<i64>,
}

impl Reshape {
    pub(super) fn lower(&self, build: &mut Builder<'_, '_>) -> Option<()> {
        let signal = fixed(build)?;
        let open = self.shape.iter().filter(|size| **size < 0).count();
        if open > 1 || self.shape.contains(&0) {
            let message = format!("{:?} is no shape", self.shape);
            let hint = "sizes are at least 1, and one of them may be -1".to_owned();
            return build.problem(Some("shape"), "reshape-size", message, Some(hint));
        }
        let known: Vec<usize> = self.shape.iter().filter_map(|size| usize::try_from(*size).ok()).collect();
        let known = known.iter().try_fold(1_usize, |product, size| product.checked_mul(*size));
        let total: Option<usize> = signal.shape.0[1..].iter().map(Dim::size).product();
        let rest = match (known, total) {
            (Some(known), Some(total)) if open == 1 && total.is_multiple_of(known) => {
                Dim::Size(total / known)
            }
            (Some(known), Some(total)) if open == 0 && total == known => Dim::Size(1),
            (_, None) => Dim::Named(format!("what {} leaves", build.layer.name)),
            (known, Some(_)) => {
                let known = known.map_or_else(|| "fewer".to_owned(), |known| known.to_string());
                let many = if open == 1 { "a multiple of " } else { "" };
                let wants = format!("{many}{known} values a row for its shape {:?}", self.shape);
                return build.mismatch(&wants, "one size may be -1, which takes what is left");
            }
        };
        let mut shape = vec![Dim::Batch];
        let sizes =
            self.shape.iter().map(|size| usize::try_from(*size).map_or_else(|_| rest.clone(), Dim::Size));
        shape.extend(sizes);
        build.node(Primitive::Reshape, Signal::values(shape), vec![])
    }
}

/// Puts the dimensions behind the batch into another order: `order = [2, 3, 1]` makes `[batch, height, width, channels]`
/// of `[batch, channels, height, width]`. As PyTorch's `permute`.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub(super) struct Permute {
    /// Each dimension once, counted from 1; 0, the batch, stays where it is.
    order: Vec<usize>,
}

impl Permute {
    pub(super) fn lower(&self, build: &mut Builder<'_, '_>) -> Option<()> {
        let signal = fixed(build)?;
        let dims = &signal.shape.0;
        let mut sorted = self.order.clone();
        sorted.sort_unstable();
        if !sorted.iter().copied().eq(1..dims.len()) {
            let message =
                format!("{:?} is no order of the {} dimensions behind the batch", self.order, dims.len() - 1);
            let all = (1..dims.len()).rev().collect::<Vec<_>>();
            let hint = format!("each counts once, from 1, such as {all:?}");
            return build.problem(Some("order"), "permute-order", message, Some(hint));
        }
        let mut shape = vec![Dim::Batch];
        shape.extend(self.order.iter().map(|&dim| dims[dim].clone()));
        build.node(Primitive::Permute(self.order.clone()), Signal::values(shape), vec![])
    }
}

/// Puts channels of zeros before and behind those of `[batch, channels, height, width]`, or features of vectors and
/// steps. As PyTorch's `pad`; the shortcut without parameters of He et al. 2016.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub(super) struct PadChannels {
    /// Channels before.
    #[serde(default)]
    #[schemars(range(max = 1000000))]
    before: usize,
    /// Channels behind.
    #[serde(default)]
    #[schemars(range(max = 1000000))]
    behind: usize,
}

impl PadChannels {
    pub(super) fn lower(&self, build: &mut Builder<'_, '_>) -> Option<()> {
        let mut signal = build.values("values [batch, features]")?;
        let (added, axis) = (self.before + self.behind, signal.channel_axis());
        signal.shape.0[axis] = match signal.channels() {
            Dim::Size(size) => Dim::Size(size + added),
            other if added == 0 => other.clone(),
            other => Dim::Named(format!("{other} + {added}")),
        };
        let signal = Signal { directions: 1, ..signal };
        build.node(Primitive::PadChannels { before: self.before, behind: self.behind }, signal, vec![])
    }
}

/// Values whose number does not differ from row to row.
fn fixed(build: &mut Builder<'_, '_>) -> Option<Signal> {
    let wants = "values of a fixed size";
    let signal = build.values(wants)?;
    if signal.is_sequence() {
        return build
            .mismatch(wants, "pool the sequence first, or put an `adaptive-average-pool1d` layer before it");
    }
    Some(signal)
}
