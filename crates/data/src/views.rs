//! Pictures of a data set, as they are kept and as a batch sees them.

use std::ops::Range;
use std::path::Path;

use images::{Chain, Limits, Picture, Sample};
use memmap2::Mmap;
use rayon::prelude::*;
use safetensors::{Dtype, SafeTensors};

use crate::dataset::Dataset;
use crate::encoded::tensor_name;
use crate::error::Error;
use crate::map::map;
use crate::step::ColumnType;

/// The mapped levels of all pictures.
#[derive(Debug)]
pub(crate) struct Levels {
    map: Mmap,
    range: Range<usize>,
}

impl Levels {
    pub(crate) fn open(path: &Path) -> Result<Self, Error> {
        let map = map(path)?;
        let file = SafeTensors::deserialize(&map).map_err(|error| Error::damaged(path, error))?;
        let view = file.tensor("pixels").map_err(|error| Error::damaged(path, error))?;
        if view.dtype() != Dtype::U8 {
            return Err(Error::damaged(path, "`pixels` are no bytes"));
        }
        let start = view.data().as_ptr() as usize - map.as_ptr() as usize;
        let range = start..start + view.data().len();
        Ok(Self { map, range })
    }

    pub(crate) fn bytes(&self) -> &[u8] {
        &self.map[self.range.clone()]
    }
}

/// What training does with pictures before a batch sees them: draws are a function of the seed, the epoch and the row
/// of the source.
#[derive(Clone, Copy, Debug)]
pub struct Augment<'a> {
    /// The transforms.
    pub chain: &'a Chain,
    /// The seed of the stage.
    pub seed: u64,
    /// The epoch, or the number of the view.
    pub epoch: u64,
}

/// Pictures of a batch.
#[derive(Clone, Debug, PartialEq)]
pub struct ImageBatch {
    /// Numbers, `[rows, channels, height, width]`.
    pub values: Vec<f32>,
    /// Channels, height and width.
    pub shape: [usize; 3],
}

impl Dataset {
    /// A picture as it is kept; none where the column holds no pictures.
    pub fn picture(&self, column: &str, row: u32) -> Option<Picture> {
        let ColumnType::Image { .. } = self.kind(column)? else { return None };
        let start = self.values::<i64>(&tensor_name(column, "starts"))[row as usize] as usize;
        let sizes: &[i32] = self.values(&tensor_name(column, "sizes"));
        let [height, width, channels] = sizes.as_chunks::<3>().0[row as usize].map(|side| side as usize);
        let bytes = self.pictures.as_ref()?.bytes().get(start..start + height * width * channels)?;
        Picture::new(width, height, channels, bytes.to_vec())
    }

    /// A picture as a batch sees it, before its levels become numbers; none where the column holds no pictures.
    ///
    /// # Errors
    /// A picture that would become larger than any may be.
    pub fn view(
        &self,
        column: &str,
        row: u32,
        augment: Option<Augment<'_>>,
    ) -> Result<Option<Picture>, Error> {
        let (Some(mut picture), Some(view)) = (self.picture(column, row), self.views.get(column)) else {
            return Ok(None);
        };
        let limits = Limits::default();
        let name = || format!("row {}", self.source_row(row));
        let wrong = |error: images::Error| Error::Picture { place: None, reason: error.to_string() };
        let sample = |seed, epoch| Sample { seed, epoch, row: self.source_row(row) as u64 };
        if let Some(Augment { chain, seed, epoch }) = augment {
            picture = chain.apply(picture, sample(seed, epoch), &name(), &limits).map_err(wrong)?;
        }
        view.apply(picture, sample(0, 0), &name(), &limits).map(Some).map_err(wrong)
    }

    /// The pictures of some rows as numbers, made on all threads; none where the column holds no pictures.
    ///
    /// # Errors
    /// Pictures that augmentation leaves in another shape than the column's.
    pub fn image_batch(
        &self,
        column: &str,
        rows: &[u32],
        augment: Option<Augment<'_>>,
    ) -> Result<Option<ImageBatch>, Error> {
        let (Some(ColumnType::Image { channels, height, width }), Some(view)) =
            (self.kind(column), self.views.get(column))
        else {
            return Ok(None);
        };
        let shape = [channels, height, width].map(Option::unwrap_or_default);
        let size: usize = shape.iter().product();
        let mut values = vec![0.0; rows.len() * size];
        values.par_chunks_mut(size.max(1)).zip(rows).try_for_each(|(into, &row)| {
            let Some(picture) = self.view(column, row, augment)? else { return Ok(()) };
            let found = [picture.channels(), picture.height(), picture.width()];
            if found != shape {
                return Err(Error::AugmentedShape { column: column.into(), shape: found, expected: shape });
            }
            view.write_numbers(&picture, into);
            Ok(())
        })?;
        Ok(Some(ImageBatch { values, shape }))
    }
}
