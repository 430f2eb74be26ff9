//! Temperature scaling (Guo et al. 2017, "On Calibration of Modern Neural Networks").

use crate::probabilities::{sigmoid, softmax};

/// The least and the largest share that logits are scaled by.
const BOUNDS: (f64, f64) = (1e-3, 1e3);
/// More steps than a bisection to the last bit takes.
const STEPS: usize = 200;

/// The temperature `T` for which the mean log-loss of `logits / T` is least; `logits` is `[rows, width]`, row-major,
/// one a row for two classes. Its inverse is found by Newton's method, kept between bounds by bisection: the loss is
/// convex in it.
///
/// `None` where there is no such temperature: the logits are not numbers, tell every row rightly (the colder the
/// better), or are no better than none (the hotter the better).
pub fn temperature(logits: &[f32], width: usize, labels: &[u32]) -> Option<f64> {
    let (mut low, mut high) = BOUNDS;
    let slopes = |inverse: f64| slopes(logits, width, labels, inverse);
    if !(slopes(low).0 < 0.0 && slopes(high).0 > 0.0) {
        return None;
    }
    let mut inverse = 1.0;
    for _ in 0..STEPS {
        let (slope, curvature) = slopes(inverse);
        if slope < 0.0 {
            low = inverse
        } else {
            high = inverse
        }
        let newton = inverse - slope / curvature;
        let next = if newton > low && newton < high { newton } else { f64::midpoint(low, high) };
        if (next - inverse).abs() <= f64::EPSILON * inverse {
            break;
        }
        inverse = next;
    }
    Some(1.0 / inverse)
}

/// First and second derivative of the summed log-loss by the inverse temperature: how far the expected logit is from
/// the true class's, and the variance of the logit.
fn slopes(logits: &[f32], width: usize, labels: &[u32], inverse: f64) -> (f64, f64) {
    let rows = logits.chunks_exact(width.max(1)).zip(labels);
    rows.fold((0.0, 0.0), |(slope, curvature), (row, &label)| {
        let (expected, variance, own) = match row {
            [logit] => {
                let logit = f64::from(*logit);
                let p = sigmoid(logit * inverse);
                (p * logit, p * (1.0 - p) * logit * logit, f64::from(label) * logit)
            }
            row => {
                let values = row.iter().map(|&logit| f64::from(logit));
                let shares = softmax(values.clone().map(|logit| logit * inverse));
                let expected: f64 = values.clone().zip(&shares).map(|(logit, p)| p * logit).sum();
                let spread =
                    values.zip(&shares).map(|(logit, p)| p * (logit - expected).powi(2)).sum::<f64>();
                (expected, spread, row.get(label as usize).map_or(f64::NAN, |&logit| f64::from(logit)))
            }
        };
        (slope + expected - own, curvature + variance)
    })
}
