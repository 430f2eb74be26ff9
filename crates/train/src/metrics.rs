//! Numbers that say how good predictions are, on plain slices.
//!
//! Invariant: a metric that is not defined (no rows, one class only, a score that is not a number) is `None`, never
//! a made-up value.

use stages::{Metric, Target};

use crate::criterion::Criterion;

/// Share of equal entries.
pub fn accuracy(predicted: &[u32], labels: &[u32]) -> Option<f64> {
    let right = predicted.iter().zip(labels).filter(|(a, b)| a == b).count();
    (!labels.is_empty()).then(|| right as f64 / labels.len() as f64)
}

/// Area under the ROC curve: the chance that a positive row scores above a negative one, ties half (Mann-Whitney U).
pub fn auc(scores: &[f64], positive: &[bool]) -> Option<f64> {
    if scores.iter().any(|score| score.is_nan()) {
        return None;
    }
    let mut order: Vec<usize> = (0..scores.len()).collect();
    order.sort_unstable_by(|&a, &b| scores[a].total_cmp(&scores[b]));
    let (mut negatives, mut positives, mut wins) = (0_u64, 0_u64, 0_u128);
    let mut at = 0;
    while at < order.len() {
        let score = scores[order[at]];
        let tied = order[at..].iter().take_while(|&&row| scores[row] == score).count();
        let up = order[at..at + tied].iter().filter(|&&row| positive[row]).count() as u64;
        let down = tied as u64 - up;
        // counted in halves, so that the sum is exact
        wins += u128::from(up) * u128::from(2 * negatives + down);
        negatives += down;
        positives += up;
        at += tied;
    }
    let pairs = u128::from(negatives) * u128::from(positives);
    (pairs > 0).then(|| wins as f64 / (2 * pairs) as f64)
}

/// Mean over the classes of [`auc`] of one class against the rest; `scores` is `[rows, classes]`, row-major. Classes
/// without rows, or with all of them, are left out.
pub fn auc_one_vs_rest(scores: &[f64], classes: usize, labels: &[u32]) -> Option<f64> {
    let one = |class: usize| {
        let own: Vec<f64> = scores.iter().skip(class).step_by(classes).copied().collect();
        let positive: Vec<bool> = labels.iter().map(|&label| label as usize == class).collect();
        auc(&own, &positive)
    };
    if scores.iter().any(|score| score.is_nan()) {
        return None;
    }
    let found: Vec<f64> = (0..classes).filter_map(one).collect();
    (!found.is_empty()).then(|| found.iter().sum::<f64>() / found.len() as f64)
}

fn mean(values: impl ExactSizeIterator<Item = f64>) -> Option<f64> {
    let count = values.len();
    let mean = values.sum::<f64>() / count as f64;
    mean.is_finite().then_some(mean)
}

/// Root of the mean squared error.
pub fn rmse(predicted: &[f64], truth: &[f64]) -> Option<f64> {
    mean(predicted.iter().zip(truth).map(|(p, t)| (p - t).powi(2))).map(f64::sqrt)
}

/// Mean absolute error.
pub fn mae(predicted: &[f64], truth: &[f64]) -> Option<f64> {
    mean(predicted.iter().zip(truth).map(|(p, t)| (p - t).abs()))
}

/// Coefficient of determination; `None` where the truth does not vary.
pub fn r2(predicted: &[f64], truth: &[f64]) -> Option<f64> {
    let centre = mean(truth.iter().copied())?;
    let total: f64 = truth.iter().map(|t| (t - centre).powi(2)).sum();
    let rest: f64 = predicted.iter().zip(truth).map(|(p, t)| (p - t).powi(2)).sum();
    (total > 0.0 && rest.is_finite()).then(|| 1.0 - rest / total)
}

/// The most likely class of each row: with one logit a row class 1 above 0, else the first of the largest.
pub fn classes(target: Target, logits: &[f32], width: usize) -> Vec<u32> {
    match target {
        Target::Binary => logits.iter().map(|&logit| u32::from(logit > 0.0)).collect(),
        Target::Multiclass => logits
            .chunks_exact(width)
            .map(|row| (1..row.len()).fold(0, |best, at| if row[at] > row[best] { at } else { best }) as u32)
            .collect(),
    }
}

/// Probabilities of `logits` `[rows, width]`: of class 1 with one logit a row, else of every class.
pub fn probabilities(target: Target, logits: &[f32], width: usize) -> Vec<f64> {
    match target {
        Target::Binary => logits.iter().map(|&logit| 1.0 / (1.0 + (-f64::from(logit)).exp())).collect(),
        Target::Multiclass => logits
            .chunks_exact(width)
            .flat_map(|row| {
                let peak = row.iter().fold(f64::NEG_INFINITY, |peak, &logit| peak.max(f64::from(logit)));
                let parts: Vec<f64> = row.iter().map(|&logit| (f64::from(logit) - peak).exp()).collect();
                let sum: f64 = parts.iter().sum();
                parts.into_iter().map(move |part| part / sum)
            })
            .collect(),
    }
}

/// A classification metric of `logits` `[rows, width]`; `None` for metrics of numbers and where it is not defined. The
/// loss is the plain cross-entropy.
pub fn measure(metric: Metric, target: Target, logits: &[f32], labels: &[u32]) -> Option<f64> {
    let width = logits.len().checked_div(labels.len())?.max(1);
    match (metric, target) {
        (Metric::Loss, _) => Criterion::plain(target).mean(logits, labels),
        (Metric::Accuracy, _) if logits.iter().any(|logit| logit.is_nan()) => None,
        (Metric::Accuracy, _) => accuracy(&classes(target, logits, width), labels),
        (Metric::Auc, Target::Binary) => {
            let scores: Vec<f64> = logits.iter().map(|&logit| f64::from(logit)).collect();
            auc(&scores, &labels.iter().map(|&label| label == 1).collect::<Vec<_>>())
        }
        (Metric::Auc, Target::Multiclass) => {
            auc_one_vs_rest(&probabilities(target, logits, width), width, labels)
        }
        (Metric::Rmse | Metric::Mae | Metric::R2, _) => None,
    }
}
