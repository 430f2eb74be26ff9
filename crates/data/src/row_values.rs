//! Floats by row, written in any order and mapped: vectors, pictures, sequences of vectors.
//!
//! A file is safetensors in that format's canonical order. Rows of one shape are one tensor `[rows, ...]` of 32-bit
//! floats. Of sequences the steps of all rows lie one behind the other in the order in which they were written,
//! `[steps, ...]`; row r has `steps[r]` of them from `starts[r]` on, both i64 `[rows]`.
//!
//! Invariant: memory holds what is written or asked for, never the file.

use std::fs::File;
use std::ops::Range;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

use memmap2::Mmap;
use safetensors::{Dtype, SafeTensors};

use crate::error::Error;
use crate::map::map;

const STARTS: &str = "starts";
const STEPS: &str = "steps";

/// Writes a file of rows. Not atomic and not synced: the caller writes to a temporary name and renames.
#[derive(Debug)]
pub struct RowValuesWriter {
    path: PathBuf,
    file: File,
    tensor: String,
    rows: usize,
    /// Of a row, or of a step of a sequence.
    shape: Vec<usize>,
    /// Where the floats start.
    floats: usize,
    sequences: Option<Steps>,
}

#[derive(Debug)]
struct Steps {
    starts: Vec<i64>,
    counts: Vec<i64>,
    total: usize,
}

impl RowValuesWriter {
    /// A file for the tensor `name` with `rows` rows of `shape`, all zero; with `sequences` each row is any number of
    /// steps of `shape`.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub fn create(
        path: &Path,
        name: &str,
        rows: usize,
        shape: &[usize],
        sequences: bool,
    ) -> Result<Self, Error> {
        let file = File::create(path).map_err(|error| Error::io(path, error))?;
        let sequences = sequences.then(|| Steps { starts: vec![0; rows], counts: vec![0; rows], total: 0 });
        let (path, tensor) = (path.to_owned(), name.to_owned());
        let mut writer = Self { path, file, tensor, rows, shape: shape.to_vec(), floats: 0, sequences };
        // How many steps there will be is not known: room for the longest number.
        let most = if writer.sequences.is_some() { u32::MAX as usize } else { rows };
        let tables = if writer.sequences.is_some() { 2 * rows * size_of::<i64>() } else { 0 };
        // The format's readers want values aligned to eight bytes.
        writer.floats = (8 + writer.header(most).len()).next_multiple_of(8) + tables;
        if writer.sequences.is_none() {
            let bytes = rows * writer.width() * size_of::<f32>();
            let end = (writer.floats + bytes) as u64;
            writer.file.set_len(end).map_err(|error| Error::io(&writer.path, error))?;
        }
        Ok(writer)
    }

    /// Floats of a row, or of a step.
    pub fn width(&self) -> usize {
        self.shape.iter().product()
    }

    /// Writes a row, whole: [`Self::width`] floats, or that for each step of a sequence.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub fn write(&mut self, row: usize, values: &[f32]) -> Result<(), Error> {
        let width = self.width();
        let place = match &mut self.sequences {
            None => row,
            Some(steps) => {
                let (start, count) = (steps.total, values.len().checked_div(width).unwrap_or(0));
                (steps.starts[row], steps.counts[row]) = (start as i64, count as i64);
                steps.total += count;
                start
            }
        };
        let at = self.floats + place * width * size_of::<f32>();
        self.write_at(bytemuck::cast_slice(values), at)
    }

    /// Writes what is only known at the end.
    ///
    /// # Errors
    /// When the file cannot be written, or there are more steps than 32 bits count.
    pub fn finish(self) -> Result<(), Error> {
        let first = self.sequences.as_ref().map_or(self.rows, |steps| steps.total);
        if self.sequences.is_some() && u32::try_from(first).is_err() {
            return Err(Error::damaged(&self.path, "more steps than 32 bits count"));
        }
        let tables = self.sequences.as_ref().map_or(0, |_| self.rows * size_of::<i64>());
        let mut header = self.header(first);
        let room = self.floats - 2 * tables - 8;
        header.extend(std::iter::repeat_n(' ', room - header.len()));
        self.write_at(&(room as u64).to_le_bytes(), 0)?;
        self.write_at(header.as_bytes(), 8)?;
        if let Some(steps) = &self.sequences {
            self.write_at(bytemuck::cast_slice(&steps.starts), self.floats - 2 * tables)?;
            self.write_at(bytemuck::cast_slice(&steps.counts), self.floats - tables)?;
        }
        Ok(())
    }

    fn header(&self, first: usize) -> String {
        let mut shape = vec![first];
        shape.extend(&self.shape);
        let entry = |name: &str, dtype: &str, shape: &[usize], bytes: Range<usize>| {
            let ends = [bytes.start, bytes.end];
            format!(r#""{name}":{{"dtype":"{dtype}","shape":{shape:?},"data_offsets":{ends:?}}}"#)
                .replace(", ", ",")
        };
        let table = self.sequences.as_ref().map_or(0, |_| self.rows * size_of::<i64>());
        let floats = 2 * table..2 * table + shape.iter().product::<usize>() * size_of::<f32>();
        let own = entry(&self.tensor, "F32", &shape, floats);
        if self.sequences.is_none() {
            return format!("{{{own}}}");
        }
        let starts = entry(STARTS, "I64", &[self.rows], 0..table);
        let steps = entry(STEPS, "I64", &[self.rows], table..2 * table);
        format!("{{{starts},{steps},{own}}}")
    }

    fn write_at(&self, bytes: &[u8], at: usize) -> Result<(), Error> {
        self.file.write_all_at(bytes, at as u64).map_err(|error| Error::io(&self.path, error))
    }
}

/// A file of rows, mapped.
#[derive(Debug)]
pub struct RowValues {
    map: Mmap,
    rows: usize,
    shape: Vec<usize>,
    floats: Range<usize>,
    /// First step and steps of each row, of sequences.
    steps: Option<Vec<(usize, usize)>>,
}

/// Some rows of a [`RowValues`].
#[derive(Clone, Debug, PartialEq)]
pub struct RowBatch {
    /// Row after row; sequences are padded with 0 to the longest, and to one step at least.
    pub values: Vec<f32>,
    /// `[rows, ...]`, or `[rows, steps, ...]` of sequences.
    pub shape: Vec<usize>,
    /// The steps of each row, of sequences.
    pub lengths: Option<Vec<i64>>,
}

impl RowValues {
    /// Opens the file at `path`, of which `tensor` holds the floats.
    ///
    /// # Errors
    /// When it cannot be read, or does not hold what it should.
    pub fn open(path: &Path, tensor: &str) -> Result<Self, Error> {
        let damaged = |reason: &str| Error::damaged(path, reason);
        let map = map(path)?;
        let file = SafeTensors::deserialize(&map).map_err(|error| Error::damaged(path, error))?;
        let own = file.tensor(tensor).map_err(|error| Error::damaged(path, error))?;
        if own.dtype() != Dtype::F32 || own.shape().is_empty() {
            return Err(damaged("its values are not rows of 32-bit floats"));
        }
        if bytemuck::try_cast_slice::<u8, f32>(own.data()).is_err() {
            return Err(damaged("its values are not aligned"));
        }
        let start = own.data().as_ptr() as usize - map.as_ptr() as usize;
        let floats = start..start + own.data().len();
        let (first, shape) = (own.shape()[0], own.shape()[1..].to_vec());
        let table = |name: &str| -> Option<&[i64]> {
            let view = file.tensor(name).ok().filter(|view| view.dtype() == Dtype::I64)?;
            bytemuck::try_cast_slice(view.data()).ok()
        };
        let steps = match (table(STARTS), table(STEPS)) {
            (None, None) => None,
            (Some(starts), Some(counts)) if starts.len() == counts.len() => {
                let pair = |(start, count): (&i64, &i64)| -> Option<(usize, usize)> {
                    let (start, count) = (usize::try_from(*start).ok()?, usize::try_from(*count).ok()?);
                    (start.checked_add(count)? <= first).then_some((start, count))
                };
                let pairs: Option<Vec<_>> = starts.iter().zip(counts).map(pair).collect();
                Some(pairs.ok_or_else(|| damaged("a row has steps that are not there"))?)
            }
            _ => return Err(damaged("it has no steps for every row")),
        };
        let rows = steps.as_ref().map_or(first, Vec::len);
        Ok(Self { map, rows, shape, floats, steps })
    }

    /// How many rows there are.
    pub fn rows(&self) -> usize {
        self.rows
    }

    /// The shape of a row, or of a step of a sequence.
    pub fn shape(&self) -> &[usize] {
        &self.shape
    }

    /// Whether rows are sequences.
    pub fn is_sequence(&self) -> bool {
        self.steps.is_some()
    }

    /// Some rows, each below [`Self::rows`].
    pub fn batch(&self, rows: &[u32]) -> RowBatch {
        let width: usize = self.shape.iter().product();
        let bytes = &self.map[self.floats.clone()];
        let floats: &[f32] = if bytes.is_empty() { &[] } else { bytemuck::cast_slice(bytes) };
        let mut shape = vec![rows.len()];
        let Some(steps) = &self.steps else {
            let row = |row: &u32| &floats[*row as usize * width..(*row as usize + 1) * width];
            let values = rows.iter().flat_map(row).copied().collect();
            shape.extend(&self.shape);
            return RowBatch { values, shape, lengths: None };
        };
        let longest = rows.iter().map(|&row| steps[row as usize].1).max().unwrap_or(0).max(1);
        let mut values = Vec::with_capacity(rows.len() * longest * width);
        for (at, &row) in rows.iter().enumerate() {
            let (start, count) = steps[row as usize];
            values.extend_from_slice(&floats[start * width..(start + count) * width]);
            values.resize((at + 1) * longest * width, 0.0);
        }
        shape.push(longest);
        shape.extend(&self.shape);
        let lengths = rows.iter().map(|&row| steps[row as usize].1 as i64).collect();
        RowBatch { values, shape, lengths: Some(lengths) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(shape: &[usize], sequences: bool, rows: &[(usize, Vec<f32>)]) -> (tempfile::TempDir, PathBuf) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("rows.safetensors");
        let mut writer = RowValuesWriter::create(&path, "values", rows.len(), shape, sequences).unwrap();
        for (row, values) in rows {
            writer.write(*row, values).unwrap();
        }
        writer.finish().unwrap();
        (folder, path)
    }

    #[test]
    fn rows_of_one_shape_are_one_tensor() {
        let rows = [(1, vec![5.0, 6.0, 7.0, 8.0]), (0, vec![1.0, 2.0, 3.0, 4.0])];
        let (_folder, path) = written(&[2, 2], false, &rows);
        let bytes = std::fs::read(&path).unwrap();
        let file = SafeTensors::deserialize(&bytes).unwrap();
        assert_eq!(file.tensor("values").unwrap().shape(), [2, 2, 2]);
        let opened = RowValues::open(&path, "values").unwrap();
        let batch = opened.batch(&[1, 0, 1]);
        let expected = [5.0, 6.0, 7.0, 8.0, 1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0, 8.0];
        assert_eq!((batch.values, batch.shape, batch.lengths), (expected.to_vec(), vec![3, 2, 2], None));
        assert_eq!(opened.batch(&[]).shape, [0, 2, 2]);
    }

    #[test]
    fn sequences_are_padded_to_the_longest() {
        let rows = [(2, vec![1.0, 2.0, 3.0, 4.0]), (0, vec![]), (1, vec![5.0, 6.0])];
        let (_folder, path) = written(&[2], true, &rows);
        let opened = RowValues::open(&path, "values").unwrap();
        assert_eq!((opened.rows(), opened.shape(), opened.is_sequence()), (3, &[2][..], true));
        let batch = opened.batch(&[0, 1, 2]);
        assert_eq!(batch.values, [0.0, 0.0, 0.0, 0.0, 5.0, 6.0, 0.0, 0.0, 1.0, 2.0, 3.0, 4.0]);
        assert_eq!((batch.shape, batch.lengths), (vec![3, 2, 2], Some(vec![0, 1, 2])));
        let empty = opened.batch(&[0]);
        assert_eq!((empty.values, empty.shape), (vec![0.0, 0.0], vec![1, 1, 2]));
    }

    #[test]
    fn a_damaged_file_is_an_error() {
        let (_folder, path) = written(&[2], true, &[(0, vec![1.0, 2.0])]);
        let bytes = std::fs::read(&path).unwrap();
        std::fs::write(&path, &bytes[..bytes.len() - 4]).unwrap();
        assert!(matches!(RowValues::open(&path, "values"), Err(Error::Damaged { .. })));
        let mut long = bytes.clone();
        // The one row's number of steps stands before its two floats.
        let at = bytes.len() - 16;
        long[at..at + 8].copy_from_slice(&9_i64.to_le_bytes());
        std::fs::write(&path, &long).unwrap();
        let error = RowValues::open(&path, "values").unwrap_err();
        assert!(error.to_string().contains("steps that are not there"), "{error}");
        std::fs::write(&path, &bytes).unwrap();
        assert!(RowValues::open(&path, "other").is_err());
    }
}
