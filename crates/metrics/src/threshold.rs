//! The probability from which on a row counts as positive, chosen where its truth is known.

use stages::Metric;

use crate::confusion::{Confusion, Counts};
use crate::predictions::by_choice;

/// The threshold for which `metric` of `probability >= threshold` is best, and its value there.
///
/// It lies halfway between two neighbouring probabilities; of equally good ones it is the nearest to a half. `None`
/// where the metric does not depend on a threshold or is defined at none.
pub fn best_threshold(metric: Metric, probabilities: &[f64], positive: &[bool]) -> Option<(f64, f64)> {
    if probabilities.iter().any(|p| p.is_nan()) {
        return None;
    }
    let mut rows: Vec<(f64, bool)> = probabilities.iter().copied().zip(positive.iter().copied()).collect();
    rows.sort_by(|a, b| b.0.total_cmp(&a.0));
    let all = rows.iter().filter(|(_, positive)| *positive).count() as f64;
    let mut second = Counts { missed: all, ..Counts::default() };
    let mut best: Option<(f64, f64)> = None;
    let mut groups = rows.chunk_by(|a, b| a.0 == b.0).peekable();
    while let Some(group) = groups.next() {
        let right = group.iter().filter(|(_, positive)| *positive).count() as f64;
        second.right += right;
        second.missed -= right;
        second.wrong += group.len() as f64 - right;
        let threshold = between(groups.peek().map_or(0.0, |next| next[0].0), group[0].0);
        let Some(value) = by_choice(metric, &Confusion::of_two(second, rows.len() as f64)) else { continue };
        let better = |&(old, of): &(f64, f64)| match value.total_cmp(&of) {
            std::cmp::Ordering::Equal => (threshold - 0.5).abs() < (old - 0.5).abs(),
            order => order.is_gt() == metric.larger_is_better(),
        };
        if best.as_ref().is_none_or(better) {
            best = Some((threshold, value));
        }
    }
    best
}

/// Halfway, or the upper one where there is nothing between.
fn between(below: f64, above: f64) -> f64 {
    let middle = f64::midpoint(below, above);
    if middle > below { middle } else { above }
}
