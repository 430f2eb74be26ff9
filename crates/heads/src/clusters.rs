//! k-means, and how well rows fall apart.
//!
//! Method: Lloyd's algorithm from greedy k-means++ starts (Arthur and Vassilvitskii, "k-means++: the advantages of
//! careful seeding", 2007), stopped and mended where a cluster is empty as scikit-learn's `KMeans` does. The
//! silhouette is Rousseeuw's (1987).
//!
//! Invariant: every draw is a function of the seed and the restart; threads change no sum.

use data::Draws;
use rayon::prelude::*;

use crate::matrix::differences;
use crate::{Error, Matrix};

/// How clusters are found.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct KMeans {
    /// Clusters.
    pub clusters: usize,
    /// Starts, of which the one with the least inertia is kept.
    pub restarts: usize,
    /// Steps at most, of each start.
    pub max_iter: usize,
    /// The summed squared moves of the centres that end the steps, in units of the columns' mean variance.
    pub tolerance: f64,
    /// Seed of the starts.
    pub seed: u64,
}

/// Centres of clusters.
#[derive(Clone, Debug, PartialEq)]
pub struct Clusters {
    width: usize,
    /// `[clusters, width]`.
    centres: Vec<f64>,
    /// The summed squared distances of the rows to their centres.
    pub inertia: f64,
    /// Steps that were taken.
    pub steps: usize,
}

/// The cluster of a row, and the squared distance to its centre.
type Assigned = (usize, f64);

impl KMeans {
    /// The clusters of rows.
    ///
    /// # Errors
    /// [`Error::Shape`] for more clusters than rows; [`Error::Empty`] without columns.
    pub fn fit(&self, rows: &Matrix) -> Result<Clusters, Error> {
        if rows.width() == 0 {
            return Err(Error::Empty { what: "columns" });
        }
        if self.clusters > rows.rows() {
            return Err(Error::Shape {
                what: "rows for the clusters",
                expected: self.clusters,
                found: rows.rows(),
            });
        }
        let mut best: Option<Clusters> = None;
        for restart in 0..self.restarts.max(1) {
            let found = self.fit_from(rows, self.start(rows, restart as u64));
            if best.as_ref().is_none_or(|best| found.inertia < best.inertia) {
                best = Some(found);
            }
        }
        best.ok_or(Error::Empty { what: "starts" })
    }

    /// Lloyd's steps from these centres, `[clusters, width]`.
    pub fn fit_from(&self, rows: &Matrix, centres: Vec<f64>) -> Clusters {
        let width = rows.width();
        let mut clusters = Clusters { width, centres, inertia: f64::INFINITY, steps: 0 };
        let enough = self.tolerance * mean_variance(rows);
        let mut before: Vec<usize> = vec![];
        while clusters.steps < self.max_iter {
            clusters.steps += 1;
            let assigned = clusters.of(rows);
            let mut own: Vec<usize> = assigned.iter().map(|(cluster, _)| *cluster).collect();
            if own == before {
                break;
            }
            before.clone_from(&own);
            fill_empty(&mut own, &assigned, self.clusters);
            let centres = means(rows, &own, &clusters.centres, self.clusters);
            let moved: f64 =
                centres.iter().zip(&clusters.centres).map(|(new, old)| (new - old).powi(2)).sum();
            clusters.centres = centres;
            if moved <= enough {
                break;
            }
        }
        clusters.inertia = clusters.of(rows).iter().map(|(_, square)| square).sum();
        clusters
    }

    /// Rows as first centres: each next one is the best of a few that were drawn by their squared distance to the
    /// nearest before.
    fn start(&self, rows: &Matrix, restart: u64) -> Vec<f64> {
        let mut draws = Draws::new(self.seed, "k-means", &[restart]);
        let trials = 2 + (self.clusters as f64).ln() as usize;
        let first = draws.below(rows.rows() as u64) as usize;
        let mut chosen = vec![first];
        let mut nearest = distances(rows, first);
        while chosen.len() < self.clusters {
            let sum: f64 = nearest.iter().sum();
            let mut best: Option<(f64, usize, Vec<f64>)> = None;
            for _ in 0..trials {
                let wanted = draws.unit() * sum;
                let mut passed = 0.0;
                let reached = nearest.iter().position(|square| {
                    passed += square;
                    passed > wanted
                });
                let row = reached.unwrap_or(rows.rows() - 1);
                let closer: Vec<f64> =
                    distances(rows, row).iter().zip(&nearest).map(|(new, old)| new.min(*old)).collect();
                let left: f64 = closer.iter().sum();
                if best.as_ref().is_none_or(|(least, ..)| left < *least) {
                    best = Some((left, row, closer));
                }
            }
            let Some((_, row, closer)) = best else { break };
            chosen.push(row);
            nearest = closer;
        }
        chosen.into_iter().flat_map(|row| rows.full(row)).collect()
    }
}

impl Clusters {
    /// Number of clusters.
    pub fn len(&self) -> usize {
        self.centres.len() / self.width.max(1)
    }

    /// Whether there are none: never.
    pub fn is_empty(&self) -> bool {
        self.centres.is_empty()
    }

    /// The centre of a cluster, `[width]`.
    pub fn centre(&self, cluster: usize) -> &[f64] {
        &self.centres[cluster * self.width..(cluster + 1) * self.width]
    }

    /// The nearest centre of each row and the squared distance to it; of centres at the same distance the first.
    ///
    /// # Errors
    /// [`Error::Shape`] for rows of other columns.
    pub fn assign(&self, rows: &Matrix) -> Result<Vec<Assigned>, Error> {
        match rows.width() == self.width {
            true => Ok(self.of(rows)),
            false => Err(Error::Shape { what: "columns", expected: self.width, found: rows.width() }),
        }
    }

    fn of(&self, rows: &Matrix) -> Vec<Assigned> {
        let dense_width = rows.dense_width();
        // Of a sparse row only what is stored differs from the distance of a row of zeros.
        let squares: Vec<f64> = (0..self.len())
            .map(|cluster| self.centre(cluster)[dense_width..].iter().map(|x| x * x).sum())
            .collect();
        let nearest = |row: usize| {
            let distance = |cluster: usize| {
                let (dense, sparse) = self.centre(cluster).split_at(dense_width);
                let of_dense: f64 =
                    rows.dense(row).iter().zip(dense).map(|(x, c)| (f64::from(*x) - c).powi(2)).sum();
                let of_sparse: f64 = rows.sparse().row(row).map(|(at, x)| x * (x - 2.0 * sparse[at])).sum();
                (of_dense + (squares[cluster] + of_sparse).max(0.0), cluster)
            };
            let (square, cluster) = (0..self.len())
                .map(distance)
                .fold((f64::INFINITY, 0), |best, next| if next.0 < best.0 { next } else { best });
            (cluster, square)
        };
        (0..rows.rows()).into_par_iter().map(nearest).collect()
    }
}

/// Squared distances of all rows to one of them.
fn distances(rows: &Matrix, to: usize) -> Vec<f64> {
    let square = |row| differences(rows, row, rows, to, |x, y| (x - y).powi(2));
    (0..rows.rows()).into_par_iter().map(square).collect()
}

/// Gives each cluster without rows the row that is farthest from its centre.
fn fill_empty(own: &mut [usize], assigned: &[Assigned], clusters: usize) {
    let mut counts = vec![0; clusters];
    own.iter().for_each(|cluster| counts[*cluster] += 1);
    let empty: Vec<usize> = (0..clusters).filter(|cluster| counts[*cluster] == 0).collect();
    if empty.is_empty() {
        return;
    }
    let mut far: Vec<usize> = (0..own.len()).collect();
    far.sort_by(|a, b| assigned[*b].1.total_cmp(&assigned[*a].1).then(a.cmp(b)));
    for (cluster, row) in empty.into_iter().zip(far) {
        own[row] = cluster;
    }
}

/// The means of the rows of each cluster; a cluster without rows stays where it was.
fn means(rows: &Matrix, own: &[usize], before: &[f64], clusters: usize) -> Vec<f64> {
    let width = rows.width();
    let mut means = before.to_vec();
    means.par_chunks_mut(width).take(clusters).enumerate().for_each(|(cluster, mean)| {
        let members: Vec<usize> = (0..own.len()).filter(|row| own[*row] == cluster).collect();
        if members.is_empty() {
            return;
        }
        mean.fill(0.0);
        for row in &members {
            rows.each(*row, |at, x| mean[at] += x);
        }
        mean.iter_mut().for_each(|sum| *sum /= members.len() as f64);
    });
    means
}

/// The mean of the columns' variances.
fn mean_variance(rows: &Matrix) -> f64 {
    let count = rows.rows() as f64;
    let (mut sums, mut squares) = (vec![0.0; rows.width()], vec![0.0; rows.width()]);
    for row in 0..rows.rows() {
        rows.each(row, |at, x| sums[at] += x);
    }
    for row in 0..rows.rows() {
        // About the mean for what is stored; the zeros of sparse columns follow below.
        rows.each(row, |at, x| {
            let mean = sums[at] / count;
            let zero = if at < rows.dense_width() { 0.0 } else { mean * mean };
            squares[at] += (x - mean).powi(2) - zero;
        });
    }
    let zeros = sums[rows.dense_width()..].iter().map(|sum| sum * sum / count).sum::<f64>();
    (squares.iter().sum::<f64>() + zeros) / count / rows.width().max(1) as f64
}

/// The mean over the rows of `(b - a) / max(a, b)`, with `a` the mean distance to the other rows of the same cluster
/// and `b` the least mean distance to the rows of another; 0 for a row alone in its cluster. `None` unless two
/// clusters have rows. Time and distances go with the square of the rows.
pub fn silhouette(rows: &Matrix, own: &[usize], clusters: usize) -> Option<f64> {
    let mut counts = vec![0_usize; clusters];
    own.iter().for_each(|cluster| counts[*cluster] += 1);
    if own.len() != rows.rows() || counts.iter().filter(|count| **count > 0).count() < 2 {
        return None;
    }
    let of = |row: usize| {
        let mut sums = vec![0.0; clusters];
        for other in (0..own.len()).filter(|other| *other != row) {
            sums[own[other]] += differences(rows, row, rows, other, |x, y| (x - y).powi(2)).sqrt();
        }
        let cluster = own[row];
        if counts[cluster] < 2 {
            return 0.0;
        }
        let within = sums[cluster] / (counts[cluster] - 1) as f64;
        let beside = (0..clusters)
            .filter(|other| *other != cluster && counts[*other] > 0)
            .map(|other| sums[other] / counts[other] as f64)
            .fold(f64::INFINITY, f64::min);
        let most = within.max(beside);
        if most > 0.0 { (beside - within) / most } else { 0.0 }
    };
    let each: Vec<f64> = (0..own.len()).into_par_iter().map(of).collect();
    Some(each.iter().sum::<f64>() / own.len() as f64)
}
