//! Losses as numbers: of a batch, for libtorch to differentiate, and of many rows, for histories.
//!
//! Invariant: both are sum(w l) / sum(w) over rows with losses l and weights w, and 0 where nothing weighs anything.

use data::{Description, Part};
use stages::{ClassWeights, FittedWeights, Loss, Target};
use torch::{Device, Kind, Reduction, Tensor, guard};

use crate::error::Error;

/// A loss whose settings are resolved for the labels of a data set.
#[derive(Clone, Debug)]
pub struct Criterion {
    loss: Loss,
    /// How much each class weighs; empty where all weigh the same.
    class_weights: Vec<f64>,
}

impl Criterion {
    /// The loss for networks that give `width` values a row and rows of these classes, of which the training rows
    /// have `counts`.
    ///
    /// # Errors
    /// [`Error::UnknownClass`] when a weight is for a class that there is not.
    pub fn new(loss: &Loss, width: usize, classes: &[String], counts: &[u64]) -> Result<Self, Error> {
        let weights = loss.class_weights().map(|weights| by_class(weights, classes, counts)).transpose()?;
        let mut class_weights = weights.unwrap_or_default();
        if !class_weights.is_empty() {
            class_weights.resize(width.max(2), 1.0);
        }
        Ok(Criterion { loss: loss.clone(), class_weights })
    }

    /// The loss for networks that give `width` values a row of this data.
    pub(crate) fn of(loss: &Loss, width: usize, data: &Description) -> Result<Self, Error> {
        let classes = data.label.as_ref().map_or(&[][..], |label| &label.classes);
        Criterion::new(loss, width, classes, trained(data))
    }

    /// The loss that an output with this meaning calls for, without settings.
    pub fn plain(target: Target) -> Self {
        Criterion { loss: Loss::of(target), class_weights: vec![] }
    }

    /// What an output means.
    pub fn target(&self) -> Target {
        self.loss.target()
    }

    /// The loss of `logits` `[batch, width]` against class indices `labels` `[batch]`, `Int64`: a scalar.
    ///
    /// # Errors
    /// [`Error::Width`] when the loss takes another width, else what libtorch refuses.
    pub fn loss(&self, logits: &Tensor, labels: &Tensor) -> Result<Tensor, Error> {
        let size = logits.size();
        match (&self.loss, size.as_slice()) {
            (Loss::BinaryCrossEntropy(settings), [_, 1]) => {
                let weights = self.weights(logits.device())?;
                Ok(guard(|| {
                    let (logits, truth) = (logits.squeeze_dim(1), labels.to_kind(Kind::Float));
                    let factor = settings.pos_weight.map(|weight| Tensor::from(weight as f32));
                    let factor = factor.map(|factor| factor.to_device(logits.device()));
                    if weights.is_none() && settings.label_smoothing == 0.0 {
                        return logits.binary_cross_entropy_with_logits::<Tensor>(
                            &truth,
                            None,
                            factor,
                            Reduction::Mean,
                        );
                    }
                    let share = settings.label_smoothing;
                    let second: Tensor = truth * (1.0 - share) + share / 2.0;
                    let first: Tensor = 1.0 - &second;
                    let mut yes: Tensor = second * logits.log_sigmoid();
                    if let Some(factor) = factor {
                        yes *= factor;
                    }
                    let no: Tensor = first * (-logits).log_sigmoid();
                    match weights {
                        None => (yes + no).mean(Kind::Float).neg(),
                        Some(weights) => {
                            let sums = (yes * weights.get(1) + no * weights.get(0)).neg();
                            weighted(&sums, &weights.index_select(0, labels))
                        }
                    }
                })?)
            }
            (Loss::CategoricalCrossEntropy(settings), [_, _]) => {
                let weights = self.weights(logits.device())?;
                let share = settings.label_smoothing;
                Ok(guard(|| match weights {
                    None => logits.cross_entropy_loss::<Tensor>(labels, None, Reduction::Mean, -100, share),
                    Some(weights) => {
                        let each =
                            logits.cross_entropy_loss(labels, Some(&weights), Reduction::None, -100, share);
                        weighted(&each, &weights.index_select(0, labels))
                    }
                })?)
            }
            _ => Err(Error::Width { loss: self.loss.name(), shape: size }),
        }
    }

    /// How much the classes weigh, as a tensor.
    fn weights(&self, device: Device) -> Result<Option<Tensor>, Error> {
        if self.class_weights.is_empty() {
            return Ok(None);
        }
        let weights: Vec<f32> = self.class_weights.iter().map(|&weight| weight as f32).collect();
        Ok(Some(guard(|| Tensor::from_slice(&weights).to_device(device))?))
    }

    /// The mean loss of `logits` `[rows, width]`, row-major; `None` without rows or where it is not finite.
    pub fn mean(&self, logits: &[f32], labels: &[u32]) -> Option<f64> {
        let width = logits.len().checked_div(labels.len())?.max(1);
        let (mut sum, mut total) = (0.0, 0.0);
        for (row, &label) in logits.chunks_exact(width).zip(labels) {
            sum += self.row(row, label as usize);
            total += self.weight(label as usize);
        }
        let mean = if total > 0.0 { sum / total } else { sum };
        mean.is_finite().then_some(mean)
    }

    /// What rows of these classes weigh together.
    pub(crate) fn weight_of(&self, labels: &[u32]) -> f64 {
        labels.iter().map(|&label| self.weight(label as usize)).sum()
    }

    fn weight(&self, class: usize) -> f64 {
        self.class_weights.get(class).copied().unwrap_or(1.0)
    }

    /// A row's loss times its weight.
    fn row(&self, logits: &[f32], label: usize) -> f64 {
        match &self.loss {
            Loss::BinaryCrossEntropy(settings) => {
                let logit = f64::from(logits[0]);
                let second = smooth(if label == 1 { 1.0 } else { 0.0 }, settings.label_smoothing, 2);
                let factor = settings.pos_weight.unwrap_or(1.0) * self.weight(1);
                second * factor * softplus(-logit) + (1.0 - second) * self.weight(0) * softplus(logit)
            }
            Loss::CategoricalCrossEntropy(settings) => {
                let total = log_sum_exp(logits);
                let of = |class: usize| {
                    let logit = logits.get(class).map_or(f64::NAN, |&logit| f64::from(logit));
                    self.weight(class) * (total - logit)
                };
                match settings.label_smoothing {
                    0.0 => of(label),
                    share => {
                        let all: f64 = (0..logits.len()).map(of).sum();
                        (1.0 - share) * of(label) + share / logits.len() as f64 * all
                    }
                }
            }
        }
    }
}

/// The sum over the batch of weighted losses, divided by the weights.
fn weighted(sums: &Tensor, weights: &Tensor) -> Tensor {
    // Where all weights are 0 the sums are too.
    sums.sum(Kind::Float) / weights.sum(Kind::Float).clamp_min(f64::from(f32::MIN_POSITIVE))
}

/// What is asked of a logit whose class is `truth`, 0 or 1, when a share of it is spread over all classes.
fn smooth(truth: f64, share: f64, classes: usize) -> f64 {
    truth * (1.0 - share) + share / classes as f64
}

/// log(1 + e^x).
fn softplus(x: f64) -> f64 {
    x.max(0.0) + (-x.abs()).exp().ln_1p()
}

fn log_sum_exp(logits: &[f32]) -> f64 {
    let peak = logits.iter().fold(f64::NEG_INFINITY, |peak, &logit| peak.max(f64::from(logit)));
    let sum: f64 = logits.iter().map(|&logit| (f64::from(logit) - peak).exp()).sum();
    sum.ln() + peak
}

/// A weight for each of `classes`, of which the training rows have `counts`.
///
/// # Errors
/// [`Error::UnknownClass`] when a weight is for a class that there is not.
pub fn by_class(weights: &ClassWeights, classes: &[String], counts: &[u64]) -> Result<Vec<f64>, Error> {
    match weights {
        ClassWeights::Fitted(FittedWeights::Balanced) => Ok(balanced(counts)),
        ClassWeights::ByName(named) => {
            if let Some(name) = named.keys().find(|name| !classes.contains(name)) {
                return Err(Error::UnknownClass { name: name.clone(), classes: classes.to_vec() });
            }
            Ok(classes.iter().map(|class| named.get(class).copied().unwrap_or(1.0)).collect())
        }
    }
}

/// How many training rows there are of each class.
pub fn trained(data: &Description) -> &[u64] {
    let part = if data.parts.is_empty() { Some(&data.no_part) } else { data.parts.get(&Part::Train) };
    part.map_or(&[], |part| &part.classes)
}

/// Rows / (classes x rows of the class), over the classes that have rows; a class without any weighs 1.
fn balanced(counts: &[u64]) -> Vec<f64> {
    let present = counts.iter().filter(|&&count| count > 0).count() as f64;
    let rows = counts.iter().sum::<u64>() as f64;
    counts.iter().map(|&count| if count > 0 { rows / (present * count as f64) } else { 1.0 }).collect()
}
