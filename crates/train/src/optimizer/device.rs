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

#[cfg(test)]
mod tests {
    use serde_json::json;
    use torch::values;

    use super::super::{Block, Method, dense, last};
    use super::*;

    #[test]
    fn operations_and_slices_agree() {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(1).build().unwrap();
        for settings in [
            json!({ "kind": "adam", "lr": 1e-2, "weight-decay": 1e-2 }),
            json!({ "kind": "adamw", "lr": 1e-2, "weight-decay": 0.1 }),
            json!({ "kind": "sgd", "lr": 1e-2, "momentum": 0.9, "weight-decay": 1e-2 }),
        ] {
            let settings: stages::Optimizer = serde_json::from_value(settings).unwrap();
            let start: Vec<f32> = (0..50).map(|at| (at as f32).cos()).collect();
            let weights = Tensor::from_slice(&start);
            let mut slot = Slot { first: weights.zeros_like(), second: weights.zeros_like(), table: None };
            let mut method = Method::new(&settings);
            let [mut own, mut first, mut second] = [start.clone(), vec![0.0; 50], vec![0.0; 50]];
            for at in 1..=20 {
                let gradient: Vec<f32> = (0..50).map(|unit| (at as f32 + unit as f32).sin()).collect();
                step(&settings, at, &weights, &mut slot, &Tensor::from_slice(&gradient)).unwrap();
                method.push(&settings, at);
                let block = Block { weights: &mut own, first: &mut first, second: &mut second };
                match &method {
                    Method::Adam { rule, steps } => dense(&pool, *rule, last(steps), block, &gradient),
                    Method::Sgd { rule, steps } => dense(&pool, *rule, last(steps), block, &gradient),
                }
            }
            for (one, other) in values::floats(&weights).unwrap().iter().zip(&own) {
                assert!((one - other).abs() < 1e-6, "{settings:?}: {one} is not {other}");
            }
        }
    }
}
