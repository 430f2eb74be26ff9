//! An encoded data set mapped into memory: only the rows that a batch takes are read.
//!
//! Invariant: everything that the accessors rely on (types, lengths, offsets that grow, indices below the
//! vocabulary's size) was checked when the data set was opened, so a damaged file is an error there and no
//! panic later. Accessors take rows below `rows`.

mod opening;

use std::collections::BTreeMap;
use std::ops::Range;
use std::path::Path;

use images::Chain;
use memmap2::Mmap;

use opening::Opening;

use crate::encoded::{
    ColumnDescription, DESCRIPTION_FILE, Description, NO_PART, TENSORS_FILE, VERSION, label_tensor,
    tensor_name,
};
use crate::error::Error;
use crate::label::{LabelKind, Labels};
use crate::map::map;
use crate::part::Part;
use crate::spool::PICTURES_FILE;
use crate::step::ColumnType;
use crate::tags::{Tags, Words};
use crate::views::Levels;

/// An encoded data set on disk.
#[derive(Debug)]
pub struct Dataset {
    map: Mmap,
    /// The bytes of every tensor within the map.
    tensors: BTreeMap<String, Range<usize>>,
    description: Description,
    /// Of data with pictures, the file of their levels.
    pub(crate) pictures: Option<Levels>,
    /// What is still to be done with the pictures of each column.
    pub(crate) views: BTreeMap<String, Chain>,
}

/// Sequences of a batch, padded with the column's index for it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PaddedBatch {
    /// Vocabulary indices, `[rows, width]`, row after row.
    pub ids: Vec<i64>,
    /// The number of valid steps of each row.
    pub lengths: Vec<i64>,
    /// The steps of every row: the longest's of the batch, or the chain's `pad`.
    pub width: usize,
}

/// A column of sparse vectors: a row's numbers at its places, which rise; every other number is 0.
#[derive(Clone, Copy, Debug)]
pub struct SparseRows<'a> {
    values: &'a [f32],
    places: &'a [i32],
    offsets: &'a [i64],
    /// The numbers of a row, those that are 0 among them.
    pub width: usize,
}

impl<'a> SparseRows<'a> {
    /// The places of a row, and the number at each.
    pub fn row(&self, row: u32) -> (&'a [i32], &'a [f32]) {
        let own = self.offsets[row as usize] as usize..self.offsets[row as usize + 1] as usize;
        (&self.places[own.clone()], &self.values[own])
    }
}

impl Dataset {
    /// Opens the data set whose files lie in `folder`.
    pub fn open(folder: &Path) -> Result<Self, Error> {
        let pictures = Some(folder.join(PICTURES_FILE)).filter(|path| path.exists());
        Self::open_files(&folder.join(TENSORS_FILE), &folder.join(DESCRIPTION_FILE), pictures.as_deref())
    }

    /// Opens a data set by the paths of its files; `pictures` is there where it has columns of pictures.
    pub fn open_files(tensors: &Path, description: &Path, pictures: Option<&Path>) -> Result<Self, Error> {
        let document = std::fs::read(description).map_err(|error| Error::io(description, error))?;
        let document: Description =
            serde_json::from_slice(&document).map_err(|error| Error::damaged(description, error))?;
        if document.version != VERSION {
            let reason = format!("version {} is not {VERSION}", document.version);
            return Err(Error::damaged(description, reason));
        }
        let map = map(tensors)?;
        let pictures = pictures.map(Levels::open).transpose()?;
        let levels = pictures.as_ref().map_or(0, |levels| levels.bytes().len());
        let checked =
            Opening { path: tensors, map: &map, tensors: BTreeMap::new(), levels }.check(&document)?;
        let view = |(name, column): (&String, &ColumnDescription)| {
            let chain =
                Chain::new(&column.view).map_err(|problem| Error::damaged(description, problem.reason));
            chain.map(|chain| (name.clone(), chain))
        };
        let images = document.columns.iter().filter(|(_, of)| matches!(of.kind, ColumnType::Image { .. }));
        let views = images.map(view).collect::<Result<_, Error>>()?;
        Ok(Self { map, tensors: checked, description: document, pictures, views })
    }

    /// What the data set holds.
    pub fn description(&self) -> &Description {
        &self.description
    }

    /// The number of rows.
    pub fn rows(&self) -> usize {
        self.bytes("part").len()
    }

    /// The part of a row.
    pub fn part(&self, row: u32) -> Option<Part> {
        let mark = self.bytes("part")[row as usize];
        Part::ALL.into_iter().find(|part| *part as u8 == mark)
    }

    /// The rows of a part in the source's order; with none, the rows that belong to no part.
    pub fn rows_of(&self, part: Option<Part>) -> Vec<u32> {
        let mark = part.map_or(NO_PART, |part| part as u8);
        (0..).zip(self.bytes("part")).filter(|(_, own)| **own == mark).map(|(row, _)| row).collect()
    }

    /// The rows that a network is trained on: those of part `train`, or all where there is no split.
    pub fn training_rows(&self) -> Vec<u32> {
        let split = !self.description.parts.is_empty();
        self.rows_of(split.then_some(Part::Train))
    }

    /// The row of the source, from 0, that a row came from.
    pub fn source_row(&self, row: u32) -> i64 {
        self.values::<i64>("row")[row as usize]
    }

    /// The name of a row; none where the source declares no id.
    pub fn id(&self, row: u32) -> Option<&str> {
        let offsets = self.description.has_id.then(|| self.values::<i64>("id.offsets"))?;
        let (start, end) = (offsets[row as usize] as usize, offsets[row as usize + 1] as usize);
        std::str::from_utf8(&self.bytes("id.bytes")[start..end]).ok()
    }

    /// The vocabulary indices of a row; empty where the column is no sequence.
    pub fn sequence(&self, column: &str, row: u32) -> &[i32] {
        let offsets = self.sequence_offsets(column);
        match (offsets.get(row as usize), offsets.get(row as usize + 1)) {
            (Some(start), Some(end)) => {
                &self.values(&tensor_name(column, "values"))[*start as usize..*end as usize]
            }
            _ => &[],
        }
    }

    /// The number of steps of every row; empty where the column is no sequence.
    pub fn lengths(&self, column: &str) -> Vec<u32> {
        self.sequence_offsets(column).windows(2).map(|pair| (pair[1] - pair[0]) as u32).collect()
    }

    /// Empty where the column is no sequence.
    fn sequence_offsets(&self, column: &str) -> &[i64] {
        match self.kind(column) {
            Some(ColumnType::Sequence { .. }) => self.values(&tensor_name(column, "offsets")),
            _ => &[],
        }
    }

    pub(crate) fn kind(&self, column: &str) -> Option<ColumnType> {
        self.description.columns.get(column).map(|column| column.kind)
    }

    /// The sequences of some rows; none where the column is no sequence.
    pub fn sequence_batch(&self, column: &str, rows: &[u32]) -> Option<PaddedBatch> {
        let ColumnType::Sequence { width } = self.kind(column)? else {
            return None;
        };
        let pad = i64::from(self.description.columns.get(column)?.pad);
        let offsets: &[i64] = self.values(&tensor_name(column, "offsets"));
        let values: &[i32] = self.values(&tensor_name(column, "values"));
        let bounds = |row: u32| (offsets[row as usize] as usize, offsets[row as usize + 1] as usize);
        let lengths: Vec<i64> = rows.iter().map(|&row| (bounds(row).1 - bounds(row).0) as i64).collect();
        let longest = lengths.iter().copied().max().unwrap_or(0) as usize;
        let width = width.unwrap_or(longest);
        let mut ids = Vec::with_capacity(rows.len() * width);
        for (at, &row) in rows.iter().enumerate() {
            let (start, end) = bounds(row);
            ids.extend(values[start..end].iter().map(|&id| i64::from(id)));
            ids.resize((at + 1) * width, pad);
        }
        Some(PaddedBatch { ids, lengths, width })
    }

    /// The dictionary indices of some rows; none where the column is no category.
    pub fn category_batch(&self, column: &str, rows: &[u32]) -> Option<Vec<i64>> {
        let is_category = self.kind(column)? == ColumnType::Category;
        let values: &[i32] = is_category.then(|| self.values(&tensor_name(column, "indices")))?;
        Some(rows.iter().map(|&row| i64::from(values[row as usize])).collect())
    }

    /// The numbers of some rows; none where the column is no number.
    pub fn number_batch(&self, column: &str, rows: &[u32]) -> Option<Vec<f32>> {
        let is_number = self.kind(column)? == ColumnType::Number;
        let values: &[f32] = is_number.then(|| self.values(&tensor_name(column, "numbers")))?;
        Some(rows.iter().map(|&row| values[row as usize]).collect())
    }

    /// The vectors of some rows, `[rows, width]` row after row, and their width; none where the column holds no
    /// vectors. Sparse vectors get their zeros.
    pub fn vector_batch(&self, column: &str, rows: &[u32]) -> Option<(Vec<f32>, usize)> {
        match self.kind(column)? {
            ColumnType::Vector { width: Some(width) } => {
                let values: &[f32] = self.values(&tensor_name(column, "vectors"));
                let row = |row: &u32| &values[*row as usize * width..(*row as usize + 1) * width];
                Some((rows.iter().flat_map(row).copied().collect(), width))
            }
            ColumnType::Sparse { width: Some(width) } => {
                let sparse = self.sparse_rows(column)?;
                let mut values = vec![0.0; rows.len() * width];
                for (into, row) in values.chunks_mut(width).zip(rows) {
                    let (places, numbers) = sparse.row(*row);
                    places.iter().zip(numbers).for_each(|(place, number)| into[*place as usize] = *number);
                }
                Some((values, width))
            }
            _ => None,
        }
    }

    /// The rows of a column of sparse vectors; none where the column holds none.
    pub fn sparse_rows(&self, column: &str) -> Option<SparseRows<'_>> {
        let ColumnType::Sparse { width: Some(width) } = self.kind(column)? else {
            return None;
        };
        Some(SparseRows {
            values: self.values(&tensor_name(column, "values")),
            places: self.values(&tensor_name(column, "indices")),
            offsets: self.values(&tensor_name(column, "offsets")),
            width,
        })
    }

    /// How much some rows weigh in a loss; none where all weigh the same.
    pub fn weight_batch(&self, rows: &[u32]) -> Option<Vec<f32>> {
        let weights: &[f32] = self.description.has_weights.then(|| self.values("weight"))?;
        Some(rows.iter().map(|&row| weights[row as usize]).collect())
    }

    /// The labels of some rows; none where there is no such label, or these rows do not have it.
    pub fn label_batch(&self, label: &str, rows: &[u32]) -> Option<Labels> {
        let labels = self.description.all_labels();
        let fitted = labels.get(label).filter(|_| self.description.has_label)?;
        let tensor = label_tensor(label);
        Some(match fitted.kind {
            LabelKind::Class => {
                let values: &[i32] = self.values(&tensor);
                Labels::Class(rows.iter().map(|&row| values[row as usize]).collect())
            }
            LabelKind::MultiLabel => {
                let (values, width): (&[u8], _) = (self.values(&tensor), fitted.classes.len());
                let row = |row: &u32| &values[*row as usize * width..(*row as usize + 1) * width];
                Labels::MultiLabel { width, flags: rows.iter().flat_map(row).copied().collect() }
            }
            LabelKind::Number => {
                let values: &[f32] = self.values(&tensor);
                Labels::Number(rows.iter().map(|&row| values[row as usize]).collect())
            }
            LabelKind::Tags => {
                let (of, values): (_, &[i32]) = (fitted.of.as_deref()?, self.values(&tensor));
                let tags = rows.iter().flat_map(|&row| &values[self.word_range(of, row)]).copied().collect();
                Labels::Tags(Tags { words: self.words(of, rows)?, tags })
            }
        })
    }

    /// The words of the texts of some rows; none where no label is of the column's words.
    pub fn words(&self, column: &str, rows: &[u32]) -> Option<Words> {
        self.tensors.contains_key(&tensor_name(column, "words.steps")).then_some(())?;
        let steps: &[i32] = self.values(&tensor_name(column, "words.steps"));
        let mut words = Words { offsets: vec![0], steps: vec![] };
        for &row in rows {
            words
                .steps
                .extend(steps[self.word_range(column, row)].iter().map(|step| u32::try_from(*step).ok()));
            words.offsets.push(words.steps.len());
        }
        Some(words)
    }

    /// The text of a row as it was before its chain; none where no label is of the column's words.
    pub fn text(&self, column: &str, row: u32) -> Option<&str> {
        let offsets: &[i64] = self.values(&tensor_name(column, "text.offsets"));
        let (start, end) = (*offsets.get(row as usize)? as usize, *offsets.get(row as usize + 1)? as usize);
        std::str::from_utf8(&self.bytes(&tensor_name(column, "text.bytes"))[start..end]).ok()
    }

    fn word_range(&self, column: &str, row: u32) -> Range<usize> {
        let offsets: &[i64] = self.values(&tensor_name(column, "words.offsets"));
        offsets[row as usize] as usize..offsets[row as usize + 1] as usize
    }

    /// The bytes of the file of tensors.
    pub(crate) fn map(&self) -> &[u8] {
        &self.map
    }

    fn bytes(&self, name: &str) -> &[u8] {
        self.tensors.get(name).map_or(&[], |range| &self.map[range.clone()])
    }

    /// A tensor's values: `check` saw its type, and with it that it is aligned.
    pub(crate) fn values<T: bytemuck::AnyBitPattern>(&self, name: &str) -> &[T] {
        match self.bytes(name) {
            [] => &[],
            bytes => bytemuck::cast_slice(bytes),
        }
    }
}
