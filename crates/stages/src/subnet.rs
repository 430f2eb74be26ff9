//! `load-subnet`: a network cut at a named node.

use std::collections::BTreeMap;

use plan::{ArtifactKind, Diagnostic};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::check::Context;
use crate::fact::{Fact, NetworkFact};
use crate::goal::Goals;
use crate::table::{Params, Reference, Stage};

/// Cuts a network at a named node: a layer, or a step inside one such as `dense0.linear`. `pipeline show RECIPE STAGE`
/// lists the nodes of a network.
///
/// Output: `network`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct LoadSubnet {
    /// The network.
    pub network: String,
    /// The node that becomes the output.
    pub output: String,
}

impl Stage for LoadSubnet {
    fn references(&self, _: &BTreeMap<String, Params>) -> Vec<Reference> {
        vec![Reference::new("network", &self.network, &[ArtifactKind::Network])]
    }

    fn check(&self, context: &mut Context<'_>) -> Vec<(&'static str, Fact)> {
        let Some(whole) = context.network(&self.network) else { return vec![] };
        let cut = whole.network.as_ref().map(|network| network.cut(&self.output));
        let network = match cut {
            Some(Err(unknown)) => {
                let nodes = whole.network.and_then(|network| network.lower().ok());
                let names = nodes.iter().flat_map(|graph| &graph.nodes).map(|node| node.name.as_str());
                let hint = match &unknown.nearest {
                    Some(near) => format!("did you mean `{near}`?"),
                    None => format!("it has {}", names.collect::<Vec<_>>().join(", ")),
                };
                let diagnostic =
                    Diagnostic::new("unknown-node", context.place("output"), unknown.to_string());
                context.report(diagnostic.hint(hint));
                return vec![];
            }
            Some(Ok(network)) => Some(network),
            None => None,
        };
        vec![("network", Fact::Network(NetworkFact { network, goals: Goals::new(), fitted: whole.fitted }))]
    }
}
