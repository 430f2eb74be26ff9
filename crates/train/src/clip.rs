//! Limits on gradients, as PyTorch's `clip_grad_norm_` and `clip_grad_value_`.

use std::collections::BTreeMap;

use nn::Gradient;
use stages::ClipGradient;
use torch::{Device, Kind, guard, values};

use crate::error::Error;

/// Sums that run side by side; their number fixes the rounding.
const LANES: usize = 8;

/// Limits the gradients in place.
pub(crate) fn clip(limit: ClipGradient, gradients: &mut BTreeMap<String, Gradient>) -> Result<(), Error> {
    match limit {
        ClipGradient::Value(most) => {
            for gradient in gradients.values_mut() {
                match gradient {
                    Gradient::Dense(tensor) => *tensor = guard(|| tensor.clamp(-most, most))?,
                    Gradient::Rows(rows) => {
                        rows.values.iter_mut().for_each(|v| *v = v.clamp(-most as f32, most as f32));
                    }
                }
            }
        }
        ClipGradient::Norm(most) => {
            let mut total = 0.0;
            for gradient in gradients.values() {
                total += match gradient {
                    Gradient::Dense(tensor) if tensor.device() == Device::Cpu => {
                        values::read(&guard(|| tensor.contiguous())?, squares)?
                    }
                    Gradient::Dense(tensor) => {
                        guard(|| tensor.to_kind(Kind::Double).square().sum(Kind::Double).double_value(&[]))?
                    }
                    Gradient::Rows(rows) => squares(&rows.values),
                };
            }
            let scale = most / (total.sqrt() + 1e-6);
            if scale < 1.0 {
                for gradient in gradients.values_mut() {
                    match gradient {
                        Gradient::Dense(tensor) => *tensor = guard(|| &*tensor * scale)?,
                        Gradient::Rows(rows) => rows.values.iter_mut().for_each(|v| *v *= scale as f32),
                    }
                }
            }
        }
    }
    Ok(())
}

/// The sum of squares, in an order that only their number decides.
pub(crate) fn squares(values: &[f32]) -> f64 {
    let mut lanes = [0.0; LANES];
    for chunk in values.chunks(LANES) {
        for (lane, value) in lanes.iter_mut().zip(chunk) {
            *lane += f64::from(*value) * f64::from(*value);
        }
    }
    lanes.iter().sum()
}

#[cfg(test)]
mod tests {
    use nn::RowGradient;
    use torch::Tensor;

    use super::*;

    fn gradients() -> BTreeMap<String, Gradient> {
        let rows = RowGradient { rows: vec![1], values: vec![0.0, 4.0], units: 2 };
        let dense = Tensor::from_slice(&[3.0_f32, 0.0, 0.0]);
        BTreeMap::from([("a".into(), Gradient::Dense(dense)), ("b".into(), Gradient::Rows(rows))])
    }

    fn numbers(gradients: &BTreeMap<String, Gradient>) -> Vec<f32> {
        let one = |gradient: &Gradient| match gradient {
            Gradient::Dense(tensor) => values::floats(tensor).unwrap(),
            Gradient::Rows(rows) => rows.values.clone(),
        };
        gradients.values().flat_map(one).collect()
    }

    #[test]
    fn the_norm_is_over_all_parameters() {
        // by hand: the norm of (3, 4) is 5
        let mut clipped = gradients();
        clip(ClipGradient::Norm(1.0), &mut clipped).unwrap();
        for (found, expected) in numbers(&clipped).iter().zip([0.6, 0.0, 0.0, 0.0, 0.8]) {
            assert!((found - expected).abs() < 1e-6);
        }
        let mut clipped = gradients();
        clip(ClipGradient::Norm(6.0), &mut clipped).unwrap();
        assert_eq!(numbers(&clipped), [3.0, 0.0, 0.0, 0.0, 4.0]);
    }

    #[test]
    fn values_are_cut() {
        let mut clipped = gradients();
        clip(ClipGradient::Value(3.5), &mut clipped).unwrap();
        assert_eq!(numbers(&clipped), [3.0, 0.0, 0.0, 0.0, 3.5]);
    }
}
