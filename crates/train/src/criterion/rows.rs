//! The mean loss of many rows, in double precision.

use data::{Labels, Tags};
use stages::{BinaryCrossEntropy, BinaryFocal, Loss};

use super::Criterion;

impl Criterion {
    /// The mean loss of `outputs` `[rows, width]`, row-major, of tags `[words that a token
    /// stands for, width]`; `None` without rows or where it is not finite. `weights`
    /// are how much the rows weigh.
    pub fn mean(&self, outputs: &[f32], truth: &Labels, weights: Option<&[f32]>) -> Option<f64> {
        let units = units(truth);
        let width = outputs.len().checked_div(units.len())?.max(1);
        let of_class = |outputs: &[f32], class: i32| {
            let class = class as usize;
            (self.class(outputs, class), self.weight(class))
        };
        let (mut sum, mut total) = (0.0, 0.0);
        for ((row, at), outputs) in units.into_iter().zip(outputs.chunks_exact(width)) {
            let own = weights.map_or(1.0, |weights| f64::from(weights[row]));
            let (loss, weight) = match truth {
                Labels::Class(classes) => of_class(outputs, classes[at]),
                Labels::Tags(Tags { tags, .. }) => of_class(outputs, tags[at]),
                Labels::MultiLabel { flags, width } => {
                    (self.labels(outputs, &flags[at * width..(at + 1) * width]), 1.0)
                }
                Labels::Number(numbers) => (self.number(outputs[0], numbers[at]), 1.0),
            };
            sum += own * loss;
            total += own * weight;
        }
        let mean = if total > 0.0 { sum / total } else { sum };
        mean.is_finite().then_some(mean)
    }

    /// What rows with these labels weigh together; `weights` are how much each weighs itself.
    pub(crate) fn weight_of(&self, truth: &Labels, weights: Option<&[f32]>) -> f64 {
        let weigh = |(row, at): (usize, usize)| {
            let own = weights.map_or(1.0, |weights| f64::from(weights[row]));
            own * match truth {
                Labels::Class(classes) => self.weight(classes[at] as usize),
                Labels::Tags(Tags { tags, .. }) => self.weight(tags[at] as usize),
                Labels::MultiLabel { .. } | Labels::Number(_) => 1.0,
            }
        };
        units(truth).into_iter().map(weigh).sum()
    }

    /// The loss of a row of one class, times the class's weight.
    fn class(&self, logits: &[f32], class: usize) -> f64 {
        match &self.loss {
            Loss::CategoricalCrossEntropy(settings) | Loss::TokenwiseCrossEntropy(settings) => {
                let total = log_sum_exp(logits.iter());
                let of = |class: usize| {
                    let logit = logits.get(class).map_or(f64::NAN, |&logit| f64::from(logit));
                    self.weight(class) * (total - logit)
                };
                match settings.label_smoothing {
                    0.0 => of(class),
                    share => {
                        let all: f64 = (0..logits.len()).map(of).sum();
                        (1.0 - share) * of(class) + share / logits.len() as f64 * all
                    }
                }
            }
            Loss::CategoricalFocal(settings) => {
                let total = log_sum_exp(logits.iter());
                let logit = logits.get(class).map_or(f64::NAN, |&logit| f64::from(logit));
                let others = logits.iter().enumerate().filter(|(other, _)| *other != class);
                let others = log_sum_exp(others.map(|(_, logit)| logit));
                self.weight(class) * (total - logit) * (settings.gamma * (others - total)).exp()
            }
            _ => self.binary(logits[0], class == 1),
        }
    }

    /// The mean loss of a row's labels.
    fn labels(&self, logits: &[f32], flags: &[u8]) -> f64 {
        let each = logits.iter().zip(flags).map(|(&logit, &flag)| self.binary(logit, flag == 1));
        each.sum::<f64>() / logits.len() as f64
    }

    /// The loss of a logit, times the class's weight.
    fn binary(&self, logit: f32, truth: bool) -> f64 {
        let logit = f64::from(logit);
        match &self.loss {
            Loss::BinaryCrossEntropy(BinaryCrossEntropy { pos_weight, label_smoothing, .. }) => {
                let second = f64::from(u8::from(truth)) * (1.0 - label_smoothing) + label_smoothing / 2.0;
                let factor = pos_weight.unwrap_or(1.0) * self.weight(1);
                second * factor * softplus(-logit) + (1.0 - second) * self.weight(0) * softplus(logit)
            }
            Loss::BinaryFocal(BinaryFocal { gamma, alpha, .. }) => {
                let signed = if truth { logit } else { -logit };
                let share = alpha.map_or(1.0, |alpha| if truth { alpha } else { 1.0 - alpha });
                share
                    * self.weight(usize::from(truth))
                    * softplus(-signed)
                    * (-gamma * softplus(signed)).exp()
            }
            _ => f64::NAN,
        }
    }

    /// The loss of a number.
    fn number(&self, value: f32, truth: f32) -> f64 {
        let error = (f64::from(value) - f64::from(truth)) / self.unit;
        match &self.loss {
            Loss::Mse(_) => error.powi(2),
            Loss::Mae(_) => error.abs(),
            Loss::Huber(settings) if error.abs() <= settings.delta => error.powi(2) / 2.0,
            Loss::Huber(settings) => settings.delta * (error.abs() - settings.delta / 2.0),
            Loss::LogCosh(_) => error + softplus(-2.0 * error) - std::f64::consts::LN_2,
            _ => f64::NAN,
        }
    }
}

/// What a loss is of, each with its row: the rows themselves, or of tags the words that a token stands for.
fn units(truth: &Labels) -> Vec<(usize, usize)> {
    match truth {
        Labels::Tags(Tags { words, .. }) => words.standing().map(|(row, word, _)| (row, word)).collect(),
        _ => (0..truth.len()).map(|row| (row, row)).collect(),
    }
}

/// log(1 + e^x).
fn softplus(x: f64) -> f64 {
    x.max(0.0) + (-x.abs()).exp().ln_1p()
}

fn log_sum_exp<'a>(logits: impl Iterator<Item = &'a f32> + Clone) -> f64 {
    let peak = logits.clone().fold(f64::NEG_INFINITY, |peak, &logit| peak.max(f64::from(logit)));
    let sum: f64 = logits.map(|&logit| (f64::from(logit) - peak).exp()).sum();
    sum.ln() + peak
}
