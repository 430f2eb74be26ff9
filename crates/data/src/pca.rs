//! Principal components of the training rows.
//!
//! Method: up to 4096 numbers a row the eigenvectors of the covariance matrix, by Householder's reduction to a
//! tridiagonal matrix and implicit QL steps (Bowdler, Martin, Reinsch and Wilkinson, "The QR and QL algorithms for
//! symmetric matrices", Numerische Mathematik 11, 1968); beyond that subspace iteration. Each direction's sign is such
//! that its entry of largest absolute value is positive, as scikit-learn's.

use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use crate::block::{Block, Dense};
use crate::numbers::Trouble;
use crate::step::Pca;
use crate::subspace::Wide;

/// The directions in which the training rows vary most.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub(crate) struct Directions {
    /// The mean of the training rows, `[width]`.
    mean: Vec<f64>,
    /// `[components][width]`, each divided by its standard deviation where it is whitened.
    directions: Vec<Vec<f64>>,
}

/// The covariance matrix of wider rows takes too much memory and time: their leading directions are found without it.
const MOST: usize = 4096;

impl Directions {
    pub(crate) fn learn(pca: &Pca, block: &Block) -> Result<Self, Trouble> {
        let rows = rows(block);
        let width = block.width();
        let components = pca.components;
        if rows < 2 || components > width.min(rows) {
            return Err(Trouble::Directions(rows, width));
        }
        let mut mean = vec![0.0; width];
        for row in 0..rows {
            each(block, row, |place, x| mean[place] += x);
        }
        mean.iter_mut().for_each(|sum| *sum /= rows as f64);
        let degrees = (rows - 1) as f64;
        let (variances, directions) = if width > MOST {
            let wide = Wide::new(rows, mean.clone(), |row, tell| each(block, row, tell));
            let (products, directions) = wide.leading(components);
            (products.into_iter().map(|product| product / degrees).collect(), directions)
        } else {
            let mut covariance = covariance(block, &mean);
            covariance.iter_mut().for_each(|sum| *sum /= degrees);
            leading(covariance, width, components)
        };
        let directions = directions.into_iter().zip(variances).map(|(vector, variance)| {
            let deviation = if pca.whiten { variance.max(f64::EPSILON).sqrt() } else { 1.0 };
            upright(vector).into_iter().map(|x| x / deviation).collect()
        });
        Ok(Self { mean, directions: directions.collect() })
    }

    pub(crate) fn apply(&self, block: &Block) -> Dense {
        let width = self.directions.len();
        let dot =
            |row: &[f64], direction: &[f64]| -> f64 { row.iter().zip(direction).map(|(x, of)| x * of).sum() };
        let of_mean: Vec<f64> = self.directions.iter().map(|direction| dot(&self.mean, direction)).collect();
        let mut values = vec![0.0; rows(block) * width];
        values.par_chunks_mut(width).enumerate().for_each(|(row, into)| {
            for ((into, direction), of_mean) in into.iter_mut().zip(&self.directions).zip(&of_mean) {
                let mut sum = 0.0;
                each(block, row, |place, x| sum += x * direction[place]);
                *into = sum - of_mean;
            }
        });
        Dense { width, values }
    }

    /// Whether directions that were read are of this form.
    pub(crate) fn fits(&self, width: usize, components: usize) -> bool {
        self.mean.len() == width
            && self.directions.len() == components
            && self.directions.iter().all(|direction| direction.len() == width)
    }
}

fn rows(block: &Block) -> usize {
    match block {
        Block::Dense(dense) => dense.rows(),
        Block::Sparse(sparse) => sparse.rows(),
    }
}

/// The numbers of a row that are not 0, with their places.
fn each(block: &Block, row: usize, mut of: impl FnMut(usize, f64)) {
    match block {
        Block::Dense(dense) => {
            let row = &dense.values[row * dense.width..(row + 1) * dense.width];
            row.iter().enumerate().for_each(|(place, x)| of(place, *x));
        }
        Block::Sparse(sparse) => sparse.row(row).for_each(|(place, x)| of(place, x)),
    }
}

/// The sums of products of distances to the mean, `[width, width]`. Each line of the matrix is summed over the rows
/// in order, so that threads do not matter.
pub(crate) fn covariance(block: &Block, mean: &[f64]) -> Vec<f64> {
    let width = mean.len();
    let mut sums = vec![0.0; width * width];
    let count = rows(block) as f64;
    // Rows of one place, so that a line of the matrix reads no row in which its place is 0.
    let mut columns = vec![Vec::new(); width];
    for row in 0..rows(block) {
        each(block, row, |place, x| {
            let x = if matches!(block, Block::Dense(_)) { x - mean[place] } else { x };
            columns[place].push((row, x));
        });
    }
    sums.par_chunks_mut(width).zip(&columns).enumerate().for_each(|(line, (sums, column))| {
        for (row, x) in column {
            match block {
                Block::Dense(_) => each(block, *row, |place, y| sums[place] += x * (y - mean[place])),
                Block::Sparse(_) => each(block, *row, |place, y| sums[place] += x * y),
            }
        }
        if matches!(block, Block::Sparse(_)) {
            sums.iter_mut().zip(mean).for_each(|(sum, mean_of)| *sum -= count * mean[line] * mean_of);
        }
    });
    sums
}

/// A direction with the sign for which its entry of largest absolute value is positive.
pub(crate) fn upright(vector: Vec<f64>) -> Vec<f64> {
    let largest = vector.iter().fold(0.0, |most: f64, x| if x.abs() > most.abs() { *x } else { most });
    vector.into_iter().map(|x| x * largest.signum()).collect()
}

/// The largest eigenvalues of a symmetric matrix, falling, and their vectors.
pub(crate) fn leading(mut matrix: Vec<f64>, width: usize, count: usize) -> (Vec<f64>, Vec<Vec<f64>>) {
    let values = eigen(&mut matrix, width);
    // The matrix holds the vectors as columns.
    let mut order: Vec<usize> = (0..width).collect();
    order.sort_by(|left, right| values[*right].total_cmp(&values[*left]));
    let vector = |at: &usize| (0..width).map(|place| matrix[place * width + at]).collect();
    (order[..count].iter().map(|at| values[*at]).collect(), order[..count].iter().map(vector).collect())
}

/// The eigenvalues of a symmetric matrix `[n, n]`, in whose place its eigenvectors are put as columns.
pub(crate) fn eigen(matrix: &mut [f64], n: usize) -> Vec<f64> {
    let (mut values, mut beside) = tridiagonal(matrix, n);
    ql(matrix, &mut values, &mut beside, n);
    values
}

/// Householder's reduction: the diagonal, and the numbers beside it from the second line on.
fn tridiagonal(z: &mut [f64], n: usize) -> (Vec<f64>, Vec<f64>) {
    let (mut diagonal, mut beside) = (vec![0.0; n], vec![0.0; n]);
    for i in (1..n).rev() {
        let mut h = 0.0;
        let scale: f64 = if i > 1 { z[i * n..i * n + i].iter().map(|x| x.abs()).sum() } else { 0.0 };
        if scale == 0.0 {
            beside[i] = z[i * n + i - 1];
        } else {
            for x in &mut z[i * n..i * n + i] {
                *x /= scale;
                h += *x * *x;
            }
            let f = z[i * n + i - 1];
            let g = if f >= 0.0 { -h.sqrt() } else { h.sqrt() };
            beside[i] = scale * g;
            h -= f * g;
            z[i * n + i - 1] = f - g;
            let mut sum = 0.0;
            for j in 0..i {
                z[j * n + i] = z[i * n + j] / h;
                let mut g = 0.0;
                for k in 0..=j {
                    g += z[j * n + k] * z[i * n + k];
                }
                for k in j + 1..i {
                    g += z[k * n + j] * z[i * n + k];
                }
                beside[j] = g / h;
                sum += beside[j] * z[i * n + j];
            }
            let half = sum / (h + h);
            for j in 0..i {
                let f = z[i * n + j];
                let g = beside[j] - half * f;
                beside[j] = g;
                for k in 0..=j {
                    z[j * n + k] -= f * beside[k] + g * z[i * n + k];
                }
            }
        }
        diagonal[i] = h;
    }
    diagonal[0] = 0.0;
    beside[0] = 0.0;
    for i in 0..n {
        if diagonal[i] != 0.0 {
            for j in 0..i {
                let g: f64 = (0..i).map(|k| z[i * n + k] * z[k * n + j]).sum();
                for k in 0..i {
                    z[k * n + j] -= g * z[k * n + i];
                }
            }
        }
        diagonal[i] = z[i * n + i];
        z[i * n + i] = 1.0;
        for j in 0..i {
            z[j * n + i] = 0.0;
            z[i * n + j] = 0.0;
        }
    }
    (diagonal, beside)
}

/// Implicit QL steps on a tridiagonal matrix, carried out on the vectors too.
fn ql(z: &mut [f64], d: &mut [f64], e: &mut [f64], n: usize) {
    // More steps than any matrix needs; the sums of what is left beside the diagonal are rounding then.
    const MOST_STEPS: usize = 60;
    e.rotate_left(1);
    for l in 0..n {
        for _ in 0..MOST_STEPS {
            let small = |m: &usize| e[*m].abs() <= f64::EPSILON * (d[*m].abs() + d[*m + 1].abs());
            let m = (l..n - 1).find(small).unwrap_or(n - 1);
            if m == l {
                break;
            }
            let mut g = (d[l + 1] - d[l]) / (2.0 * e[l]);
            let mut r = g.hypot(1.0);
            g = d[m] - d[l] + e[l] / (g + r.copysign(g));
            let (mut s, mut c, mut p) = (1.0, 1.0, 0.0);
            let mut split = false;
            for i in (l..m).rev() {
                let f = s * e[i];
                let b = c * e[i];
                r = f.hypot(g);
                e[i + 1] = r;
                if r == 0.0 {
                    d[i + 1] -= p;
                    e[m] = 0.0;
                    split = true;
                    break;
                }
                s = f / r;
                c = g / r;
                g = d[i + 1] - p;
                r = (d[i] - g) * s + 2.0 * c * b;
                p = s * r;
                d[i + 1] = g + p;
                g = c * r - b;
                for k in 0..n {
                    let f = z[k * n + i + 1];
                    z[k * n + i + 1] = s * z[k * n + i] + c * f;
                    z[k * n + i] = c * z[k * n + i] - s * f;
                }
            }
            if !split {
                d[l] -= p;
                e[l] = g;
                e[m] = 0.0;
            }
        }
    }
}
