//! Several inputs to one.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::build::Builder;
use crate::graph::Primitive;
use crate::shape::{Dim, Signal};

/// Joins its inputs along the last dimension: `[batch, a]` and `[batch, b]` to `[batch, a + b]`.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub(super) struct Concat {}

impl Concat {
    pub(super) fn lower(&self, build: &mut Builder<'_, '_>) -> Option<()> {
        let signals = build.all_values()?;
        let mut shape = signals[0].shape.0.clone();
        for (at, other) in signals.iter().enumerate().skip(1) {
            if other.shape.0.len() != shape.len() {
                let wants = format!("inputs of one rank, the first is {}", build.described(0));
                return build.mismatch_at(at, &wants, "pool the sequences first");
            }
        }
        shape.pop();
        let widths = || signals.iter().map(Signal::width);
        let total: Option<usize> = widths().map(Dim::size).sum();
        let all = || widths().map(Dim::to_string).collect::<Vec<_>>().join(" + ");
        shape.push(total.map_or_else(|| Dim::Named(all()), Dim::Size));
        build.node(Primitive::Concat, Signal::values(shape), vec![])
    }
}
