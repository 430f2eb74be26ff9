//! Categories: which cells there are, and what is made of them: a place, a 1 among zeros, a hash, the label's mean.
//!
//! Invariant: the label's mean that a training row gets is made without the row's own fold.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::block::Dense;
use crate::label::Labels;
use crate::numbers::{mean, variance};
use crate::step::Target;
use draws::Draws;

/// The label's mean for each category, by outputs: one number, or one a class.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub(crate) struct Means {
    /// The categories, sorted by their bytes.
    pub(crate) categories: Vec<String>,
    /// `[categories, outputs]`.
    means: Vec<f64>,
    /// The mean of all training rows: what an unseen category gets. `[outputs]`.
    overall: Vec<f64>,
}

/// The place of a cell among sorted cells.
pub(crate) fn place(categories: &[String], cell: &str) -> Option<usize> {
    categories.binary_search_by(|own| own.as_str().cmp(cell)).ok()
}

/// The most frequent cell, of several the first by its bytes; none without cells.
pub(crate) fn most_frequent(counts: &BTreeMap<String, u64>) -> Option<String> {
    let most = counts.values().max()?;
    counts.iter().find(|(_, count)| *count == most).map(|(cell, _)| cell.clone())
}

/// The cells within the limits, sorted by their bytes; of equally frequent ones the first are kept.
pub(crate) fn frequent(
    counts: BTreeMap<String, u64>,
    min_count: u64,
    max_size: Option<usize>,
) -> Vec<String> {
    let mut cells: Vec<(String, u64)> = counts.into_iter().filter(|(_, count)| *count >= min_count).collect();
    cells.sort_by_key(|(_, count)| std::cmp::Reverse(*count));
    cells.truncate(max_size.unwrap_or(usize::MAX));
    let mut cells: Vec<String> = cells.into_iter().map(|(cell, _)| cell).collect();
    cells.sort_unstable();
    cells
}

/// The bucket of a cell: MurmurHash3 (Appleby, 2011; the 32-bit variant, seed 0) as a signed number, its absolute
/// value modulo the buckets, as scikit-learn's `FeatureHasher` without alternating signs.
pub(crate) fn bucket(cell: &str, buckets: usize) -> usize {
    let hash = murmur(cell.as_bytes()).cast_signed();
    hash.unsigned_abs() as usize % buckets
}

fn murmur(bytes: &[u8]) -> u32 {
    let mix = |block: u32| block.wrapping_mul(0xcc9e_2d51).rotate_left(15).wrapping_mul(0x1b87_3593);
    let mut hash: u32 = 0;
    let (blocks, rest) = bytes.as_chunks::<4>();
    for block in blocks {
        hash = (hash ^ mix(u32::from_le_bytes(*block)))
            .rotate_left(13)
            .wrapping_mul(5)
            .wrapping_add(0xe654_6b64);
    }
    if !rest.is_empty() {
        hash ^= mix(rest.iter().rev().fold(0, |block, byte| block << 8 | u32::from(*byte)));
    }
    hash ^= bytes.len() as u32;
    hash = (hash ^ hash >> 16).wrapping_mul(0x85eb_ca6b);
    hash = (hash ^ hash >> 13).wrapping_mul(0xc2b2_ae35);
    hash ^ hash >> 16
}

/// The label of some rows as numbers, one list an output.
fn outputs(labels: &Labels, classes: usize, rows: impl Iterator<Item = usize> + Clone) -> Vec<Vec<f64>> {
    match labels {
        Labels::Number(numbers) => vec![rows.map(|row| f64::from(numbers[row])).collect()],
        Labels::MultiLabel { width, flags } => {
            let of = |label: usize| rows.clone().map(|row| f64::from(flags[row * width + label])).collect();
            (0..*width).map(of).collect()
        }
        // No transform learns from tags: `Transform::fit` has refused them.
        Labels::Tags(_) => vec![],
        Labels::Class(labels) => {
            let of = |class: usize| {
                let is = |row: usize| if labels[row] as usize == class { 1.0 } else { 0.0 };
                rows.clone().map(is).collect()
            };
            if classes <= 2 { vec![of(1)] } else { (0..classes).map(of).collect() }
        }
    }
}

impl Means {
    /// The means of the training rows, and what the training rows themselves get, `[rows, outputs]`.
    ///
    /// `codes` are the places among `categories` of the training rows, `rows` their places among `labels`.
    pub(crate) fn learn(
        target: &Target,
        categories: Vec<String>,
        codes: &[usize],
        (labels, classes): (&Labels, usize),
        rows: &[usize],
    ) -> (Self, Dense) {
        let outputs = outputs(labels, classes, rows.iter().copied());
        let width = outputs.len();
        let folds = folds(target.folds, target.seed, labels, rows);
        let mut means = vec![0.0; categories.len() * width];
        let mut overall = vec![0.0; width];
        let mut own = vec![0.0; rows.len() * width];
        let all: Vec<usize> = (0..rows.len()).collect();
        let others: Vec<Vec<usize>> = (0..target.folds)
            .map(|fold| all.iter().copied().filter(|&row| folds[row] != fold).collect())
            .collect();
        for (output, label) in outputs.iter().enumerate() {
            let learn = |of: &[usize]| statistics(target, categories.len(), codes, label, of);
            let (of_all, mean) = learn(&all);
            overall[output] = mean;
            for (category, mean) in of_all.into_iter().enumerate() {
                means[category * width + output] = mean;
            }
            let by_fold: Vec<Vec<f64>> = others.iter().map(|rows| learn(rows).0).collect();
            for row in 0..rows.len() {
                own[row * width + output] = by_fold[folds[row]][codes[row]];
            }
        }
        (Self { categories, means, overall }, Dense { width, values: own })
    }

    /// The number of outputs.
    pub(crate) fn width(&self) -> usize {
        self.overall.len()
    }

    /// What a cell gets, one number an output.
    pub(crate) fn of(&self, cell: &str) -> &[f64] {
        match place(&self.categories, cell) {
            Some(at) => &self.means[at * self.width()..(at + 1) * self.width()],
            None => &self.overall,
        }
    }

    /// Whether means that were read can be used.
    pub(crate) fn sound(&self) -> bool {
        self.width() > 0
            && self.means.len() == self.categories.len() * self.width()
            && self.categories.is_sorted_by(|left, right| left < right)
    }
}

/// The fold of each training row: as many rows in each, and of each class where the label has classes.
pub(crate) fn folds(count: usize, seed: u64, labels: &Labels, rows: &[usize]) -> Vec<usize> {
    let mut by_class = BTreeMap::<i32, Vec<usize>>::new();
    for (at, &row) in rows.iter().enumerate() {
        let class = match labels {
            Labels::Class(labels) => labels[row],
            Labels::MultiLabel { .. } | Labels::Number(_) | Labels::Tags(_) => 0,
        };
        by_class.entry(class).or_default().push(at);
    }
    let mut folds = vec![0; rows.len()];
    let mut dealt = 0;
    for (class, mut members) in by_class {
        Draws::new(seed, "target folds", &[class as u64]).shuffle(&mut members);
        for member in members {
            folds[member] = dealt % count;
            dealt += 1;
        }
    }
    folds
}

/// The smoothed mean of each category (equations 5 to 7 of Micci-Barreca, 2001), and the mean of all rows.
fn statistics(
    target: &Target,
    categories: usize,
    codes: &[usize],
    label: &[f64],
    rows: &[usize],
) -> (Vec<f64>, f64) {
    let labels: Vec<f64> = rows.iter().map(|&row| label[row]).collect();
    if labels.is_empty() {
        return (vec![0.0; categories], 0.0);
    }
    let overall = mean(&labels);
    let (mut sums, mut counts) = (vec![0.0; categories], vec![0.0; categories]);
    for (&row, label) in rows.iter().zip(&labels) {
        sums[codes[row]] += label;
        counts[codes[row]] += 1.0;
    }
    let Some(smooth) = target.smooth else {
        let means: Vec<f64> =
            sums.iter().zip(&counts).map(|(sum, count): (&f64, &f64)| sum / count).collect();
        let mut squares = vec![0.0; categories];
        for (&row, label) in rows.iter().zip(&labels) {
            squares[codes[row]] += (label - means[codes[row]]).powi(2);
        }
        let variance = variance(&labels);
        let smoothed = (0..categories).map(|at| {
            let weight = variance * counts[at] / (variance * counts[at] + squares[at] / counts[at]);
            // Not a number: an empty category, or labels that are all the same.
            if weight.is_nan() { overall } else { weight * means[at] + (1.0 - weight) * overall }
        });
        return (smoothed.collect(), overall);
    };
    let smoothed = sums.iter().zip(&counts).map(|(sum, count)| match count + smooth {
        0.0 => overall,
        weight => (sum + smooth * overall) / weight,
    });
    (smoothed.collect(), overall)
}
