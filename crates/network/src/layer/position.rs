//! Vectors of places: where a step stands, and in which part of the text.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::Init;
use crate::build::Builder;
use crate::graph::Initial;
use crate::primitive::Primitive;
use crate::shape::{Dim, Signal};

/// A learned vector for each place of a sequence, to be added to the vectors of its tokens, Gehring et al. 2017: step i
/// has row `offset + i` of the table. `[batch, time]` or `[batch, time, features]` to `[batch, time, units]`.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub(super) struct PositionEmbedding {
    /// Rows of the table; a sequence has no more valid steps than follow the offset.
    #[schemars(range(min = 1, max = 1000000))]
    length: usize,
    /// Length of each vector; by default as many as the input's features.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = 1000000))]
    units: Option<usize>,
    /// The row of the first step; RoBERTa's is one after that of its padding, 2.
    #[serde(default, skip_serializing_if = "is_zero")]
    #[schemars(range(max = 1000000))]
    offset: usize,
    /// How the table is drawn; by default normal with deviation 1, as PyTorch does.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    init: Option<Init>,
}

impl PositionEmbedding {
    pub(super) fn lower(&self, build: &mut Builder<'_, '_>) -> Option<()> {
        let wants = "a sequence [batch, time] or [batch, time, features]";
        let signal = build.input()?;
        if !signal.is_sequence() {
            return build.mismatch(wants, "give it the sequence before it is pooled");
        }
        let units = match (self.units, signal.ids.is_some()) {
            (Some(units), _) => Dim::Size(units),
            (None, false) => signal.width().clone(),
            (None, true) => {
                let message = "how many `units`? Indices have no features to take the number from".to_owned();
                return build.problem(None, "units", message, Some("add `units`".to_owned()));
            }
        };
        if self.offset >= self.length {
            let message =
                format!("no row is left after an offset of {}: the table has {}", self.offset, self.length);
            return build.problem(Some("offset"), "layer-sizes", message, Some("raise `length`".to_owned()));
        }
        let initial = self.init.map_or(Initial::Normal(1.0), Init::initial);
        let weight = build.param("weight", vec![Dim::Size(self.length), units.clone()], initial);
        let shape = vec![Dim::Batch, signal.shape.0[1].clone(), units];
        build.node(Primitive::PositionEmbedding { offset: self.offset }, Signal::values(shape), vec![weight])
    }
}

/// A fixed vector for each place of a sequence, to be added to the vectors of its tokens, Vaswani et al. 2017: sines at
/// even and cosines at odd features, of wavelengths from 2 pi to 20000 pi. `[batch, time, features]` to the same shape.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub(super) struct SinusoidalPositions {}

impl SinusoidalPositions {
    pub(super) fn lower(&self, build: &mut Builder<'_, '_>) -> Option<()> {
        let signal = build.sequence("give it the sequence before it is pooled")?;
        build.node(Primitive::SinusoidalPositions, Signal::values(signal.shape.0), vec![])
    }
}

/// A learned vector for each part of a text, to be added to the vectors of its tokens, Devlin et al. 2019: the part of a
/// step is the number of separators before it. Token indices `[batch, time]` to `[batch, time, units]`.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub(super) struct SegmentEmbedding {
    /// Length of each vector.
    #[schemars(range(min = 1, max = 1000000))]
    units: usize,
    /// Parts that are told apart; all that follow belong to the last.
    #[serde(default = "two")]
    #[schemars(range(min = 1, max = 1000))]
    segments: usize,
    /// The index of the token that ends a part, such as BERT's `[SEP]`; without, a text is one part.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    separator: Option<usize>,
    /// How the table is drawn; by default normal with deviation 1, as PyTorch does.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    init: Option<Init>,
}

impl SegmentEmbedding {
    pub(super) fn lower(&self, build: &mut Builder<'_, '_>) -> Option<()> {
        let signal = build.input()?;
        let Some(rows) = signal.ids.as_ref().filter(|_| signal.is_sequence()) else {
            return build
                .mismatch("token indices [batch, time]", "give it the column that the `embedding` reads");
        };
        if let Some((separator, rows)) = self.separator.zip(rows.size()).filter(|(own, rows)| own >= rows) {
            let message = format!("there is no token {separator}: the vocabulary has {rows}");
            return build.problem(Some("separator"), "layer-sizes", message, None);
        }
        let units = Dim::Size(self.units);
        let initial = self.init.map_or(Initial::Normal(1.0), Init::initial);
        let weight = build.param("weight", vec![Dim::Size(self.segments), units.clone()], initial);
        let mut shape = signal.shape.0;
        shape.push(units);
        let op = Primitive::SegmentEmbedding { separator: self.separator };
        build.node(op, Signal::values(shape), vec![weight])
    }
}

fn is_zero(offset: &usize) -> bool {
    *offset == 0
}

fn two() -> usize {
    2
}
