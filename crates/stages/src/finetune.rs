//! `finetune`: a network trained on from its weights.

use std::collections::BTreeMap;

use network::Layer;
use plan::{ArtifactKind, Diagnostic, Place};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::check::Context;
use crate::fact::{Fact, NetworkFact};
use crate::goal::{Goal, in_units_of};
use crate::lengths::check_lengths;
use crate::output::{check_logits, check_nodes};
use crate::table::{Extent, Params, Reference, Stage};
use crate::train::{check_network, check_training, outputs, trained_on};
use crate::training::Training;

/// Trains a network on from its weights; frozen parameters stay as they are.
///
/// Outputs: `network`, with the last or the best epoch's weights; `history`, the curves.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub struct Finetune {
    /// The network to start from.
    pub network: String,
    /// The encoded rows.
    pub data: String,
    /// Layers that take the place of those of the same name; a new name goes to the end. Their weights are drawn anew.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub replace: Vec<Layer>,
    /// How it is trained.
    #[serde(flatten)]
    pub training: Training,
}

impl Stage for Finetune {
    fn references(&self, _: &BTreeMap<String, Params>) -> Vec<Reference> {
        vec![
            Reference::new("network", &self.network, &[ArtifactKind::Network]),
            Reference::new("data", &self.data, &[ArtifactKind::Dataset]),
        ]
    }

    fn check(&self, context: &mut Context<'_>) -> Vec<(&'static str, Fact)> {
        let (Some(start), Some(data)) = (context.network(&self.network), context.dataset(&self.data)) else {
            return vec![];
        };
        let fitted = start.fitted.union(&trained_on(&data));
        let Some(declared) = start.network else {
            let goals = match &self.training.loss {
                Some(loss) => Goal::only(loss.clone()),
                None => start.goals,
            };
            return outputs(NetworkFact { network: None, goals, fitted });
        };
        let network = declared.with_inputs(data.inputs()).replace(&self.replace);
        // Layers that were there before are as they were; only new ones have a place in this stage.
        let place = |problem: &network::Problem, stage: Place| {
            let name = network.layers.get(problem.layer).map(|layer| layer.name.as_str());
            let own = self.replace.iter().position(|layer| Some(layer.name.as_str()) == name);
            match (own, problem.field) {
                (Some(index), Some(field)) => (stage.join("replace").join(index).join(field), None),
                (Some(index), None) => (stage.join("replace").join(index), None),
                (None, _) => (stage.join("network"), None),
            }
        };
        let fits = check_network(&network, context, place);
        let fits = fits && check_lengths(&network, &data, context);
        let network = self.training.with_outputs(network);
        let fits = fits && check_nodes(&self.training, &network, context);
        let trainable = network.lower().is_ok_and(|graph| {
            graph.params().any(|param| !param.buffer && !network.frozen.contains(&param.name))
        });
        if fits && !trainable {
            let message = "every parameter of the network is frozen, so nothing can train";
            let hint = "freeze less, unfreeze some layers, or replace the last layer";
            context.report(Diagnostic::new("nothing-to-train", context.place("network"), message).hint(hint));
        }
        let known = fits.then_some(&network);
        let goals = check_training(&self.training, &start.goals, &data, known, "network", context);
        if fits {
            let stage = Place::stage(context.stage);
            let at = |name: &str| self.replace.iter().position(|layer| layer.name == name);
            let place = |name: &str, output: &str| match at(name) {
                Some(at) => Some((stage.join("replace").join(at), true)),
                None => (!start.goals.contains_key(output)).then(|| (stage.join("network"), false)),
            };
            check_logits(&network, &goals, place, context);
        }
        let network = fits.then(|| in_units_of(network, &goals));
        outputs(NetworkFact { network, goals, fitted })
    }

    fn extent(&self) -> Option<Extent> {
        let way = Finetune { training: self.training.way(), ..self.clone() };
        Some(self.training.extent(Params::Finetune(way)))
    }

    fn seed(&self) -> Option<u64> {
        self.training.seed
    }
}
