//! Products of a matrix and its transpose with vectors, on any number of threads.
//!
//! Invariant: each number of a result is one sum in a fixed order.

use rayon::prelude::*;

use super::vectors::{dot, sparse_dot};
use crate::matrix::transposed;
use crate::{Matrix, Sparse};

/// Rows of a dense column that one task adds to at a time: their results stay in a core's cache.
const BLOCK: usize = 1024;

/// A matrix by columns and by rows; dense columns are shifted to mean 0 where that is wanted.
pub(crate) struct Columns<'a> {
    rows: usize,
    /// Dense columns, one after another, `[dense width, rows]`.
    dense: Vec<f64>,
    /// What each dense column was lowered by; 0 where not shifted.
    pub(crate) means: Vec<f64>,
    by_row: &'a Sparse,
    by_column: Sparse,
}

impl<'a> Columns<'a> {
    /// Means are weighted by the rows' `weights`.
    pub(crate) fn new(matrix: &'a Matrix, weights: &[f64], shift: bool) -> Self {
        let (rows, width) = (matrix.rows(), matrix.dense_width());
        let mut dense = vec![0.0; rows * width];
        let mut means = vec![0.0; width];
        let total: f64 = weights.iter().sum();
        if rows > 0 {
            dense.par_chunks_mut(rows).zip(&mut means).enumerate().for_each(|(at, (column, mean))| {
                for (row, value) in column.iter_mut().enumerate() {
                    *value = f64::from(matrix.dense(row)[at]);
                }
                if shift {
                    *mean = column.iter().zip(weights).map(|(x, weight)| x * weight).sum::<f64>() / total;
                    column.iter_mut().for_each(|x| *x -= *mean);
                }
            });
        }
        let by_row = matrix.sparse();
        let by_column = transposed(by_row, rows);
        Columns { rows, dense, means, by_row, by_column }
    }

    pub(crate) fn width(&self) -> usize {
        self.means.len() + self.by_row.width
    }

    /// The product with one number a column, plus a constant: one number a row.
    pub(crate) fn times(&self, vector: &[f64], constant: f64, into: &mut [f64]) {
        let (of_dense, of_sparse) = vector.split_at(self.means.len());
        into.par_chunks_mut(BLOCK).enumerate().for_each(|(block, into)| {
            let start = block * BLOCK;
            into.fill(constant);
            for (at, factor) in of_dense.iter().enumerate().filter(|(_, factor)| **factor != 0.0) {
                let column = &self.dense[at * self.rows + start..][..into.len()];
                into.iter_mut().zip(column).for_each(|(into, x)| *into += factor * x);
            }
            for (row, into) in into.iter_mut().enumerate() {
                let (places, values) = self.by_row.slices(start + row);
                *into += sparse_dot(places, values, of_sparse);
            }
        });
    }

    /// The product of the transpose with one number a row: one number a column.
    pub(crate) fn transposed_times(&self, vector: &[f64], into: &mut [f64]) {
        let (of_dense, of_sparse) = into.split_at_mut(self.means.len());
        of_dense.par_iter_mut().enumerate().for_each(|(at, into)| {
            *into = dot(&self.dense[at * self.rows..(at + 1) * self.rows], vector);
        });
        of_sparse.par_iter_mut().with_min_len(64).enumerate().for_each(|(at, into)| {
            let (rows, values) = self.by_column.slices(at);
            *into = sparse_dot(rows, values, vector);
        });
    }

    /// The weighted sum of the squares of each column.
    pub(crate) fn squares(&self, weights: &[f64]) -> Vec<f64> {
        let dense = (0..self.means.len()).into_par_iter().map(|at| {
            let column = &self.dense[at * self.rows..(at + 1) * self.rows];
            column.iter().zip(weights).map(|(x, weight)| x * x * weight).sum()
        });
        let sparse = (0..self.by_row.width)
            .into_par_iter()
            .map(|at| self.by_column.row(at).map(|(row, x)| x * x * weights[row]).sum());
        dense.chain(sparse).collect()
    }

    /// The weighted sum of each column; 0 for dense columns that were shifted.
    pub(crate) fn sums(&self, weights: &[f64]) -> Vec<f64> {
        let mut sums = vec![0.0; self.width()];
        self.transposed_times(weights, &mut sums);
        sums
    }
}
