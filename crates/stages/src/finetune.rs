//! `finetune`: a network trained on from its weights.

use std::collections::BTreeMap;

use network::{Layer, Network};
use plan::{ArtifactKind, Diagnostic, Place};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::check::Context;
use crate::fact::{Fact, NetworkFact};
use crate::loss::Loss;
use crate::table::{Extent, Params, Reference, Stage};
use crate::target::Target;
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

impl Finetune {
    /// What training goes on to minimise where it does not say: what the start was trained for, unless that is for one
    /// logit and the new head has as many units as there are classes.
    pub fn loss_of(start: Option<Loss>, network: &Network) -> Option<Loss> {
        let graph = network.lower().ok();
        let open = graph.is_some_and(|graph| graph.nodes[graph.output].signal.width().is_classes());
        start.filter(|loss| !open || loss.target() == Target::Multiclass)
    }
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
            return outputs(NetworkFact {
                network: None,
                loss: self.training.loss.clone().or(start.loss),
                fitted,
            });
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
        let trainable = network.lower().is_ok_and(|graph| {
            graph.params().any(|param| !param.buffer && !network.frozen.contains(&param.name))
        });
        if fits && !trainable {
            let message = "every parameter of the network is frozen, so nothing can train";
            let hint = "freeze less, unfreeze some layers, or replace the last layer";
            context.report(Diagnostic::new("nothing-to-train", context.place("network"), message).hint(hint));
        }
        let default = Finetune::loss_of(start.loss, &network);
        let loss =
            check_training(&self.training, default, &data, fits.then_some(&network), "network", context);
        outputs(NetworkFact { network: fits.then_some(network), loss, fitted })
    }

    fn extent(&self) -> Option<Extent> {
        let way = Finetune { training: self.training.way(), ..self.clone() };
        Some(self.training.extent(Params::Finetune(way)))
    }

    fn seed(&self) -> Option<u64> {
        self.training.seed
    }
}
