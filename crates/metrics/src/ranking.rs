//! What follows from the order of scores: areas under ROC curves.

use crate::mean_defined;

/// Area under the ROC curve: the chance that a positive row scores above a negative one, ties half (Mann-Whitney U).
pub fn auc(scores: &[f64], positive: &[bool]) -> Option<f64> {
    if scores.iter().any(|score| score.is_nan()) {
        return None;
    }
    let mut rows: Vec<(f64, bool)> = scores.iter().copied().zip(positive.iter().copied()).collect();
    // Stable: rows that come in order, as those of a resampling do, cost one pass.
    rows.sort_by(|a, b| a.0.total_cmp(&b.0));
    let (mut negatives, mut positives, mut wins) = (0_u64, 0_u64, 0_u128);
    for tied in rows.chunk_by(|a, b| a.0 == b.0) {
        let up = tied.iter().filter(|(_, positive)| *positive).count() as u64;
        let down = tied.len() as u64 - up;
        // counted in halves, so that the sum is exact
        wins += u128::from(up) * u128::from(2 * negatives + down);
        negatives += down;
        positives += up;
    }
    let pairs = u128::from(negatives) * u128::from(positives);
    (pairs > 0).then(|| wins as f64 / (2 * pairs) as f64)
}

/// Mean over the classes of `value` of one class against the rest; `scores` is `[rows, classes]`, row-major. Classes
/// for which it is not defined are left out; `weighted` weights by the classes' rows.
pub(crate) fn one_vs_rest(
    value: impl Fn(&[f64], &[bool]) -> Option<f64>,
    scores: &[f64],
    classes: usize,
    labels: &[u32],
    weighted: bool,
) -> Option<f64> {
    let one = |class: usize| {
        let own: Vec<f64> = scores.iter().skip(class).step_by(classes).copied().collect();
        let positive: Vec<bool> = labels.iter().map(|&label| label as usize == class).collect();
        let rows = positive.iter().filter(|positive| **positive).count();
        (value(&own, &positive), if weighted { rows as f64 } else { 1.0 })
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
            auc(&own, &positive)
        };
        let value = of(a).zip(of(b)).map(|(a, b)| (a + b) / 2.0);
        (value, if weighted { rows.len() as f64 } else { 1.0 })
    };
    if scores.iter().any(|score| score.is_nan()) {
        return None;
    }
    mean_defined((0..classes).flat_map(|a| (a + 1..classes).map(move |b| (a, b))).map(pair))
}
