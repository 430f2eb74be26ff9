//! A tensors' file checked against its description, before anything relies on it.

use std::collections::BTreeMap;
use std::ops::Range;
use std::path::Path;

use memmap2::Mmap;
use safetensors::{Dtype, SafeTensors};

use crate::encoded::{Description, NO_PART, NO_STEP, label_tensor, tensor_name};
use crate::error::Error;
use crate::label::{FittedLabel, LabelKind};
use crate::part::Part;
use crate::step::ColumnType;

/// A tensors' file that is being checked against its description.
pub(super) struct Opening<'a> {
    pub(super) path: &'a Path,
    pub(super) map: &'a Mmap,
    pub(super) tensors: BTreeMap<String, Range<usize>>,
    /// Bytes of the file of pictures.
    pub(super) levels: usize,
}

impl<'a> Opening<'a> {
    fn damaged<T>(&self, reason: impl ToString) -> Result<T, Error> {
        Err(Error::damaged(self.path, reason))
    }

    pub(super) fn check(
        mut self,
        description: &Description,
    ) -> Result<BTreeMap<String, Range<usize>>, Error> {
        let file = SafeTensors::deserialize(self.map).or_else(|error| self.damaged(error))?;
        let Ok(rows) = u32::try_from(description.rows).map(|rows| rows as usize) else {
            return self.damaged("more rows than 32 bits count");
        };
        let parts: &[u8] = self.tensor(&file, "part", Dtype::U8, Some(rows))?;
        if parts.iter().any(|part| *part != NO_PART && usize::from(*part) >= Part::ALL.len()) {
            return self.damaged("`part` names a part that there is not");
        }
        self.tensor::<i64>(&file, "row", Dtype::I64, Some(rows))?;
        if description.has_id {
            self.strings(&file, "id", rows)?;
        }
        for label in description.all_labels().into_values().filter(|label| label.kind == LabelKind::Tags) {
            self.texts(&file, label.of.as_deref().unwrap_or_default(), description, rows)?;
        }
        if description.has_weights {
            let weights: &[f32] = self.tensor(&file, "weight", Dtype::F32, Some(rows))?;
            if !weights.iter().all(|weight| weight.is_finite() && *weight >= 0.0) {
                return self.damaged("`weight` holds what is no weight");
            }
        }
        if description.has_label {
            let labels = description.all_labels();
            if labels.is_empty() {
                return self.damaged("a label that the description does not describe");
            }
            for (name, label) in labels {
                self.label(&file, &label_tensor(name), label, rows)?;
            }
        }
        for (name, column) in &description.columns {
            let size = column.vocabulary.unwrap_or(0);
            match column.kind {
                ColumnType::Sequence { width } => {
                    let values = tensor_name(name, "values");
                    self.indices(&file, &values, None, size)?;
                    if u64::from(column.pad) >= size.max(1) {
                        return self.damaged(format!("column `{name}` is padded with no index that it has"));
                    }
                    let steps = self.tensors[&values].len() / size_of::<i32>();
                    let offsets = self.offsets(&file, &tensor_name(name, "offsets"), rows, steps)?;
                    let longest = offsets.windows(2).map(|pair| pair[1] - pair[0]).max().unwrap_or(0);
                    if longest > width.map_or(i64::from(u32::MAX), |width| width as i64) {
                        return self.damaged(format!("a row of column `{name}` is too long"));
                    }
                }
                ColumnType::Category => {
                    self.indices(&file, &tensor_name(name, "indices"), Some(rows), size)?
                }
                ColumnType::Number => {
                    self.tensor::<f32>(&file, &tensor_name(name, "numbers"), Dtype::F32, Some(rows))?;
                }
                ColumnType::Vector { width } => {
                    let width = self.width(name, width)?;
                    let vectors = tensor_name(name, "vectors");
                    self.shaped::<f32>(&file, &vectors, Dtype::F32, &[rows, width])?;
                }
                ColumnType::Sparse { width } => {
                    let width = self.width(name, width)?;
                    let values: &[f32] =
                        self.tensor(&file, &tensor_name(name, "values"), Dtype::F32, None)?;
                    let indices = tensor_name(name, "indices");
                    self.indices(&file, &indices, Some(values.len()), width as u64)?;
                    self.offsets(&file, &tensor_name(name, "offsets"), rows, values.len())?;
                }
                ColumnType::Image { .. } => self.pictures(&file, name, rows)?,
            }
        }
        Ok(self.tensors)
    }

    /// Where the pictures of a column lie.
    fn pictures(&mut self, file: &SafeTensors<'a>, name: &str, rows: usize) -> Result<(), Error> {
        let starts: &[i64] = self.tensor(file, &tensor_name(name, "starts"), Dtype::I64, Some(rows))?;
        let sizes: &[i32] = self.shaped(file, &tensor_name(name, "sizes"), Dtype::I32, &[rows, 3])?;
        for (&start, size) in starts.iter().zip(sizes.as_chunks::<3>().0) {
            let length = size.iter().try_fold(1usize, |length, &side| {
                length.checked_mul(usize::try_from(side).ok().filter(|&side| side > 0)?)
            });
            let end =
                usize::try_from(start).ok().zip(length).and_then(|(start, length)| start.checked_add(length));
            if end.is_none_or(|end| end > self.levels) || !matches!(size[2], 1 | 3) {
                return self.damaged(format!("a picture of column `{name}` is not where it should be"));
            }
        }
        Ok(())
    }

    /// Strings of the rows.
    fn strings(&mut self, file: &SafeTensors<'a>, name: &str, rows: usize) -> Result<(), Error> {
        let bytes: &[u8] = self.tensor(file, &format!("{name}.bytes"), Dtype::U8, None)?;
        let offsets = self.offsets(file, &format!("{name}.offsets"), rows, bytes.len())?;
        let text = std::str::from_utf8(bytes).or_else(|error| self.damaged(error))?;
        if !offsets.iter().all(|offset| text.is_char_boundary(*offset as usize)) {
            return self.damaged(format!("`{name}.offsets` cuts a character"));
        }
        Ok(())
    }

    /// Texts of a column, and the steps of their words.
    fn texts(
        &mut self,
        file: &SafeTensors<'a>,
        column: &str,
        description: &Description,
        rows: usize,
    ) -> Result<(), Error> {
        let kind = description.columns.get(column).map(|column| column.kind);
        if !matches!(kind, Some(ColumnType::Sequence { .. })) {
            return self.damaged(format!("tags of the words of `{column}`, which is no column of tokens"));
        }
        self.strings(file, &tensor_name(column, "text"), rows)?;
        let name = tensor_name(column, "words.steps");
        let steps: &[i32] = self.tensor(file, &name, Dtype::I32, None)?;
        let words = self.offsets(file, &tensor_name(column, "words.offsets"), rows, steps.len())?;
        let tokens: &[i64] =
            self.tensor(file, &tensor_name(column, "offsets"), Dtype::I64, Some(rows + 1))?;
        for (words, tokens) in words.windows(2).zip(tokens.windows(2)) {
            let inside =
                |step: &i32| *step >= NO_STEP && i64::from(*step) < tokens[1].saturating_sub(tokens[0]);
            if !steps[words[0] as usize..words[1] as usize].iter().all(inside) {
                return self.damaged(format!("`{name}` names a step that there is not"));
            }
        }
        Ok(())
    }

    fn label(
        &mut self,
        file: &SafeTensors<'a>,
        name: &str,
        label: &FittedLabel,
        rows: usize,
    ) -> Result<(), Error> {
        match label.kind {
            LabelKind::Number => self.tensor::<f32>(file, name, Dtype::F32, Some(rows)).map(drop),
            LabelKind::Class => self.indices(file, name, Some(rows), label.classes.len() as u64),
            LabelKind::Tags => {
                let steps = tensor_name(label.of.as_deref().unwrap_or_default(), "words.steps");
                let words = self.tensors.get(&steps).map_or(0, |range| range.len() / size_of::<i32>());
                self.indices(file, name, Some(words), label.classes.len() as u64)
            }
            LabelKind::MultiLabel => {
                let flags: &[u8] = self.shaped(file, name, Dtype::U8, &[rows, label.classes.len()])?;
                if flags.iter().any(|flag| *flag > 1) {
                    return self.damaged(format!("`{name}` holds what is neither 0 nor 1"));
                }
                Ok(())
            }
        }
    }

    /// The width of vectors.
    fn width(&self, column: &str, width: Option<usize>) -> Result<usize, Error> {
        match width {
            None | Some(0) => self.damaged(format!("column `{column}` has no width")),
            Some(width) => Ok(width),
        }
    }

    /// A one-dimensional tensor of the type, of `length` values where that is known.
    fn tensor<T: bytemuck::AnyBitPattern>(
        &mut self,
        file: &SafeTensors<'a>,
        name: &str,
        kind: Dtype,
        length: Option<usize>,
    ) -> Result<&'a [T], Error> {
        let view = file.tensor(name).or_else(|error| self.damaged(error))?;
        let length = length.unwrap_or(view.data().len() / size_of::<T>());
        self.shaped(file, name, kind, &[length])
    }

    /// A tensor of the type and the shape.
    fn shaped<T: bytemuck::AnyBitPattern>(
        &mut self,
        file: &SafeTensors<'a>,
        name: &str,
        kind: Dtype,
        shape: &[usize],
    ) -> Result<&'a [T], Error> {
        let view = file.tensor(name).or_else(|error| self.damaged(error))?;
        if view.dtype() != kind || view.shape() != shape {
            let found = format!("{:?} {:?}", view.dtype(), view.shape());
            return self.damaged(format!("`{name}` is {found}, not {kind:?} {shape:?}"));
        }
        let Ok(values) = bytemuck::try_cast_slice(view.data()) else {
            return self.damaged(format!("`{name}` is not aligned"));
        };
        let start = view.data().as_ptr() as usize - self.map.as_ptr() as usize;
        self.tensors.insert(name.into(), start..start + view.data().len());
        Ok(values)
    }

    fn indices(
        &mut self,
        file: &SafeTensors<'a>,
        name: &str,
        length: Option<usize>,
        size: u64,
    ) -> Result<(), Error> {
        let values: &[i32] = self.tensor(file, name, Dtype::I32, length)?;
        // A negative index is a huge one as u32. Largest of all, not any of them: the loop has no branch.
        let largest = values.iter().map(|value| *value as u32).max();
        if largest.is_some_and(|largest| u64::from(largest) >= size) {
            return self.damaged(format!("`{name}` holds an index that is not below {size}"));
        }
        Ok(())
    }

    fn offsets(
        &mut self,
        file: &SafeTensors<'a>,
        name: &str,
        rows: usize,
        end: usize,
    ) -> Result<&'a [i64], Error> {
        let offsets: &[i64] = self.tensor(file, name, Dtype::I64, Some(rows + 1))?;
        let bounded = offsets.first() == Some(&0) && offsets.last() == Some(&(end as i64));
        if !bounded || !offsets.is_sorted() {
            return self.damaged(format!("`{name}` does not cut its values into rows"));
        }
        Ok(offsets)
    }
}
