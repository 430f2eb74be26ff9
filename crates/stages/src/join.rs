//! `join-networks`: networks side by side in one.

use std::collections::{BTreeMap, BTreeSet};

use network::{Graph, Network, Problem, is_inside};
use plan::{ArtifactKind, Diagnostic, Place};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::check::Context;
use crate::fact::{DatasetFact, Fact, NetworkFact};
use crate::goal::Goals;
use crate::lengths::check_lengths;
use crate::load_network::check_units;
use crate::table::{Params, Reference, Stage};
use crate::train::{Declared, check_network, layer_place};

/// Puts networks side by side in one, with layers behind them: word vectors for a text, a backbone for a picture, an encoder
/// for another text, and columns as they are. `finetune` trains it.
///
/// The layers and parameters of each stand under its name in `as`, `photo.layer4.1.conv2.weight`; what is frozen in it stays
/// so. The layers behind them are drawn from the seed. `photo` alone is the result of that network, as an input of a layer;
/// of one that learnt a number with `standardize`, the number before it gets its units back.
///
/// Output: `network`, for freeze, finetune, load-subnet, extract-features and export.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct JoinNetworks {
    /// The networks.
    #[schemars(length(min = 1))]
    pub networks: Vec<String>,
    /// What each is called in the joined network.
    #[serde(rename = "as")]
    pub names: Vec<String>,
    /// The encoded rows whose columns they read.
    pub data: String,
    /// The layers behind them. The first says its `input`.
    pub network: Declared,
    /// A seed of the stage's own; by default the recipe's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub seed: Option<u64>,
}

impl JoinNetworks {
    /// The networks by the names that they get.
    pub fn parts<T>(&self, networks: impl IntoIterator<Item = T>) -> BTreeMap<String, T> {
        self.names.iter().cloned().zip(networks).collect()
    }

    /// Reports names that are not one for each network, or that layers or columns have.
    fn check_names(&self, data: &DatasetFact, context: &mut Context<'_>) -> bool {
        let before = context.diagnostics.len();
        if self.names.len() != self.networks.len() {
            let message = format!("{} names for {} networks", self.names.len(), self.networks.len());
            let hint = "give one name for each network, in the same order";
            context.report(Diagnostic::new("label-count", context.place("as"), message).hint(hint));
        }
        let mut taken: BTreeSet<&str> = self.network.layers.iter().map(|layer| layer.name.as_str()).collect();
        taken.extend(data.columns.keys().map(String::as_str));
        for (index, name) in self.names.iter().enumerate() {
            let place = context.inside(["as".into(), index.into()]);
            if !taken.insert(name) {
                let message = format!("`{name}` is already the name of a layer, a column or a network");
                let hint = "give each network a name of its own";
                context.report(Diagnostic::new("duplicate-layer", place, message).hint(hint));
            } else if !name.chars().all(|char| char.is_alphanumeric() || matches!(char, '-' | '_'))
                || name.is_empty()
            {
                let message = format!("`{name}` cannot name a network in a network");
                let hint = "use letters, digits, `_` and `-`";
                context.report(Diagnostic::new("layer-name", place, message).hint(hint));
            }
        }
        context.diagnostics.len() == before
    }

    /// Reports columns that a network reads and the data has not.
    fn check_columns(&self, networks: &[Network], data: &DatasetFact, context: &mut Context<'_>) -> bool {
        let before = context.diagnostics.len();
        for (index, network) in networks.iter().enumerate() {
            let Ok(graph) = network.lower() else { continue };
            for column in graph.columns().filter(|column| !data.columns.contains_key(*column)) {
                let place = context.inside(["networks".into(), index.into()]);
                let message = format!("this network reads a column `{column}`, and the data has none");
                let names: Vec<&str> = data.columns.keys().map(String::as_str).collect();
                let hint = format!("load it with `data`, and as `column` one of {}", names.join(", "));
                context.report(Diagnostic::new("missing-column", place, message).hint(hint));
            }
        }
        context.diagnostics.len() == before
    }

    /// Where a mistake of the joined network is: in one of the networks, or in a layer behind them.
    fn place(&self, problem: &Problem, stage: &Place, joined: &Network) -> (Place, Option<Place>) {
        let layer = joined.layers.get(problem.layer);
        let of = |name: &String| layer.is_some_and(|layer| is_inside(&layer.name, name));
        if let Some(index) = self.names.iter().position(of) {
            return (stage.clone().join("networks").join(index), None);
        }
        let own = self.network.layers.len();
        let before = joined.layers.len() - own;
        let related = problem.related.and_then(|layer| layer.checked_sub(before));
        let behind = Problem { layer: problem.layer.saturating_sub(before), related, ..problem.clone() };
        layer_place(stage.clone().join("network").join("layers"), &behind, own)
    }
}

impl Stage for JoinNetworks {
    fn references(&self, _: &BTreeMap<String, Params>) -> Vec<Reference> {
        let data = Reference::new("data", &self.data, &[ArtifactKind::Dataset]);
        Reference::list("networks", &self.networks, &[ArtifactKind::Network]).chain([data]).collect()
    }

    fn check(&self, context: &mut Context<'_>) -> Vec<(&'static str, Fact)> {
        let facts: Option<Vec<NetworkFact>> =
            self.networks.iter().map(|name| context.network(name)).collect();
        let (Some(facts), Some(data)) = (facts, context.dataset(&self.data)) else { return vec![] };
        let fitted = facts.iter().fold(data.fitted.clone(), |all, fact| all.union(&fact.fitted));
        let outputs = |network| {
            vec![(
                "network",
                Fact::Network(NetworkFact { network, goals: Goals::new(), fitted: fitted.clone() }),
            )]
        };
        if let Some(first) = self.network.layers.first().filter(|layer| layer.input.is_none()) {
            let place = context.inside(["network".into(), "layers".into(), 0.into()]);
            let message =
                format!("the first layer behind networks must name its input, and `{}` does not", first.name);
            let hint = format!("add `input = [...]` with some of {}", self.names.join(", "));
            context.report(Diagnostic::new("ambiguous-input", place, message).hint(hint));
            return vec![];
        }
        let named = self.check_names(&data, context);
        let networks: Option<Vec<Network>> = facts.into_iter().map(|fact| fact.network).collect();
        let Some(networks) = networks.filter(|_| named) else { return outputs(None) };
        if !self.check_columns(&networks, &data, context) {
            return vec![];
        }
        let parts = self.parts(networks);
        let joined = Network::joined(&parts, data.inputs(), &self.network.layers);
        let fits = check_network(&joined, context, |problem, stage| self.place(problem, &stage, &joined));
        let fits = fits && check_lengths(&joined, &data, context);
        let graph: Option<Graph> = joined.lower().ok();
        check_units(&self.network.layers, graph.as_ref(), context);
        let reads = |graph: &Graph, name: &str| graph.nodes.iter().any(|node| is_inside(&node.layer, name));
        for (index, name) in self.names.iter().enumerate() {
            if graph.as_ref().is_some_and(|graph| !reads(graph, name)) {
                let place = context.inside(["as".into(), index.into()]);
                let message = format!("no layer reads `{name}`, so its weights would be lost");
                let hint = "name it in the `input` of a layer that leads to the result, or leave it out";
                context.report(Diagnostic::new("unread-network", place, message).hint(hint));
            }
        }
        outputs(fits.then_some(joined))
    }

    fn seed(&self) -> Option<u64> {
        self.seed
    }
}
