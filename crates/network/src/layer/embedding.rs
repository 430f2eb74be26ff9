//! Tables of vectors.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::Init;
use crate::build::Builder;
use crate::graph::Initial;
use crate::primitive::Primitive;
use crate::shape::{Dim, Signal};

/// A table of vectors, one a token or category: `[batch, time]` to `[batch, time, units]`, `[batch]` to
/// `[batch, units]`. As PyTorch's `nn.Embedding`.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub(super) struct Embedding {
    /// Length of each vector.
    #[schemars(range(min = 1, max = 1000000))]
    units: usize,
    /// Rows of the table, at least as many as there are indices; by default as many as the vocabulary or the categories.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = 1000000000))]
    rows: Option<usize>,
    /// How the table is drawn; by default normal with deviation 1, as PyTorch does.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    init: Option<Init>,
}

impl Embedding {
    pub(super) fn lower(&self, build: &mut Builder<'_, '_>) -> Option<()> {
        let signal = build.input()?;
        let Some(indices) = signal.ids else {
            return build.mismatch(
                "token or category indices [batch, time] or [batch]",
                "give it a column whose chain ends with `index`, `tokenizer` or `category`",
            );
        };
        let rows = match self.rows {
            Some(rows) if indices.size().is_some_and(|indices| indices > rows) => {
                let message = format!("the table has {rows} rows, and there are {indices} indices");
                let hint = "the vocabulary of the text must be the one that the table is of".to_owned();
                return build.problem(Some("rows"), "layer-sizes", message, Some(hint));
            }
            Some(rows) => Dim::Size(rows),
            None => indices,
        };
        let mut shape = signal.shape.0;
        shape.push(Dim::Size(self.units));
        let initial = self.init.map_or(Initial::Normal(1.0), Init::initial);
        let weight = build.param("weight", vec![rows, Dim::Size(self.units)], initial);
        build.node(Primitive::Embedding, Signal::values(shape), vec![weight])
    }
}
