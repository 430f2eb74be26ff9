//! Chains fitted on training rows, and their application to any table with the same columns.
//!
//! Invariant: what is fitted depends on the training rows alone, and neither fitting nor applying depends on
//! the number of threads.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::path::Path;

use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use crate::chain::{Chain, OwnRows};
use crate::encoded::{Encoded, EncodedColumn, Texts};
use crate::error::Error;
use crate::label::{FittedLabel, LABEL, Label, LabelKind, Labels};
use crate::numbers::Learnt;
use crate::part::Part;
use crate::step::Step;
use crate::subwords::{Encoder, Subwords};
use crate::table::Table;
use crate::vocabulary::Vocabulary;

/// What to encode of a table.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Spec {
    /// The chain of every input column.
    pub columns: BTreeMap<String, Vec<Step>>,
    /// The label, where there is one.
    pub label: Option<Label>,
    /// How the label's column is read, where the label says no more.
    pub label_kind: LabelKind,
    /// Labels by name, where there are several.
    pub labels: BTreeMap<String, Label>,
}

impl Spec {
    /// All labels by name, and how a column is read that says no more.
    fn all_labels(&self) -> BTreeMap<&str, (&Label, LabelKind)> {
        let named = self.labels.iter().map(|(name, label)| (name.as_str(), (label, LabelKind::Class)));
        self.label.iter().map(|label| (LABEL, (label, self.label_kind))).chain(named).collect()
    }
}

/// A fitted transform; stored as `transform.json`.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Transform {
    version: u32,
    columns: BTreeMap<String, FittedColumn>,
    label: Option<FittedLabel>,
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    labels: BTreeMap<String, FittedLabel>,
}

/// Fitted labels by name.
type FittedLabels = BTreeMap<String, FittedLabel>;

/// A fitted column.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct FittedColumn {
    /// The chain as declared.
    pub steps: Vec<Step>,
    /// What training rows made of it.
    pub fitted: Fitted,
    /// What steps on text learnt, one for each that learns.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) text: Vec<FittedText>,
}

/// What a step on text learnt.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum FittedText {
    /// What an empty cell becomes.
    Impute(String),
    /// Cells that stay, sorted by their bytes.
    Frequent(Vec<String>),
}

/// What fitting learnt about a column.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Fitted {
    /// The words of a sequence.
    Vocabulary(Vocabulary),
    /// The values of a category, sorted by their bytes; the first has index 1, `<unk>` is 0.
    Dictionary(Vec<String>),
    /// A number needs nothing.
    Number,
    /// The buckets of a hash, of which the first has index 1.
    Hash(usize),
    /// What each step on numbers learnt.
    Numbers(LearntSteps),
    /// A picture needs nothing.
    Picture,
    /// The tokenizer of others that a file held.
    Subwords(Subwords),
}

/// What each step on numbers learnt, the one that makes them first.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct LearntSteps(pub(crate) Vec<Learnt>);

/// The transform's document; a change of its form or meaning gets a new number. 1: the first.
const VERSION: u32 = 1;

impl FittedColumn {
    /// The number of indices, reserved ones included; none for a number.
    pub fn vocabulary_size(&self) -> Option<usize> {
        match &self.fitted {
            Fitted::Vocabulary(vocabulary) => Some(vocabulary.len()),
            Fitted::Dictionary(values) => Some(values.len() + 1),
            Fitted::Hash(buckets) => Some(buckets + 1),
            Fitted::Subwords(subwords) => Some(subwords.vocabulary()),
            Fitted::Number | Fitted::Numbers(_) | Fitted::Picture => None,
        }
    }

    /// What each number of a vector is: a category, a word, a part of a date; its place where it has no name. Of a
    /// category, what each index is. None where the column is neither.
    ///
    /// # Errors
    /// When the column is not what was fitted.
    pub fn names(&self) -> Result<Option<Vec<String>>, Error> {
        match &self.fitted {
            Fitted::Numbers(learnt) => Ok(Chain::new("", &self.steps)?.names(&learnt.0)),
            Fitted::Dictionary(values) => {
                Ok(Some(["<unk>".to_owned()].into_iter().chain(values.iter().cloned()).collect()))
            }
            Fitted::Hash(buckets) => Ok(Some(
                ["<unk>".to_owned()].into_iter().chain((1..=*buckets).map(|at| at.to_string())).collect(),
            )),
            _ => Ok(None),
        }
    }

    /// The tokenizer of others that the chain has, ready to run; none where it has none.
    ///
    /// # Errors
    /// When what was fitted is damaged.
    pub fn encoder(&self) -> Result<Option<Encoder>, Error> {
        let step = self.steps.iter().find_map(Step::tokenizer);
        match (&self.fitted, step) {
            (Fitted::Subwords(subwords), Some(step)) => subwords.encoder(step).map(Some),
            _ => Ok(None),
        }
    }

    /// The vocabulary of a sequence.
    pub fn vocabulary(&self) -> Option<&Vocabulary> {
        match &self.fitted {
            Fitted::Vocabulary(vocabulary) => Some(vocabulary),
            _ => None,
        }
    }
}

/// What fitting gave the training rows instead of what the transform gives to any row, by column.
type Own = BTreeMap<String, OwnRows>;

impl Transform {
    /// Fits on the rows of `Part::Train`, or on all rows where no row has a part. `parts` has one entry a row.
    pub fn fit(table: &Table, parts: &[Option<Part>], spec: &Spec) -> Result<Self, Error> {
        Ok(Self::learn(table, parts, spec, None)?.0)
    }

    /// This transform for a table that has more columns, fitted here, and whose label may have another name: its
    /// classes stay those of the first fit. Without a first label `spec` fits one.
    ///
    /// # Errors
    /// As [`Transform::fit`]; a column that is fitted already keeps its first fit.
    pub fn extended(self, table: &Table, parts: &[Option<Part>], spec: &Spec) -> Result<Self, Error> {
        Ok(self.extend(table, parts, spec)?.0)
    }

    /// Fits (or extends `before`) and encodes the same table, with its label where it has the column. Unlike
    /// [`Transform::apply`] this gives training rows what they get without their own label where a step learns from
    /// labels.
    ///
    /// # Errors
    /// As [`Transform::fit`] and [`Transform::apply`].
    pub fn fit_apply(
        before: Option<Self>,
        table: &Table,
        parts: &[Option<Part>],
        spec: &Spec,
        id: Option<&str>,
    ) -> Result<(Self, Encoded), Error> {
        let (transform, own) = match before {
            None => Self::learn(table, parts, spec, None)?,
            Some(before) => before.extend(table, parts, spec)?,
        };
        let labels = transform.labels();
        let has = |label: &&FittedLabel| label.columns().iter().all(|name| table.names().contains(name));
        let with_label = !labels.is_empty() && labels.values().all(has);
        let encoded = transform.encode(table, parts, with_label, id, &own)?;
        Ok((transform, encoded))
    }

    /// `known` are labels that were fitted before; `spec`'s are fitted without them.
    fn learn(
        table: &Table,
        parts: &[Option<Part>],
        spec: &Spec,
        known: Option<&FittedLabels>,
    ) -> Result<(Self, Own), Error> {
        let wanted_labels = if known.is_some() { BTreeMap::new() } else { spec.all_labels() };
        if spec.columns.is_empty() && wanted_labels.is_empty() {
            return Err(Error::NoColumns);
        }
        let mut of_labels = wanted_labels.values().flat_map(|(label, _)| label.columns());
        if let Some(column) = of_labels.find(|column| spec.columns.contains_key(*column)) {
            return Err(Error::LabelIsInput { column: column.clone() });
        }
        let split = parts.iter().any(Option::is_some);
        let wanted = if split { Some(Part::Train) } else { None };
        let rows: Vec<usize> =
            (0..table.rows()).filter(|&row| parts.get(row).copied().flatten() == wanted).collect();
        if rows.is_empty() {
            return Err(Error::NoTrainingRows { path: table.path().into() });
        }
        let fit = |(name, (label, kind)): (&str, (&Label, LabelKind))| -> Result<_, Error> {
            Ok((name.to_owned(), FittedLabel::fit(table, &rows, label, kind)?))
        };
        // What is wrong with a label is told before a chain that learns from it misses it.
        let labels = wanted_labels.into_iter().map(fit).collect::<Result<FittedLabels, Error>>()?;
        let chain = |(name, steps): (&'_ String, &'_ Vec<Step>)| -> Result<_, Error> {
            let column = table.column(name)?;
            let chain = Chain::new(name, steps)?;
            let known = known.unwrap_or(&labels).get(LABEL);
            let labels = match known.filter(|_| chain.needs_label()) {
                Some(label) if label.kind == LabelKind::Tags => {
                    return Err(Error::SeveralLabels { step: "a chain" });
                }
                Some(label) => Some((label.apply(table, &BTreeMap::new())?, label.classes.len())),
                None => None,
            };
            let labels = labels.as_ref().map(|(labels, classes)| (labels, *classes));
            let (text, fitted, own) = chain.fit(table, column, &rows, labels)?;
            let steps = steps.iter().map(Step::without_files).collect();
            Ok((name.clone(), FittedColumn { steps, fitted, text }, own))
        };
        let results: Vec<Result<_, Error>> = spec.columns.par_iter().map(chain).collect();
        let (mut columns, mut all) = (BTreeMap::new(), Own::new());
        for result in results {
            let (name, column, own) = result?;
            columns.insert(name.clone(), column);
            all.insert(name, own);
        }
        Ok((Self::of(columns, labels), all))
    }

    /// Puts the only label where it always was.
    fn of(columns: BTreeMap<String, FittedColumn>, mut labels: FittedLabels) -> Self {
        let label = labels.remove(LABEL);
        Self { version: VERSION, columns, label, labels }
    }

    fn extend(mut self, table: &Table, parts: &[Option<Part>], spec: &Spec) -> Result<(Self, Own), Error> {
        let mut known = owned(self.labels());
        let fit_labels = known.is_empty() && !spec.all_labels().is_empty();
        for (name, (label, _)) in spec.all_labels() {
            if let Some(known) = known.get_mut(name) {
                known.read_from(label);
            }
        }
        let mut all = Own::new();
        if !spec.columns.is_empty() || fit_labels {
            let (more, mut own) = Self::learn(table, parts, spec, Some(&known).filter(|_| !fit_labels))?;
            if fit_labels {
                known = owned(more.labels());
            }
            for (name, column) in more.columns {
                if let Entry::Vacant(entry) = self.columns.entry(name) {
                    all.extend(own.remove_entry(entry.key()));
                    entry.insert(column);
                }
            }
        }
        Ok((Self::of(self.columns, known), all))
    }

    /// Encodes every row of a table; `parts` has one entry a row. `with_label` asks for the label, whose column
    /// the table must then have; `id` is the column that names the rows. Columns of pictures are left out:
    /// [`Encoded::with_pictures`] adds them.
    pub fn apply(
        &self,
        table: &Table,
        parts: &[Option<Part>],
        with_label: bool,
        id: Option<&str>,
    ) -> Result<Encoded, Error> {
        self.encode(table, parts, with_label, id, &Own::new())
    }

    fn encode(
        &self,
        table: &Table,
        parts: &[Option<Part>],
        with_label: bool,
        id: Option<&str>,
        own: &Own,
    ) -> Result<Encoded, Error> {
        let chain = |(name, fitted): (&'_ String, &'_ FittedColumn)| -> Result<_, Error> {
            let column = table.column(name)?;
            let chain = Chain::new(name, &fitted.steps)?;
            if chain.is_of_pictures() {
                return Ok(None);
            }
            let own = own.get(name).unwrap_or(&None);
            Ok(Some((name.clone(), chain.apply(table, column, fitted, own)?)))
        };
        let results: Vec<Result<_, Error>> = self.columns.par_iter().map(chain).collect();
        let columns =
            results.into_iter().filter_map(Result::transpose).collect::<Result<BTreeMap<_, _>, Error>>()?;
        let texts = self.texts(table, &columns)?;
        let words = texts.iter().map(|(name, texts)| (name.clone(), texts.words.clone())).collect();
        let of_rows = match (self.labels(), with_label) {
            (labels, true) if labels.is_empty() => return Err(Error::NoLabel),
            (labels, true) => {
                let apply =
                    |(name, label): (&str, &FittedLabel)| Ok((name.to_owned(), label.apply(table, &words)?));
                labels.into_iter().map(apply).collect::<Result<BTreeMap<String, Labels>, Error>>()?
            }
            (_, false) => BTreeMap::new(),
        };
        let ids = match id {
            Some(name) => {
                let column = table.column(name)?;
                Some((0..table.rows()).map(|row| table.cell(row, column).to_owned()).collect())
            }
            None => None,
        };
        let parts = (0..table.rows()).map(|row| parts.get(row).copied().flatten()).collect();
        let source_rows = (0..table.rows() as i64).collect();
        let (label, labels) = (self.label.clone(), self.labels.clone());
        Ok(Encoded { columns, label, labels, of_rows, texts, parts, source_rows, ids, weights: None })
    }

    /// The texts whose words have tags, or get them.
    fn texts(
        &self,
        table: &Table,
        columns: &BTreeMap<String, EncodedColumn>,
    ) -> Result<BTreeMap<String, Texts>, Error> {
        let mut texts = BTreeMap::new();
        for label in self.labels().into_values().filter(|label| label.kind == LabelKind::Tags) {
            let of = label.of.clone().unwrap_or_default();
            let (Some(fitted), Some(EncodedColumn::Sequence { .. })) =
                (self.columns.get(&of), columns.get(&of))
            else {
                return Err(Error::TagsOf { column: label.column.clone(), of });
            };
            let column = table.column(&of)?;
            let words = Chain::new(&of, &fitted.steps)?.words(table, column, fitted)?;
            let cells = (0..table.rows()).map(|row| table.cell(row, column).to_owned()).collect();
            texts.insert(of, Texts { cells, words });
        }
        Ok(texts)
    }

    /// The fitted columns by name.
    pub fn columns(&self) -> &BTreeMap<String, FittedColumn> {
        &self.columns
    }

    /// The same columns by themselves, without labels.
    #[must_use]
    pub fn selected(mut self, columns: &[&str]) -> Self {
        self.columns.retain(|name, _| columns.contains(&name.as_str()));
        Self { label: None, labels: BTreeMap::new(), ..self }
    }

    /// The vocabulary of a column of tokens.
    pub fn vocabulary(&self, column: &str) -> Option<&Vocabulary> {
        self.columns.get(column)?.vocabulary()
    }

    /// The fitted labels by name; the only one is called [`LABEL`].
    pub fn labels(&self) -> BTreeMap<&str, &FittedLabel> {
        by_name(self.label.as_ref(), &self.labels)
    }

    /// The canonical document: sorted keys, no white space.
    pub fn to_json(&self) -> Result<Vec<u8>, Error> {
        canonical_json(Path::new("transform.json"), self)
    }

    /// Reads what `to_json` wrote; anything else is an error.
    pub fn from_json(bytes: &[u8]) -> Result<Self, Error> {
        let path = Path::new("transform.json");
        let transform: Self = serde_json::from_slice(bytes).map_err(|error| Error::damaged(path, error))?;
        if transform.version != VERSION {
            return Err(Error::damaged(path, format!("version {} is not {VERSION}", transform.version)));
        }
        for (name, column) in &transform.columns {
            let problem = Chain::new(name, &column.steps)?.problem(column);
            if let Some(problem) = problem {
                return Err(Error::damaged(path, format!("column `{name}`: {problem}")));
            }
        }
        Ok(transform)
    }
}

fn owned(labels: BTreeMap<&str, &FittedLabel>) -> FittedLabels {
    labels.into_iter().map(|(name, label)| (name.to_owned(), label.clone())).collect()
}

/// The only label, and labels that have names.
pub(crate) fn by_name<'a>(
    label: Option<&'a FittedLabel>,
    labels: &'a FittedLabels,
) -> BTreeMap<&'a str, &'a FittedLabel> {
    let named = labels.iter().map(|(name, label)| (name.as_str(), label));
    label.into_iter().map(|label| (LABEL, label)).chain(named).collect()
}

/// The canonical JSON of a document that lies at `path`.
pub(crate) fn canonical_json(path: &Path, document: &impl Serialize) -> Result<Vec<u8>, Error> {
    let mut value = serde_json::to_value(document).map_err(|error| Error::damaged(path, error))?;
    value.sort_all_objects();
    serde_json::to_vec(&value).map_err(|error| Error::damaged(path, error))
}
