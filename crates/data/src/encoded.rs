//! An encoded data set in memory, and how it is written.
//!
//! The files: `data.safetensors` (tensors in that format's canonical order, by falling alignment and then by
//! name) and `dataset.json` (canonical JSON). The same data make the same bytes.
//!
//! Tensors: `columns.<name>.values` i32 [steps] and `columns.<name>.offsets` i64 [rows + 1] of a sequence,
//! `columns.<name>.indices` i32 [rows] of a category, `columns.<name>.numbers` f32 [rows];
//! `columns.<name>.vectors` f32 [rows, width]; `columns.<name>.values` f32, `columns.<name>.indices` i32 (rising in
//! each row) and `columns.<name>.offsets` i64 [rows + 1] of sparse vectors; `columns.<name>.starts` i64 [rows] and
//! `columns.<name>.sizes` i32 [rows, 3] (height, width, channels) of pictures, whose levels `[height, width, channels]`
//! lie in `pictures.safetensors` from the start on; `label` i32 or f32 [rows], or u8 [rows, labels],
//! i32 [words] of tags, `labels.<name>` the same where labels have names; `columns.<name>.words.offsets` i64 [rows + 1]
//! and `columns.<name>.words.steps` i32 [words] (-1 where no token stands for a word) of texts whose words have tags,
//! `columns.<name>.text.bytes` u8 and `columns.<name>.text.offsets` i64 [rows + 1] those texts; `weight` f32 [rows]; `part` u8 [rows] (0 train, 1 valid, 2 test, 255 none); `row` i64 [rows], the row of the source from
//! 0; `id.bytes` u8 and `id.offsets` i64 [rows + 1].

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::path::Path;

use images::Transform;
use safetensors::Dtype;
use safetensors::tensor::{View, serialize_to_file};
use serde::{Deserialize, Serialize};

use crate::block::Sparse;
use crate::error::Error;
use crate::label::{FittedLabel, LABEL, Labels, parse_number};
use crate::part::Part;
use crate::spool::{Pictures, Stored};
use crate::step::ColumnType;
use crate::table::Table;
use crate::tags::{Words, words};
use crate::transform::{by_name, canonical_json};

/// The file of the tensors.
pub const TENSORS_FILE: &str = "data.safetensors";
/// The file of the description.
pub const DESCRIPTION_FILE: &str = "dataset.json";

/// The mark of a word that no token stands for.
pub(crate) const NO_STEP: i32 = -1;

/// The mark of a row that belongs to no part.
pub(crate) const NO_PART: u8 = 255;

/// An encoded data set in memory.
#[derive(Clone, Debug)]
pub struct Encoded {
    pub(crate) columns: BTreeMap<String, EncodedColumn>,
    pub(crate) label: Option<FittedLabel>,
    pub(crate) labels: BTreeMap<String, FittedLabel>,
    /// By label, where the rows have any.
    pub(crate) of_rows: BTreeMap<String, Labels>,
    /// By column, of those whose words have tags.
    pub(crate) texts: BTreeMap<String, Texts>,
    pub(crate) parts: Vec<Option<Part>>,
    /// The row of the source that each row came from.
    pub(crate) source_rows: Vec<i64>,
    pub(crate) ids: Option<Vec<String>>,
    pub(crate) weights: Option<Vec<f32>>,
}

/// Texts as they were before their chain, and their words.
#[derive(Clone, Debug)]
pub(crate) struct Texts {
    pub(crate) cells: Vec<String>,
    pub(crate) words: Words,
}

/// Words of a column that no token stands for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unplaced {
    /// The column.
    pub column: String,
    /// How many there are.
    pub count: usize,
    /// Words of all rows.
    pub words: usize,
    /// The first of them.
    pub example: String,
    /// The row that it is in, from 0.
    pub row: usize,
}

#[derive(Clone, Debug)]
pub(crate) enum EncodedColumn {
    Sequence {
        sequences: Sequences,
        vocabulary: usize,
        width: Option<usize>,
        /// The index that fills a batch's shorter rows.
        pad: i32,
    },
    Category {
        indices: Vec<i32>,
        vocabulary: usize,
    },
    Number(Vec<f32>),
    /// `[rows, width]`, row after row.
    Vector {
        width: usize,
        values: Vec<f32>,
    },
    Sparse(Sparse),
    Image(Stored),
}

/// Rows of unlike length, one behind the other: row r is `values[offsets[r]..offsets[r + 1]]`.
#[derive(Clone, Debug)]
pub(crate) struct Sequences {
    pub(crate) values: Vec<i32>,
    pub(crate) offsets: Vec<i64>,
}

/// What a data set holds; stored as `dataset.json`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Description {
    /// The form of the two files. 1: the first.
    pub version: u32,
    /// The number of rows.
    pub rows: u64,
    /// The input columns.
    pub columns: BTreeMap<String, ColumnDescription>,
    /// The only label that the transform knows, whether or not these rows have one.
    pub label: Option<FittedLabel>,
    /// Labels by name, where the transform knows several.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub labels: BTreeMap<String, FittedLabel>,
    /// Whether the rows have a label.
    pub has_label: bool,
    /// Whether the rows have names of their own.
    pub has_id: bool,
    /// Whether the rows have weights of their own.
    #[serde(default, skip_serializing_if = "is_false")]
    pub has_weights: bool,
    /// The rows of each part that has any.
    pub parts: BTreeMap<Part, PartDescription>,
    /// The rows that belong to no part.
    pub no_part: PartDescription,
}

/// An input column of a data set.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct ColumnDescription {
    /// What the column is.
    #[serde(rename = "type")]
    pub kind: ColumnType,
    /// The number of indices, reserved ones included; none for a number.
    pub vocabulary: Option<u64>,
    /// The most steps of a row; none where the column is no sequence.
    pub longest: Option<u64>,
    /// Of a sequence: the index that fills a batch's shorter rows.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub pad: u32,
    /// Of a picture: what is still to be done with what is stored, when a batch is made.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub view: Vec<Transform>,
}

/// The rows of a part.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct PartDescription {
    /// How many there are.
    pub rows: u64,
    /// How many of each class of the only label, by class index; empty where the rows have no class.
    pub classes: Vec<u64>,
    /// The same of labels that have names.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub labels: BTreeMap<String, Vec<u64>>,
}

impl Description {
    /// The labels by name; the only one is called [`LABEL`].
    pub fn all_labels(&self) -> BTreeMap<&str, &FittedLabel> {
        by_name(self.label.as_ref(), &self.labels)
    }

    /// The training rows: those of the part, all where there is no split.
    pub fn trained(&self) -> Option<&PartDescription> {
        if self.parts.is_empty() { Some(&self.no_part) } else { self.parts.get(&Part::Train) }
    }
}

impl PartDescription {
    /// How many rows there are of each class of a label.
    pub fn counts(&self, label: &str) -> &[u64] {
        if label == LABEL { &self.classes } else { self.labels.get(label).map_or(&[], Vec::as_slice) }
    }
}

/// The version of the two files.
pub(crate) const VERSION: u32 = 1;

impl Encoded {
    /// The number of rows.
    pub fn rows(&self) -> usize {
        self.parts.len()
    }

    /// The same rows, of which the source has others between them: the row of the source that each is.
    #[must_use]
    pub fn with_source_rows(self, rows: &[usize]) -> Self {
        Self { source_rows: rows.iter().map(|&row| row as i64).collect(), ..self }
    }

    /// Adds the columns of pictures, encoded from the same table; the rows are those that are left of it.
    #[must_use]
    pub fn with_pictures(self, pictures: Pictures) -> Self {
        let mut own = self.with_source_rows(pictures.rows());
        own.columns.extend(pictures.columns.into_iter().map(|(name, of)| (name, EncodedColumn::Image(of))));
        own
    }

    /// The same rows with how much each weighs in a loss, as a column of their table says.
    ///
    /// # Errors
    /// When there is no such column, a cell of it is not a number of 0 or more, or all training rows weigh 0.
    pub fn weighted(self, table: &Table, column: &str) -> Result<Self, Error> {
        let place = table.column(column)?;
        let weight = |row: usize| {
            let cell = table.cell(row, place).trim();
            let weight = parse_number(cell).filter(|weight| *weight >= 0.0);
            weight.ok_or_else(|| match table.place(row, place) {
                Ok(place) => Error::NotAWeight { place, column: column.into(), cell: cell.into() },
                Err(error) => error,
            })
        };
        let weights = (0..table.rows()).map(weight).collect::<Result<Vec<_>, _>>()?;
        let trained = if self.parts.iter().any(Option::is_some) { Some(Part::Train) } else { None };
        let mut trained = (0..weights.len()).filter(|row| self.parts[*row] == trained);
        if let Some(first) = trained.clone().next()
            && trained.all(|row| weights[row] == 0.0)
        {
            let place = table.place(first, place)?;
            return Err(Error::NoWeight { place, column: column.into() });
        }
        Ok(Self { weights: Some(weights), ..self })
    }

    /// Words that should have tags and that no token stands for, by column: cut off by a length, or left out by a chain.
    pub fn unplaced(&self) -> Vec<Unplaced> {
        let of = |(column, texts): (&String, &Texts)| {
            let steps = &texts.words.steps;
            let first = steps.iter().position(Option::is_none)?;
            let row = texts.words.offsets.partition_point(|start| *start <= first) - 1;
            let example = words(&texts.cells[row])[first - texts.words.offsets[row]].text.to_owned();
            let count = steps.iter().filter(|step| step.is_none()).count();
            let (column, words) = (column.clone(), steps.len());
            Some(Unplaced { column, count, words, example, row })
        };
        self.texts.iter().filter_map(of).collect()
    }

    /// What the data set holds.
    pub fn description(&self) -> Description {
        let mut rows_of = BTreeMap::<Option<Part>, Vec<usize>>::new();
        for (row, part) in self.parts.iter().enumerate() {
            rows_of.entry(*part).or_default().push(row);
        }
        let known = by_name(self.label.as_ref(), &self.labels);
        let describe = |rows: Vec<usize>| {
            let count = |(name, labels): (&String, &Labels)| {
                let classes = known.get(name.as_str()).map_or(0, |label| label.classes.len());
                (name.clone(), labels.count(classes, rows.iter().copied()))
            };
            let mut labels: BTreeMap<String, Vec<u64>> = self.of_rows.iter().map(count).collect();
            let classes = labels.remove(LABEL).unwrap_or_default();
            PartDescription { rows: rows.len() as u64, classes, labels }
        };
        let mut parts: BTreeMap<Option<Part>, PartDescription> =
            rows_of.into_iter().map(|(part, rows)| (part, describe(rows))).collect();
        let no_part = parts.remove(&None).unwrap_or_default();
        Description {
            version: VERSION,
            rows: self.rows() as u64,
            columns: self.columns.iter().map(|(name, column)| (name.clone(), column.describe())).collect(),
            label: self.label.clone(),
            labels: self.labels.clone(),
            has_label: !self.of_rows.is_empty(),
            has_id: self.ids.is_some(),
            has_weights: self.weights.is_some(),
            parts: parts.into_iter().filter_map(|(part, description)| Some((part?, description))).collect(),
            no_part,
        }
    }

    /// Writes the two files into a folder that exists. Neither is there in part, but one may be without the
    /// other: whoever needs both or none writes into a fresh folder and renames it.
    pub fn write(&self, folder: &Path) -> Result<(), Error> {
        let path = folder.join(DESCRIPTION_FILE);
        let description = canonical_json(&path, &self.description())?;
        std::fs::write(&path, description).map_err(|error| Error::io(&path, error))?;

        let path = folder.join(TENSORS_FILE);
        let parts: Vec<u8> = self.parts.iter().map(|part| part.map_or(NO_PART, |part| part as u8)).collect();
        let (bytes, offsets) = strings(self.ids.iter().flatten());
        let texts: Vec<_> = self.texts.iter().map(|(name, texts)| (name, PackedTexts::new(texts))).collect();
        let mut tensors = vec![
            ("part".to_owned(), Tensor::new(Dtype::U8, &parts)),
            ("row".to_owned(), Tensor::new(Dtype::I64, &self.source_rows)),
        ];
        if self.ids.is_some() {
            tensors.push(("id.bytes".into(), Tensor::new(Dtype::U8, &bytes)));
            tensors.push(("id.offsets".into(), Tensor::new(Dtype::I64, &offsets)));
        }
        if let Some(weights) = &self.weights {
            tensors.push(("weight".into(), Tensor::new(Dtype::F32, weights)));
        }
        for (name, labels) in &self.of_rows {
            let tensor = match labels {
                Labels::Class(classes) => Tensor::new(Dtype::I32, classes),
                Labels::MultiLabel { width, flags } => Tensor::new(Dtype::U8, flags).rows_of(*width),
                Labels::Number(numbers) => Tensor::new(Dtype::F32, numbers),
                Labels::Tags(tags) => Tensor::new(Dtype::I32, &tags.tags),
            };
            tensors.push((label_tensor(name), tensor));
        }
        for (name, texts) in &texts {
            let mut push = |field, tensor| tensors.push((tensor_name(name, field), tensor));
            push("text.bytes", Tensor::new(Dtype::U8, &texts.bytes));
            push("text.offsets", Tensor::new(Dtype::I64, &texts.offsets));
            push("words.offsets", Tensor::new(Dtype::I64, &texts.words));
            push("words.steps", Tensor::new(Dtype::I32, &texts.steps));
        }
        for (name, column) in &self.columns {
            let mut push = |field, tensor| tensors.push((tensor_name(name, field), tensor));
            match column {
                EncodedColumn::Sequence { sequences, .. } => {
                    push("values", Tensor::new(Dtype::I32, &sequences.values));
                    push("offsets", Tensor::new(Dtype::I64, &sequences.offsets));
                }
                EncodedColumn::Category { indices, .. } => push("indices", Tensor::new(Dtype::I32, indices)),
                EncodedColumn::Number(numbers) => push("numbers", Tensor::new(Dtype::F32, numbers)),
                EncodedColumn::Vector { width, values } => {
                    push("vectors", Tensor::new(Dtype::F32, values).rows_of(*width));
                }
                EncodedColumn::Sparse(sparse) => {
                    push("values", Tensor::new(Dtype::F32, &sparse.values));
                    push("indices", Tensor::new(Dtype::I32, &sparse.indices));
                    push("offsets", Tensor::new(Dtype::I64, &sparse.offsets));
                }
                EncodedColumn::Image(stored) => {
                    push("starts", Tensor::new(Dtype::I64, &stored.starts));
                    push("sizes", Tensor::new(Dtype::I32, &stored.sizes).rows_of(3));
                }
            }
        }
        serialize_to_file(tensors, None, &path).map_err(|error| match error {
            safetensors::SafeTensorError::IoError(error) => Error::io(&path, error),
            error => Error::damaged(&path, error),
        })
    }
}

/// Texts as tensors.
struct PackedTexts {
    bytes: Vec<u8>,
    offsets: Vec<i64>,
    words: Vec<i64>,
    steps: Vec<i32>,
}

impl PackedTexts {
    fn new(texts: &Texts) -> Self {
        let (bytes, offsets) = strings(texts.cells.iter());
        let words = texts.words.offsets.iter().map(|offset| *offset as i64).collect();
        let steps = texts.words.steps.iter().map(|step| step.map_or(NO_STEP, |step| step as i32)).collect();
        Self { bytes, offsets, words, steps }
    }
}

/// Strings one behind the other, and where each starts, with the end of the last.
fn strings<'a>(all: impl Iterator<Item = &'a String>) -> (Vec<u8>, Vec<i64>) {
    let (mut bytes, mut offsets) = (Vec::new(), vec![0]);
    for string in all {
        bytes.extend_from_slice(string.as_bytes());
        offsets.push(bytes.len() as i64);
    }
    (bytes, offsets)
}

impl EncodedColumn {
    fn describe(&self) -> ColumnDescription {
        let plain = |kind| ColumnDescription { kind, vocabulary: None, longest: None, pad: 0, view: vec![] };
        match self {
            Self::Sequence { sequences, vocabulary, width, pad } => {
                let lengths = sequences.offsets.windows(2).map(|pair| (pair[1] - pair[0]) as u64);
                ColumnDescription {
                    vocabulary: Some(*vocabulary as u64),
                    longest: Some(lengths.max().unwrap_or(0)),
                    pad: pad.unsigned_abs(),
                    ..plain(ColumnType::Sequence { width: *width })
                }
            }
            Self::Category { vocabulary, .. } => {
                let vocabulary = Some(*vocabulary as u64);
                ColumnDescription { vocabulary, ..plain(ColumnType::Category) }
            }
            Self::Number(_) => plain(ColumnType::Number),
            Self::Vector { width, .. } => plain(ColumnType::Vector { width: Some(*width) }),
            Self::Sparse(sparse) => plain(ColumnType::Sparse { width: Some(sparse.width) }),
            Self::Image(stored) => ColumnDescription { view: stored.view.clone(), ..plain(stored.kind) },
        }
    }
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde asks so")]
fn is_false(value: &bool) -> bool {
    !value
}

/// The name of a label's tensor.
pub(crate) fn label_tensor(label: &str) -> String {
    if label == LABEL { LABEL.into() } else { format!("labels.{label}") }
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde asks so")]
fn is_zero(pad: &u32) -> bool {
    *pad == 0
}

/// The name of a column's tensor.
pub(crate) fn tensor_name(column: &str, field: &str) -> String {
    format!("columns.{column}.{field}")
}

/// A tensor for the writer, borrowed.
struct Tensor<'a> {
    kind: Dtype,
    shape: Vec<usize>,
    bytes: &'a [u8],
}

impl<'a> Tensor<'a> {
    fn new<T: bytemuck::NoUninit>(kind: Dtype, values: &'a [T]) -> Self {
        Self { kind, shape: vec![values.len()], bytes: bytemuck::cast_slice(values) }
    }

    /// The same values as rows of `width`.
    fn rows_of(self, width: usize) -> Self {
        Self { shape: vec![self.shape[0] / width, width], ..self }
    }
}

impl View for Tensor<'_> {
    fn dtype(&self) -> Dtype {
        self.kind
    }

    fn shape(&self) -> &[usize] {
        &self.shape
    }

    fn data(&self) -> Cow<'_, [u8]> {
        Cow::Borrowed(self.bytes)
    }

    fn data_len(&self) -> usize {
        self.bytes.len()
    }
}

#[cfg(target_endian = "big")]
compile_error!("tensors are stored as the machine has them, which must be little-endian");
