//! Numbers learnt less their mean, divided by their deviation: set where training starts, read where errors are counted.

use data::{Dataset, Labels, Part};
use nn::Module;
use stages::Goals;
use torch::{Tensor, guard, no_grad_guard};

use crate::error::Error;

/// Sets what outputs of numbers are scaled with to the deviation and the mean of their labels over the training rows of
/// `dataset`. Outputs that are not scaled stay as they are.
///
/// # Errors
/// What libtorch refuses.
pub fn standardize(module: &Module, goals: &Goals, dataset: &Dataset) -> Result<(), Error> {
    let split = !dataset.description().parts.is_empty();
    let rows = dataset.rows_of(split.then_some(Part::Train));
    for (output, node) in module.graph().results() {
        let (Some((deviation, mean)), Some(goal)) = (module.graph().label_scale(node), goals.get(output))
        else {
            continue;
        };
        let Some(Labels::Number(numbers)) = dataset.label_batch(&goal.label, &rows) else { continue };
        let (of, spread) = moments(&numbers);
        let _no_grad = no_grad_guard();
        for (name, value) in [(deviation, spread), (mean, of)] {
            if let Some(tensor) = module.tensor(name) {
                guard(|| tensor.shallow_clone().copy_(&Tensor::from_slice(&[value as f32])))?;
            }
        }
    }
    Ok(())
}

/// What errors of an output are counted in: the deviation that it is scaled with, else 1.
pub(crate) fn label_unit(module: &Module, node: usize) -> Result<f64, Error> {
    let deviation = module.graph().label_scale(node).and_then(|(deviation, _)| module.tensor(deviation));
    deviation.map_or(Ok(1.0), |deviation| Ok(guard(|| deviation.double_value(&[0]))?))
}

/// Mean and standard deviation; where nothing varies 1 stands for the deviation.
fn moments(numbers: &[f32]) -> (f64, f64) {
    let count = numbers.len().max(1) as f64;
    let mean = numbers.iter().map(|&number| f64::from(number)).sum::<f64>() / count;
    let squares = numbers.iter().map(|&number| (f64::from(number) - mean).powi(2));
    let deviation = (squares.sum::<f64>() / count).sqrt();
    (mean, if deviation > 0.0 { deviation } else { 1.0 })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moments_are_those_of_all_rows() {
        // As scikit-learn's StandardScaler: the deviation of the rows themselves, not an estimate.
        assert_eq!(moments(&[1.0, 3.0, 5.0, 7.0]), (4.0, 5.0_f64.sqrt()));
        assert_eq!(moments(&[2.0, 2.0]), (2.0, 1.0));
        assert_eq!(moments(&[]), (0.0, 1.0));
    }
}
