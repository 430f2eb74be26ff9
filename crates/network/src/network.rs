//! The declaration that travels with weights: inputs, layers, output and what is frozen.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;

use serde::{Deserialize, Serialize};

use crate::graph::{Graph, is_inside};
use crate::layer::{LABEL_SCALE, Layer};
use crate::lower::{Problem, lower};
use crate::select::nearest;
use crate::shape::Input;

/// What layers call the only column of the data, where no layer or column has this name.
const INPUT: &str = "input";

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
    /// Nodes that are results of their own, by name, where several losses train the network.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub outputs: BTreeMap<String, String>,
    /// Full names of the parameters that training leaves as they are.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub frozen: BTreeSet<String>,
    /// What the classes are called that the only output tells, in the order of its units, where it is not a label that
    /// says so: those of a pretrained head.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub classes: Vec<String>,
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
    /// A network as a recipe declares it, nothing frozen. The only column is what the first layer reads, and what layers
    /// mean by `input`; both is put down in its own name, so that the network can later read data with more columns.
    pub fn new(inputs: BTreeMap<String, Input>, mut layers: Vec<Layer>) -> Network {
        let mut columns = inputs.keys();
        if let (Some(first), Some(only), None) = (layers.first_mut(), columns.next(), columns.next()) {
            first.input.get_or_insert_with(|| vec![only.clone()]);
            if layers.iter().all(|layer| layer.name != INPUT) {
                let named = layers.iter_mut().filter_map(|layer| layer.input.as_mut()).flatten();
                named.filter(|name| *name == INPUT).for_each(|name| name.clone_from(only));
            }
        }
        let (outputs, frozen) = (BTreeMap::new(), BTreeSet::new());
        Network { inputs, layers, output: None, outputs, frozen, classes: vec![] }
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
            outputs: BTreeMap::new(),
            frozen: self.frozen.iter().filter(|name| params.contains(name.as_str())).cloned().collect(),
            classes: vec![],
        })
    }

    /// The network with the layers or whole modules of the same names replaced, and the others put at its end, each
    /// feeding the next. What was fed by the last layer of a replaced module is fed by the new layer.
    ///
    /// Parameters of replaced layers are not frozen any more. Mistakes show when the result is lowered.
    #[must_use]
    pub fn replace(&self, new: &[Layer]) -> Network {
        let mut network = self.clone();
        for layer in new {
            match network.layers.iter().position(|old| old.name == layer.name) {
                Some(at) => {
                    let input = layer.input.clone().or_else(|| network.layers[at].input.clone());
                    network.layers[at] = Layer { input, ..layer.clone() };
                }
                None => match network.module(&layer.name) {
                    Some(module) => network.replace_module(module, layer),
                    None => network.append(layer),
                },
            }
            network.frozen.retain(|name| !layer.owns(name));
        }
        network
    }

    /// From the first to the last layer of a module; `None` where there are none, or others stand between them.
    fn module(&self, name: &str) -> Option<Range<usize>> {
        let inside = |layer: &Layer| is_inside(&layer.name, name);
        let range = self.layers.iter().position(inside)?..self.layers.iter().rposition(inside)? + 1;
        self.layers[range.clone()].iter().all(inside).then_some(range)
    }

    fn replace_module(&mut self, module: Range<usize>, new: &Layer) {
        let input = new.input.clone().or_else(|| self.layers[module.start].input.clone());
        let (last, inside) =
            (self.layers[module.end - 1].name.clone(), |name: &str| is_inside(name, &new.name));
        self.layers.splice(module, [Layer { input, ..new.clone() }]);
        let named = self.layers.iter_mut().filter_map(|layer| layer.input.as_mut()).flatten();
        named
            .filter(|name| **name == last || is_inside(name, &last))
            .for_each(|name| name.clone_from(&new.name));
        if self.output.as_deref().is_some_and(inside) {
            self.output = Some(new.name.clone());
        }
        let ends = self.outputs.values_mut().filter(|node| inside(node));
        ends.for_each(|node| node.clone_from(&new.name));
    }

    fn append(&mut self, layer: &Layer) {
        let mut layer = layer.clone();
        let output = self.output.take();
        if layer.input.is_none() {
            layer.input = output.map(|output| vec![output]);
        }
        self.layers.push(layer);
    }

    /// The network for data of so many classes: layers that have a unit a class get as many. `classes` gives the number
    /// for the output that a layer ends in, which is "" for the layers before and for the only output.
    #[must_use]
    pub fn with_classes(mut self, classes: impl Fn(&str) -> usize) -> Network {
        let Network { layers, outputs, .. } = &mut self;
        for layer in layers {
            let ends = |(_, node): &(&String, &String)| **node == layer.name || is_inside(node, &layer.name);
            let output = outputs.iter().find(ends).map_or("", |(output, _)| output);
            if let Some(op) = layer.op.with_classes(classes(output)) {
                layer.op = op;
            }
        }
        self
    }

    /// The network with a `label-scale` layer behind an output, unless it ends in one. The only output is called "".
    #[must_use]
    pub fn label_scaled(mut self, output: &str) -> Network {
        if let Some(end) = self.end(output).filter(|_| self.label_scale(output).is_none()) {
            let layer = Layer::label_scale(&end);
            self.set_end(output, layer.name.clone());
            self.layers.push(layer);
        }
        self
    }

    /// The network without the `label-scale` layer that an output ends in.
    #[must_use]
    pub fn without_label_scale(mut self, output: &str) -> Network {
        if let Some(at) = self.label_scale(output)
            && let Some(before) = self.layers[at].input.as_ref().and_then(|inputs| inputs.first().cloned())
        {
            self.layers.remove(at);
            self.set_end(output, before);
        }
        self
    }

    /// The node that an output is.
    pub(crate) fn end(&self, output: &str) -> Option<String> {
        match self.outputs.get(output) {
            Some(node) => Some(node.clone()),
            None => self.output.clone().or_else(|| self.layers.last().map(|layer| layer.name.clone())),
        }
    }

    fn set_end(&mut self, output: &str, node: String) {
        match self.outputs.get_mut(output) {
            Some(end) => *end = node,
            None => self.output = Some(node),
        }
    }

    /// The `label-scale` layer that an output ends in.
    fn label_scale(&self, output: &str) -> Option<usize> {
        let end = self.end(output)?;
        self.layers.iter().position(|layer| layer.name == end && layer.op.kind() == LABEL_SCALE)
    }

    /// The network reading data with these columns: sizes are taken over.
    #[must_use]
    pub fn with_inputs(&self, inputs: BTreeMap<String, Input>) -> Network {
        Network { inputs, ..self.clone() }
    }
}
