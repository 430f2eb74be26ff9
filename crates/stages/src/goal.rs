//! What the outputs of a network learn: each its label, by a loss of its own.

use std::collections::BTreeMap;

use data::{LABEL, LabelKind};
use network::{Dim, Network};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::loss::Loss;
use crate::target::Target;
use crate::training::Training;

/// An output of a network that is trained by several losses.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Output {
    /// The layer or node that it is; by default the layer of the output's name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub node: Option<String>,
    /// The label that it learns; by default the one of the output's name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub label: Option<String>,
    /// What it minimises; by default what its label calls for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub loss: Option<Loss>,
    /// What its loss is multiplied with in the sum of all.
    #[serde(default = "one")]
    #[schemars(extend("exclusiveMinimum" = 0.0))]
    pub weight: f64,
}

/// What an output learns.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Goal {
    /// The label's name.
    pub label: String,
    /// What is minimised.
    pub loss: Loss,
    /// What the loss is multiplied with in the sum of all.
    pub weight: f64,
}

/// What outputs learn, by name; the only output is called "".
pub type Goals = BTreeMap<String, Goal>;

impl Goal {
    /// What the only output of a network learns from the only label.
    pub fn only(loss: Loss) -> Goals {
        let goal = Goal { label: LABEL.to_owned(), loss, weight: 1.0 };
        BTreeMap::from([(String::new(), goal)])
    }
}

impl Training {
    /// The network with the outputs that this names.
    #[must_use]
    pub fn with_outputs(&self, mut network: Network) -> Network {
        if !self.outputs.is_empty() {
            let node = |(name, output): (&String, &Output)| {
                let node = output.node.as_ref().or(network.outputs.get(name)).unwrap_or(name);
                (name.clone(), node.clone())
            };
            network.outputs = self.outputs.iter().map(node).collect();
        }
        network
    }

    /// What each output of the network learns, of those whose labels there are; `before` is what it learnt until now.
    pub fn goals(&self, before: &Goals, labels: &BTreeMap<String, LabelKind>, network: &Network) -> Goals {
        let graph = network.lower().ok();
        let end = |output: &str| {
            let graph = graph.as_ref()?;
            let (_, node) = graph.results().into_iter().find(|(name, _)| *name == output)?;
            Some(graph.nodes[node].signal.width())
        };
        let fitting = |label: &str, output: &str| {
            Some(Loss::of(Target::of(*labels.get(label)?, values(end(output)?)?)))
        };
        // A head that has a unit a class is for as many classes as there now are, whatever it was for.
        let goes_on = |goal: &Goal, output: &str| {
            let target = labels.get(&goal.label).map(|kind| Target::of(*kind, OPEN));
            !end(output).is_some_and(Dim::is_classes)
                || target.is_none_or(|target| target == goal.loss.target(OPEN))
        };
        if !self.outputs.is_empty() {
            let goal = |(name, output): (&String, &Output)| {
                let label = self.label_of(name, labels).to_owned();
                let loss = output.loss.clone().or_else(|| fitting(&label, name))?;
                Some((name.clone(), Goal { label, loss, weight: output.weight }))
            };
            return self.outputs.iter().filter_map(goal).collect();
        }
        if !before.is_empty() && !before.contains_key("") {
            let goal = |(name, goal): (&String, &Goal)| {
                let loss = Some(goal).filter(|goal| goes_on(goal, name)).map(|goal| goal.loss.clone());
                let loss = loss.or_else(|| fitting(&goal.label, name))?;
                Some((name.clone(), Goal { loss, ..goal.clone() }))
            };
            return before.iter().filter_map(goal).collect();
        }
        let known = before.get("").filter(|goal| goes_on(goal, "")).map(|goal| goal.loss.clone());
        let loss = self.loss.clone().or(known).or_else(|| fitting(LABEL, ""));
        loss.map(Goal::only).unwrap_or_default()
    }

    /// The label that an output learns: the one it says, else the one of its name, else the only one.
    pub(crate) fn label_of<'a>(&'a self, output: &'a str, labels: &BTreeMap<String, LabelKind>) -> &'a str {
        let said = self.outputs.get(output).and_then(|output| output.label.as_deref());
        match said {
            Some(label) => label,
            None if !labels.contains_key(output) && labels.contains_key(LABEL) => LABEL,
            None => output,
        }
    }
}

/// The network as training makes it: outputs in their label's units where the loss learns standardised numbers, and
/// without such units where it learns no numbers. Its classes are those of the label.
pub fn in_units_of(mut network: Network, goals: &Goals) -> Network {
    network.classes.clear();
    for (output, Goal { loss, .. }) in goals {
        network = match loss.target(1) {
            Target::Number if loss.standardizes() => network.label_scaled(output),
            Target::Number => network,
            _ => network.without_label_scale(output),
        };
    }
    network
}

/// Values that an output is taken to have which has one a class: several.
const OPEN: usize = 2;

/// How many values an output of this width has a row, where that is known.
pub(crate) fn values(width: &Dim) -> Option<usize> {
    width.size().or(width.is_classes().then_some(OPEN))
}

fn one() -> f64 {
    1.0
}
