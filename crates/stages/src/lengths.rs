//! Rows with more tokens than a network has positions for.

use network::{Dim, Network, Primitive};
use plan::Diagnostic;

use crate::check::Context;
use crate::fact::DatasetFact;

/// What to do about rows of more than `most` tokens.
pub fn shorter_texts(most: impl std::fmt::Display) -> String {
    format!(
        "cut longer texts in the preprocess stage: {{ clip = {most} }}, or its tokenizer's length = {most}"
    )
}

/// Reports tables of positions that end before the longest row may; whether there are none.
pub(crate) fn check_lengths(network: &Network, data: &DatasetFact, context: &mut Context<'_>) -> bool {
    let Ok(graph) = network.lower() else { return true };
    let before = context.diagnostics.len();
    for (index, node) in graph.nodes.iter().enumerate() {
        let Primitive::PositionEmbedding { offset } = node.op else { continue };
        let rows = node.params.first().and_then(|table| table.shape[0].size());
        // Behind a layer that changes the steps there is no telling.
        let Some(most) = rows.map(|rows| rows - offset).filter(|_| node.signal.shape.0[1] == Dim::Time)
        else {
            continue;
        };
        let needed = graph.needed(&[index], |_| false);
        let columns =
            graph.nodes.iter().zip(needed).filter(|(node, needed)| *needed && node.op == Primitive::Column);
        for (column, longest) in
            columns.filter_map(|(column, _)| Some((&column.name, data.longest.get(&column.name)?)))
        {
            if *longest > most {
                let message = format!(
                    "a row of `{column}` may have {longest} tokens, and `{}` has positions for {most}",
                    node.name
                );
                let found = Diagnostic::new("too-many-tokens", context.place("data"), message);
                context.report(found.hint(shorter_texts(most)));
            }
        }
    }
    context.diagnostics.len() == before
}
