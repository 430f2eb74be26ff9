//! Networks side by side in one.

use std::collections::BTreeMap;

use crate::layer::Layer;
use crate::network::Network;
use crate::shape::Input;

impl Network {
    /// Networks side by side over columns that they share, and `layers` behind them, which name what feeds them: `name`
    /// is the result of the part of that name, and `name.layer` a layer of it.
    ///
    /// The layers and parameters of a part stand under its name, and what is frozen stays so. Mistakes show when the result
    /// is lowered; layers of a part come before those of the next, and `layers` at the end.
    pub fn joined(
        parts: &BTreeMap<String, Network>,
        inputs: BTreeMap<String, Input>,
        layers: &[Layer],
    ) -> Network {
        let mut joined = Network::new(inputs, vec![]);
        let mut ends = BTreeMap::new();
        for (name, part) in parts {
            // A joined network learns something else, in other units.
            let part = part.clone().without_label_scale("");
            if let Some(end) = part.end("") {
                ends.insert(name.as_str(), part.inside(name, &end));
            }
            joined.layers.extend(part.layers.iter().enumerate().map(|(at, layer)| {
                let first = || part.inputs.keys().cloned().collect();
                let input = layer.input.clone().or_else(|| (at == 0).then(first));
                let input = input.map(|names| names.iter().map(|node| part.inside(name, node)).collect());
                Layer { name: format!("{name}.{}", layer.name), input, op: layer.op.inside(name) }
            }));
            joined.frozen.extend(part.frozen.iter().map(|param| format!("{name}.{param}")));
        }
        for layer in layers {
            let mut layer = layer.clone();
            for node in layer.input.iter_mut().flatten() {
                if let Some(end) = ends.get(node.as_str()) {
                    node.clone_from(end);
                }
            }
            joined.layers.push(layer);
        }
        joined
    }

    /// What a node is called inside the part `name`; columns of the data keep their names.
    fn inside(&self, name: &str, node: &str) -> String {
        match self.inputs.contains_key(node) {
            true => node.to_owned(),
            false => format!("{name}.{node}"),
        }
    }
}
