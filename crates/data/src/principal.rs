//! Principal components of rows that need not be a column's.

use rayon::prelude::*;

use crate::block::{Block, Dense};
use crate::pca::{covariance, leading, upright};
use crate::subspace::Wide;

/// Beyond so many numbers a row the covariance matrix takes longer than finding the leading directions without it.
const MOST: usize = 512;

/// The directions in which rows vary most, and how much they do.
#[derive(Clone, Debug, PartialEq)]
pub struct Principal {
    mean: Vec<f64>,
    directions: Vec<Vec<f64>>,
    variances: Vec<f64>,
    total: f64,
}

impl Principal {
    /// The leading components of rows of `width` numbers, of which `each` tells those of a row that are not 0, places
    /// rising. `None` for fewer than two rows, or fewer rows or numbers than components. The sign of each direction is
    /// such that its entry of largest absolute value is positive, as scikit-learn's.
    pub fn fit(
        rows: usize,
        width: usize,
        components: usize,
        each: impl Fn(usize, &mut dyn FnMut(usize, f64)),
    ) -> Option<Self> {
        if rows < 2 || components > width.min(rows) {
            return None;
        }
        let mut mean = vec![0.0; width];
        (0..rows).for_each(|row| each(row, &mut |place, x| mean[place] += x));
        mean.iter_mut().for_each(|sum| *sum /= rows as f64);
        let degrees = (rows - 1) as f64;
        let (variances, directions, total) = if width > MOST {
            let mut total = -mean.iter().map(|mean| mean * mean).sum::<f64>() * rows as f64;
            (0..rows).for_each(|row| each(row, &mut |_, x| total += x * x));
            let (products, directions) = Wide::new(rows, mean.clone(), each).leading(components);
            (products.into_iter().map(|product| product / degrees).collect(), directions, total / degrees)
        } else {
            let mut values = vec![0.0; rows * width];
            for (row, values) in values.chunks_exact_mut(width).enumerate() {
                each(row, &mut |place, x| values[place] = x);
            }
            let mut covariance = covariance(&Block::Dense(Dense { width, values }), &mean);
            covariance.iter_mut().for_each(|sum| *sum /= degrees);
            let total = covariance.iter().step_by(width + 1).sum();
            let (variances, directions) = leading(covariance, width, components);
            (variances, directions, total)
        };
        let directions = directions.into_iter().map(upright).collect();
        Some(Self { mean, directions, variances, total })
    }

    /// The variance of the rows along each direction, falling.
    pub fn variances(&self) -> &[f64] {
        &self.variances
    }

    /// The share of all variance that each direction explains; 0 where there is none.
    pub fn shares(&self) -> Vec<f64> {
        let share = |variance: &f64| if self.total > 0.0 { variance / self.total } else { 0.0 };
        self.variances.iter().map(share).collect()
    }

    /// Places of rows along the directions, `[rows, components]`.
    pub fn apply(&self, rows: usize, each: impl Fn(usize, &mut dyn FnMut(usize, f64)) + Sync) -> Vec<f64> {
        let dot = |direction: &Vec<f64>| self.mean.iter().zip(direction).map(|(x, of)| x * of).sum::<f64>();
        let of_mean: Vec<f64> = self.directions.iter().map(dot).collect();
        let mut values = vec![0.0; rows * self.directions.len()];
        values.par_chunks_mut(self.directions.len()).enumerate().for_each(|(row, into)| {
            for ((into, direction), of_mean) in into.iter_mut().zip(&self.directions).zip(&of_mean) {
                let mut sum = 0.0;
                each(row, &mut |place, x| sum += x * direction[place]);
                *into = sum - of_mean;
            }
        });
        values
    }
}
