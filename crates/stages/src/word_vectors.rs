//! `word-vectors`: vectors of others as a network of one embedding layer.

use std::collections::BTreeMap;

use data::ColumnType;
use network::{Input, Layer, Network};
use plan::{ArtifactKind, Diagnostic};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::json;

use crate::check::{Context, Outside};
use crate::fact::{DatasetFact, Fact, NetworkFact};
use crate::goal::Goals;
use crate::table::{OutsidePath, Params, Reference, Stage};

/// Reads word vectors of others (GloVe, word2vec, fastText; text or binary, gzipped or not) for the words of a column,
/// as a network of one embedding layer: `finetune` adds layers behind it, `freeze` keeps it as it is.
///
/// Outputs: `network`, the embedding layer; `missing`, the words without a vector, most frequent first.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct WordVectors {
    /// The file, relative to the recipe or to a data folder. Its content says which format it is of.
    pub path: String,
    /// The encoded rows whose words are looked up.
    pub data: String,
    /// The column of words; by default the only one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub column: Option<String>,
    /// Name of the embedding layer.
    #[serde(default = "layer")]
    pub layer: String,
    /// Vectors of words that the file lacks; that of `<pad>` is always 0.
    #[serde(default)]
    pub missing: MissingVectors,
    /// Seed of this stage's draws, instead of the recipe's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub seed: Option<u64>,
}

/// Vectors of words that a file lacks.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum MissingVectors {
    /// All 0.
    #[default]
    Zeros,
    /// Drawn for each word, normal with the mean and deviation of all numbers found.
    Random,
}

impl WordVectors {
    /// The network of one embedding layer over `column`, whose vocabulary has `words` entries where that is known.
    ///
    /// # Errors
    /// Serde's, when the layer's keys are not what an embedding takes.
    pub fn network(
        &self,
        column: &str,
        words: Option<usize>,
        width: usize,
    ) -> Result<Network, serde_json::Error> {
        let layer: Layer = serde_json::from_value(json!({
            "name": self.layer, "kind": "embedding", "units": width, "input": [column],
        }))?;
        let inputs = BTreeMap::from([(column.to_owned(), Input::Sequence { vocabulary: words })]);
        Ok(Network::new(inputs, vec![layer]))
    }

    /// The column that is meant; reports where there is none, or several.
    fn column(&self, data: &DatasetFact, context: &mut Context<'_>) -> Option<String> {
        let words = |kind: &ColumnType| matches!(kind, ColumnType::Sequence { .. });
        let columns: Vec<&String> =
            data.columns.iter().filter(|(_, kind)| words(kind)).map(|(name, _)| name).collect();
        let names: Vec<&str> = columns.iter().map(|name| name.as_str()).collect();
        let (key, message) = match (&self.column, &columns[..]) {
            (Some(name), _) if names.contains(&name.as_str()) => return Some(name.clone()),
            (None, [only]) => return Some((*only).clone()),
            (Some(name), _) => ("column", format!("the data has no column of words `{name}`")),
            (None, []) => ("data", "the data has no column of words".to_owned()),
            (None, _) => ("data", format!("the data has {} columns of words", columns.len())),
        };
        let hint = match names.is_empty() {
            true => "end a column's chain with `index`".to_owned(),
            false => format!("say which with `column`: {}", names.join(", ")),
        };
        context.report(Diagnostic::new("missing-column", context.place(key), message).hint(hint));
        None
    }
}

impl Stage for WordVectors {
    fn references(&self, _: &BTreeMap<String, Params>) -> Vec<Reference> {
        vec![
            Reference::new("path", &self.path, &[]),
            Reference::new("data", &self.data, &[ArtifactKind::Dataset]),
        ]
    }

    fn check(&self, context: &mut Context<'_>) -> Vec<(&'static str, Fact)> {
        let Some(data) = context.dataset(&self.data) else { return vec![] };
        let Some(column) = self.column(&data, context) else { return vec![] };
        let Some(Outside::Vectors { width }) = context.outside.get(context.stage) else { return vec![] };
        let network = self.network(&column, None, *width).ok();
        if let Some(network) = &network
            && let Err(problems) = network.lower()
        {
            for problem in problems {
                let mut diagnostic = Diagnostic::new(problem.code, context.place("layer"), problem.message);
                diagnostic.hint = problem.hint;
                context.report(diagnostic);
            }
            return vec![];
        }
        let fact = NetworkFact { network, goals: Goals::new(), fitted: data.fitted };
        vec![("network", Fact::Network(fact)), ("missing", Fact::Plain(ArtifactKind::Table))]
    }

    fn outside(&self) -> Vec<OutsidePath<'_>> {
        vec![OutsidePath::new(&self.path)]
    }

    fn seed(&self) -> Option<u64> {
        self.seed
    }
}

fn layer() -> String {
    "embed".to_owned()
}
