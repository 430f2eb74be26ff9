//! Probabilities of logits, and how good they are.

use crate::weights::Weights;

/// The probability of class 1 by its logit.
pub fn sigmoid(logit: f64) -> f64 {
    1.0 / (1.0 + (-logit).exp())
}

/// The probabilities of all classes by their logits.
pub fn softmax(logits: impl Iterator<Item = f64> + Clone) -> Vec<f64> {
    let peak = logits.clone().fold(f64::NEG_INFINITY, f64::max);
    let mut parts: Vec<f64> = logits.map(|logit| (logit - peak).exp()).collect();
    let sum: f64 = parts.iter().sum();
    parts.iter_mut().for_each(|part| *part /= sum);
    parts
}

/// Log-loss of a yes or no: `-ln p` of what is true.
pub(crate) fn log_loss_of_yes(logit: f64, yes: bool) -> f64 {
    logit.max(0.0) - if yes { logit } else { 0.0 } + (-logit.abs()).exp().ln_1p()
}

/// Log-loss of a class among several: `-ln p` of what is true.
pub(crate) fn log_loss_of_class(logits: impl Iterator<Item = f64> + Clone, class: u32) -> f64 {
    let peak = logits.clone().fold(f64::NEG_INFINITY, f64::max);
    let sum: f64 = logits.clone().map(|logit| (logit - peak).exp()).sum();
    sum.ln() + peak - logits.clone().nth(class as usize).unwrap_or(f64::NAN)
}

/// The Brier score of several classes: squared distances of the probabilities `[rows, classes]` from 1 for the class
/// and 0 for all others, summed over the classes (Brier 1950; `brier_score_loss`).
pub(crate) fn brier_of_classes(
    probabilities: &[f64],
    classes: usize,
    labels: &[u32],
    weights: &Weights<'_>,
) -> Option<f64> {
    let rows = probabilities.chunks_exact(classes.max(1)).zip(labels);
    weights.mean(rows.map(|(row, &label)| {
        let distance = |(class, p): (usize, &f64)| (p - f64::from(u8::from(class == label as usize))).powi(2);
        row.iter().enumerate().map(distance).sum::<f64>()
    }))
}

/// The Brier score of yes or no: mean squared distance of the probability from 1 or 0.
pub(crate) fn brier(probabilities: &[f64], positive: &[bool], weights: &Weights<'_>) -> Option<f64> {
    let rows = probabilities.iter().zip(positive);
    weights.mean(rows.map(|(p, &positive)| (p - f64::from(u8::from(positive))).powi(2)))
}

/// Share of rows whose class is among the `k` of the largest scores; of equal scores the earlier class comes first,
/// as it is when one class is chosen.
pub(crate) fn top_k<T: PartialOrd + Copy>(
    scores: &[T],
    classes: usize,
    labels: &[u32],
    k: usize,
    weights: &Weights<'_>,
) -> Option<f64> {
    let among = |(row, &label): (&[T], &u32)| {
        let label = label as usize;
        row.get(label).is_some_and(|own| {
            let before = |(class, score): (usize, &T)| score > own || (score == own && class < label);
            row.iter().enumerate().filter(|of| before(*of)).count() < k
        })
    };
    let rows = scores.chunks_exact(classes.max(1)).zip(labels);
    weights.mean(rows.map(|row| f64::from(u8::from(among(row))))).filter(|_| k > 0)
}
