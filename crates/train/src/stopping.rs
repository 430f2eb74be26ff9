//! When training no longer improves.

use stages::EarlyStopping;

use serde::{Deserialize, Serialize};

use crate::fit::EpochRecord;

/// What early stopping remembers between epochs.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct Stopping {
    /// The best value so far, and its epoch.
    pub(crate) best: Option<(f64, usize)>,
    /// Epochs since.
    pub(crate) waited: usize,
}

impl Stopping {
    /// Takes an epoch's metrics in; says whether it is the best so far. A metric that is not defined is no improvement.
    pub(crate) fn observe(&mut self, settings: &EarlyStopping, record: &EpochRecord) -> bool {
        let part = record.metrics.get(settings.part.name());
        let value = part.and_then(|metrics| metrics.get(&settings.measure().to_string())).copied();
        let improved = match (value, self.best) {
            (None, _) => false,
            (Some(_), None) => true,
            (Some(value), Some((best, _))) if settings.metric.larger_is_better() => {
                value > best + settings.min_delta
            }
            (Some(value), Some((best, _))) => value < best - settings.min_delta,
        };
        match value {
            Some(value) if improved => *self = Stopping { best: Some((value, record.epoch)), waited: 0 },
            _ => self.waited += 1,
        }
        improved
    }

    /// Whether enough epochs passed without improvement.
    pub(crate) fn stops(&self, settings: &EarlyStopping) -> bool {
        self.waited >= settings.patience
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use data::Part;
    use stages::Metric;

    use super::*;

    fn epochs(metric: Metric, min_delta: f64, values: &[f64]) -> (Vec<bool>, Option<usize>) {
        let settings = EarlyStopping {
            patience: 2,
            metric,
            output: None,
            part: Part::Valid,
            min_delta,
            restore_best: true,
        };
        let mut stopping = Stopping::default();
        let mut improved = vec![];
        for (epoch, &value) in (1..).zip(values) {
            let metrics = BTreeMap::from([(metric.name(), value)]);
            let metrics = BTreeMap::from([("valid".to_owned(), metrics)]);
            improved.push(stopping.observe(&settings, &EpochRecord { epoch, learning_rate: None, metrics }));
            if stopping.stops(&settings) {
                return (improved, Some(epoch));
            }
        }
        (improved, None)
    }

    #[test]
    fn patience_counts_epochs_without_improvement() {
        assert_eq!(epochs(Metric::Loss, 0.0, &[3.0, 2.0, 2.0, 2.5, 1.0]).1, Some(4));
        assert_eq!(
            epochs(Metric::Auc, 0.0, &[0.5, 0.6, 0.55, 0.7, 0.6]),
            (vec![true, true, false, true, false], None)
        );
        assert_eq!(epochs(Metric::Auc, 0.2, &[0.5, 0.6, 0.65]).1, Some(3));
    }
}
