//! Chains fitted on training rows, and their application to any table with the same columns.
//!
//! Invariant: what is fitted depends on the training rows alone, and neither fitting nor applying depends on
//! the number of threads.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use crate::encoded::{Encoded, EncodedColumn, Sequences};
use crate::error::Error;
use crate::label::{FittedLabel, LabelKind, parse_number};
use crate::source::Part;
use crate::step::{ColumnType, Index, Step, check_chain};
use crate::table::Table;
use crate::text::{TextStep, Tokenizer, clean};
use crate::vocabulary::{UNK, Vocabulary};
use crate::words::Words;

/// What to encode of a table.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Spec {
    /// The chain of every input column.
    pub columns: BTreeMap<String, Vec<Step>>,
    /// The label's column, where there is one.
    pub label: Option<String>,
    /// How the label is read.
    pub label_kind: LabelKind,
}

/// A fitted transform; stored as `transform.json`.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Transform {
    version: u32,
    columns: BTreeMap<String, FittedColumn>,
    label: Option<FittedLabel>,
}

/// A fitted column.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct FittedColumn {
    /// The chain as declared.
    pub steps: Vec<Step>,
    /// What training rows made of it.
    pub fitted: Fitted,
}

/// What fitting learnt about a column.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Fitted {
    /// The words of a sequence.
    Vocabulary(Vocabulary),
    /// The values of a category, sorted by their bytes; the first has index 1, `<unk>` is 0.
    Dictionary(Vec<String>),
    /// A number needs nothing.
    Number,
}

/// The transform's document; a change of its form or meaning gets a new number. 1: the first.
const VERSION: u32 = 1;

impl FittedColumn {
    /// The number of indices, reserved ones included; none for a number.
    pub fn vocabulary_size(&self) -> Option<usize> {
        match &self.fitted {
            Fitted::Vocabulary(vocabulary) => Some(vocabulary.len()),
            Fitted::Dictionary(values) => Some(values.len() + 1),
            Fitted::Number => None,
        }
    }

    /// The vocabulary of a sequence.
    pub fn vocabulary(&self) -> Option<&Vocabulary> {
        match &self.fitted {
            Fitted::Vocabulary(vocabulary) => Some(vocabulary),
            Fitted::Dictionary(_) | Fitted::Number => None,
        }
    }
}

impl Transform {
    /// Fits on the rows of `Part::Train`, or on all rows where no row has a part. `parts` has one entry a row.
    pub fn fit(table: &Table, parts: &[Option<Part>], spec: &Spec) -> Result<Self, Error> {
        if spec.columns.is_empty() && spec.label.is_none() {
            return Err(Error::NoColumns);
        }
        if let Some(column) = spec.label.as_ref().filter(|label| spec.columns.contains_key(*label)) {
            return Err(Error::LabelIsInput { column: column.clone() });
        }
        let split = parts.iter().any(Option::is_some);
        let wanted = if split { Some(Part::Train) } else { None };
        let rows: Vec<usize> =
            (0..table.rows()).filter(|&row| parts.get(row).copied().flatten() == wanted).collect();
        if rows.is_empty() {
            return Err(Error::NoTrainingRows { path: table.path().into() });
        }
        let mut columns = BTreeMap::new();
        for (name, steps) in &spec.columns {
            let column = table.column(name)?;
            let fitted = Chain::new(name, steps)?.fit(table, column, name, &rows)?;
            columns.insert(name.clone(), FittedColumn { steps: steps.clone(), fitted });
        }
        let label = spec.label.as_ref();
        let label = label.map(|name| FittedLabel::fit(table, &rows, name, spec.label_kind)).transpose()?;
        Ok(Self { version: VERSION, columns, label })
    }

    /// This transform for a table that has more columns, fitted here, and whose label may have another name: its
    /// classes stay those of the first fit. Without a first label `spec` fits one.
    ///
    /// # Errors
    /// As [`Transform::fit`]; a column that is fitted already keeps its first fit.
    pub fn extended(mut self, table: &Table, parts: &[Option<Part>], spec: &Spec) -> Result<Self, Error> {
        let fit_label = spec.label.is_some() && self.label.is_none();
        if !spec.columns.is_empty() || fit_label {
            let label = if fit_label { spec.label.clone() } else { None };
            let more = Self::fit(table, parts, &Spec { label, ..spec.clone() })?;
            for (name, column) in more.columns {
                self.columns.entry(name).or_insert(column);
            }
            self.label = self.label.or(more.label);
        }
        if let (Some(label), Some(name)) = (&mut self.label, &spec.label) {
            label.column.clone_from(name);
        }
        Ok(self)
    }

    /// Encodes every row of a table; `parts` has one entry a row. `with_label` asks for the label, whose column
    /// the table must then have; `id` is the column that names the rows.
    pub fn apply(
        &self,
        table: &Table,
        parts: &[Option<Part>],
        with_label: bool,
        id: Option<&str>,
    ) -> Result<Encoded, Error> {
        let mut columns = BTreeMap::new();
        for (name, fitted) in &self.columns {
            let column = table.column(name)?;
            let chain = Chain::new(name, &fitted.steps)?;
            columns.insert(name.clone(), chain.apply(table, column, name, fitted)?);
        }
        let labels = match (&self.label, with_label) {
            (Some(label), true) => Some(label.apply(table)?),
            (None, true) => return Err(Error::NoLabel),
            (_, false) => None,
        };
        let ids = match id {
            Some(name) => {
                let column = table.column(name)?;
                Some((0..table.rows()).map(|row| table.cell(row, column).to_owned()).collect())
            }
            None => None,
        };
        let parts = (0..table.rows()).map(|row| parts.get(row).copied().flatten()).collect();
        Ok(Encoded { columns, label: self.label.clone(), labels, parts, ids })
    }

    /// The fitted columns by name.
    pub fn columns(&self) -> &BTreeMap<String, FittedColumn> {
        &self.columns
    }

    /// The fitted label.
    pub fn label(&self) -> Option<&FittedLabel> {
        self.label.as_ref()
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
            let kind = check_chain(&column.steps)
                .map_err(|problems| Error::Chain { column: name.clone(), problems })?;
            let problem = match (&column.fitted, kind) {
                (Fitted::Vocabulary(vocabulary), ColumnType::Sequence { .. }) => vocabulary.problem(),
                (Fitted::Dictionary(values), ColumnType::Category) => (!values
                    .is_sorted_by(|left, right| left < right))
                .then_some("the dictionary is not sorted"),
                (Fitted::Number, ColumnType::Number) => None,
                _ => Some("what was fitted does not belong to the chain"),
            };
            if let Some(problem) = problem {
                return Err(Error::damaged(path, format!("column `{name}`: {problem}")));
            }
        }
        Ok(transform)
    }
}

/// The canonical JSON of a document that lies at `path`.
pub(crate) fn canonical_json(path: &Path, document: &impl Serialize) -> Result<Vec<u8>, Error> {
    let mut value = serde_json::to_value(document).map_err(|error| Error::damaged(path, error))?;
    value.sort_all_objects();
    serde_json::to_vec(&value).map_err(|error| Error::damaged(path, error))
}

/// A checked chain that is ready to run.
struct Chain {
    text: Vec<TextStep>,
    end: End,
}

enum End {
    Sequence(Tokens),
    Category,
    Number,
}

struct Tokens {
    tokenizer: Tokenizer,
    index: Index,
    /// Tokens that a vocabulary counts of one row: a clip after `index` does not limit them.
    counted: usize,
    /// Tokens kept of one row.
    kept: usize,
    width: Option<usize>,
}

impl Chain {
    fn new(name: &str, steps: &[Step]) -> Result<Self, Error> {
        let kind = check_chain(steps).map_err(|problems| Error::Chain { column: name.into(), problems })?;
        // The check has compiled every pattern once, so this cannot fail for what it accepted.
        let bad = |error: regex::Error| Error::damaged(Path::new(name), error);
        let mut text = Vec::new();
        let mut tokenizer = Tokenizer::Whitespace;
        let (mut index, mut counted, mut kept) = (None, usize::MAX, usize::MAX);
        for step in steps {
            match step {
                Step::Tokenize(tokenize) => tokenizer = Tokenizer::new(tokenize).map_err(bad)?,
                Step::Index(limits) => index = Some(limits.clone()),
                Step::Clip(length) => {
                    kept = kept.min(*length);
                    if index.is_none() {
                        counted = kept;
                    }
                }
                _ => text.extend(TextStep::new(step).map_err(bad)?),
            }
        }
        let end = match kind {
            ColumnType::Sequence { width } => {
                let index = index.unwrap_or_default();
                End::Sequence(Tokens { tokenizer, index, counted, kept, width })
            }
            ColumnType::Category => End::Category,
            ColumnType::Number => End::Number,
        };
        Ok(Self { text, end })
    }

    fn fit(&self, table: &Table, column: usize, name: &str, rows: &[usize]) -> Result<Fitted, Error> {
        let too_many = || Error::TooManyValues { column: name.into() };
        match &self.end {
            End::Sequence(tokens) => {
                let counts = rows
                    .par_chunks(share(rows.len()))
                    .map(|rows| {
                        let mut counts = Words::<u64>::default();
                        for &row in rows {
                            let text = clean(&self.text, table.cell(row, column));
                            let each = |token: &str| counts.count(token);
                            tokens.tokenizer.tokens(&text, tokens.counted, each);
                        }
                        counts
                    })
                    .reduce(Words::default, Words::add);
                Ok(Fitted::Vocabulary(Vocabulary::new(counts, &tokens.index).ok_or_else(too_many)?))
            }
            End::Category => {
                let values: BTreeSet<String> =
                    rows.iter().map(|&row| clean(&self.text, table.cell(row, column)).into_owned()).collect();
                i32::try_from(values.len() + 1).map_err(|_| too_many())?;
                Ok(Fitted::Dictionary(values.into_iter().collect()))
            }
            End::Number => Ok(Fitted::Number),
        }
    }

    fn apply(
        &self,
        table: &Table,
        column: usize,
        name: &str,
        fitted: &FittedColumn,
    ) -> Result<EncodedColumn, Error> {
        match (&self.end, &fitted.fitted) {
            (End::Sequence(tokens), Fitted::Vocabulary(vocabulary)) => {
                let sequences = self.sequences(table, column, tokens, vocabulary);
                let vocabulary = vocabulary.len();
                Ok(EncodedColumn::Sequence { sequences, vocabulary, width: tokens.width })
            }
            (End::Category, Fitted::Dictionary(values)) => {
                let indices = (0..table.rows()).map(|row| {
                    let value = clean(&self.text, table.cell(row, column));
                    values.binary_search_by(|own| own.as_str().cmp(&value)).map_or(0, |at| at as i32 + 1)
                });
                Ok(EncodedColumn::Category { indices: indices.collect(), vocabulary: values.len() + 1 })
            }
            (End::Number, Fitted::Number) => {
                let mut numbers = Vec::with_capacity(table.rows());
                for row in 0..table.rows() {
                    let cell = clean(&self.text, table.cell(row, column));
                    let Some(number) = parse_number(&cell) else {
                        let (place, cell) = (table.place(row, column)?, cell.into_owned());
                        return Err(Error::NotANumber { place, column: name.into(), cell });
                    };
                    numbers.push(number);
                }
                Ok(EncodedColumn::Number(numbers))
            }
            _ => Err(Error::damaged(
                Path::new("transform.json"),
                format!("column `{name}`: what was fitted does not belong to the chain"),
            )),
        }
    }

    /// The indices of every row's tokens. A row without tokens is one `<unk>`, so that every sequence has a
    /// valid step.
    fn sequences(&self, table: &Table, column: usize, tokens: &Tokens, vocabulary: &Vocabulary) -> Sequences {
        let rows = table.rows();
        let share = share(rows);
        let pieces: Vec<(Vec<i32>, Vec<usize>)> = (0..rows.div_ceil(share))
            .into_par_iter()
            .map(|piece| {
                let (mut values, mut ends) = (Vec::new(), Vec::with_capacity(share));
                for row in piece * share..rows.min((piece + 1) * share) {
                    let text = clean(&self.text, table.cell(row, column));
                    let start = values.len();
                    tokens.tokenizer.tokens(&text, tokens.kept, |token| values.push(vocabulary.token(token)));
                    if values.len() == start {
                        values.push(UNK);
                    }
                    ends.push(values.len());
                }
                (values, ends)
            })
            .collect();
        let mut values = Vec::with_capacity(pieces.iter().map(|(values, _)| values.len()).sum());
        let mut offsets = Vec::with_capacity(rows + 1);
        offsets.push(0);
        for (piece, ends) in pieces {
            offsets.extend(ends.into_iter().map(|end| (values.len() + end) as i64));
            values.extend(piece);
        }
        Sequences { values, offsets }
    }
}

/// Rows that one task takes: a few tasks a thread, so that long rows spread out.
fn share(rows: usize) -> usize {
    rows.div_ceil(4 * rayon::current_num_threads()).max(1)
}
