//! The loss of a batch as a scalar that libtorch differentiates.

use stages::{BinaryCrossEntropy, Loss, Target};
use torch::{Device, Kind, Reduction, Tensor, guard};

use super::Criterion;
use crate::error::Error;

/// Rows' losses `[batch]`, each times its class's weight, and those weights; none where all classes weigh the same.
struct Each {
    losses: Tensor,
    weights: Option<Tensor>,
}

impl Criterion {
    /// The loss of `outputs` `[batch, width]`, of tags `[words, tags]`: a scalar. `truth` holds class indices `[batch]`, of
    /// tags `[words]`, `Int64`; whether a row
    /// has a label `[batch, width]`, `Float`; or numbers `[batch]`, `Float`. `weights` `[batch]`, `Float`, are how much
    /// the rows weigh.
    ///
    /// # Errors
    /// [`Error::Width`] when the loss takes another width, else what libtorch refuses.
    pub fn loss(&self, outputs: &Tensor, truth: &Tensor, weights: Option<&Tensor>) -> Result<Tensor, Error> {
        let size = outputs.size();
        let fits = match (self.target, size.as_slice()) {
            (Target::Binary | Target::Number, [_, width]) => *width == 1,
            (Target::Multiclass | Target::MultiLabel | Target::Tags, [_, _]) => true,
            _ => false,
        };
        if !fits {
            return Err(Error::Width { loss: self.loss.name(), shape: size });
        }
        let class_weights = self.class_weights(outputs.device())?;
        Ok(guard(|| {
            if outputs.numel() == 0 {
                // No word has a token: nothing is wrong, and nothing is learnt.
                return outputs.sum(Kind::Float);
            }
            if class_weights.is_none()
                && weights.is_none()
                && let Some(mean) = self.plain_mean(outputs, truth)
            {
                return mean;
            }
            let each = self.each(outputs, truth, class_weights);
            let losses = weights.map_or_else(|| each.losses.shallow_clone(), |rows| &each.losses * rows);
            let weights = match (each.weights, weights) {
                (None, None) => return losses.mean(Kind::Float),
                (Some(classes), Some(rows)) => classes * rows,
                (Some(classes), None) => classes,
                (None, Some(rows)) => rows.shallow_clone(),
            };
            // Where all weights are 0 the losses are too.
            losses.sum(Kind::Float) / weights.sum(Kind::Float).clamp_min(f64::from(f32::MIN_POSITIVE))
        })?)
    }

    /// The mean over rows that all weigh the same, where libtorch has it as one operation.
    fn plain_mean(&self, outputs: &Tensor, truth: &Tensor) -> Option<Tensor> {
        match &self.loss {
            Loss::BinaryCrossEntropy(settings) if settings.label_smoothing == 0.0 => {
                let factor = settings.pos_weight.map(|weight| scalar(weight, outputs.device()));
                let (logits, truth) = self.paired(outputs, truth);
                Some(logits.binary_cross_entropy_with_logits::<Tensor>(&truth, None, factor, Reduction::Mean))
            }
            Loss::CategoricalCrossEntropy(settings) | Loss::TokenwiseCrossEntropy(settings) => {
                let share = settings.label_smoothing;
                Some(outputs.cross_entropy_loss::<Tensor>(truth, None, Reduction::Mean, -100, share))
            }
            _ => None,
        }
    }

    fn each(&self, outputs: &Tensor, truth: &Tensor, class_weights: Option<Tensor>) -> Each {
        let of_class = || class_weights.as_ref().map(|weights| weights.index_select(0, truth));
        match &self.loss {
            Loss::BinaryCrossEntropy(settings) => {
                let (logits, yes) = self.paired(outputs, truth);
                let losses = cross_entropy(settings, &logits, yes, class_weights.as_ref());
                Each { losses: by_row(losses), weights: of_class() }
            }
            Loss::BinaryFocal(settings) => {
                let (logits, yes) = self.paired(outputs, truth);
                let signed = logits * (&yes * 2.0 - 1.0);
                let far = ((-&signed).log_sigmoid() * settings.gamma).exp();
                let mut losses = -(signed.log_sigmoid() * far);
                if let Some(alpha) = settings.alpha {
                    losses *= &yes * (2.0 * alpha - 1.0) + (1.0 - alpha);
                }
                let weights = of_class();
                if let Some(weights) = &weights {
                    losses *= weights;
                }
                Each { losses: by_row(losses), weights }
            }
            Loss::CategoricalCrossEntropy(settings) | Loss::TokenwiseCrossEntropy(settings) => {
                let share = settings.label_smoothing;
                let losses =
                    outputs.cross_entropy_loss(truth, class_weights.as_ref(), Reduction::None, -100, share);
                Each { losses, weights: of_class() }
            }
            Loss::CategoricalFocal(settings) => {
                let place = truth.unsqueeze(1);
                let total = outputs.logsumexp([1], false);
                let of_truth = outputs.gather(1, &place, false).squeeze_dim(1) - &total;
                // ln(1 - p) as what the other classes have, which is exact where p is near 1.
                let others = outputs.scatter_value(1, &place, f64::NEG_INFINITY).logsumexp([1], false);
                let mut losses = -(of_truth * ((others - total) * settings.gamma).exp());
                let weights = of_class();
                if let Some(weights) = &weights {
                    losses *= weights;
                }
                Each { losses, weights }
            }
            Loss::Mse(_) => Each { losses: self.errors(outputs, truth).square(), weights: None },
            Loss::Mae(_) => Each { losses: self.errors(outputs, truth).abs(), weights: None },
            Loss::Huber(settings) => {
                let errors = self.errors(outputs, truth);
                let losses = errors.huber_loss(&errors.zeros_like(), Reduction::None, settings.delta);
                Each { losses, weights: None }
            }
            Loss::LogCosh(_) => {
                // ln cosh x = x + ln(1 + exp(-2x)) - ln 2, whose exponential is taken of no large number.
                let errors = self.errors(outputs, truth);
                let losses = &errors + (&errors * -2.0).softplus() - std::f64::consts::LN_2;
                Each { losses, weights: None }
            }
        }
    }

    /// Logits and what is true of them, 0 or 1, both `[batch]`, or `[batch, width]` for several labels a row.
    fn paired(&self, outputs: &Tensor, truth: &Tensor) -> (Tensor, Tensor) {
        match self.target {
            Target::MultiLabel => (outputs.shallow_clone(), truth.shallow_clone()),
            _ => (outputs.squeeze_dim(1), truth.to_kind(Kind::Float)),
        }
    }

    /// How far numbers are off.
    fn errors(&self, outputs: &Tensor, truth: &Tensor) -> Tensor {
        (outputs.squeeze_dim(1) - truth) / self.unit
    }

    /// How much the classes weigh, as a tensor.
    fn class_weights(&self, device: Device) -> Result<Option<Tensor>, Error> {
        if self.class_weights.is_empty() {
            return Ok(None);
        }
        let weights: Vec<f32> = self.class_weights.iter().map(|&weight| weight as f32).collect();
        Ok(Some(guard(|| Tensor::from_slice(&weights).to_device(device))?))
    }
}

/// Cross-entropy of each logit, times its class's weight.
fn cross_entropy(
    settings: &BinaryCrossEntropy,
    logits: &Tensor,
    truth: Tensor,
    class_weights: Option<&Tensor>,
) -> Tensor {
    let share = settings.label_smoothing;
    let second: Tensor = truth * (1.0 - share) + share / 2.0;
    let first: Tensor = 1.0 - &second;
    let mut yes: Tensor = second * logits.log_sigmoid();
    if let Some(weight) = settings.pos_weight {
        yes *= scalar(weight, logits.device());
    }
    let no: Tensor = first * (-logits).log_sigmoid();
    match class_weights {
        None => (yes + no).neg(),
        Some(weights) => (yes * weights.get(1) + no * weights.get(0)).neg(),
    }
}

/// The mean over a row's labels, where it may have several.
fn by_row(losses: Tensor) -> Tensor {
    if losses.dim() == 2 { losses.mean_dim(1, false, Kind::Float) } else { losses }
}

fn scalar(value: f64, device: Device) -> Tensor {
    Tensor::from(value as f32).to_device(device)
}
