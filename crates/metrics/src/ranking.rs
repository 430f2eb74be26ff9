//! What follows from the order of scores: areas under ROC curves.

use crate::mean_defined;
use crate::weights::Weights;

/// Area under the ROC curve: the chance that a positive row scores above a negative one, ties half (Mann-Whitney U).
pub fn auc(scores: &[f64], positive: &[bool], weights: &Weights<'_>) -> Option<f64> {
    if scores.iter().any(|score| score.is_nan()) {
        return None;
    }
    let mut rows: Vec<(f64, bool, f64)> =
        (0..scores.len()).map(|row| (scores[row], positive[row], weights.of(row))).collect();
    // Stable: rows that come in order, as those of a resampling do, cost one pass.
    rows.sort_by(|a, b| a.0.total_cmp(&b.0));
    let (mut negatives, mut positives, mut wins) = (0.0, 0.0, 0.0);
    for tied in rows.chunk_by(|a, b| a.0 == b.0) {
        let (mut up, mut down) = (0.0, 0.0);
        for (_, positive, weight) in tied {
            *(if *positive { &mut up } else { &mut down }) += weight;
        }
        // Counted in halves: sums of whole weights are exact.
        wins += up * (2.0 * negatives + down);
        negatives += down;
        positives += up;
    }
    let pairs = negatives * positives;
    (pairs > 0.0).then(|| wins / (2.0 * pairs))
}

/// Mean over the classes of `value` of one class against the rest; `scores` is `[rows, classes]`, row-major. Classes
/// for which it is not defined are left out; `weighted` weights by the classes' rows.
pub(crate) fn one_vs_rest(
    value: impl Fn(&[f64], &[bool], &Weights<'_>) -> Option<f64>,
    scores: &[f64],
    labels: &[u32],
    weighted: bool,
    weights: &Weights<'_>,
) -> Option<f64> {
    let classes = scores.len() / labels.len().max(1);
    let one = |class: usize| {
        let own: Vec<f64> = scores.iter().skip(class).step_by(classes).copied().collect();
        let positive: Vec<bool> = labels.iter().map(|&label| label as usize == class).collect();
        let rows = (0..positive.len()).filter(|&row| positive[row]).map(|row| weights.of(row)).sum();
        (value(&own, &positive, weights), if weighted { rows } else { 1.0 })
    };
    if scores.iter().any(|score| score.is_nan()) {
        return None;
    }
    mean_defined((0..classes).map(one))
}

/// Mean over the pairs of classes of the AUC among the rows of both (Hand and Till 2001); `weighted` weights by the
/// pairs' rows. Pairs of which a class has no rows are left out.
pub(crate) fn auc_one_vs_one(scores: &[f64], classes: usize, labels: &[u32], weighted: bool) -> Option<f64> {
    let pair = |(a, b): (usize, usize)| {
        let rows: Vec<usize> =
            (0..labels.len()).filter(|&row| [a, b].contains(&(labels[row] as usize))).collect();
        let of = |class: usize| {
            let own: Vec<f64> = rows.iter().map(|row| scores[row * classes + class]).collect();
            let positive: Vec<bool> = rows.iter().map(|&row| labels[row] as usize == class).collect();
            auc(&own, &positive, &Weights::default())
        };
        let value = of(a).zip(of(b)).map(|(a, b)| (a + b) / 2.0);
        (value, if weighted { rows.len() as f64 } else { 1.0 })
    };
    if scores.iter().any(|score| score.is_nan()) {
        return None;
    }
    mean_defined((0..classes).flat_map(|a| (a + 1..classes).map(move |b| (a, b))).map(pair))
}
