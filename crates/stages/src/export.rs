//! `export` and `import`: a network as files that other programs read, and back.

use std::collections::BTreeMap;

use plan::ArtifactKind;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::check::{Context, Outside};
use crate::fact::{DatasetFact, Fact, NetworkFact};
use crate::goal::Goals;
use crate::rows::{RowSet, Rows};
use crate::table::{OutsidePath, Params, Reference, Stage};

/// Writes a network as `network.json` (the declaration), `weights.safetensors` and `transform.json` (what turns
/// rows into its inputs). `pipeline get RECIPE STAGE FOLDER` copies them out.
///
/// Output: `export`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Export {
    /// The network.
    pub network: String,
}

impl Stage for Export {
    fn references(&self, _: &BTreeMap<String, Params>) -> Vec<Reference> {
        vec![Reference::new("network", &self.network, &[ArtifactKind::Network])]
    }

    fn check(&self, _: &mut Context<'_>) -> Vec<(&'static str, Fact)> {
        vec![("export", Fact::Plain(ArtifactKind::Export))]
    }
}

/// Takes in a network that `export` wrote. What it was trained on is not known here.
///
/// Outputs: `network`; `transform`, for `fitted`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Import {
    /// The folder, relative to the recipe or to a data folder.
    pub path: String,
}

impl Stage for Import {
    fn references(&self, _: &BTreeMap<String, Params>) -> Vec<Reference> {
        vec![Reference::new("path", &self.path, &[])]
    }

    fn check(&self, context: &mut Context<'_>) -> Vec<(&'static str, Fact)> {
        let Some(Outside::Network(imported)) = context.outside.get(context.stage) else { return vec![] };
        let network = Some(imported.network.clone());
        let fact = NetworkFact { network, goals: Goals::new(), fitted: RowSet::default() };
        let mut outputs = vec![("network", Fact::Network(fact))];
        if let Some((columns, labels)) = &imported.transform {
            let rows = Rows {
                source: context.stage.into(),
                file: self.path.clone(),
                split: String::new(),
                parts: [].into(),
            };
            let (columns, labels) = (columns.clone(), labels.clone());
            let (parts, vocabularies, longest) = (vec![], BTreeMap::new(), BTreeMap::new());
            let (weighted, fitted) = (false, RowSet::default());
            let fact = DatasetFact { rows, parts, columns, vocabularies, longest, labels, weighted, fitted };
            outputs.push(("transform", Fact::Transform(fact)));
        }
        outputs
    }

    fn outside(&self) -> Vec<OutsidePath<'_>> {
        vec![OutsidePath::new(&self.path)]
    }
}
