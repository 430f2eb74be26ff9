//! `extract-frozen`: what a frozen part of a network makes of every row, for stages that train the rest.

use std::collections::BTreeMap;

use plan::ArtifactKind;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::check::Context;
use crate::fact::Fact;
use crate::table::{Params, Reference, Stage};

/// Runs the frozen part of a network over every row of the data, all parts, and keeps what its ends give. The compiler
/// puts it in front of a training; a recipe cannot.
///
/// Output: `values`, 32-bit floats by node and row, those of the views behind those of all rows.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct ExtractFrozen {
    /// The network; the whole of it may be larger than what is run.
    pub network: String,
    /// The encoded rows.
    pub data: String,
    /// The nodes whose values are kept, each behind those that it needs.
    pub nodes: Vec<String>,
    /// Augmented views of the training rows' pictures, which are run too. The seed is that of the training.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub views: Option<Views>,
}

/// Takes the part of a network up to a node, and the columns that it reads, out of what is around them: labels, parts, the
/// layers behind the node. What is left is the same for all folds and seeds that encode these columns in the same way, so
/// they share what the part gives. The compiler puts it in front of `extract-frozen`; a recipe cannot.
///
/// Outputs: `network`, up to the node; `dataset`, its columns of all rows.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct IsolateFrozen {
    /// The network.
    pub network: String,
    /// The encoded rows.
    pub data: String,
    /// The node.
    pub node: String,
}

impl Stage for IsolateFrozen {
    fn references(&self, _: &BTreeMap<String, Params>) -> Vec<Reference> {
        of_network_and_data(&self.network, &self.data)
    }

    /// The compiler has seen that the node is there and the data fit.
    fn check(&self, _: &mut Context<'_>) -> Vec<(&'static str, Fact)> {
        let plain = Fact::Plain;
        vec![("network", plain(ArtifactKind::Network)), ("dataset", plain(ArtifactKind::Dataset))]
    }
}

fn of_network_and_data(network: &str, data: &str) -> Vec<Reference> {
    vec![
        Reference::new("network", network, &[ArtifactKind::Network]),
        Reference::new("data", data, &[ArtifactKind::Dataset]),
    ]
}

/// Augmented views of pictures, drawn once.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Views {
    /// What is done to the pictures.
    pub augment: Vec<images::Transform>,
    /// How many views there are of each.
    pub count: u64,
}

impl Stage for ExtractFrozen {
    fn references(&self, _: &BTreeMap<String, Params>) -> Vec<Reference> {
        of_network_and_data(&self.network, &self.data)
    }

    /// The compiler has seen that the nodes are there and the data fit.
    fn check(&self, _: &mut Context<'_>) -> Vec<(&'static str, Fact)> {
        vec![("values", Fact::Plain(ArtifactKind::Values))]
    }
}
