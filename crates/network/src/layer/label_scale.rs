//! From standardised numbers to the label's units.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::build::Builder;
use crate::graph::Initial;
use crate::primitive::Primitive;
use crate::shape::Dim;

/// Numbers in the label's units: what comes in, times the deviation of the label over the training rows, plus their
/// mean. Both are set where training starts and are not trained. A training whose loss is for numbers puts this layer at
/// the end by itself, unless the loss says `standardize = false`.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub(super) struct LabelScale {}

impl LabelScale {
    pub(super) fn lower(&self, build: &mut Builder<'_, '_>) -> Option<()> {
        let signal = build.values("values")?;
        let one = || vec![Dim::Size(1)];
        let params = vec![
            build.buffer("deviation", one(), Initial::Ones),
            build.buffer("mean", one(), Initial::Zeros),
        ];
        build.node(Primitive::LabelScale, signal, params)
    }
}
