//! Warnings about tokenizers that have fewer tokens than the table of a network has rows.

use std::collections::BTreeMap;

use network::{Dim, Primitive};
use plan::{Diagnostic, Place};
use stages::{Fact, Params};

use crate::compile::Facts;

/// Rows up to which tables are padded, because sizes that divide by it are faster on GPUs.
const PADDING: usize = 128;

/// A warning for each loaded network that looks tokens up in a table of a larger vocabulary: other tokens than those of
/// the weights have other numbers.
pub(crate) fn of_tables(params: &BTreeMap<String, Params>, facts: &Facts) -> Vec<Diagnostic> {
    let mut warnings = vec![];
    for (stage, params) in params {
        let Params::LoadNetwork(load) = params else { continue };
        let made = |of: &str| facts.get(of).into_iter().flatten().map(|(_, fact)| fact);
        let data = load.data.iter().flat_map(|data| made(data)).find_map(|fact| match fact {
            Fact::Dataset(fact) => Some(fact),
            _ => None,
        });
        let network = made(stage).find_map(|fact| match fact {
            Fact::Network(fact) => fact.network.as_ref(),
            _ => None,
        });
        let Some(graph) = network.and_then(|network| network.lower().ok()) else { continue };
        for node in graph.nodes.iter().filter(|node| node.op == Primitive::Embedding) {
            let rows = node.params.first().and_then(|table| table.shape.first()).and_then(Dim::size);
            let column = node.inputs.first().map(|from| graph.nodes[*from].name.as_str());
            let tokens = column.zip(data).and_then(|(column, data)| data.vocabularies.get(column));
            let (Some(rows), Some(column), Some(tokens)) = (rows, column, tokens) else { continue };
            if rows <= tokens.next_multiple_of(PADDING) {
                continue;
            }
            let message =
                format!("`{column}` has {tokens} tokens, and the table `{}` {rows} rows", node.name);
            let hint = "weights of another vocabulary take each token for another one: take the tokenizer that they were trained with";
            warnings
                .push(Diagnostic::new("fewer-tokens", Place::stage(stage).join("data"), message).hint(hint));
        }
    }
    warnings
}
