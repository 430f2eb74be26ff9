//! The nearest training rows of a row, and what they say.
//!
//! Definitions are scikit-learn's (`KNeighborsClassifier`, `KNeighborsRegressor`). Invariant: of rows at the same
//! distance the earlier ones are nearer, and a distance is one sum in a fixed order, so equal rows are at equal
//! distances.

use ndarray::ArrayView2;
use rayon::prelude::*;
use safetensors::tensor::{Dtype, SafeTensors, TensorView};

use crate::matrix::{differences, transposed};
use crate::{Error, Matrix, Sparse};

/// Rows whose products with all training rows are made at a time.
const BLOCK: usize = 32;

/// How far two rows are apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Distance {
    /// The root of the summed squared differences.
    Euclidean,
    /// 1 - the cosine of the angle; a row of zeros is at 1 from all.
    Cosine,
    /// The summed absolute differences.
    Manhattan,
}

/// What a neighbour's word weighs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Votes {
    /// All the same.
    Uniform,
    /// The inverse of its distance; rows at distance 0 outvote all others.
    Distance,
}

/// Training rows with their labels.
#[derive(Clone, Debug, PartialEq)]
pub struct Neighbours {
    rows: Matrix,
    labels: Vec<f64>,
}

/// A training row and its distance.
type Near = (usize, f64);

impl Neighbours {
    /// Keeps the rows.
    ///
    /// # Errors
    /// [`Error::Shape`] unless there is a label for each, [`Error::Empty`] without any.
    pub fn new(rows: Matrix, labels: Vec<f64>) -> Result<Self, Error> {
        match rows.rows() {
            0 => Err(Error::Empty { what: "rows" }),
            expected if expected == labels.len() => Ok(Neighbours { rows, labels }),
            expected => Err(Error::Shape { what: "labels", expected, found: labels.len() }),
        }
    }

    /// Number of training rows.
    pub fn len(&self) -> usize {
        self.labels.len()
    }

    /// Whether there are none: never.
    pub fn is_empty(&self) -> bool {
        self.labels.is_empty()
    }

    /// The share of each class among the `k` nearest, `[rows, classes]`.
    ///
    /// # Errors
    /// [`Error::Shape`] for rows of other columns, or more neighbours than training rows.
    pub fn shares(
        &self,
        rows: &Matrix,
        k: usize,
        distance: Distance,
        votes: Votes,
        classes: usize,
    ) -> Result<Vec<f64>, Error> {
        let near = self.nearest(rows, k, distance)?;
        Ok(near
            .iter()
            .flat_map(|near| {
                let mut shares = vec![0.0; classes];
                for ((row, _), weight) in near.iter().zip(votes.weights(near)) {
                    shares[self.labels[*row] as usize] += weight;
                }
                let sum: f64 = shares.iter().sum();
                shares.into_iter().map(move |share| share / sum)
            })
            .collect())
    }

    /// The mean label of the `k` nearest, `[rows]`.
    ///
    /// # Errors
    /// As [`Neighbours::shares`].
    pub fn means(
        &self,
        rows: &Matrix,
        k: usize,
        distance: Distance,
        votes: Votes,
    ) -> Result<Vec<f64>, Error> {
        let near = self.nearest(rows, k, distance)?;
        Ok(near
            .iter()
            .map(|near| {
                let weights = votes.weights(near);
                let sum: f64 =
                    near.iter().zip(&weights).map(|((row, _), weight)| self.labels[*row] * weight).sum();
                sum / weights.iter().sum::<f64>()
            })
            .collect())
    }

    /// The `k` nearest training rows of each row, the nearest first.
    ///
    /// # Errors
    /// As [`Neighbours::shares`].
    pub fn nearest(&self, rows: &Matrix, k: usize, distance: Distance) -> Result<Vec<Vec<Near>>, Error> {
        let own = &self.rows;
        let shape = |what, expected, found| match expected == found {
            true => Ok(()),
            false => Err(Error::Shape { what, expected, found }),
        };
        shape("dense columns", own.dense_width(), rows.dense_width())?;
        shape("sparse columns", own.sparse().width, rows.sparse().width)?;
        if k > self.len() {
            return Err(Error::Shape {
                what: "training rows for the neighbours",
                expected: k,
                found: self.len(),
            });
        }
        if distance == Distance::Manhattan {
            let of = |row| {
                let exact = (0..self.len()).map(|other| (other, manhattan(rows, row, own, other))).collect();
                closest(exact, k)
            };
            return Ok((0..rows.rows()).into_par_iter().map(of).collect());
        }
        let search = Search::new(own, distance);
        let blocks: Vec<usize> = (0..rows.rows()).step_by(BLOCK).collect();
        let near = blocks.into_par_iter().map(|start| {
            let end = (start + BLOCK).min(rows.rows());
            search.block(rows, start..end, k)
        });
        Ok(near.flatten().collect())
    }

    /// The bytes, safetensors.
    ///
    /// # Errors
    /// None that kept rows give rise to.
    pub fn to_bytes(&self) -> Result<Vec<u8>, Error> {
        let sparse = self.rows.sparse();
        let dense: Vec<f32> = (0..self.len()).flat_map(|row| self.rows.dense(row).iter().copied()).collect();
        let offsets: Vec<u64> = sparse.offsets.iter().map(|offset| *offset as u64).collect();
        let width = [sparse.width as u64];
        let tensors: [(&str, Dtype, Vec<usize>, &[u8]); 6] = [
            ("dense", Dtype::F32, vec![self.len(), self.rows.dense_width()], bytemuck::cast_slice(&dense)),
            ("labels", Dtype::F64, vec![self.len()], bytemuck::cast_slice(&self.labels)),
            ("sparse.indices", Dtype::U32, vec![sparse.indices.len()], bytemuck::cast_slice(&sparse.indices)),
            ("sparse.offsets", Dtype::U64, vec![offsets.len()], bytemuck::cast_slice(&offsets)),
            ("sparse.values", Dtype::F32, vec![sparse.values.len()], bytemuck::cast_slice(&sparse.values)),
            ("sparse.width", Dtype::U64, vec![1], bytemuck::cast_slice(&width)),
        ];
        let views = tensors.into_iter().map(|(name, kind, shape, bytes)| {
            Ok((name, TensorView::new(kind, shape, bytes).map_err(Error::damaged)?))
        });
        safetensors::serialize(views.collect::<Result<Vec<_>, Error>>()?, None).map_err(Error::damaged)
    }

    /// The rows of bytes that [`Neighbours::to_bytes`] gave.
    ///
    /// # Errors
    /// [`Error::Damaged`] for any other bytes.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, Error> {
        let tensors = SafeTensors::deserialize(bytes).map_err(Error::damaged)?;
        let dense = tensors.tensor("dense").map_err(Error::damaged)?;
        let [rows, dense_width] = dense.shape()[..] else {
            return Err(Error::damaged("its dense rows are no matrix"));
        };
        let width = read::<u64>(&tensors, "sparse.width", Dtype::U64)?;
        let sparse = Sparse {
            width: width.first().copied().unwrap_or(0) as usize,
            values: read(&tensors, "sparse.values", Dtype::F32)?,
            indices: read(&tensors, "sparse.indices", Dtype::U32)?,
            offsets: read::<u64>(&tensors, "sparse.offsets", Dtype::U64)?
                .iter()
                .map(|at| *at as usize)
                .collect(),
        };
        let dense = read(&tensors, "dense", Dtype::F32)?;
        let matrix = Matrix::new(rows, dense_width, dense, sparse).map_err(Error::damaged)?;
        Neighbours::new(matrix, read(&tensors, "labels", Dtype::F64)?).map_err(Error::damaged)
    }
}

fn read<T: bytemuck::AnyBitPattern>(
    tensors: &SafeTensors<'_>,
    name: &str,
    kind: Dtype,
) -> Result<Vec<T>, Error> {
    let view = tensors.tensor(name).map_err(Error::damaged)?;
    if view.dtype() != kind {
        return Err(Error::damaged(format!("`{name}` is of another type")));
    }
    let values = view.data().chunks_exact(size_of::<T>());
    Ok(values.map(bytemuck::pod_read_unaligned).collect())
}

impl Votes {
    fn weights(self, near: &[Near]) -> Vec<f64> {
        let same = near.iter().any(|(_, distance)| *distance == 0.0);
        let weight = |distance: f64| match self {
            Votes::Uniform => 1.0,
            Votes::Distance if same => f64::from(u8::from(distance == 0.0)),
            Votes::Distance => 1.0 / distance,
        };
        near.iter().map(|(_, distance)| weight(*distance)).collect()
    }
}

/// The `k` of smallest distance, then of smallest place.
fn closest(mut near: Vec<Near>, k: usize) -> Vec<Near> {
    let order = |a: &Near, b: &Near| a.1.total_cmp(&b.1).then(a.0.cmp(&b.0));
    if k > 0 && k < near.len() {
        near.select_nth_unstable_by(k - 1, order);
        near.truncate(k);
    }
    near.sort_unstable_by(order);
    near
}

/// Training rows prepared for products with many rows at a time.
struct Search<'a> {
    own: &'a Matrix,
    distance: Distance,
    /// Dense numbers, divided by the rows' norms for cosines, `[rows, width]`.
    dense: Vec<f64>,
    /// Sparse numbers by column, likewise.
    by_column: Sparse,
    scales: Vec<f64>,
    squares: Vec<f64>,
}

impl<'a> Search<'a> {
    fn new(own: &'a Matrix, distance: Distance) -> Self {
        let scales: Vec<f64> = (0..own.rows()).map(|row| scale(own, row, distance)).collect();
        let dense = (0..own.rows())
            .flat_map(|row| own.dense(row).iter().map(|x| f64::from(*x)).zip(std::iter::repeat(scales[row])))
            .map(|(x, scale)| x * scale)
            .collect();
        let by_column = transposed(own.sparse(), own.rows());
        let squares = (0..own.rows()).map(|row| square(own, row) * scales[row] * scales[row]).collect();
        Search { own, distance, dense, by_column, scales, squares }
    }

    /// The nearest of each of some rows. Products find who may be near, sums of differences decide.
    fn block(&self, rows: &Matrix, block: std::ops::Range<usize>, k: usize) -> Vec<Vec<Near>> {
        let (count, width) = (self.own.rows(), self.own.dense_width());
        let scales: Vec<f64> = block.clone().map(|row| scale(rows, row, self.distance)).collect();
        let mut products = vec![0.0; block.len() * count];
        if width > 0 {
            let dense: Vec<f64> = block
                .clone()
                .zip(&scales)
                .flat_map(|(row, scale)| rows.dense(row).iter().map(move |x| f64::from(*x) * scale))
                .collect();
            let left = ArrayView2::from_shape((block.len(), width), &dense);
            let right = ArrayView2::from_shape((count, width), &self.dense);
            if let (Ok(left), Ok(right)) = (left, right) {
                products = left.dot(&right.t()).into_raw_vec_and_offset().0;
            }
        }
        let most = self.squares.iter().copied().fold(0.0, f64::max);
        block
            .enumerate()
            .map(|(at, row)| {
                let products = &mut products[at * count..(at + 1) * count];
                for (place, x) in rows.sparse().row(row) {
                    for (other, y) in self.by_column.row(place) {
                        products[other] += x * scales[at] * y * self.scales[other];
                    }
                }
                let square = square(rows, row) * scales[at] * scales[at];
                let about: Vec<f64> = products
                    .iter()
                    .zip(&self.squares)
                    .map(|(product, other)| (square - 2.0 * product + other).max(0.0))
                    .collect();
                let mut sorted = about.clone();
                let (_, kth, _) = sorted.select_nth_unstable_by(k.saturating_sub(1), f64::total_cmp);
                // Far more than the rounding of a product.
                let limit = *kth + 1e-9 * (square + most);
                let candidates = (0..count).filter(|other| about[*other] <= limit);
                closest(
                    candidates.map(|other| (other, self.exact(rows, row, scales[at], other))).collect(),
                    k,
                )
            })
            .collect()
    }

    fn exact(&self, rows: &Matrix, row: usize, scale: f64, other: usize) -> f64 {
        let own = self.scales[other];
        let sum = differences(rows, row, self.own, other, |x, y| (x * scale - y * own).powi(2));
        match self.distance {
            Distance::Cosine if scale == 0.0 || own == 0.0 => 1.0,
            // Of rows of length 1: |a - b|² = 2 - 2 cos.
            Distance::Cosine => sum / 2.0,
            _ => sum.sqrt(),
        }
    }
}

/// What a row is multiplied by: for cosines the inverse of its length, 0 for a row of zeros.
fn scale(rows: &Matrix, row: usize, distance: Distance) -> f64 {
    match (distance, square(rows, row)) {
        (Distance::Cosine, 0.0) => 0.0,
        (Distance::Cosine, square) => square.sqrt().recip(),
        _ => 1.0,
    }
}

fn square(rows: &Matrix, row: usize) -> f64 {
    let dense = rows.dense(row).iter().map(|x| f64::from(*x).powi(2)).sum::<f64>();
    dense + rows.sparse().row(row).map(|(_, x)| x * x).sum::<f64>()
}

fn manhattan(a: &Matrix, row: usize, b: &Matrix, other: usize) -> f64 {
    differences(a, row, b, other, |x, y| (x - y).abs())
}
