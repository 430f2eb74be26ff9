//! How much each row counts in a metric.

use std::borrow::Cow;

/// How much each row counts, 0 or more, as scikit-learn's `sample_weight`; all alike where nothing is said.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Weights<'a>(Option<Cow<'a, [f64]>>);

impl<'a> Weights<'a> {
    /// A weight a row.
    pub fn new(weights: impl Into<Cow<'a, [f64]>>) -> Self {
        Weights(Some(weights.into()))
    }

    /// Those of some rows, in the order given.
    #[must_use]
    pub fn only(&self, rows: &[u32]) -> Weights<'static> {
        let only = |own: &Cow<'_, [f64]>| rows.iter().map(|&row| own[row as usize]).collect();
        Weights(self.0.as_ref().map(only))
    }

    /// Whether rows count differently.
    pub(crate) fn are_given(&self) -> bool {
        self.0.is_some()
    }

    /// How much a row counts.
    pub(crate) fn of(&self, row: usize) -> f64 {
        self.0.as_ref().map_or(1.0, |own| own[row])
    }

    /// For rows of `width` values: how much each value counts.
    pub(crate) fn of_values(&self, width: usize) -> Weights<'static> {
        let each = |own: &Cow<'_, [f64]>| own.iter().flat_map(|&weight| vec![weight; width]).collect();
        Weights(self.0.as_ref().map(each))
    }

    /// The mean of a value a row; `None` where no row counts, or it is not finite. What does not count may be anything.
    pub(crate) fn mean(&self, values: impl Iterator<Item = f64>) -> Option<f64> {
        let weighed = values.enumerate().map(|(row, value)| (self.of(row), value));
        let counting = weighed.filter(|(weight, _)| *weight > 0.0);
        let (sum, all) =
            counting.fold((0.0, 0.0), |(sum, all), (weight, value)| (sum + weight * value, all + weight));
        let mean = sum / all;
        mean.is_finite().then_some(mean)
    }
}
