//! Losses as libtorch computes and differentiates them; mean over the batch.

use stages::Loss;
use torch::{Kind, Reduction, Tensor, guard};

use crate::error::Error;

/// The mean loss of `logits` `[batch, width]` against class indices `labels` `[batch]`, `Int64`: a scalar.
///
/// Binary cross-entropy takes one logit a row (PyTorch's `BCEWithLogitsLoss`), categorical one a class
/// (`CrossEntropyLoss`).
///
/// # Errors
/// [`Error::Width`] when binary cross-entropy gets another width, else what libtorch refuses.
pub fn loss(kind: Loss, logits: &Tensor, labels: &Tensor) -> Result<Tensor, Error> {
    let size = logits.size();
    match (kind, size.as_slice()) {
        (Loss::BinaryCrossEntropy, [_, 1]) => Ok(guard(|| {
            logits.squeeze_dim(1).binary_cross_entropy_with_logits::<Tensor>(
                &labels.to_kind(Kind::Float),
                None,
                None,
                Reduction::Mean,
            )
        })?),
        (Loss::CategoricalCrossEntropy, [_, _]) => {
            Ok(guard(|| logits.cross_entropy_loss::<Tensor>(labels, None, Reduction::Mean, -100, 0.0))?)
        }
        _ => Err(Error::Width { loss: kind.name(), shape: size }),
    }
}
