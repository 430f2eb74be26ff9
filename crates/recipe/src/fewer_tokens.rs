//! Warnings about tokenizers that have fewer tokens than the table of a network has rows.

use std::collections::BTreeMap;

use network::Dim;
use plan::{Diagnostic, Place};
use stages::{Fact, Params};

use crate::compile::{Facts, network_of};

/// Rows up to which tables are padded, because sizes that divide by it are faster on GPUs.
const PADDING: usize = 128;

/// A warning for each loaded network that looks tokens up in a table of a larger vocabulary: other tokens than those of
/// the weights have other numbers.
pub(crate) fn of_tables(params: &BTreeMap<String, Params>, facts: &Facts) -> Vec<Diagnostic> {
    let mut warnings = vec![];
    for (stage, params) in params {
        let Params::LoadNetwork(load) = params else { continue };
        let made = load.data.iter().filter_map(|data| facts.get(data)).flatten();
        let data = made.map(|(_, fact)| fact).find_map(|fact| match fact {
            Fact::Dataset(fact) => Some(fact),
            _ => None,
        });
        let network = network_of(facts.get(stage).into_iter().flatten());
        let Some(graph) = network.and_then(|network| network.lower().ok()) else { continue };
        for (node, column) in graph.tables() {
            let rows = node.params.first().and_then(|table| table.shape.first()).and_then(Dim::size);
            let tokens = data.and_then(|data| data.vocabularies.get(column));
            let (Some(rows), Some(tokens)) = (rows, tokens) else { continue };
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
