//! Numbers that say how good predictions are, on plain slices.
//!
//! Definitions and values are scikit-learn's where it has them. Invariant: a metric that is not defined (no rows, one
//! class only, a score that is not a number) is `None`, never a made-up value.

mod bootstrap;
mod confusion;
mod curves;
mod entities;
mod numbers;
mod predictions;
mod probabilities;
mod ranking;
mod tagging;
mod temperature;
mod threshold;
mod weights;

pub use bootstrap::{Bootstrap, Interval};
pub use confusion::{Average, Confusion, Counts};
pub use curves::{Bin, Rate, area, average_precision, calibration, calibration_error, precision_recall, roc};
pub use entities::{Entity, TagSet, misspelt};
pub use numbers::Numbers;
pub use predictions::{Classes, MultiLabel, Predictions};
pub use probabilities::{sigmoid, softmax};
pub use ranking::auc;
pub use tagging::{Compared, Tagging, choose};
pub use temperature::temperature;
pub use threshold::best_threshold;
pub use weights::Weights;

/// The mean of those values that are defined, weighted.
fn mean_defined(values: impl Iterator<Item = (Option<f64>, f64)>) -> Option<f64> {
    let defined = values.filter_map(|(value, weight)| Some((value?, weight)));
    let (sum, weights) =
        defined.fold((0.0, 0.0), |(sum, all), (value, weight)| (sum + value * weight, all + weight));
    (weights > 0.0).then(|| sum / weights)
}
