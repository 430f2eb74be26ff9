//! From many places to fewer.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::build::Builder;
use crate::graph::Primitive;
use crate::shape::{Dim, Signal};

/// From a sequence to one vector a row, `[batch, time, features]` to `[batch, features]`; a row without valid
/// steps gives zeros.
///
/// `sequence-last` takes the last state: the last valid step, and for the backward half of a bidirectional layer
/// the first step, where its recurrence ends (PyTorch's `h_n`, Keras' `return_sequences=False`).
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub(super) struct SequencePool {}

impl SequencePool {
    pub(super) fn lower(&self, op: Primitive, build: &mut Builder<'_, '_>) -> Option<()> {
        let signal = build.sequence("")?;
        build.node(op, Signal::values(vec![Dim::Batch, signal.width().clone()]), vec![])
    }
}
