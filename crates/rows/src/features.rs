//! What `extract-features` made of rows, read.

use std::path::Path;

use plan::{Artifact, StageError};

use crate::error::damaged;
use crate::files::floats;
use crate::inputs::file;

/// The file of features.
pub const FEATURES: &str = "features.safetensors";
/// Its only tensor, `[rows, units]`.
const TENSOR: &str = "features";

/// Features in memory.
pub struct Features {
    /// Rows, in the order of the data.
    pub(crate) rows: usize,
    /// Values a row.
    pub(crate) width: usize,
    values: Vec<f32>,
}

impl Features {
    pub(crate) fn open(artifact: &Artifact) -> Result<Self, StageError> {
        Self::read(file(artifact, FEATURES)?)
    }

    /// The features of the file at `path`.
    ///
    /// # Errors
    /// When it cannot be read, or does not hold features.
    pub fn read(path: &Path) -> Result<Self, StageError> {
        let (shape, values) = floats(path, TENSOR)?;
        let [rows, width] = shape[..] else { return Err(damaged(path, "features are not a matrix")) };
        Ok(Features { rows, width, values })
    }

    /// At most `count` other rows, those of the largest cosine with a row first, each with its cosine.
    pub(crate) fn nearest(&self, row: u32, count: usize) -> Vec<(u32, f64)> {
        let dot = |a: &[f32], b: &[f32]| -> f64 {
            a.iter().zip(b).map(|(a, b)| f64::from(*a) * f64::from(*b)).sum()
        };
        let own = self.row(row);
        let length = dot(own, own).sqrt();
        let cosine = |other: u32| {
            let of = self.row(other);
            dot(own, of) / (length * dot(of, of).sqrt()).max(f64::MIN_POSITIVE)
        };
        let others = (0..self.rows as u32).filter(|other| *other != row);
        let mut found: Vec<(u32, f64)> = others.map(|other| (other, cosine(other))).collect();
        found.sort_by(|left, right| right.1.total_cmp(&left.1).then(left.0.cmp(&right.0)));
        found.truncate(count);
        found
    }

    /// The values of a row.
    pub(crate) fn row(&self, row: u32) -> &[f32] {
        let start = row as usize * self.width;
        &self.values[start..start + self.width]
    }
}
