//! The declaration that travels with weights: inputs, layers, output and what is frozen.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use crate::graph::Graph;
use crate::layer::Layer;
use crate::lower::{Problem, lower};
use crate::select::nearest;
use crate::shape::Input;

/// A declared network; `network.json` is this as canonical JSON.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Network {
    /// Data columns that it may read.
    pub inputs: BTreeMap<String, Input>,
    /// Layers in the order of the recipe.
    pub layers: Vec<Layer>,
    /// The node that is the result; by default the last layer's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub output: Option<String>,
    /// Full names of the parameters that training leaves as they are.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub frozen: BTreeSet<String>,
}

/// A name that a network does not have.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the network has no node `{name}`")]
pub struct Unknown {
    /// The name.
    pub name: String,
    /// The nearest that it has.
    pub nearest: Option<String>,
}

impl Network {
    /// A network as a recipe declares it, nothing frozen. That the first layer reads the only column is put down in
    /// words, so that the network can later read data with more columns.
    pub fn new(inputs: BTreeMap<String, Input>, mut layers: Vec<Layer>) -> Network {
        if let (Some(first), 1) = (layers.first_mut(), inputs.len()) {
            first.input.get_or_insert_with(|| inputs.keys().cloned().collect());
        }
        Network { inputs, layers, output: None, frozen: BTreeSet::new() }
    }

    /// The primitive nodes that the declaration means.
    ///
    /// # Errors
    /// Every mistake of the declaration.
    pub fn lower(&self) -> Result<Graph, Vec<Problem>> {
        lower(self)
    }

    /// The network up to the node or layer `output`; layers that it does not need are dropped.
    ///
    /// # Errors
    /// When there is no such node. The network itself must be one that lowers.
    pub fn cut(&self, output: &str) -> Result<Network, Unknown> {
        let unknown = |nearest: Option<&str>| Unknown {
            name: output.to_owned(),
            nearest: nearest.map(ToOwned::to_owned),
        };
        let graph = self.lower().map_err(|_| unknown(None))?;
        let Some(index) = graph.find(output) else {
            return Err(unknown(nearest(output, graph.nodes.iter().map(|node| node.name.as_str()))));
        };
        let name = graph.nodes[index].name.clone();
        let part = graph.cut(index);
        let needed: BTreeSet<&str> = part.nodes.iter().map(|node| node.layer.as_str()).collect();
        let params: BTreeSet<&str> = part.params().map(|param| param.name.as_str()).collect();
        let mut layers = vec![];
        for (i, layer) in
            self.layers.iter().enumerate().filter(|(_, layer)| needed.contains(layer.name.as_str()))
        {
            let mut layer = layer.clone();
            // What was the layer before may be gone: say it in full.
            if layer.input.is_none() && i > 0 {
                layer.input = Some(vec![self.layers[i - 1].name.clone()]);
            }
            layers.push(layer);
        }
        Ok(Network {
            inputs: self
                .inputs
                .iter()
                .filter(|(n, _)| needed.contains(n.as_str()))
                .map(|(n, i)| (n.clone(), i.clone()))
                .collect(),
            layers,
            output: Some(name),
            frozen: self.frozen.iter().filter(|name| params.contains(name.as_str())).cloned().collect(),
        })
    }

    /// The network with the layers of the same names replaced, and the others put at its end, each feeding the next.
    ///
    /// Parameters of replaced layers are not frozen any more. Mistakes show when the result is lowered.
    #[must_use]
    pub fn replace(&self, new: &[Layer]) -> Network {
        let mut network = self.clone();
        for layer in new {
            match network.layers.iter_mut().find(|old| old.name == layer.name) {
                Some(old) => {
                    let input = layer.input.clone().or_else(|| old.input.clone());
                    *old = Layer { input, ..layer.clone() };
                    let prefix = format!("{}.", layer.name);
                    network.frozen.retain(|name| !name.starts_with(&prefix));
                }
                None => {
                    let mut layer = layer.clone();
                    if layer.input.is_none() {
                        layer.input = network.output.take().map(|output| vec![output]);
                    }
                    network.output = None;
                    network.layers.push(layer);
                }
            }
        }
        network
    }

    /// The network reading data with these columns: sizes are taken over.
    #[must_use]
    pub fn with_inputs(&self, inputs: BTreeMap<String, Input>) -> Network {
        Network { inputs, ..self.clone() }
    }
}
