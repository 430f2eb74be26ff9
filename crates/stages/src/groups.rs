//! Which parameters move by what, and from when on: learning rates by pattern and by depth, exclusions from weight decay,
//! gradual unfreezing.

use std::collections::{BTreeMap, BTreeSet};

use network::{Graph, NoMatch, Node, Param, Primitive, Selection};
use plan::Segment;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::freeze::selection;
use crate::training::Training;

/// Another learning rate or weight decay for some parameters.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct LayerRate {
    /// Parameters whose full name this regex is found in: `embed|gru`.
    pub layers: String,
    /// What the learning rate is multiplied with.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 0.0))]
    pub scale: Option<f64>,
    /// The learning rate before any schedule, instead of `scale`; `layer-decay` does not change it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 0.0))]
    pub lr: Option<f64>,
    /// The weight decay, instead of the optimiser's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 0.0))]
    pub weight_decay: Option<f64>,
}

/// Parameters that are known by what they are.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum NoDecay {
    /// Whatever is added: the biases of all layers.
    Bias,
    /// Weights and biases of batch, layer, group and instance norms.
    Norm,
}

/// Layers that begin to train.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Thaw {
    /// The first epoch in which they train, from 1.
    #[schemars(range(min = 1))]
    pub epoch: usize,
    /// Parameters whose full name this regex is found in: `dense.*`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub layers: Option<String>,
    /// The last so many layers that have parameters, instead of `layers`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1))]
    pub last: Option<usize>,
}

/// How a parameter moves.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Moves {
    /// Learning rate before any schedule.
    pub lr: f64,
    /// Weight decay.
    pub weight_decay: f64,
    /// The first epoch in which it moves.
    pub epoch: usize,
}

/// A key that means no parameters, or none that could move.
#[derive(Clone, Debug, PartialEq)]
pub struct Misplaced {
    /// Where in the stage.
    pub path: Vec<Segment>,
    /// What is wrong.
    pub message: String,
    /// What to do.
    pub hint: Option<String>,
}

impl Misplaced {
    fn new(path: Vec<Segment>, message: impl Into<String>, hint: impl Into<String>) -> Self {
        Misplaced { path, message: message.into(), hint: Some(hint.into()) }
    }
}

impl Training {
    /// How each parameter moves that is not frozen, where the optimiser's learning rate is `lr`. Those that gradual unfreezing never names are left out.
    ///
    /// # Errors
    /// Every key that means nothing in such a network.
    pub fn moves(
        &self,
        graph: &Graph,
        frozen: &BTreeSet<String>,
        lr: f64,
    ) -> Result<BTreeMap<String, Moves>, Vec<Misplaced>> {
        let mut problems = vec![];
        let free: BTreeSet<&str> = graph
            .params()
            .filter(|param| !param.buffer && !frozen.contains(&param.name))
            .map(|param| param.name.as_str())
            .collect();
        let mut select = |key: &str, index: usize, layers: Option<&str>, last: Option<usize>| {
            let place = |inner: &str| {
                let mut path: Vec<Segment> = vec![key.into(), index.into()];
                path.extend((!inner.is_empty()).then(|| Segment::from(inner)));
                path
            };
            let found = selected(graph, &free, layers, last);
            found
                .map_err(|(inner, message, hint)| problems.push(Misplaced::new(place(inner), message, hint)))
                .ok()
        };
        let rates: Vec<BTreeSet<String>> = (self.rates.iter().enumerate())
            .map(|(index, rate)| select("rates", index, Some(rate.layers.as_str()), None).unwrap_or_default())
            .collect();
        let thaws: Vec<BTreeSet<String>> = (self.unfreeze.iter().enumerate())
            .map(|(index, thaw)| {
                select("unfreeze", index, thaw.layers.as_deref(), thaw.last).unwrap_or_default()
            })
            .collect();
        problems.extend(self.misplaced());
        if !problems.is_empty() {
            return Err(problems);
        }
        let depths = depths(graph);
        let mut moves = BTreeMap::new();
        for node in &graph.nodes {
            for param in node.params.iter().filter(|param| free.contains(param.name.as_str())) {
                let named = |sets: &[BTreeSet<String>]| -> Vec<usize> {
                    let named = sets.iter().enumerate().filter(|(_, names)| names.contains(&param.name));
                    named.map(|(index, _)| index).collect()
                };
                let epochs = named(&thaws).into_iter().map(|index| self.unfreeze[index].epoch);
                let epoch = if self.unfreeze.is_empty() { Some(1) } else { epochs.min() };
                let Some(epoch) = epoch else { continue };
                let rate = named(&rates).first().map(|index| &self.rates[*index]);
                let depth = depths.get(node.layer.as_str()).copied().unwrap_or(0);
                let by_depth = self.layer_decay.map_or(1.0, |decay| decay.powf(depth as f64));
                let lr = lr * by_depth;
                let spared = self.no_decay.iter().any(|kind| kind.is(node, param));
                let decay = if spared { 0.0 } else { self.optimizer.weight_decay() };
                moves.insert(
                    param.name.clone(),
                    Moves {
                        lr: rate
                            .and_then(|rate| rate.lr)
                            .unwrap_or(lr * rate.and_then(|rate| rate.scale).unwrap_or(1.0)),
                        weight_decay: rate.and_then(|rate| rate.weight_decay).unwrap_or(decay),
                        epoch,
                    },
                );
            }
        }
        Ok(moves)
    }

    /// What is wrong whatever the network.
    fn misplaced(&self) -> Vec<Misplaced> {
        let mut problems = vec![];
        for (index, rate) in self.rates.iter().enumerate() {
            let place = |key: &str| vec!["rates".into(), index.into(), key.into()];
            if rate.scale.is_some() && rate.lr.is_some() {
                problems.push(Misplaced::new(
                    place("lr"),
                    "`scale` and `lr` exclude each other",
                    "keep one of them",
                ));
            }
            for (key, value) in [("scale", rate.scale), ("lr", rate.lr)] {
                if value == Some(0.0) {
                    let hint = "freeze these layers instead";
                    problems.push(Misplaced::new(
                        place(key),
                        "with this learning rate nothing can move",
                        hint,
                    ));
                }
            }
            if rate.scale.or(rate.lr).or(rate.weight_decay).is_none() {
                let path = vec!["rates".into(), index.into()];
                problems.push(Misplaced::new(path, "this changes nothing", "add scale, lr or weight-decay"));
            }
        }
        for (index, thaw) in self.unfreeze.iter().enumerate() {
            if thaw.epoch > self.epochs {
                let message = format!("epoch {} comes after the training's {}", thaw.epoch, self.epochs);
                let path = vec!["unfreeze".into(), index.into(), "epoch".into()];
                problems.push(Misplaced { path, message, hint: None });
            }
        }
        if let Some(first) = self.unfreeze.iter().map(|thaw| thaw.epoch).min().filter(|first| *first > 1) {
            let message = format!("nothing trains before epoch {first}");
            let hint = "name the layers that train from epoch 1 on, such as { epoch = 1, last = 1 }";
            problems.push(Misplaced::new(vec!["unfreeze".into()], message, hint));
        }
        problems
    }
}

impl NoDecay {
    fn is(self, node: &Node, param: &Param) -> bool {
        match self {
            NoDecay::Bias => {
                let is_bias =
                    |name: &str| name == "bias" || name.starts_with("bias_") || name.ends_with("_bias");
                param.name.rsplit('.').next().is_some_and(is_bias)
            }
            NoDecay::Norm => matches!(
                node.op,
                Primitive::BatchNorm { .. } | Primitive::LayerNorm { .. } | Primitive::GroupNorm { .. }
            ),
        }
    }
}

/// Names that are selected and not frozen.
fn selected(
    graph: &Graph,
    free: &BTreeSet<&str>,
    layers: Option<&str>,
    last: Option<usize>,
) -> Result<BTreeSet<String>, (&'static str, String, String)> {
    let selection = selection(layers, last)?;
    let key = if matches!(selection, Selection::Last(_)) { "last" } else { "layers" };
    let mut names = selection.of(graph).map_err(|NoMatch { nearest }| {
        let hint = format!("the nearest are {}", nearest.join(", "));
        (key, "this matches no parameter of the network".to_owned(), hint)
    })?;
    names.retain(|name| free.contains(name.as_str()));
    if names.is_empty() {
        let hint = "unfreeze them in an `unfreeze` stage, or leave this out";
        return Err((key, "every parameter that this matches is frozen".to_owned(), hint.to_owned()));
    }
    Ok(names)
}

/// By layer that can train: how many of those are after it.
fn depths(graph: &Graph) -> BTreeMap<&str, usize> {
    let mut depths = BTreeMap::new();
    let trains = |node: &&Node| node.params.iter().any(|param| !param.buffer);
    for node in graph.nodes.iter().rev().filter(trains) {
        let next = depths.len();
        depths.entry(node.layer.as_str()).or_insert(next);
    }
    depths
}

#[cfg(test)]
mod tests {
    use network::{Input, Network};
    use serde_json::{Value, json};

    use super::*;

    fn moves(training: Value) -> BTreeMap<String, Moves> {
        let layers = json!([
            { "name": "embed", "kind": "embedding", "units": 4 },
            { "name": "gru", "kind": "gru", "units": 3 },
            { "name": "last", "kind": "sequence-last" },
            { "name": "dense", "kind": "dense", "units": 2, "batch-norm": true },
            { "name": "output", "kind": "dense", "units": 1 },
        ]);
        let network = Network {
            inputs: [("text".to_owned(), Input::Sequence { vocabulary: Some(9) })].into(),
            layers: serde_json::from_value(layers).unwrap(),
            output: None,
            outputs: BTreeMap::new(),
            frozen: ["output.bias".to_owned()].into(),
            classes: vec![],
        };
        let training: Training = serde_json::from_value(training).unwrap();
        let moves =
            |network: &Network| training.moves(&network.lower().unwrap(), &network.frozen, 8.0).unwrap();
        // What turns numbers into the label's units does not train, and counts as no layer.
        assert_eq!(moves(&network.clone().label_scaled("")), moves(&network));
        moves(&network)
    }

    #[test]
    fn rates_fall_with_depth_and_the_first_pattern_counts() {
        let moves = moves(json!({
            "epochs": 1,
            "optimizer": { "kind": "sgd", "lr": 8.0, "weight-decay": 0.5 },
            "layer-decay": 0.5,
            "rates": [
                { "layers": "gru.weight", "scale": 3.0, "weight-decay": 0.1 },
                { "layers": "gru|embed", "lr": 0.25 },
            ],
            "no-decay": ["bias", "norm"],
        }));
        let found: Vec<(&str, f64, f64)> =
            moves.iter().map(|(name, own)| (name.as_str(), own.lr, own.weight_decay)).collect();
        let expected = [
            ("dense.batch_norm.bias", 4.0, 0.0),
            ("dense.batch_norm.weight", 4.0, 0.0),
            ("dense.bias", 4.0, 0.0),
            ("dense.weight", 4.0, 0.5),
            ("embed.weight", 0.25, 0.5),
            ("gru.bias_hh_l0", 0.25, 0.0),
            ("gru.bias_ih_l0", 0.25, 0.0),
            ("gru.weight_hh_l0", 6.0, 0.1),
            ("gru.weight_ih_l0", 6.0, 0.1),
            ("output.weight", 8.0, 0.5),
        ];
        assert_eq!(found, expected);
    }

    #[test]
    fn a_parameter_is_unfrozen_by_the_first_epoch_that_names_it() {
        let moves = moves(json!({
            "epochs": 4,
            "unfreeze": [{ "epoch": 3, "last": 3 }, { "epoch": 2, "layers": "dense" }, { "epoch": 1, "last": 1 }],
        }));
        let found: BTreeMap<&str, usize> =
            moves.iter().map(|(name, own)| (name.as_str(), own.epoch)).collect();
        assert_eq!((found["output.weight"], found["dense.bias"], found["gru.bias_hh_l0"]), (1, 2, 3));
        assert!(!found.contains_key("embed.weight"));
    }
}
