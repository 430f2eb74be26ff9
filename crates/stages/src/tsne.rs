//! `tsne`: an embedding table or features in the plane.

use std::collections::BTreeMap;

use data::Part;
use network::{Primitive, nearest};
use plan::{ArtifactKind, Diagnostic, Place};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::check::Context;
use crate::fact::Fact;
use crate::table::{Params, Reference, Stage};

/// Draws vectors in the plane by t-SNE, van der Maaten and Hinton 2008: the rows of an embedding table for chosen
/// tokens, or features coloured by label.
///
/// Output: `projection`, with `points.csv`, and the scatter as SVG and PNG.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Tsne {
    /// The network whose embedding table is drawn.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub network: Option<String>,
    /// The embedding layer; by default the only one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub weights: Option<String>,
    /// Tokens to draw, by group; each group has its colour: `{ positive = ["great"], negative = ["bad"] }`.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub tokens: BTreeMap<String, Vec<String>>,
    /// Features to draw, instead of an embedding table.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub features: Option<String>,
    /// The encoded rows that the features belong to: their labels are the colours.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub data: Option<String>,
    /// Which rows of the features; by default all.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub part: Option<Part>,
    /// About how many neighbours each point has; lowered when there are too few points.
    #[serde(default = "perplexity")]
    #[schemars(range(min = 1.0))]
    pub perplexity: f64,
    /// Steps of gradient descent.
    #[serde(default = "iterations")]
    #[schemars(range(min = 250, max = 1000000))]
    pub iterations: usize,
    /// Seed of this stage's draws, instead of the recipe's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub seed: Option<u64>,
}

impl Stage for Tsne {
    fn references(&self, _: &BTreeMap<String, Params>) -> Vec<Reference> {
        let network =
            self.network.iter().map(|name| Reference::new("network", name, &[ArtifactKind::Network]));
        let features =
            self.features.iter().map(|name| Reference::new("features", name, &[ArtifactKind::Features]));
        let data = self.data.iter().map(|name| Reference::new("data", name, &[ArtifactKind::Dataset]));
        network.chain(features).chain(data).collect()
    }

    fn check(&self, context: &mut Context<'_>) -> Vec<(&'static str, Fact)> {
        match (&self.network, &self.features) {
            (Some(network), None) => self.check_table(network, context),
            (None, Some(features)) => self.check_features(features, context),
            (given, _) => {
                let message = match given {
                    Some(_) => "`network` and `features` exclude each other",
                    None => "there is nothing to draw: neither `network` nor `features` is given",
                };
                let hint = "name a network and `tokens`, or `features` and their `data`";
                context
                    .report(Diagnostic::new("tsne-input", Place::stage(context.stage), message).hint(hint));
            }
        }
        vec![("projection", Fact::Plain(ArtifactKind::Projection))]
    }

    fn seed(&self) -> Option<u64> {
        self.seed
    }
}

impl Tsne {
    fn check_table(&self, network: &str, context: &mut Context<'_>) {
        for (key, given) in [("data", self.data.is_some()), ("part", self.part.is_some())] {
            if given {
                let message = format!("`{key}` belongs to `features`");
                context.report(
                    Diagnostic::new("tsne-input", context.place(key), message)
                        .at_key()
                        .hint(format!("remove `{key}`")),
                );
            }
        }
        let count: usize = self.tokens.values().map(Vec::len).sum();
        if count < 4 {
            let place =
                if self.tokens.is_empty() { Place::stage(context.stage) } else { context.place("tokens") };
            let message = format!("t-SNE needs at least 4 tokens, and there are {count}");
            let hint =
                "for example tokens = { positive = [\"great\", \"good\"], negative = [\"bad\", \"worst\"] }";
            context.report(Diagnostic::new("tsne-input", place, message).hint(hint));
        }
        let Some(graph) = context.network(network).and_then(|fact| fact.network).and_then(|n| n.lower().ok())
        else {
            return;
        };
        let tables: Vec<&str> = graph
            .nodes
            .iter()
            .filter(|node| node.op == Primitive::Embedding)
            .map(|node| node.layer.as_str())
            .collect();
        match &self.weights {
            Some(name) if tables.contains(&name.as_str()) => {}
            Some(name) => {
                let hint = match nearest(name, tables.iter().copied()) {
                    Some(near) => format!("did you mean `{near}`?"),
                    None => format!("it has {}", tables.join(", ")),
                };
                let message = format!("the network has no embedding layer `{name}`");
                context
                    .report(Diagnostic::new("unknown-layer", context.place("weights"), message).hint(hint));
            }
            None if tables.len() == 1 => {}
            None => {
                let message = format!("the network has {} embedding layers", tables.len());
                let hint = format!("say which with `weights`: {}", tables.join(", "));
                context
                    .report(Diagnostic::new("unknown-layer", context.place("network"), message).hint(hint));
            }
        }
    }

    fn check_features(&self, features: &str, context: &mut Context<'_>) {
        for (key, given) in [("weights", self.weights.is_some()), ("tokens", !self.tokens.is_empty())] {
            if given {
                let message = format!("`{key}` belongs to `network`");
                context.report(
                    Diagnostic::new("tsne-input", context.place(key), message)
                        .at_key()
                        .hint(format!("remove `{key}`")),
                );
            }
        }
        let Some(stage) = &self.data else {
            if self.part.is_some() {
                let hint = "add `data`, the rows that the features belong to";
                context.report(
                    Diagnostic::new("tsne-input", context.place("part"), "`part` needs `data`").hint(hint),
                );
            }
            return;
        };
        let Some(data) = context.dataset(stage) else { return };
        if self.part.is_some() {
            context.part(self.part, &data);
        }
        crate::inputs::joined(&[features.to_owned()], &data, context);
    }
}

fn perplexity() -> f64 {
    30.0
}

fn iterations() -> usize {
    1000
}
