//! `{ backbone = "NAME" }` in the chain of a column: the steps that the backbone's pictures went through.

use super::backbone::preprocessing;
use crate::tree::{Data, Node};

/// Puts the steps in the place of every backbone that is known; what is wrong stays, for the schema to report.
pub(super) fn unfold(stage: &mut Node) {
    if let Some(columns) = stage.get_mut("columns").and_then(Node::table_mut) {
        columns.values_mut().for_each(chain);
    }
    if let Some(Node { data: Data::Array(groups), .. }) = stage.get_mut("group") {
        groups.iter_mut().filter_map(|group| group.get_mut("steps")).for_each(chain);
    }
}

fn chain(node: &mut Node) {
    let Data::Array(steps) = &mut node.data else { return };
    let unfolded = steps.drain(..).flat_map(|step| {
        let name = step.table().filter(|keys| keys.len() == 1).and_then(|keys| keys.get("backbone"));
        match name.and_then(Node::text).and_then(preprocessing) {
            Some((known, _)) => known.into_iter().map(|own| written_at(own, &step)).collect(),
            None => vec![step],
        }
    });
    *steps = unfolded.collect();
}

/// The node as though it stood where `step` does.
fn written_at(node: Node, step: &Node) -> Node {
    let data = match node.data {
        Data::Array(elements) => Data::Array(elements.into_iter().map(|own| written_at(own, step)).collect()),
        Data::Table(entries) => {
            Data::Table(entries.into_iter().map(|(key, own)| (key, written_at(own, step))).collect())
        }
        other => other,
    };
    Node { data, key: node.key.map(|_| step.span.clone()), span: step.span.clone(), via: step.via.clone() }
}
