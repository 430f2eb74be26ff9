//! A network as primitive nodes with shapes and named parameters: what a module is built from.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;

use crate::primitive::Primitive;
use crate::shape::{Dim, Signal};

/// Nodes in an order in which every node comes after its inputs.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Graph {
    /// The nodes, data columns first.
    pub nodes: Vec<Node>,
    /// The node that is the network's result.
    pub output: usize,
    /// Nodes that are results of their own, by name.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub outputs: BTreeMap<String, usize>,
}

/// One primitive operation.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Node {
    /// Its name: the layer's, or `layer.step` inside a layer that is several steps, or the data column's.
    pub name: String,
    /// The declared layer it belongs to; the column's name for a data column.
    pub layer: String,
    /// What it computes.
    pub op: Primitive,
    /// Indices of the nodes that feed it.
    pub inputs: Vec<usize>,
    /// What flows out.
    pub signal: Signal,
    /// Parameters and buffers, with full names.
    pub params: Vec<Param>,
}

/// A named tensor of a node.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Param {
    /// Full name: `dense0.batch_norm.running_mean`.
    pub name: String,
    /// Its shape; every size is known once the data has been read.
    pub shape: Vec<Dim>,
    /// How it starts.
    pub initial: Initial,
    /// True for running statistics: saved, never trained.
    pub buffer: bool,
    /// Whether it is another layer's, which this one uses too.
    pub tied: bool,
}

/// How a parameter starts.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Initial {
    /// All 0.
    Zeros,
    /// All 1.
    Ones,
    /// All this.
    Constant(f64),
    /// Uniform between minus and plus this.
    Uniform(f64),
    /// Normal around 0 with this deviation.
    Normal(f64),
    /// Uniform in ±sqrt(6 / (fan in + fan out)). The fan out of `[out, in, ...]` is out, the fan in is in, each times
    /// the sizes behind them.
    Xavier,
    /// Uniform in ±sqrt(6 / fan in).
    Kaiming,
    /// The length of each row of the node's next parameter.
    Norms,
}

/// Whether the layer or parameter `name` belongs to the module, or the layer, `module`.
pub fn is_inside(name: &str, module: &str) -> bool {
    name.strip_prefix(module).is_some_and(|rest| rest.starts_with('.'))
}

impl Node {
    /// Parameters and buffers without those that are another layer's.
    pub fn own_params(&self) -> impl Iterator<Item = &Param> {
        self.params.iter().filter(|param| !param.tied)
    }
}

impl Graph {
    /// Parameters and buffers of all nodes, in node order, each with the layer that it is of.
    pub fn params(&self) -> impl Iterator<Item = &Param> {
        self.nodes.iter().flat_map(Node::own_params)
    }

    /// The node called `name`, or the last node of the layer or module called so: `layer1` is the last of `layer1.0`,
    /// `layer1.1` and so on.
    pub fn find(&self, name: &str) -> Option<usize> {
        let last = |of: &dyn Fn(&str) -> bool| self.nodes.iter().rposition(|node| of(&node.layer));
        self.nodes
            .iter()
            .position(|node| node.name == name)
            .or_else(|| last(&|layer| layer == name))
            .or_else(|| last(&|layer| is_inside(layer, name)))
    }

    /// The network's results in the order of their names: its named outputs, else its output under the name "".
    pub fn results(&self) -> Vec<(&str, usize)> {
        if self.outputs.is_empty() {
            return vec![("", self.output)];
        }
        self.outputs.iter().map(|(name, node)| (name.as_str(), *node)).collect()
    }

    /// The column whose steps the node's are; none where it gives no steps, or they are of several columns.
    pub fn steps_of(&self, node: usize) -> Option<&str> {
        let mut columns = BTreeSet::new();
        let mut open = vec![node];
        while let Some(at) = open.pop() {
            let node = &self.nodes[at];
            if !node.signal.is_sequence() {
                continue;
            }
            match node.op {
                Primitive::Column => drop(columns.insert(node.name.as_str())),
                _ => open.extend(&node.inputs),
            }
        }
        let only = columns.pop_first();
        only.filter(|_| columns.is_empty())
    }

    /// The last node on the way to `node` that gives no steps and is fed by some that do.
    pub fn pooled(&self, node: usize) -> Option<&Node> {
        let mut open = vec![node];
        while let Some(at) = open.pop() {
            let node = &self.nodes[at];
            if !node.signal.is_sequence() {
                if node.inputs.iter().any(|input| self.nodes[*input].signal.is_sequence()) {
                    return Some(node);
                }
                open.extend(&node.inputs);
            }
        }
        None
    }

    /// Names of the deviation and the mean that a node scales with, where it gives numbers in a label's units.
    pub fn label_scale(&self, node: usize) -> Option<(&str, &str)> {
        let node = &self.nodes[node];
        match (&node.op, &node.params[..]) {
            (Primitive::LabelScale, [deviation, mean]) => Some((&deviation.name, &mean.name)),
            _ => None,
        }
    }

    /// Embedding tables in order, each with the name of what is looked up in it: a data column.
    pub fn tables(&self) -> impl Iterator<Item = (&Node, &str)> {
        let tables = self.nodes.iter().filter(|node| node.op == Primitive::Embedding);
        tables.filter_map(|node| Some((node, self.nodes[*node.inputs.first()?].name.as_str())))
    }

    /// Names of data columns that the network reads.
    pub fn columns(&self) -> impl Iterator<Item = &str> {
        self.nodes.iter().filter(|node| node.op == Primitive::Column).map(|node| node.name.as_str())
    }

    /// The part that `output` needs, and nothing else.
    #[must_use]
    pub fn cut(&self, output: usize) -> Graph {
        self.keep(output, BTreeMap::new())
    }

    /// The part that these outputs need.
    pub(crate) fn keep(&self, output: usize, outputs: BTreeMap<String, usize>) -> Graph {
        let wanted: Vec<usize> = outputs.values().copied().chain([output]).collect();
        let mut needed = self.needed(&wanted, |_| false);
        for index in (0..self.nodes.len()).rev() {
            // A weight that is used here stays with the layer that it is of.
            let tied = self.nodes[index].params.iter().filter(|param| param.tied && needed[index]);
            let owner = |tied: &Param| {
                self.nodes.iter().position(|node| node.own_params().any(|param| param.name == tied.name))
            };
            let owners: Vec<usize> = tied.filter_map(owner).collect();
            let whole = self.needed(&owners, |_| false);
            needed.iter_mut().zip(whole).for_each(|(needed, own)| *needed |= own);
        }
        let mut place = vec![usize::MAX; self.nodes.len()];
        let mut nodes = vec![];
        for (index, node) in self.nodes.iter().enumerate().filter(|(index, _)| needed[*index]) {
            place[index] = nodes.len();
            let inputs = node.inputs.iter().map(|&input| place[input]).collect();
            nodes.push(Node { inputs, ..node.clone() });
        }
        let outputs = outputs.into_iter().map(|(name, node)| (name, place[node])).collect();
        Graph { output: place[output], outputs, nodes }
    }
}
