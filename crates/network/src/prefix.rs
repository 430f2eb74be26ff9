//! The part of a network that training leaves as it is: what of it could be computed once instead of every epoch.

use std::collections::BTreeSet;

use crate::graph::{Graph, Node};
use crate::primitive::Primitive;
use crate::shape::Dim;

/// Steps that a sequence is taken to have, before it is read.
const STEPS: u64 = 10;

/// The nodes whose values training would compute anew, and equal, in every epoch.
#[derive(Clone, Debug, PartialEq)]
pub struct Prefix {
    /// Nodes worth storing, in the graph's order: the others of the prefix are computed from these and from columns.
    pub stored: Vec<usize>,
    /// The share of the network's multiply-adds that storing them saves in each pass, from 0 to 1.
    pub saved: f64,
    /// Where nothing is worth storing: the most multiply-adds for a value at the prefix's end.
    pub most: u64,
}

impl Prefix {
    /// Multiply-adds that computing a value must take before it is worth storing: about as many as a processor does
    /// while a slow disk reads four bytes.
    pub const WORTH: u64 = 100;
}

impl Graph {
    /// By node: whether there are parameters at or before it and all of them are frozen. Dropout is off there.
    pub fn frozen_part(&self, frozen: &BTreeSet<String>) -> Vec<bool> {
        let mut any = vec![false; self.nodes.len()];
        let all = self.all_frozen(frozen);
        for (index, node) in self.nodes.iter().enumerate() {
            any[index] = !node.params.is_empty() || node.inputs.iter().any(|&input| any[input]);
        }
        any.iter().zip(&all).map(|(any, all)| *any && *all).collect()
    }

    /// By node: whether its values are a function of the row alone while the rest trains, as no parameter at or
    /// before it is trained and nothing is drawn there.
    pub fn still(&self, frozen: &BTreeSet<String>) -> Vec<bool> {
        let quiet = self.frozen_part(frozen);
        let mut still = self.all_frozen(frozen);
        for (index, node) in self.nodes.iter().enumerate() {
            let draws = matches!(
                node.op,
                Primitive::Dropout { .. }
                    | Primitive::SpatialDropout { .. }
                    | Primitive::StochasticDepth { .. }
            ) || matches!(node.op, Primitive::Attention { dropout, .. } if dropout > 0.0);
            still[index] &= !draws || quiet[index];
            still[index] &= node.inputs.iter().all(|&input| still[input]);
        }
        still
    }

    /// The prefix where the nodes `still` keep their values; `None` where nothing with a parameter does, or all does.
    pub fn prefix(&self, still: &[bool]) -> Option<Prefix> {
        let params = |index: usize| !self.nodes[index].params.is_empty();
        let indices = || 0..self.nodes.len();
        let results = self.results();
        if results.iter().all(|(_, node)| still[*node])
            || !indices().any(|index| still[index] && params(index))
        {
            return None;
        }
        let mut prefix = Prefix { stored: vec![], saved: 0.0, most: 0 };
        let mut saved = 0;
        for end in indices().filter(|&index| still[index] && self.nodes[index].op != Primitive::Column) {
            let is_read = |index: usize| !still[index] && self.nodes[index].inputs.contains(&end);
            if !indices().any(is_read) {
                continue;
            }
            let stored: BTreeSet<usize> = prefix.stored.iter().copied().collect();
            let needed = self.needed(&[end], |index| stored.contains(&index));
            let own = needed.iter().enumerate().filter(|(index, needed)| **needed && !stored.contains(index));
            let operations: u64 = own.map(|(index, _)| self.operations(index)).sum();
            let each = operations / self.nodes[end].values();
            prefix.most = prefix.most.max(each);
            if each >= Prefix::WORTH {
                prefix.stored.push(end);
                saved += operations;
            }
        }
        let all: u64 = indices().map(|index| self.operations(index)).sum();
        prefix.saved = saved as f64 / all.max(1) as f64;
        Some(prefix)
    }

    /// Nodes that the `wanted` ones are computed from, themselves included, where the values of those that are `given` are there
    /// already.
    pub fn needed(&self, wanted: &[usize], given: impl Fn(usize) -> bool) -> Vec<bool> {
        let mut needed = vec![false; self.nodes.len()];
        wanted.iter().for_each(|&node| needed[node] = true);
        for index in (0..self.nodes.len()).rev() {
            if needed[index] && !given(index) {
                self.nodes[index].inputs.iter().for_each(|&input| needed[input] = true);
            }
        }
        needed
    }

    /// By node: whether `other` has a node of the same name that computes the same from the same columns with
    /// parameters of the same names.
    pub fn shared_with(&self, other: &Graph) -> Vec<bool> {
        let mut shared: Vec<bool> = vec![];
        for node in &self.nodes {
            let twin = other.nodes.iter().find(|twin| twin.name == node.name);
            let names = |graph: &Graph, node: &Node| -> Vec<String> {
                node.inputs.iter().map(|&input| graph.nodes[input].name.clone()).collect()
            };
            let same = twin.is_some_and(|twin| {
                let params = |node: &Node| -> Vec<String> {
                    node.params.iter().map(|param| param.name.clone()).collect()
                };
                twin.op == node.op && params(twin) == params(node) && names(other, twin) == names(self, node)
            });
            shared.push(same && node.inputs.iter().all(|&input| shared[input]));
        }
        shared
    }

    fn all_frozen(&self, frozen: &BTreeSet<String>) -> Vec<bool> {
        let mut all: Vec<bool> = vec![];
        for node in &self.nodes {
            let own = node.params.iter().all(|param| param.buffer || frozen.contains(&param.name));
            all.push(own && node.inputs.iter().all(|&input| all[input]));
        }
        all
    }

    /// Multiply-adds with parameters that one row takes at a node. A lookup takes none, nor does what has no
    /// parameters: beside the others it does not count.
    fn operations(&self, index: usize) -> u64 {
        let node = &self.nodes[index];
        let lookup = matches!(
            node.op,
            Primitive::Embedding | Primitive::PositionEmbedding { .. } | Primitive::SegmentEmbedding { .. }
        );
        if lookup {
            return 0;
        }
        let matrices = node.params.iter().filter(|param| param.shape.len() > 1);
        let weights: u64 = matrices.map(|param| size(&param.shape)).sum();
        // Attention looks at every step of what it makes one vector of.
        let places = match node.op {
            Primitive::AttentionPool => &self.nodes[node.inputs[0]],
            _ => node,
        };
        weights * (places.values() / size(std::slice::from_ref(places.signal.channels())))
    }
}

impl Node {
    /// Whether it is a batch norm that normalises by its running statistics even in training, and keeps them: when its
    /// weight and bias are frozen, or the statistics are.
    pub fn uses_running_statistics(&self, frozen: &BTreeSet<String>) -> bool {
        let (buffers, params): (Vec<_>, Vec<_>) = self.params.iter().partition(|param| param.buffer);
        matches!(self.op, Primitive::BatchNorm { .. })
            && (params.iter().all(|param| frozen.contains(&param.name))
                || buffers.iter().any(|param| frozen.contains(&param.name)))
    }

    /// Values of one row, a sequence taken to have ten steps and any other unknown size to be one: at least 1.
    pub fn values(&self) -> u64 {
        size(&self.signal.shape.0)
    }
}

fn size(shape: &[Dim]) -> u64 {
    let each = shape.iter().map(|dim| match dim {
        Dim::Time | Dim::After(_) => STEPS,
        dim => dim.size().unwrap_or(1).max(1) as u64,
    });
    each.product()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use serde_json::{Value, json};

    use crate::{Graph, Input, Network, Prefix};

    /// A network whose parameters with these words in their names are frozen.
    fn graph(layers: Value, frozen: &[&str]) -> (Network, Graph) {
        let inputs = BTreeMap::from([
            ("age".to_owned(), Input::Number),
            ("picture".to_owned(), Input::Image { channels: Some(3), height: Some(32), width: Some(32) }),
            ("text".to_owned(), Input::Sequence { vocabulary: None }),
        ]);
        let mut network = Network::new(inputs, serde_json::from_value(layers).unwrap());
        let graph = network.lower().unwrap();
        let names = graph.params().map(|param| param.name.clone());
        network.frozen = names.filter(|name| frozen.iter().any(|part| name.contains(part))).collect();
        (network, graph)
    }

    fn prefix(layers: Value, frozen: &[&str]) -> Option<(Vec<String>, Prefix)> {
        let (network, graph) = graph(layers, frozen);
        let prefix = graph.prefix(&graph.still(&network.frozen))?;
        Some((prefix.stored.iter().map(|&index| graph.nodes[index].name.clone()).collect(), prefix))
    }

    fn text() -> Value {
        json!([
            { "name": "embed", "kind": "embedding", "units": 8, "input": ["text"] },
            { "name": "quiet", "kind": "dropout", "rate": 0.5 },
            { "name": "gru", "kind": "gru", "units": 6 },
            { "name": "last", "kind": "sequence-last" },
            { "name": "dense", "kind": "dense", "units": 4, "dropout": 0.5 },
            { "name": "output", "kind": "dense", "units": 1 },
        ])
    }

    #[test]
    fn a_frozen_encoder_ends_at_its_last_still_node() {
        let (stored, prefix) = prefix(text(), &["embed", "gru"]).unwrap();
        assert_eq!(stored, ["last"]);
        // 3 gates x 6 units x (8 + 6), ten steps; then 6 x 4 and 4 x 1.
        assert!((prefix.saved - 2520.0 / 2548.0).abs() < 1e-12, "{}", prefix.saved);
    }

    #[test]
    fn nothing_is_still_behind_what_trains_or_draws() {
        assert_eq!(prefix(text(), &[]), None);
        assert_eq!(prefix(text(), &["gru"]), None);
        let layers = json!([
            { "name": "noise", "kind": "dropout", "rate": 0.5, "input": ["age"] },
            { "name": "dense", "kind": "dense", "units": 4 },
            { "name": "output", "kind": "dense", "units": 1 },
        ]);
        let (network, graph) = graph(layers, &["dense"]);
        assert_eq!(graph.still(&network.frozen), [true, false, false, false]);
    }

    #[test]
    fn a_lookup_is_not_worth_storing() {
        let (stored, prefix) = prefix(text(), &["embed"]).unwrap();
        assert_eq!((stored.len(), prefix.most, prefix.saved), (0, 0, 0.0));
    }

    #[test]
    fn every_end_is_stored_that_is_worth_it() {
        // The skip connection makes two ends; of the text only a lookup is frozen; the age is read as it is.
        let layers = json!([
            { "name": "conv", "kind": "conv2d", "units": 16, "kernel": 5, "padding": 2, "input": ["picture"] },
            { "name": "bn", "kind": "batch-norm" },
            { "name": "own", "kind": "conv2d", "units": 16, "kernel": 3, "padding": 1 },
            { "name": "sum", "kind": "add", "input": ["bn", "own"] },
            { "name": "pool", "kind": "mean-pool" },
            { "name": "deep", "kind": "dense", "units": 2, "input": ["pixels"] },
            { "name": "embed", "kind": "embedding", "units": 8, "input": ["text"] },
            { "name": "gru", "kind": "gru", "units": 6 },
            { "name": "last", "kind": "sequence-last" },
            { "name": "all", "kind": "concat", "input": ["pool", "deep", "last", "age"] },
            { "name": "output", "kind": "dense", "units": 1 },
        ]);
        let mut layers = layers.as_array().unwrap().clone();
        layers.insert(5, json!({ "name": "pixels", "kind": "flatten", "input": ["picture"] }));
        // 5 x 5 x 3 = 75 multiply-adds a value are too few; 3072 are not.
        let (stored, prefix) = prefix(json!(layers), &["conv.", "bn.", "deep.", "embed."]).unwrap();
        assert_eq!((stored, prefix.most), (vec!["deep".to_owned()], 3072));
    }

    #[test]
    fn networks_share_what_neither_replaced() {
        let (network, graph) = graph(text(), &[]);
        let pool = json!([{ "name": "last", "kind": "mean-pool" }]);
        let other = network.replace(&serde_json::from_value::<Vec<_>>(pool).unwrap()).lower().unwrap();
        let shared: Vec<&str> = graph
            .nodes
            .iter()
            .zip(graph.shared_with(&other))
            .filter(|(_, shared)| *shared)
            .map(|(node, _)| node.name.as_str())
            .collect();
        assert_eq!(shared, ["text", "embed", "quiet", "gru"]);
    }
}
