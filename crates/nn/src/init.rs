//! How parameters start.
//!
//! Invariant: values are drawn in 64 bits from (seed, parameter name) alone and then rounded, so they do not depend
//! on other parameters, libtorch's generator or the device.

use data::Draws;
use network::Initial;

/// `count` values of a parameter of this `shape`.
///
/// Fans are those of a matrix `[out, in]`, or of a kernel `[out, in, sizes...]`, both times its sizes; a vector counts
/// as `[out, 1]`.
pub(crate) fn draw(seed: u64, name: &str, initial: Initial, shape: &[i64]) -> Vec<f32> {
    let count = shape.iter().product::<i64>().max(0) as usize;
    let out = shape.iter().take(1).chain(shape.iter().skip(2)).product::<i64>().max(1) as f64;
    let fan_in = shape.iter().skip(1).product::<i64>().max(1) as f64;
    let mut draws = Draws::new(seed, &format!("init {name}"), &[]);
    let mut uniform = |bound: f64| (0..count).map(|_| ((2.0 * draws.unit() - 1.0) * bound) as f32).collect();
    match initial {
        Initial::Zeros => vec![0.0; count],
        Initial::Ones => vec![1.0; count],
        Initial::Constant(value) => vec![value as f32; count],
        Initial::Norms => unreachable!("they follow from another parameter"),
        Initial::Uniform(bound) => uniform(bound),
        Initial::Xavier => uniform((6.0 / (fan_in + out)).sqrt()),
        Initial::Kaiming => uniform((6.0 / fan_in).sqrt()),
        Initial::Normal(deviation) => (0..count).map(|_| (draws.normal() * deviation) as f32).collect(),
    }
}

/// The length of each row of the parameter that `draw` makes with these.
pub(crate) fn norms(seed: u64, name: &str, initial: Initial, shape: &[i64]) -> Vec<f32> {
    let values = draw(seed, name, initial, shape);
    let width = shape.iter().skip(1).product::<i64>().max(1) as usize;
    let length = |row: &[f32]| row.iter().map(|&value| f64::from(value).powi(2)).sum::<f64>().sqrt() as f32;
    values.chunks(width).map(length).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn moments(values: &[f32]) -> (f64, f64) {
        let mean = values.iter().map(|&v| f64::from(v)).sum::<f64>() / values.len() as f64;
        let square = values.iter().map(|&v| (f64::from(v) - mean).powi(2)).sum::<f64>() / values.len() as f64;
        (mean, square)
    }

    #[test]
    fn distributions_have_the_declared_moments() {
        // variances by definition: bound² / 3 for uniform
        for (initial, variance) in [
            (Initial::Uniform(0.5), 0.25_f64 / 3.0),
            (Initial::Normal(0.3), 0.09),
            (Initial::Xavier, 2.0 / 500.0),
            (Initial::Kaiming, 2.0 / 300.0),
        ] {
            let (mean, found) = moments(&draw(3, "a.weight", initial, &[200, 300]));
            assert!(mean.abs() < 4.0 * (variance / 60_000.0).sqrt(), "{initial:?}: mean {mean}");
            assert!((found / variance - 1.0).abs() < 0.03, "{initial:?}: variance {found}");
        }
    }

    #[test]
    fn draws_depend_on_seed_and_name() {
        let first = |seed, name| draw(seed, name, Initial::Normal(1.0), &[4])[0];
        assert_eq!(first(1, "a"), first(1, "a"));
        assert_ne!(first(1, "a"), first(2, "a"));
        assert_ne!(first(1, "a"), first(1, "b"));
    }
}
