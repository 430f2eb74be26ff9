//! Several inputs to one.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::build::Builder;
use crate::primitive::Primitive;
use crate::shape::{Dim, Signal};

/// Joins its inputs: `[batch, a]` and `[batch, b]` to `[batch, a + b]`, sequences along their features, images along
/// their channels.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub(super) struct Concat {}

impl Concat {
    pub(super) fn lower(&self, build: &mut Builder<'_, '_>) -> Option<()> {
        let signals = one_form(build)?;
        let axis = signals[0].channel_axis();
        let wants = if axis > 1 { "inputs with the same steps" } else { "inputs of one height and width" };
        let but_axis = |at: usize, one: &Dim, other: &Dim| {
            if at == axis { Some(one.clone()) } else { equal(one, other) }
        };
        let mut shape = merged(&signals, but_axis, (wants, "pad or pool one of them"), build)?;
        let widths = || signals.iter().map(Signal::channels);
        let total: Option<usize> = widths().map(Dim::size).sum();
        let all = || widths().map(Dim::to_string).collect::<Vec<_>>().join(" + ");
        shape[axis] = total.map_or_else(|| Dim::Named(all()), Dim::Size);
        build.node(Primitive::Concat, Signal::values(shape), vec![])
    }
}

/// Adds or multiplies its inputs, value by value. They have as many dimensions; a size of 1 counts for every place of
/// that dimension, all other sizes are equal.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub(super) struct Elementwise {}

impl Elementwise {
    pub(super) fn lower(&self, op: Primitive, build: &mut Builder<'_, '_>) -> Option<()> {
        let signals = one_form(build)?;
        let hint = "sizes must be equal or 1; a `dense` or `conv` layer can change the width";
        let shape =
            merged(&signals, |_, one, other| broadcast(one, other), ("inputs of one shape", hint), build)?;
        let mut signal = Signal::values(shape);
        if signals.iter().all(|other| other.directions == signals[0].directions) {
            signal.directions = signals[0].directions;
        }
        build.node(op, signal, vec![])
    }
}

/// The shape that all signals have, dimension by dimension; reports the first that differs.
fn merged(
    signals: &[Signal],
    join: impl Fn(usize, &Dim, &Dim) -> Option<Dim>,
    (wants, hint): (&str, &str),
    build: &mut Builder<'_, '_>,
) -> Option<Vec<Dim>> {
    let mut shape = signals[0].shape.0.clone();
    for (at, other) in signals.iter().enumerate().skip(1) {
        let dims = shape.iter().zip(&other.shape.0).enumerate();
        let Some(both) = dims.map(|(axis, (one, other))| join(axis, one, other)).collect() else {
            let wants = format!("{wants}, the first is {}", build.described(0));
            return build.mismatch_at(at, &wants, hint);
        };
        shape = both;
    }
    Some(shape)
}

/// Inputs of real numbers with as many dimensions, all or none of them sequences.
fn one_form(build: &mut Builder<'_, '_>) -> Option<Vec<Signal>> {
    let signals = build.all_values()?;
    let first = &signals[0];
    let other = |signal: &Signal| {
        signal.shape.0.len() != first.shape.0.len() || signal.is_sequence() != first.is_sequence()
    };
    if let Some(at) = signals.iter().position(other) {
        let sequences = first.is_sequence() || signals[at].is_sequence();
        let wants = format!("inputs of one rank, the first is {}", build.described(0));
        let hint = if sequences {
            "pool the sequences first"
        } else {
            "put a `flatten` or `reshape` layer before it"
        };
        return build.mismatch_at(at, &wants, hint);
    }
    Some(signals)
}

/// The size that both are, as far as is known.
fn equal(one: &Dim, other: &Dim) -> Option<Dim> {
    match (one, other) {
        (Dim::Named(_), other) => Some(other.clone()),
        (one, Dim::Named(_)) => Some(one.clone()),
        (one, other) => (one == other).then(|| one.clone()),
    }
}

fn broadcast(one: &Dim, other: &Dim) -> Option<Dim> {
    match (one, other) {
        (Dim::Size(1), other) => Some(other.clone()),
        (one, Dim::Size(1)) => Some(one.clone()),
        (one, other) => equal(one, other),
    }
}
