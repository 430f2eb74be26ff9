//! Steps on numbers: what each learns of the training rows, in f64, and what it does to any rows.
//!
//! Invariant: missing numbers (NaN) are left out of everything that is learnt, and stay missing until `impute`.
//! Semantics and defaults are scikit-learn's 1.9 unless a step says otherwise.

use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use crate::block::{Block, Dense};
use crate::category::Means;
use crate::evidence::Evidence;
use crate::pca::Directions;
use crate::step::{Bins, Cut, Fill, Impute, ImputeFitted, Step};
use crate::terms::Terms;

/// What a step on numbers has learnt, or a step that makes numbers of text.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Learnt {
    /// The step needs nothing of the training rows.
    Nothing,
    /// What each missing number becomes.
    Fill(Vec<f64>),
    /// x becomes (x - center) / scale.
    Scale {
        center: Vec<f64>,
        scale: Vec<f64>,
    },
    /// The smallest and the largest number that stay as they are.
    Range {
        low: Vec<f64>,
        high: Vec<f64>,
    },
    /// The edges between bins.
    Edges(Vec<Vec<f64>>),
    /// The cells of the training rows, sorted by their bytes.
    Categories(Vec<String>),
    Means(Means),
    Terms(Terms),
    Directions(Directions),
    Evidence(Evidence),
}

/// Why a step cannot learn or cannot be carried out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Trouble {
    /// No training row has a number.
    NoNumbers,
    /// The number at this row of the block has no result.
    Row(usize),
    /// No word is left.
    NoWords,
    /// The block is too narrow or too wide, or has too few rows: its rows and its width.
    Directions(usize, usize),
}

/// What a step learns of the training rows.
pub(crate) fn learn(step: &Step, block: &Block) -> Result<Learnt, Trouble> {
    let dense = match (step, block) {
        (Step::Pca(pca), _) => return Ok(Learnt::Directions(Directions::learn(pca, block)?)),
        (_, Block::Dense(dense)) => dense,
        (_, Block::Sparse(_)) => return Ok(Learnt::Nothing),
    };
    let places = |learn: &(dyn Fn(Vec<f64>) -> f64 + Sync)| each_place(dense, learn);
    Ok(match step {
        Step::Impute(Impute::Fitted(impute)) => Learnt::Fill(match impute.with {
            Fill::Mean => places(&|numbers| mean(&numbers))?,
            Fill::Median => places(&|numbers| quantile(&sorted(numbers), 0.5))?,
            Fill::MostFrequent => places(&|numbers| most_frequent(&sorted(numbers)))?,
            Fill::Constant(constant) => vec![constant; dense.width],
        }),
        Step::Standardize => {
            Learnt::Scale { center: places(&|numbers| mean(&numbers))?, scale: places(&deviation)? }
        }
        Step::MinMax => {
            let low = places(&|numbers| numbers.into_iter().fold(f64::INFINITY, f64::min))?;
            let high = places(&|numbers| numbers.into_iter().fold(f64::NEG_INFINITY, f64::max))?;
            let scale = low.iter().zip(high).map(|(low, high)| not_zero(high - low)).collect();
            Learnt::Scale { center: low, scale }
        }
        Step::Robust => Learnt::Scale {
            center: places(&|numbers| quantile(&sorted(numbers), 0.5))?,
            scale: places(&|numbers| {
                let numbers = sorted(numbers);
                not_zero(quantile(&numbers, 0.75) - quantile(&numbers, 0.25))
            })?,
        },
        Step::ClipQuantiles([low, high]) => Learnt::Range {
            low: places(&|numbers| quantile(&sorted(numbers), *low))?,
            high: places(&|numbers| quantile(&sorted(numbers), *high))?,
        },
        Step::Bins(bins) => {
            // Edges are a list for each place: the numbers of one place at a time, not `places`.
            let of = |place| match present(dense, place) {
                numbers if numbers.is_empty() => Err(Trouble::NoNumbers),
                numbers => Ok(edges(bins, &sorted(numbers))),
            };
            Learnt::Edges((0..dense.width).map(of).collect::<Result<_, _>>()?)
        }
        _ => Learnt::Nothing,
    })
}

/// The rows after a step.
pub(crate) fn apply(step: &Step, learnt: &Learnt, block: Block) -> Result<Block, Trouble> {
    let mut dense = match (learnt, block) {
        (Learnt::Directions(directions), block) => return Ok(Block::Dense(directions.apply(&block))),
        (_, Block::Dense(dense)) => dense,
        (_, block) => return Ok(block),
    };
    match (step, learnt) {
        (Step::Impute(Impute::Fitted(ImputeFitted { indicator: true, .. })), Learnt::Fill(fill)) => {
            let width = dense.width;
            let rows = dense.values.chunks(width).flat_map(|row| {
                let filled = row.iter().zip(fill).map(|(x, fill)| if x.is_nan() { *fill } else { *x });
                filled.chain(row.iter().map(|x| if x.is_nan() { 1.0 } else { 0.0 }))
            });
            dense = Dense { width: 2 * width, values: rows.collect() };
        }
        (_, Learnt::Fill(fill)) => {
            each(&mut dense, |place, x| if x.is_nan() { fill[place] } else { x });
        }
        (_, Learnt::Scale { center, scale }) => {
            each(&mut dense, |place, x| (x - center[place]) / scale[place]);
        }
        // Not `clamp`, and in this order: a missing number stays missing.
        (_, Learnt::Range { low, high }) => each(&mut dense, |place, x| match x {
            x if x < low[place] => low[place],
            x if x > high[place] => high[place],
            x => x,
        }),
        (_, Learnt::Edges(edges)) => each(&mut dense, |place, x| match x.is_nan() {
            true => x,
            false => edges[place].partition_point(|edge| *edge <= x) as f64,
        }),
        (Step::Log, _) => {
            // A NaN compares false: a missing number is no trouble.
            if let Some(at) = dense.values.iter().position(|x| *x <= -1.0) {
                return Err(Trouble::Row(at / dense.width));
            }
            each(&mut dense, |_, x| x.ln_1p());
        }
        _ => {}
    }
    Ok(Block::Dense(dense))
}

/// The width of the rows after a step; none where what was learnt is not of that step or that width.
pub(crate) fn width(step: &Step, learnt: &Learnt, width: usize) -> Option<usize> {
    let finite = |numbers: &[f64]| numbers.len() == width && numbers.iter().all(|number| number.is_finite());
    match (step, learnt) {
        (Step::Impute(Impute::Fitted(impute)), Learnt::Fill(fill)) if finite(fill) => {
            Some(if impute.indicator { 2 * width } else { width })
        }
        (Step::Standardize | Step::MinMax | Step::Robust, Learnt::Scale { center, scale }) => {
            (finite(center) && finite(scale)).then_some(width)
        }
        (Step::ClipQuantiles(_), Learnt::Range { low, high }) => {
            (finite(low) && finite(high)).then_some(width)
        }
        (Step::Bins(_), Learnt::Edges(edges)) => (edges.len() == width).then_some(width),
        (Step::Log, Learnt::Nothing) => Some(width),
        (Step::Pca(pca), Learnt::Directions(directions)) => {
            directions.fits(width, pca.components).then_some(pca.components)
        }
        _ => None,
    }
}

fn present(dense: &Dense, place: usize) -> Vec<f64> {
    dense.present(place).collect()
}

/// One number a place, of the numbers that are there.
fn each_place(dense: &Dense, learn: &(dyn Fn(Vec<f64>) -> f64 + Sync)) -> Result<Vec<f64>, Trouble> {
    let of = |place| match present(dense, place) {
        numbers if numbers.is_empty() => None,
        numbers => Some(learn(numbers)),
    };
    let learnt: Vec<Option<f64>> = (0..dense.width).into_par_iter().map(of).collect();
    learnt.into_iter().collect::<Option<_>>().ok_or(Trouble::NoNumbers)
}

fn each(dense: &mut Dense, change: impl Fn(usize, f64) -> f64 + Sync) {
    let width = dense.width;
    dense.values.par_chunks_mut(width * 4096).for_each(|rows| {
        for row in rows.chunks_mut(width) {
            for (place, x) in row.iter_mut().enumerate() {
                *x = change(place, *x);
            }
        }
    });
}

pub(crate) fn mean(numbers: &[f64]) -> f64 {
    numbers.iter().sum::<f64>() / numbers.len() as f64
}

/// The mean square of the distance to the mean (two passes, with the correction for the mean's rounding).
pub(crate) fn variance(numbers: &[f64]) -> f64 {
    let (mean, count) = (mean(numbers), numbers.len() as f64);
    let (mut squares, mut rest) = (0.0, 0.0);
    for number in numbers {
        squares += (number - mean).powi(2);
        rest += number - mean;
    }
    (squares - rest * rest / count) / count
}

/// The standard deviation; 1 where the numbers are the same but for rounding.
fn deviation(numbers: Vec<f64>) -> f64 {
    let (mean, variance, count) = (mean(&numbers), variance(&numbers), numbers.len() as f64);
    let rounding = count * f64::EPSILON * variance + (count * mean * f64::EPSILON).powi(2);
    if variance <= rounding { 1.0 } else { variance.sqrt() }
}

/// 1 in the place of a width of 0.
fn not_zero(width: f64) -> f64 {
    if width < 10.0 * f64::EPSILON { 1.0 } else { width }
}

fn sorted(mut numbers: Vec<f64>) -> Vec<f64> {
    numbers.par_sort_unstable_by(f64::total_cmp);
    numbers
}

/// A quantile of sorted numbers, linear between neighbours (method 7 of Hyndman and Fan, numpy's default).
fn quantile(sorted: &[f64], q: f64) -> f64 {
    let last = sorted.len() - 1;
    let at = q * last as f64;
    let (low, part) = (at.floor() as usize, at - at.floor());
    let (a, b) = (sorted[low], sorted[(low + 1).min(last)]);
    if part < 0.5 { a + (b - a) * part } else { b - (b - a) * (1.0 - part) }
}

/// A quantile of sorted numbers, the mean of two neighbours where it falls between them (method 2 of Hyndman and
/// Fan, numpy's `averaged_inverted_cdf`).
fn stepped_quantile(sorted: &[f64], q: f64) -> f64 {
    let last = sorted.len() - 1;
    let at = sorted.len() as f64 * q - 1.0;
    if at < 0.0 {
        return sorted[0];
    }
    let low = (at.floor() as usize).min(last);
    let next = sorted[(low + 1).min(last)];
    if at.fract() == 0.0 { (sorted[low] + next) / 2.0 } else { next }
}

/// The number that is there most often, of several the smallest.
fn most_frequent(sorted: &[f64]) -> f64 {
    let mut best = (0, f64::NAN);
    for run in sorted.chunk_by(|left, right| left == right) {
        if run.len() > best.0 {
            best = (run.len(), run[0]);
        }
    }
    best.1
}

/// The edges between bins of sorted numbers.
fn edges(bins: &Bins, sorted: &[f64]) -> Vec<f64> {
    let (low, high) = (sorted[0], sorted[sorted.len() - 1]);
    if low == high {
        return Vec::new();
    }
    let count = bins.count as f64;
    match bins.by {
        Cut::Uniform => (1..bins.count).map(|at| low + at as f64 * ((high - low) / count)).collect(),
        Cut::Quantile => {
            let of = |at: usize| stepped_quantile(sorted, at as f64 * (100.0 / count) / 100.0);
            let mut edges: Vec<f64> = (0..bins.count).map(of).chain([high]).collect();
            // Bins of no width go, as there: by the distance to the edge before, the removed ones included.
            let mut before = f64::NEG_INFINITY;
            edges.retain(|edge| {
                let wide = edge - before > 1e-8;
                before = *edge;
                wide
            });
            if edges.len() < 3 { Vec::new() } else { edges[1..edges.len() - 1].to_vec() }
        }
    }
}
