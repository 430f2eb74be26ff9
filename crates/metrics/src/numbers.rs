//! Metrics of labels that are numbers; those that take weights count rows by them.

use crate::weights::Weights;

/// Numbers that a model said, and the true ones.
#[derive(Debug, Clone, PartialEq)]
pub struct Numbers {
    /// What the model said of each row.
    pub values: Vec<f64>,
    /// What is true.
    pub truth: Vec<f64>,
}

impl Numbers {
    fn errors(&self) -> impl ExactSizeIterator<Item = f64> + '_ {
        self.values.iter().zip(&self.truth).map(|(value, truth)| value - truth)
    }

    /// Mean squared error.
    pub fn mse(&self, weights: &Weights<'_>) -> Option<f64> {
        weights.mean(self.errors().map(|error| error.powi(2)))
    }

    /// Root of the mean squared error.
    pub fn rmse(&self, weights: &Weights<'_>) -> Option<f64> {
        self.mse(weights).map(f64::sqrt)
    }

    /// Mean absolute error.
    pub fn mae(&self, weights: &Weights<'_>) -> Option<f64> {
        weights.mean(self.errors().map(f64::abs))
    }

    /// The largest absolute error.
    pub fn max_error(&self) -> Option<f64> {
        // A sum is not finite where an error is not.
        self.mae(&Weights::default())?;
        self.errors().map(f64::abs).reduce(f64::max)
    }

    /// Mean absolute error as a share of the true value's size; `None` where a true value is 0.
    pub fn mape(&self, weights: &Weights<'_>) -> Option<f64> {
        weights.mean(self.errors().zip(&self.truth).map(|(error, truth)| (error / truth).abs()))
    }

    /// Coefficient of determination; `None` where the truth does not vary.
    pub fn r2(&self, weights: &Weights<'_>) -> Option<f64> {
        let rest = self.mse(weights)?;
        let total = variance(&self.truth, weights)?;
        (total > 0.0).then(|| 1.0 - rest / total)
    }

    /// Share of the truth's variance that is not in the errors: as R², but a constant offset costs nothing.
    pub fn explained_variance(&self, weights: &Weights<'_>) -> Option<f64> {
        let errors: Vec<f64> = self.errors().collect();
        let total = variance(&self.truth, weights)?;
        let rest = variance(&errors, weights)?;
        (total > 0.0).then(|| 1.0 - rest / total)
    }

    /// Spearman's rank correlation, ties with their mean rank; `None` where one side does not vary.
    pub fn spearman(&self) -> Option<f64> {
        let (a, b) = (ranks(&self.values)?, ranks(&self.truth)?);
        let all = Weights::default();
        let (centre_a, centre_b) = (all.mean(a.iter().copied())?, all.mean(b.iter().copied())?);
        let common = all.mean(a.iter().zip(&b).map(|(a, b)| (a - centre_a) * (b - centre_b)))?;
        let spread = (variance(&a, &all)? * variance(&b, &all)?).sqrt();
        (spread > 0.0).then(|| common / spread)
    }
}

fn variance(values: &[f64], weights: &Weights<'_>) -> Option<f64> {
    let centre = weights.mean(values.iter().copied())?;
    weights.mean(values.iter().map(|value| (value - centre).powi(2)))
}

/// Ranks from 1, ties with their mean; `None` where a value is not a number.
fn ranks(values: &[f64]) -> Option<Vec<f64>> {
    if values.iter().any(|value| value.is_nan()) {
        return None;
    }
    let mut order: Vec<usize> = (0..values.len()).collect();
    order.sort_by(|&a, &b| values[a].total_cmp(&values[b]));
    let mut ranks = vec![0.0; values.len()];
    let mut before = 0;
    for tied in order.chunk_by(|&a, &b| values[a] == values[b]) {
        let rank = before as f64 + (tied.len() + 1) as f64 / 2.0;
        tied.iter().for_each(|&row| ranks[row] = rank);
        before += tied.len();
    }
    Some(ranks)
}
