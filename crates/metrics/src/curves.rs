//! Curves over thresholds: ROC, precision and recall, calibration.
//!
//! Invariant: scores that are not numbers, or rows of one class, give no curve, never a made-up one.

use crate::weights::Weights;

/// A point of a curve, and the score from which on rows count as positive there.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Rate {
    /// False positive rate of a ROC curve, else recall.
    pub x: f64,
    /// True positive rate of a ROC curve, else precision.
    pub y: f64,
    /// Infinite at the first point, where no row counts as positive.
    pub threshold: f64,
}

/// A bin of scores.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Bin {
    /// Mean score.
    pub score: f64,
    /// Share of rows that are positive.
    pub share: f64,
    /// Number of rows, each by its weight.
    pub rows: f64,
}

/// Rows that count as positive and are, or are not, from each distinct score on, falling.
fn counts(scores: &[f64], positive: &[bool], weights: &Weights<'_>) -> Option<Vec<(f64, f64, f64)>> {
    let is_of = |class: bool| (0..positive.len()).any(|row| positive[row] == class && weights.of(row) > 0.0);
    let one_class = !is_of(true) || !is_of(false);
    if scores.len() != positive.len() || one_class || scores.iter().any(|score| score.is_nan()) {
        return None;
    }
    let mut order: Vec<usize> = (0..scores.len()).collect();
    order.sort_by(|&a, &b| scores[b].total_cmp(&scores[a]));
    let mut counts: Vec<(f64, f64, f64)> = vec![];
    let (mut right, mut wrong) = (0.0, 0.0);
    for row in order {
        if positive[row] {
            right += weights.of(row);
        } else {
            wrong += weights.of(row);
        }
        match counts.last_mut() {
            Some(last) if last.0 == scores[row] => *last = (scores[row], right, wrong),
            _ => counts.push((scores[row], right, wrong)),
        }
    }
    Some(counts)
}

/// The ROC curve from (0, 0) to (1, 1), every threshold kept (`roc_curve` without `drop_intermediate`).
pub fn roc(scores: &[f64], positive: &[bool]) -> Option<Vec<Rate>> {
    let counts = counts(scores, positive, &Weights::default())?;
    let (_, positives, negatives) = *counts.last()?;
    let rate = |&(threshold, right, wrong): &(f64, f64, f64)| Rate {
        x: wrong / negatives,
        y: right / positives,
        threshold,
    };
    let start = Rate { x: 0.0, y: 0.0, threshold: f64::INFINITY };
    Some(std::iter::once(start).chain(counts.iter().map(rate)).collect())
}

/// The area under a ROC curve, by trapezia.
pub fn area(curve: &[Rate]) -> f64 {
    curve.windows(2).map(|pair| (pair[1].x - pair[0].x) * (pair[1].y + pair[0].y) / 2.0).sum()
}

/// Recall and precision by falling threshold, after the point (0, 1) (`precision_recall_curve`, reversed).
pub fn precision_recall(scores: &[f64], positive: &[bool], weights: &Weights<'_>) -> Option<Vec<Rate>> {
    let counts = counts(scores, positive, weights)?;
    let (_, positives, _) = *counts.last()?;
    let rate = |&(threshold, right, wrong): &(f64, f64, f64)| Rate {
        x: right / positives,
        y: if right + wrong > 0.0 { right / (right + wrong) } else { 1.0 },
        threshold,
    };
    let start = Rate { x: 0.0, y: 1.0, threshold: f64::INFINITY };
    Some(std::iter::once(start).chain(counts.iter().map(rate)).collect())
}

/// Average precision: precisions weighted by the recall that each adds (`average_precision_score`).
pub fn average_precision(curve: &[Rate]) -> f64 {
    curve.windows(2).map(|pair| (pair[1].x - pair[0].x) * pair[1].y).sum()
}

/// Bins of equal width with rows in them, by rising score (`calibration_curve`, `strategy="uniform"`).
pub fn calibration(
    scores: &[f64],
    positive: &[bool],
    bins: usize,
    weights: &Weights<'_>,
) -> Option<Vec<Bin>> {
    if scores.len() != positive.len() || scores.iter().any(|score| !(0.0..=1.0).contains(score)) {
        return None;
    }
    let width = 1.0 / bins as f64;
    let mut sums = vec![(0.0, 0.0, 0.0); bins];
    for (row, (&score, &positive)) in scores.iter().zip(positive).enumerate() {
        let weight = weights.of(row);
        let bin = (1..bins).filter(|&edge| edge as f64 * width < score).count();
        let sum = sums.get_mut(bin)?;
        *sum = (sum.0 + score * weight, sum.1 + if positive { weight } else { 0.0 }, sum.2 + weight);
    }
    let bin = |(score, right, rows): (f64, f64, f64)| Bin { score: score / rows, share: right / rows, rows };
    Some(sums.into_iter().filter(|(_, _, rows)| *rows > 0.0).map(bin).collect())
}

/// Mean distance of score and share over the rows: the expected calibration error (Guo et al. 2017).
pub fn calibration_error(bins: &[Bin]) -> f64 {
    let rows: f64 = bins.iter().map(|bin| bin.rows).sum();
    bins.iter().map(|bin| (bin.score - bin.share).abs() * bin.rows).sum::<f64>() / rows
}
