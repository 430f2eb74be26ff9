//! What a training goes on from: its own checkpoint, or that of a training that was to go less or more far.

use plan::Progress;
use stages::Training;

use crate::checkpoint::{Checkpoint, Found};
use crate::error::Error;
use crate::fit::{Watch, tell};
use crate::run::Run;
use crate::stopping::Stopping;

impl Run<'_> {
    /// The state to go on from. What is there and cannot be used is told, and the training starts over.
    pub(crate) fn saved(&self, identity: &str, progress: Watch<'_>) -> Result<Option<Checkpoint>, Error> {
        let folders = [Some(self.job.checkpoint), self.job.kept];
        for folder in folders.into_iter().flatten() {
            match Checkpoint::read(folder, identity)? {
                Found::Nothing => {}
                Found::Unusable(reason) => {
                    let text = format!("the checkpoint is not used, training starts over: {reason}");
                    tell(progress, Progress::Warning { text })?;
                }
                Found::Usable(checkpoint) => match decided(*checkpoint, self.job.training) {
                    Ok(checkpoint) => return Ok(Some(checkpoint)),
                    Err(reason) => {
                        let text = format!("trains from the start: {reason}");
                        tell(progress, Progress::Note { text })?;
                    }
                },
            }
        }
        Ok(None)
    }
}

/// The state after a training's epochs so far, with the decisions of `training`: when to stop is decided again from the
/// recorded metrics. An error where it would have ended earlier and the weights of that time are gone.
fn decided(mut saved: Checkpoint, training: &Training) -> Result<Checkpoint, String> {
    let settings = training.early_stopping.as_ref();
    let mut stopping = Stopping::default();
    for record in saved.history.iter().skip(1) {
        if let Some(settings) = settings {
            stopping.observe(settings, record);
        }
        let stops = settings.is_some_and(|settings| stopping.stops(settings));
        if (stops || record.epoch >= training.epochs) && record.epoch < saved.epoch {
            let restored = settings.filter(|settings| settings.restore_best).and(stopping.best);
            let wanted = restored.map_or(record.epoch, |(_, epoch)| epoch);
            let there = saved.best.is_some() && saved.stopping.best.map(|(_, epoch)| epoch) == Some(wanted);
            if restored.is_none() || !there {
                return Err(format!(
                    "an earlier training went on to epoch {}, and kept no weights of epoch {wanted}",
                    saved.epoch
                ));
            }
            saved.epoch = record.epoch;
            break;
        }
    }
    saved.history.truncate(saved.epoch + 1);
    saved.stopping = stopping;
    Ok(saved)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use serde_json::json;
    use torch::Tensor;

    use super::*;
    use crate::checkpoint::Tensors;
    use crate::fit::EpochRecord;

    /// A training that ended after the epochs that have these losses; its best weights are kept.
    fn saved(losses: &[f64]) -> Checkpoint {
        let record = |(epoch, &loss)| {
            let metrics = BTreeMap::from([("loss".to_owned(), loss)]);
            EpochRecord {
                epoch,
                learning_rate: None,
                metrics: BTreeMap::from([("valid".to_owned(), metrics)]),
            }
        };
        let best = (1..losses.len()).min_by(|&a, &b| losses[a].total_cmp(&losses[b])).unwrap();
        Checkpoint {
            epoch: losses.len() - 1,
            history: losses.iter().enumerate().map(record).collect(),
            stopping: Stopping { best: Some((losses[best], best)), waited: losses.len() - 1 - best },
            plateau: crate::schedule::Plateau::default(),
            weights: Tensors::new(),
            optimizer: Tensors::new(),
            best: Some(Tensors::from([("best".to_owned(), Tensor::from(1.0))])),
            average: (0, Tensors::new()),
            scaler: None,
            rate: None,
            size: None,
        }
    }

    /// The epoch and what was waited, or why not.
    fn decide(losses: &[f64], epochs: usize, patience: usize) -> Result<(usize, usize, usize), String> {
        let training = json!({ "epochs": epochs, "early-stopping": { "patience": patience } });
        let decided = decided(saved(losses), &serde_json::from_value(training).unwrap())?;
        Ok((decided.epoch, decided.stopping.waited, decided.history.len()))
    }

    #[test]
    fn the_end_is_decided_again() {
        let losses = [9.0, 5.0, 4.0, 4.5, 4.6, 4.7];
        // more epochs, more patience: on from the last
        assert_eq!(decide(&losses, 20, 4), Ok((5, 3, 6)));
        // less patience, or fewer epochs: the best is of before that
        assert_eq!(decide(&losses, 20, 2), Ok((4, 2, 5)));
        assert_eq!(decide(&losses, 3, 4), Ok((3, 1, 4)));
        // the best of the first epoch is gone
        assert_eq!(
            decide(&losses, 1, 4),
            Err("an earlier training went on to epoch 5, and kept no weights of epoch 1".to_owned())
        );
        let late = [9.0, 5.0, 6.0, 7.0, 1.0];
        assert_eq!(
            decide(&late, 20, 2),
            Err("an earlier training went on to epoch 4, and kept no weights of epoch 1".to_owned())
        );
        assert_eq!(decide(&late, 20, 3), Ok((4, 0, 5)));
    }
}
