//! `extract-features`: the values of a node for every row.

use std::collections::BTreeMap;

use network::Primitive;
use plan::{ArtifactKind, Diagnostic};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::check::Context;
use crate::fact::{Fact, FeaturesFact};
use crate::table::{Params, Reference, Stage};

/// Runs a network over every row of the data, all parts, and keeps the values of its output or of another node.
///
/// Output: `features`, `[rows, units]` in the order of the data.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct ExtractFeatures {
    /// The network.
    pub network: String,
    /// The encoded rows.
    pub data: String,
    /// The node; by default the network's output.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub output: Option<String>,
}

impl Stage for ExtractFeatures {
    fn references(&self, _: &BTreeMap<String, Params>) -> Vec<Reference> {
        vec![
            Reference::new("network", &self.network, &[ArtifactKind::Network]),
            Reference::new("data", &self.data, &[ArtifactKind::Dataset]),
        ]
    }

    fn check(&self, context: &mut Context<'_>) -> Vec<(&'static str, Fact)> {
        let (Some(fact), Some(data)) = (context.network(&self.network), context.dataset(&self.data)) else {
            return vec![];
        };
        let mut width = None;
        if let Some(mut network) = fact.network {
            if let Some(output) = &self.output {
                network = match network.cut(output) {
                    Ok(network) => network,
                    Err(unknown) => {
                        let mut diagnostic =
                            Diagnostic::new("unknown-node", context.place("output"), unknown.to_string());
                        diagnostic.hint = unknown.nearest.map(|near| format!("did you mean `{near}`?"));
                        context.report(diagnostic);
                        return vec![];
                    }
                };
            }
            if !fits(&network, &data, context) {
                return vec![];
            }
            let Ok(graph) = network.lower() else { return vec![] };
            let node = &graph.nodes[graph.output];
            if node.signal.shape.0.len() != 2 || node.signal.ids.is_some() || node.op == Primitive::Column {
                let key = if self.output.is_some() { "output" } else { "network" };
                let message =
                    format!("features are one vector a row, but `{}` gives {}", node.name, node.signal.shape);
                let hint = "take a node after the pooling, or cut the network there with load-subnet";
                context.report(Diagnostic::new("shape-mismatch", context.place(key), message).hint(hint));
                return vec![];
            }
            width = node.signal.width().size();
        }
        vec![(
            "features",
            Fact::Features(FeaturesFact { width, rows: data.rows, fitted: fact.fitted.union(&data.fitted) }),
        )]
    }
}

/// Reports columns that a network reads and the data does not have; whether there are none.
pub(crate) fn fits(network: &network::Network, data: &crate::DatasetFact, context: &mut Context<'_>) -> bool {
    let Ok(graph) = network.lower() else { return false };
    let inputs = data.inputs();
    let mut fits = true;
    for column in graph.columns() {
        let wanted = network.inputs.get(column).map(std::mem::discriminant);
        if wanted != inputs.get(column).map(std::mem::discriminant) {
            let message =
                format!("the network reads a column `{column}` that the data does not have in this form");
            let hint = "encode the data with `fitted`, the transform that the network was trained with";
            context.report(Diagnostic::new("missing-column", context.place("data"), message).hint(hint));
            fits = false;
        }
    }
    fits
}
