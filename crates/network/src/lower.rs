//! From declared layers to primitive nodes, with every mistake at once; what a layer itself becomes is said beside its
//! declaration.

use std::collections::{BTreeMap, BTreeSet};

use crate::build::Builder;
use crate::graph::{Graph, Node};
use crate::layer::Layer;
use crate::network::Network;
use crate::primitive::Primitive;
use crate::select::nearest;

/// A mistake in a declared network.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// Index of the layer; the number of layers when the network as a whole is meant.
    pub layer: usize,
    /// Keys inside the layer's table, outermost first; an index into `input` as a number.
    pub field: Option<&'static str>,
    /// A stable short name.
    pub code: &'static str,
    /// What is wrong.
    pub message: String,
    /// What to do about it.
    pub hint: Option<String>,
    /// The other layer of a mismatch.
    pub related: Option<usize>,
}

pub(crate) fn lower(network: &Network) -> Result<Graph, Vec<Problem>> {
    let names = network.inputs.keys().cloned().collect();
    let mut lowering = Lowering {
        network,
        nodes: vec![],
        names,
        params: BTreeSet::new(),
        problems: vec![],
        index: 0,
        broken: vec![],
    };
    for (name, input) in &network.inputs {
        lowering.nodes.push(Node {
            name: name.clone(),
            layer: name.clone(),
            op: Primitive::Column,
            inputs: vec![],
            signal: input.signal(name),
            params: vec![],
        });
    }
    if network.layers.is_empty() {
        lowering.problem(None, "empty-network", "a network needs at least one layer".into(), None);
    }
    for (index, layer) in network.layers.iter().enumerate() {
        lowering.index = index;
        lowering.layer(layer);
    }
    lowering.index = network.layers.len();
    lowering.finish()
}

/// A network on its way to a graph.
pub(crate) struct Lowering<'a> {
    pub(crate) network: &'a Network,
    /// In order.
    pub(crate) nodes: Vec<Node>,
    /// Names of all nodes.
    names: BTreeSet<String>,
    /// Names of all parameters.
    params: BTreeSet<String>,
    pub(crate) problems: Vec<Problem>,
    /// The layer at hand.
    pub(crate) index: usize,
    /// Layers that could not be lowered: what depends on them is not reported again.
    broken: Vec<String>,
}

impl<'a> Lowering<'a> {
    pub(crate) fn problem(
        &mut self,
        field: Option<&'static str>,
        code: &'static str,
        message: String,
        hint: Option<String>,
    ) {
        self.problems.push(Problem { layer: self.index, field, code, message, hint, related: None });
    }

    /// Whether a layer could not be lowered, which has been reported.
    pub(crate) fn is_broken(&self, layer: &str) -> bool {
        self.broken.iter().any(|broken| broken == layer)
    }

    fn finish(mut self) -> Result<Graph, Vec<Problem>> {
        let network = self.network;
        let last = network.layers.last().map_or("", |layer| layer.name.as_str());
        let output = network.output.as_deref().unwrap_or(last);
        let graph = Graph { output: 0, outputs: BTreeMap::new(), nodes: std::mem::take(&mut self.nodes) };
        if !self.problems.is_empty() {
            return Err(self.problems);
        }
        let mut find = |name: &str| {
            let found = graph.find(name);
            if found.is_none() {
                let names = graph.nodes.iter().map(|node| node.name.as_str());
                let hint = nearest(name, names).map(|name| format!("did you mean `{name}`?"));
                self.problem(None, "unknown-node", format!("the network has no node `{name}`"), hint);
            }
            found
        };
        let output = find(output);
        let outputs = network.outputs.iter().filter_map(|(name, node)| Some((name.clone(), find(node)?)));
        let outputs: BTreeMap<String, usize> = outputs.collect();
        match output {
            Some(output) if self.problems.is_empty() => Ok(graph.keep(output, outputs)),
            _ => Err(self.problems),
        }
    }

    fn layer(&mut self, layer: &'a Layer) {
        let taken = self.nodes.iter().any(|node| node.layer == layer.name || node.name == layer.name);
        if taken || self.broken.contains(&layer.name) {
            let message = format!("`{}` is already the name of a layer or column", layer.name);
            self.problem(
                Some("name"),
                "duplicate-layer",
                message,
                Some("every layer needs its own name".into()),
            );
            return;
        }
        let good = |char: char| char.is_alphanumeric() || matches!(char, '-' | '_');
        // Points part the names of modules within modules.
        if layer.name.split('.').any(|part| part.is_empty() || !part.chars().all(good)) {
            let message = format!("`{}` cannot name a layer", layer.name);
            self.problem(
                Some("name"),
                "layer-name",
                message,
                Some("use letters, digits, `_` and `-`, and points between them".into()),
            );
        }
        let before = self.problems.len();
        let known = self.nodes.len();
        if let Some(inputs) = self.inputs(layer) {
            layer.op.lower(&mut Builder { lowering: self, layer, inputs });
        }
        self.one_of_each(known);
        if self.problems.len() > before || !self.nodes.iter().any(|node| node.layer == layer.name) {
            self.broken.push(layer.name.clone());
        }
    }

    /// Reports nodes and parameters from `known` on that have the name of one before: `a` with an activation and `a.relu`.
    fn one_of_each(&mut self, known: usize) {
        let mut again = None;
        for node in &self.nodes[known..] {
            if !self.names.insert(node.name.clone()) {
                again.get_or_insert_with(|| node.name.clone());
            }
            for param in node.own_params() {
                if !self.params.insert(param.name.clone()) {
                    again.get_or_insert_with(|| param.name.clone());
                }
            }
        }
        if let Some(name) = again {
            let message = format!("`{name}` is already the name of a step or parameter of another layer");
            let hint = "every layer needs its own name".to_owned();
            self.problem(Some("name"), "duplicate-layer", message, Some(hint));
        }
    }

    /// Nodes that feed the layer; `None` when one is missing or broken.
    fn inputs(&mut self, layer: &Layer) -> Option<Vec<usize>> {
        let names: Vec<String> = match &layer.input {
            Some(names) => names.clone(),
            None if self.index > 0 => vec![self.network.layers[self.index - 1].name.clone()],
            None if self.network.inputs.len() == 1 => self.network.inputs.keys().cloned().collect(),
            None => {
                let columns: Vec<String> =
                    self.network.inputs.keys().map(|name| format!("\"{name}\"")).collect();
                let message =
                    format!("the data has {} columns, so the first layer must name its input", columns.len());
                let hint = format!("add `input = [...]` with some of {}", columns.join(", "));
                self.problem(None, "ambiguous-input", message, Some(hint));
                return None;
            }
        };
        let graph = Graph { nodes: std::mem::take(&mut self.nodes), output: 0, outputs: BTreeMap::new() };
        let found: Vec<Option<usize>> = names.iter().map(|name| graph.find(name)).collect();
        self.nodes = graph.nodes;
        for (name, found) in names.iter().zip(&found) {
            if found.is_none() && !self.broken.contains(name) {
                let later = self.network.layers[self.index..].iter().any(|other| other.name == *name);
                let known = self.nodes.iter().map(|node| node.name.as_str());
                let hint = match nearest(name, known) {
                    _ if later => Some("a layer can only take layers that stand before it".to_owned()),
                    Some(near) => Some(format!("did you mean `{near}`?")),
                    None => None,
                };
                self.problem(
                    Some("input"),
                    "unknown-layer",
                    format!("there is no layer or column `{name}`"),
                    hint,
                );
            }
        }
        if names.is_empty() {
            self.problem(Some("input"), "no-input", "`input` is empty".into(), None);
            return None;
        }
        found.into_iter().collect()
    }
}
