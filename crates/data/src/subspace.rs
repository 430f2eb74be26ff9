//! The directions in which rows of many numbers vary most, without their covariance matrix.
//!
//! Method: subspace iteration with Rayleigh-Ritz values (Saad, "Numerical Methods for Large Eigenvalue Problems",
//! 2011, chapter 5), from a random start (Halko, Martinsson and Tropp, "Finding structure with randomness", 2011), on
//! the rows or on the columns, whichever are fewer. Orthonormal bases come from Cholesky factors of Gram matrices,
//! twice.
//!
//! Invariant: every sum runs in a fixed order, so threads do not matter.

use draws::Draws;
use rayon::prelude::*;

use crate::pca::eigen;

/// Rounds at most; rows of words are close to what they become long before.
const ROUNDS: usize = 40;

/// The change of every wanted eigenvalue, relative to itself, that ends the rounds.
const CHANGE: f64 = 1e-7;

/// Rows of a tall matrix that one task sums at a time.
const BLOCK: usize = 256;

/// Rows of numbers of which most are 0, by row and by column.
pub(crate) struct Wide {
    by_row: Lines,
    by_column: Lines,
    mean: Vec<f64>,
}

/// Lines of places and numbers: line l has those from `offsets[l]` to `offsets[l + 1]`.
#[derive(Default)]
struct Lines {
    offsets: Vec<usize>,
    places: Vec<u32>,
    values: Vec<f64>,
}

impl Lines {
    fn len(&self) -> usize {
        self.offsets.len() - 1
    }

    /// The product with `[places, count]`, `[lines, count]`, where `shift` times `of_shift` is subtracted from each
    /// line.
    fn times(
        &self,
        matrix: &[f64],
        count: usize,
        shift: impl Fn(usize) -> f64 + Sync,
        of_shift: &[f64],
    ) -> Vec<f64> {
        let mut product = vec![0.0; self.len() * count];
        product.par_chunks_mut(count).enumerate().for_each(|(line, into)| {
            let shift = shift(line);
            into.iter_mut().zip(of_shift).for_each(|(into, of)| *into = -shift * of);
            for at in self.offsets[line]..self.offsets[line + 1] {
                let (place, x) = (self.places[at] as usize, self.values[at]);
                let row = &matrix[place * count..(place + 1) * count];
                into.iter_mut().zip(row).for_each(|(into, y)| *into += x * y);
            }
        });
        product
    }
}

impl Wide {
    /// Rows by what `each` tells of a row: its places, rising, and their numbers.
    pub(crate) fn new(rows: usize, mean: Vec<f64>, each: impl Fn(usize, &mut dyn FnMut(usize, f64))) -> Self {
        let mut by_row = Lines { offsets: vec![0], ..Lines::default() };
        let mut counts = vec![0; mean.len() + 1];
        for row in 0..rows {
            each(row, &mut |place, x| {
                by_row.places.push(place as u32);
                by_row.values.push(x);
                counts[place + 1] += 1;
            });
            by_row.offsets.push(by_row.places.len());
        }
        for place in 0..mean.len() {
            counts[place + 1] += counts[place];
        }
        let mut next = counts.clone();
        let size = by_row.places.len();
        let mut by_column = Lines { offsets: counts, places: vec![0; size], values: vec![0.0; size] };
        for row in 0..rows {
            for at in by_row.offsets[row]..by_row.offsets[row + 1] {
                let to = &mut next[by_row.places[at] as usize];
                by_column.places[*to] = row as u32;
                by_column.values[*to] = by_row.values[at];
                *to += 1;
            }
        }
        Wide { by_row, by_column, mean }
    }

    /// Centred rows times `[columns, count]`.
    fn times(&self, matrix: &[f64], count: usize) -> Vec<f64> {
        let of_mean = weighted_sum(&self.mean, matrix, count);
        self.by_row.times(matrix, count, |_| 1.0, &of_mean)
    }

    /// Centred columns times `[rows, count]`.
    fn transposed_times(&self, matrix: &[f64], count: usize) -> Vec<f64> {
        let sums = weighted_sum(&vec![1.0; self.by_row.len()], matrix, count);
        self.by_column.times(matrix, count, |column| self.mean[column], &sums)
    }

    /// The largest eigenvalues of the sums of products of centred columns, falling, and their vectors.
    pub(crate) fn leading(&self, components: usize) -> (Vec<f64>, Vec<Vec<f64>>) {
        let (rows, columns) = (self.by_row.len(), self.mean.len());
        let of_rows = rows < columns;
        let size = rows.min(columns);
        let count = (2 * components).max(components + 10).min(size);
        let mut draws = Draws::new(0, "principal components", &[]);
        let mut basis: Vec<f64> = (0..size * count).map(|_| draws.normal()).collect();
        let mut values = vec![0.0; components];
        for _ in 0..ROUNDS {
            orthonormal(&mut basis, count);
            let product = match of_rows {
                true => self.times(&self.transposed_times(&basis, count), count),
                false => self.transposed_times(&self.times(&basis, count), count),
            };
            let (now, turn) = turn(gram(&basis, &product, count), count);
            let settled = values.iter().zip(&now).all(|(old, new)| (old - new).abs() <= CHANGE * new.abs());
            values = now[..components].to_vec();
            if settled || count == size {
                basis = turned(&basis, &turn, count);
                break;
            }
            basis = turned(&product, &turn, count);
        }
        orthonormal(&mut basis, count);
        let vectors = if of_rows { self.transposed_times(&basis, count) } else { basis };
        let directions = (0..components).map(|at| {
            let vector: Vec<f64> = vectors.iter().skip(at).step_by(count).copied().collect();
            let length = vector.iter().map(|x| x * x).sum::<f64>().sqrt();
            let scale = if length > 0.0 { length.recip() } else { 0.0 };
            vector.into_iter().map(|x| x * scale).collect()
        });
        let directions = directions.collect();
        (values, directions)
    }
}

/// Eigenvalues of a symmetric matrix, falling, and the vectors as columns in that order.
fn turn(mut matrix: Vec<f64>, count: usize) -> (Vec<f64>, Vec<f64>) {
    let values = eigen(&mut matrix, count);
    let mut order: Vec<usize> = (0..count).collect();
    order.sort_by(|left, right| values[*right].total_cmp(&values[*left]));
    let rows = matrix.chunks_exact(count);
    let turn = rows.flat_map(|row| order.iter().map(|at| row[*at])).collect();
    (order.iter().map(|at| values[*at]).collect(), turn)
}

/// The sum of the rows of `[weights, count]`, weighted.
fn weighted_sum(weights: &[f64], matrix: &[f64], count: usize) -> Vec<f64> {
    let mut sum = vec![0.0; count];
    for (weight, row) in weights.iter().zip(matrix.chunks_exact(count)) {
        sum.iter_mut().zip(row).for_each(|(sum, x)| *sum += weight * x);
    }
    sum
}

/// Products of the columns of two tall matrices, `[count, count]`.
fn gram(left: &[f64], right: &[f64], count: usize) -> Vec<f64> {
    let blocks: Vec<Vec<f64>> = left
        .par_chunks(BLOCK * count)
        .zip(right.par_chunks(BLOCK * count))
        .map(|(left, right)| {
            let mut sums = vec![0.0; count * count];
            for (left, right) in left.chunks_exact(count).zip(right.chunks_exact(count)) {
                for (sums, x) in sums.chunks_exact_mut(count).zip(left) {
                    sums.iter_mut().zip(right).for_each(|(sum, y)| *sum += x * y);
                }
            }
            sums
        })
        .collect();
    let mut sums = vec![0.0; count * count];
    for block in blocks {
        sums.iter_mut().zip(block).for_each(|(sum, of)| *sum += of);
    }
    sums
}

/// A tall matrix times `[count, count]`.
fn turned(matrix: &[f64], turn: &[f64], count: usize) -> Vec<f64> {
    let mut product = vec![0.0; matrix.len()];
    product.par_chunks_mut(count).zip(matrix.par_chunks(count)).for_each(|(into, row)| {
        for (x, turn) in row.iter().zip(turn.chunks_exact(count)) {
            into.iter_mut().zip(turn).for_each(|(into, y)| *into += x * y);
        }
    });
    product
}

/// Makes the columns of a tall matrix orthonormal; columns that depend on those before become 0.
fn orthonormal(matrix: &mut Vec<f64>, count: usize) {
    for _ in 0..2 {
        let inverse = inverse_factor(gram(matrix, matrix, count), count);
        *matrix = turned(matrix, &inverse, count);
    }
}

/// The inverse of the upper Cholesky factor of a Gram matrix; its column is 0 where the matrix's depends on others.
fn inverse_factor(mut gram: Vec<f64>, count: usize) -> Vec<f64> {
    let least = gram.iter().step_by(count + 1).fold(0.0, |most: f64, x| most.max(*x)) * f64::EPSILON;
    let mut kept = vec![true; count];
    for at in 0..count {
        kept[at] = gram[at * count + at] > least * count as f64;
        let pivot = if kept[at] { gram[at * count + at].sqrt() } else { 0.0 };
        for j in at..count {
            gram[at * count + j] = if kept[at] { gram[at * count + j] / pivot } else { 0.0 };
        }
        for i in at + 1..count {
            let factor = gram[at * count + i];
            for j in i..count {
                gram[i * count + j] -= factor * gram[at * count + j];
            }
        }
    }
    let mut inverse = vec![0.0; count * count];
    for column in (0..count).filter(|column| kept[*column]) {
        inverse[column * count + column] = 1.0 / gram[column * count + column];
        for row in (0..column).rev().filter(|row| kept[*row]) {
            let sum: f64 =
                (row + 1..=column).map(|k| gram[row * count + k] * inverse[k * count + column]).sum();
            inverse[row * count + column] = -sum / gram[row * count + row];
        }
    }
    inverse
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Numbers that are the same everywhere; directions fall off by a half.
    fn cell(row: usize, column: usize) -> f64 {
        let wave = |k: f64| (row as f64 * k * 0.37 + k).sin() * (column as f64 * k * 0.53).cos() / k.exp2();
        (1..=6).map(|k| wave(f64::from(k))).sum()
    }

    fn check(rows: usize, columns: usize) {
        let mut mean = vec![0.0; columns];
        for row in 0..rows {
            mean.iter_mut().enumerate().for_each(|(at, mean)| *mean += cell(row, at) / rows as f64);
        }
        let mut products = vec![0.0; columns * columns];
        for row in 0..rows {
            for i in 0..columns {
                for j in 0..columns {
                    products[i * columns + j] += (cell(row, i) - mean[i]) * (cell(row, j) - mean[j]);
                }
            }
        }
        let wide = Wide::new(rows, mean, |row, tell| (0..columns).for_each(|at| tell(at, cell(row, at))));
        let (values, vectors) = wide.leading(3);
        // The other method: every eigenvalue of the products themselves.
        let (exact, turn) = turn(products, columns);
        for at in 0..3 {
            assert!((values[at] / exact[at] - 1.0).abs() < 1e-6, "{} is not {}", values[at], exact[at]);
            let cosine: f64 = (0..columns).map(|i| turn[i * columns + at] * vectors[at][i]).sum();
            assert!((cosine.abs() - 1.0).abs() < 1e-6, "direction {at} is off by {cosine}");
        }
    }

    #[test]
    fn directions_are_those_of_the_covariance_matrix() {
        check(90, 40);
        check(40, 90);
        check(9, 30);
    }
}
