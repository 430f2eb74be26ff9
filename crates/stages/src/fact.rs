//! What is known of each output before anything runs: the types of the recipe language.

use std::collections::BTreeMap;

use data::{ColumnType, LABEL, LabelKind, Part};
use network::{Input, Network};
use plan::ArtifactKind;

use crate::goal::Goals;
use crate::metric::Measure;
use crate::rows::{RowSet, Rows};

/// What is known of an output.
#[derive(Clone, Debug, PartialEq)]
pub enum Fact {
    /// Encoded rows.
    Dataset(DatasetFact),
    /// A fitted transform.
    Transform(DatasetFact),
    /// A network with weights.
    Network(NetworkFact),
    /// One vector a row.
    Features(FeaturesFact),
    /// A model on features and columns.
    Head(HeadFact),
    /// Metrics by name.
    Metrics(Vec<Measure>),
    /// Outputs of which only the kind matters.
    Plain(ArtifactKind),
}

impl Fact {
    /// The kind of the output.
    pub fn kind(&self) -> ArtifactKind {
        match self {
            Fact::Dataset(_) => ArtifactKind::Dataset,
            Fact::Transform(_) => ArtifactKind::Transform,
            Fact::Network(_) => ArtifactKind::Network,
            Fact::Features(_) => ArtifactKind::Features,
            Fact::Head(_) => ArtifactKind::Head,
            Fact::Metrics(_) => ArtifactKind::Metrics,
            Fact::Plain(kind) => *kind,
        }
    }
}

/// What is known of encoded rows, and of the transform that made them.
#[derive(Clone, Debug, PartialEq)]
pub struct DatasetFact {
    /// All rows.
    pub rows: Rows,
    /// Parts that the split makes.
    pub parts: Vec<Part>,
    /// Encoded columns.
    pub columns: BTreeMap<String, ColumnType>,
    /// Sizes of vocabularies that are known, by column.
    pub vocabularies: BTreeMap<String, usize>,
    /// The most tokens of a row where that is known, by column.
    pub longest: BTreeMap<String, usize>,
    /// The labels by name; the only one is called [`data::LABEL`].
    pub labels: BTreeMap<String, LabelFact>,
    /// Whether rows have weights.
    pub weighted: bool,
    /// Rows that the transform was fitted on.
    pub fitted: RowSet,
}

/// What is known of a label.
#[derive(Clone, Debug, PartialEq)]
pub struct LabelFact {
    /// Its columns in the source: one, or several of 0 and 1.
    pub columns: Vec<String>,
    /// Classes, labels of which a row may have several, a number, or tags.
    pub kind: LabelKind,
    /// How many labels a row may have, where the columns say it.
    pub width: Option<usize>,
    /// Of tags: the encoded column of text whose words they are of.
    pub of: Option<String>,
}

impl DatasetFact {
    /// The columns as a network sees them, with the sizes that are known.
    pub fn inputs(&self) -> BTreeMap<String, Input> {
        let vocabulary = |name| self.vocabularies.get(name).copied();
        self.columns.iter().map(|(name, column)| (name.clone(), input(column, vocabulary(name)))).collect()
    }

    /// The label, where there is only one.
    pub fn label(&self) -> Option<&LabelFact> {
        self.labels.get(LABEL)
    }

    /// The rows of one part; all rows where there is no split.
    pub fn part(&self, part: Option<Part>) -> Rows {
        Rows { parts: part.into_iter().collect(), ..self.rows.clone() }
    }
}

/// A column as a network sees it, before the data is read.
fn input(column: &ColumnType, vocabulary: Option<usize>) -> Input {
    match column {
        ColumnType::Sequence { .. } => Input::Sequence { vocabulary },
        ColumnType::Category => Input::Category { categories: None },
        ColumnType::Number => Input::Number,
        ColumnType::Vector { width } | ColumnType::Sparse { width } => Input::Vector { width: *width },
        ColumnType::Image { channels, height, width } => {
            Input::Image { channels: *channels, height: *height, width: *width }
        }
    }
}

/// What is known of a network.
#[derive(Clone, Debug, PartialEq)]
pub struct NetworkFact {
    /// Its declaration; `None` where it comes from a folder that could not be read.
    pub network: Option<Network>,
    /// What its outputs learnt; empty after a cut or before training.
    pub goals: Goals,
    /// Rows that it, or the transform before it, was fitted on.
    pub fitted: RowSet,
}

/// What is known of features.
#[derive(Clone, Debug, PartialEq)]
pub struct FeaturesFact {
    /// Values a row, where known.
    pub width: Option<usize>,
    /// The rows.
    pub rows: Rows,
    /// Rows that the network was fitted on.
    pub fitted: RowSet,
}

/// What is known of a head.
#[derive(Clone, Debug, PartialEq)]
pub struct HeadFact {
    /// Features it was trained on, by width.
    pub widths: Vec<Option<usize>>,
    /// Columns it was trained on.
    pub columns: Vec<String>,
    /// Classes or a number.
    pub label: LabelKind,
    /// Rows that it, or anything before it, was fitted on.
    pub fitted: RowSet,
}
