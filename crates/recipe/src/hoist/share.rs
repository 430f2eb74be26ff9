//! Frozen parts that are the same in all folds and for all seeds, run once for all of them.
//!
//! A fold's data hold other parts than the next one's, and another seed draws another head, so neither the data nor the
//! network are the same. But the frozen part is, and so are its columns where their steps learn nothing of the training
//! rows. A stage takes both out of what differs; where the bytes turn out to be the same, the next stage finds its
//! result in the store.

use std::collections::{BTreeMap, BTreeSet};

use plan::{ArtifactKind, Variant};
use stages::{ExtractFrozen, Fact, IsolateFrozen, Params};

use super::{Made, Pass};
use crate::compile::planned;

impl Pass<'_> {
    /// Puts a stage that isolates a frozen part before each of those that run variants of one.
    pub(super) fn share(&mut self) {
        let mut groups: BTreeMap<_, Vec<usize>> = BTreeMap::new();
        for (index, made) in self.made.iter().enumerate() {
            // Views are drawn for the rows of one training part.
            if made.views.is_none() && made.nodes.len() == 1 {
                let key = (Variant::parse(&made.network).of, Variant::parse(&made.data).of, &made.nodes);
                groups.entry(key).or_default().push(index);
            }
        }
        let several = groups.into_values().filter(|group| {
            let networks: BTreeSet<&str> =
                group.iter().map(|&made| self.made[made].network.as_str()).collect();
            // Trainings of several folds or seeds end in weights of their own.
            let same = networks.len() == 1 || !networks.iter().any(|network| self.is_trained(network));
            group.len() > 1 && same
        });
        let shared: Vec<usize> = several.flatten().collect();
        for made in shared {
            self.isolate(made);
        }
    }

    fn isolate(&mut self, made: usize) {
        let Made { name, network, data, nodes, users, .. } = &self.made[made];
        let isolated = self.free_name(&users[0], "part");
        let part = IsolateFrozen { network: network.clone(), data: data.clone(), node: nodes[0].clone() };
        let extract = ExtractFrozen {
            network: isolated.clone(),
            data: isolated.clone(),
            nodes: nodes.clone(),
            views: None,
        };
        let outputs = [("network", ArtifactKind::Network), ("dataset", ArtifactKind::Dataset)];
        let outputs = outputs.map(|(port, kind)| (port, Fact::Plain(kind)));
        self.facts.insert(isolated.clone(), outputs.into());
        let planned = |name: &str, params: &Params, facts| {
            planned(name, params, &params.stage().references(self.params), facts, 0)
        };
        let part = planned(&isolated, &Params::IsolateFrozen(part), self.facts);
        let extract = planned(name, &Params::ExtractFrozen(extract), self.facts);
        let at = self.stages.iter().position(|stage| stage.name == *name);
        if let (Some(mut part), Some(extract), Some(at)) = (part, extract, at) {
            part.note = Some("what folds and seeds share of it".to_owned());
            self.stages[at] = extract;
            self.stages.insert(at, part);
        }
    }

    /// Whether a training is among the stages that a network was made of.
    fn is_trained(&self, stage: &str) -> bool {
        let params = &self.params[stage];
        matches!(params, Params::Train(_) | Params::Finetune(_))
            || params.made_of().into_iter().any(|network| self.is_trained(network))
    }
}
