//! Categorical columns to numbers: cross-fitted target statistics and, for few levels, plain categories.
//!
//! A statistic is the mean target of the rows of a level, pulled towards the overall mean by `smoothing`
//! imaginary rows (Micci-Barreca, "A preprocessing scheme for high-cardinality categorical attributes",
//! 2001). Training rows are cut into folds and each takes its statistic from the other folds.
//!
//! Invariant: the statistic of a training row is a function of the labels outside its fold and of the
//! overall mean, which is the same for every row; so a column without signal shows none.

use serde::{Deserialize, Serialize};

use crate::table::Table;
use crate::{Objective, Params};

/// What every missing category is filed under: a level of its own, for absence can tell something.
const MISSING: i32 = -1;

/// One categorical column as seen in training. Fields in the order of their names: their serialized form
/// has sorted keys.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Encoder {
    /// Levels seen, ascending; [`MISSING`] is one when it occurred.
    codes: Vec<i32>,
    pub(crate) name: String,
    /// Whether the trees also see the column as categories.
    pub(crate) native: bool,
    /// Smoothed mean target over all training rows, `[codes, outputs]`.
    statistics: Vec<f64>,
}

impl Encoder {
    /// Levels and statistics lie in `[codes, outputs]`, in ascending order of codes.
    pub(crate) fn is_consistent(&self, outputs: usize) -> bool {
        self.codes.is_sorted_by(|a, b| a < b)
            && self.codes.first().is_none_or(|code| *code >= MISSING)
            && self.statistics.len() == self.codes.len() * outputs
    }

    fn level(&self, code: i32) -> Option<usize> {
        self.codes.binary_search(&code.max(MISSING)).ok()
    }
}

/// The mean target over all training rows, `[outputs]`: class frequencies, or the mean label.
pub(crate) fn prior(labels: &[f64], objective: Objective) -> Vec<f64> {
    let mut sums = vec![0.0; objective.outputs()];
    labels.iter().for_each(|label| add(&mut sums, *label, objective));
    sums.iter().map(|sum| sum / labels.len() as f64).collect()
}

/// Adds one label to the sums of its level, `[outputs]`.
fn add(sums: &mut [f64], label: f64, objective: Objective) {
    match objective {
        Objective::Multiclass { .. } => sums[label as usize] += 1.0,
        Objective::Binary | Objective::Regression => sums[0] += label,
    }
}

/// The fold of each training row: folds of equal size (within one row), drawn from the seed.
fn draw_folds(rows: usize, params: &Params) -> Vec<usize> {
    const PURPOSE: u64 = 0x626f_6f73_7466_6f6c; // "boostfol"
    let mut order: Vec<(u64, usize)> =
        (0..rows).map(|row| (mix(params.seed ^ mix(PURPOSE ^ row as u64)), row)).collect();
    order.sort_unstable();
    let mut folds = vec![0; rows];
    for (rank, (_, row)) in order.into_iter().enumerate() {
        folds[row] = rank % params.folds;
    }
    folds
}

/// The finalizer of SplitMix64 (Steele, Lea and Flood, 2014).
fn mix(value: u64) -> u64 {
    let z = value.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

/// The matrix that the trees see, row-major `[rows, width]`: the numeric columns, then the native
/// categories, then the statistics (each column's outputs side by side).
pub(crate) struct Encoded {
    pub(crate) width: usize,
    pub(crate) values: Vec<f64>,
}

/// Positions of the native categories in the matrix that the trees see.
pub(crate) fn native_positions(numbers: usize, encoders: &[Encoder]) -> Vec<usize> {
    (numbers..).zip(encoders.iter().filter(|encoder| encoder.native)).map(|(at, _)| at).collect()
}

/// For each column that the trees see, the column of the table it came from: numeric ones first.
pub(crate) fn origins(numbers: usize, encoders: &[Encoder], outputs: usize) -> Vec<usize> {
    let natives = (0..encoders.len()).filter(|column| encoders[*column].native);
    let statistics = (0..encoders.len()).flat_map(|column| std::iter::repeat_n(column, outputs));
    (0..numbers).chain(natives.chain(statistics).map(|column| numbers + column)).collect()
}

/// Learns the encoders from training rows, and encodes those rows without touching their own labels.
pub(crate) fn fit(table: &Table, labels: &[f64], prior: &[f64], params: &Params) -> (Vec<Encoder>, Encoded) {
    let outputs = params.objective.outputs();
    let folds = if table.category_names().is_empty() { Vec::new() } else { draw_folds(table.rows(), params) };
    let mut encoders = Vec::new();
    let mut statistics = Vec::new();
    for (column, name) in table.category_names().iter().enumerate() {
        let mut codes: Vec<i32> = table.codes(column).map(|code| code.max(MISSING)).collect();
        codes.sort_unstable();
        codes.dedup();
        let native = codes.iter().filter(|code| **code > MISSING).count() <= params.native_levels;
        let mut encoder = Encoder { codes, name: name.clone(), native, statistics: Vec::new() };
        let levels: Vec<usize> = table.codes(column).filter_map(|code| encoder.level(code)).collect();
        let means = |skip: Option<usize>| {
            let rows = (0..levels.len()).filter(|row| skip.is_none_or(|fold| folds[*row] != fold));
            smoothed_means(rows.map(|row| (levels[row], labels[row])), encoder.codes.len(), prior, params)
        };
        let mut crossed = vec![0.0; levels.len() * outputs];
        for fold in 0..params.folds {
            let means = means(Some(fold));
            for row in (0..levels.len()).filter(|row| folds[*row] == fold) {
                let level = levels[row];
                crossed[row * outputs..(row + 1) * outputs]
                    .copy_from_slice(&means[level * outputs..(level + 1) * outputs]);
            }
        }
        statistics.push(crossed);
        encoder.statistics = means(None);
        encoders.push(encoder);
    }
    let encoded = assemble(table, &encoders, outputs, |column, row, _| {
        &statistics[column][row * outputs..(row + 1) * outputs]
    });
    (encoders, encoded)
}

/// Smoothed mean targets `[levels, outputs]` of (level, label) pairs; a level without rows has the prior.
fn smoothed_means(
    rows: impl Iterator<Item = (usize, f64)>,
    levels: usize,
    prior: &[f64],
    params: &Params,
) -> Vec<f64> {
    let outputs = prior.len();
    let mut sums = vec![0.0; levels * outputs];
    let mut counts = vec![0.0; levels];
    for (level, label) in rows {
        add(&mut sums[level * outputs..(level + 1) * outputs], label, params.objective);
        counts[level] += 1.0;
    }
    for (level, count) in counts.into_iter().enumerate() {
        for (sum, prior) in sums[level * outputs..].iter_mut().zip(prior) {
            let mean = (*sum + params.smoothing * prior) / (count + params.smoothing);
            *sum = if count > 0.0 { mean } else { *prior };
        }
    }
    sums
}

/// Encodes rows that took no part in training: the statistics of all training rows, and the prior for a
/// level that training has not seen.
pub(crate) fn apply(table: &Table, encoders: &[Encoder], prior: &[f64]) -> Encoded {
    let outputs = prior.len();
    assemble(table, encoders, outputs, |column, _, level| match level {
        Some(level) => &encoders[column].statistics[level * outputs..(level + 1) * outputs],
        None => prior,
    })
}

/// Lays the matrix out; `statistic` gives the `[outputs]` of (column, row, level of that row).
fn assemble<'a>(
    table: &Table,
    encoders: &[Encoder],
    outputs: usize,
    statistic: impl Fn(usize, usize, Option<usize>) -> &'a [f64],
) -> Encoded {
    let numbers = table.numeric_names().len();
    let natives = encoders.iter().filter(|encoder| encoder.native).count();
    let width = numbers + natives + encoders.len() * outputs;
    let mut values = vec![f64::NAN; table.rows() * width];
    for row in 0..table.rows() {
        values[row * width..row * width + numbers].copy_from_slice(table.numbers(row));
    }
    let mut native_at = numbers;
    for (column, encoder) in encoders.iter().enumerate() {
        let statistics_at = numbers + natives + column * outputs;
        for (row, code) in table.codes(column).enumerate() {
            let level = encoder.level(code);
            let line = &mut values[row * width..(row + 1) * width];
            if encoder.native && code > MISSING {
                // LightGBM wants small integers; a level that training has not seen stays missing.
                line[native_at] = level.map_or(f64::NAN, |level| level as f64);
            }
            line[statistics_at..statistics_at + outputs].copy_from_slice(statistic(column, row, level));
        }
        native_at += usize::from(encoder.native);
    }
    Encoded { width, values }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Categories, Matrix};

    fn table(codes: &[i32]) -> Table {
        let categories = Categories::new(codes.len(), vec!["c".into()], codes.to_vec()).unwrap();
        Table::new(Matrix::none(codes.len()), categories).unwrap()
    }

    #[test]
    fn statistics_match_a_hand_calculation() {
        let mut params = Params::new(Objective::Binary);
        params.smoothing = 2.0;
        params.native_levels = 0;
        let labels = [1.0, 1.0, 0.0, 0.0, 1.0, 0.0];
        let prior = prior(&labels, Objective::Binary);
        assert_eq!(prior, [0.5]);
        let (encoders, _) = fit(&table(&[7, 7, 7, 9, -4, -1]), &labels, &prior, &params);
        // 7: (2 + 2 * .5) / (3 + 2); 9: (0 + 1) / (1 + 2); missing: (1 + 1) / (2 + 2); unseen: the prior.
        let encoded = apply(&table(&[7, 9, -1, 8]), &encoders, &prior);
        assert_eq!(encoded.values, [3.0 / 5.0, 1.0 / 3.0, 0.5, 0.5]);
    }

    #[test]
    fn a_training_row_never_sees_its_own_label() {
        let mut params = Params::new(Objective::Regression);
        params.folds = 3;
        let codes: Vec<i32> = (0..30).map(|row| row % 4).collect();
        let mut labels: Vec<f64> = (0..30).map(f64::from).collect();
        let (_, before) = fit(&table(&codes), &labels, &[1.0], &params);
        labels[5] = 1e6;
        let (_, after) = fit(&table(&codes), &labels, &[1.0], &params);
        let last = |encoded: &Encoded, row: usize| encoded.values[(row + 1) * encoded.width - 1];
        assert_eq!(last(&before, 5), last(&after, 5));
        let moved = (0..30).filter(|row| last(&before, *row) != last(&after, *row)).count();
        assert!(moved > 0, "rows of other folds use it");
    }

    #[test]
    fn a_level_of_one_row_is_encoded_as_the_prior() {
        let labels: Vec<f64> = (0..20).map(|row| f64::from(row % 2)).collect();
        let codes: Vec<i32> = (0..20).collect();
        let mut params = Params::new(Objective::Multiclass { classes: 2 });
        params.native_levels = 0;
        let prior = prior(&labels, params.objective);
        let (_, encoded) = fit(&table(&codes), &labels, &prior, &params);
        assert!(encoded.values.iter().all(|value| *value == 0.5));
    }
}
