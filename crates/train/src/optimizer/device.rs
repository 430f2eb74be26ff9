//! The same rules as operations of libtorch, for weights that are not on the CPU.

use torch::{Tensor, guard};

use super::Slot;
use crate::error::Error;

/// One step of a whole parameter, in place.
pub(super) fn step(
    settings: &stages::Optimizer,
    step: u64,
    weights: &Tensor,
    slot: &mut Slot,
    gradient: &Tensor,
) -> Result<(), Error> {
    let mut weights = weights.detach();
    let Slot { first, second, .. } = slot;
    Ok(guard(|| match settings {
        stages::Optimizer::Sgd(sgd) => {
            let gradient = gradient + &weights * sgd.weight_decay;
            *first = first.g_mul_scalar_(sgd.momentum).g_add_(&gradient);
            let _ = weights.g_add_(&(&*first * -sgd.lr));
        }
        stages::Optimizer::Adam(adam) | stages::Optimizer::Adamw(adam) => {
            let coupled = matches!(settings, stages::Optimizer::Adam(_));
            if !coupled {
                let _ = weights.g_mul_scalar_(1.0 - adam.lr * adam.weight_decay);
            }
            let gradient =
                if coupled { gradient + &weights * adam.weight_decay } else { gradient.shallow_clone() };
            let [beta1, beta2] = adam.betas;
            let [correction1, correction2] = adam.betas.map(|beta| 1.0 - beta.powf(step as f64));
            *first = first.g_add_(&((&gradient - &*first) * (1.0 - beta1)));
            *second = second.g_mul_scalar_(beta2).g_add_(&(&gradient * &gradient * (1.0 - beta2)));
            let root = second.sqrt() * (1.0 / correction2.sqrt()) + adam.epsilon;
            let _ = weights.g_add_(&(&*first / root * (-adam.lr / correction1)));
        }
    })?)
}
