//! The learning rate at every step, as the classes of `torch.optim.lr_scheduler` give it.
//!
//! Invariant: a rate is a function of the settings, the step's number and, for `on-plateau`, of how often a plateau was
//! found; nothing is carried from step to step, so going on from a checkpoint changes no bit.

use std::f64::consts::PI;

use serde::{Deserialize, Serialize};
use stages::{Anneal, Average, By, OnPlateau, OneCycle, Schedule, SwaSchedule, ThresholdMode, Training};

use crate::fit::EpochRecord;

/// What decides the learning rate of a training.
#[derive(Clone, Copy)]
pub(crate) struct Rates<'a> {
    schedule: Option<&'a Schedule>,
    /// Steps of an epoch.
    steps: usize,
    epochs: usize,
    /// Steps of the warm-up, and the share of the rate that it begins with.
    warm_up: (usize, f64),
    /// What follows the schedule after so many epochs.
    averaged: Option<(usize, SwaSchedule)>,
    /// The optimiser's learning rate.
    lr: f64,
}

impl<'a> Rates<'a> {
    /// For epochs of `steps` steps and an optimiser that has the learning rate `lr`.
    pub(crate) fn new(training: &'a Training, steps: usize, lr: f64) -> Self {
        let warm_up = training
            .warm_up
            .map_or((0, 1.0), |own| (own.steps.unwrap_or(0) + own.epochs.unwrap_or(0) * steps, own.from));
        let averaged = match training.average {
            Some(Average::Swa(swa)) => swa.schedule.map(|schedule| (swa.from, schedule)),
            _ => None,
        };
        let (schedule, epochs) = (training.schedule.as_ref(), training.epochs);
        Rates { schedule, steps, epochs, warm_up, averaged, lr }
    }

    /// Whether the rate is anything but the optimiser's own throughout.
    pub(crate) fn change(&self) -> bool {
        self.schedule.is_some() || self.warm_up.0 > 0 || self.averaged.is_some()
    }

    /// Whether the schedule has nothing more to say after so many epochs.
    pub(crate) fn is_over(&self, epochs: usize) -> bool {
        self.averaged.is_some_and(|(from, _)| epochs >= from)
    }

    /// The rate of a step of an epoch, both counted from 0, that the optimiser gives as `lr`.
    pub(crate) fn at(&self, lr: f64, epoch: usize, step: usize, plateau: &Plateau) -> f64 {
        let Some((from, own)) = self.averaged.filter(|(from, _)| epoch >= *from) else {
            return self.warmed(lr, epoch, step, plateau);
        };
        let last = self.warmed(lr, from.saturating_sub(1), self.steps.saturating_sub(1), plateau);
        let share = ((epoch + 1 - from) as f64 / own.epochs as f64).min(1.0);
        let share = match own.anneal {
            Anneal::Cos => (1.0 - (PI * share).cos()) / 2.0,
            Anneal::Linear => share,
        };
        own.lr * (lr / self.lr) * share + last * (1.0 - share)
    }

    /// The rate of the warm-up, then of the schedule.
    fn warmed(&self, lr: f64, epoch: usize, step: usize, plateau: &Plateau) -> f64 {
        let now = epoch * self.steps + step;
        let (warm_up, from) = self.warm_up;
        if now < warm_up {
            let start = self.scheduled(lr, 0, 0, plateau);
            return start * (from + (1.0 - from) * now as f64 / warm_up as f64);
        }
        // Where the warm-up ends inside an epoch, that epoch is the schedule's first.
        self.scheduled(lr, epoch.saturating_sub(warm_up / self.steps.max(1)), now - warm_up, plateau)
    }

    /// The rate of the schedule at its own epoch and step, both counted from 0.
    fn scheduled(&self, lr: f64, epoch: usize, step: usize, plateau: &Plateau) -> f64 {
        let Some(schedule) = self.schedule else { return lr };
        let (warm_up, _) = self.warm_up;
        let (at, all) = match schedule.by() {
            Some(By::Step) => (step, (self.epochs * self.steps).saturating_sub(warm_up)),
            Some(By::Epoch) | None => (epoch, self.epochs.saturating_sub(warm_up / self.steps.max(1))),
        };
        let time = at as f64;
        let power = |base: f64, count: usize| base.powf(count as f64);
        let until = |total: Option<usize>| total.unwrap_or(all).max(1) as f64;
        let cosine = |min: f64, share: f64| min + (lr - min) * (1.0 + (PI * share).cos()) / 2.0;
        match schedule {
            Schedule::Step(own) => lr * power(own.gamma, at / own.every),
            Schedule::MultiStep(own) => {
                lr * power(own.gamma, own.milestones.iter().filter(|&&milestone| milestone <= at).count())
            }
            Schedule::Exponential(own) => lr * power(own.gamma, at),
            Schedule::Cosine(own) => cosine(own.min_lr, time / until(own.total)),
            Schedule::CosineRestarts(own) => {
                let (mut since, mut period) = (at, own.period);
                while own.multiply > 1 && since >= period {
                    since -= period;
                    period *= own.multiply;
                }
                cosine(own.min_lr, (since % period) as f64 / period as f64)
            }
            Schedule::OneCycle(own) => one_cycle(own, lr, time, all as f64),
            Schedule::Polynomial(own) => {
                let total = until(own.total);
                lr * (1.0 - time.min(total) / total).powf(own.power)
            }
            Schedule::Linear(own) => {
                let total = until(own.total);
                lr * (own.from + (own.to - own.from) * time.min(total) / total)
            }
            Schedule::Constant(own) => {
                if time < until(own.total) {
                    lr * own.factor
                } else {
                    lr
                }
            }
            Schedule::OnPlateau(own) => {
                // A change below this is none.
                const LEAST: f64 = 1e-8;
                (0..plateau.reductions).fold(lr, |lr, _| {
                    let lower = (lr * own.factor).max(own.min_lr);
                    if lr - lower > LEAST { lower } else { lr }
                })
            }
        }
    }
}

/// The rate at a step of one cycle of `all` steps.
fn one_cycle(own: &OneCycle, lr: f64, step: f64, all: f64) -> f64 {
    let first = lr / own.div;
    let last = first / own.final_div;
    // Ends of the phases, with the rates that they lead to.
    let phases = if own.three_phase {
        vec![(own.rise * all - 1.0, lr), (2.0 * own.rise * all - 2.0, first), (all - 1.0, last)]
    } else {
        vec![(own.rise * all - 1.0, lr), (all - 1.0, last)]
    };
    let (mut start, mut from) = (0.0, first);
    for (end, to) in &phases {
        if step <= *end {
            let share = if *end > start { (step - start) / (end - start) } else { 1.0 };
            return match own.anneal {
                Anneal::Cos => to + (from - to) / 2.0 * (1.0 + (PI * share).cos()),
                Anneal::Linear => from + (to - from) * share,
            };
        }
        (start, from) = (*end, *to);
    }
    last
}

/// What `on-plateau` remembers between epochs.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct Plateau {
    best: Option<f64>,
    /// Epochs without improvement.
    waited: usize,
    /// Epochs of rest that are left.
    rest: usize,
    /// How often the rate was lowered.
    reductions: usize,
}

impl Plateau {
    /// Takes an epoch's metrics in. A metric that is not defined is no improvement.
    pub(crate) fn observe(&mut self, own: &OnPlateau, record: &EpochRecord) {
        let part = record.metrics.get(own.part.name());
        let value = part.and_then(|metrics| metrics.get(&own.measure().to_string())).copied();
        let improved = match (value, self.best) {
            (None, _) => false,
            (Some(_), None) => true,
            (Some(value), Some(best)) => {
                let least = match own.threshold_mode {
                    ThresholdMode::Rel => best * own.threshold,
                    ThresholdMode::Abs => own.threshold,
                };
                if own.metric.larger_is_better() { value > best + least } else { value < best - least }
            }
        };
        if improved {
            self.best = value;
            self.waited = 0;
        } else {
            self.waited += 1;
        }
        if self.rest > 0 {
            self.rest -= 1;
            self.waited = 0;
        }
        if self.waited > own.patience {
            self.reductions += 1;
            self.rest = own.cooldown;
            self.waited = 0;
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use serde_json::{Value, json};

    use super::*;

    /// What torch.optim.lr_scheduler gives; `schedules.py` made it.
    fn reference() -> Vec<Value> {
        serde_json::from_str(include_str!("../tests/schedules.json")).unwrap()
    }

    fn number(value: &Value) -> usize {
        serde_json::from_value(value.clone()).unwrap()
    }

    #[test]
    fn rates_match_pytorch() {
        for case in reference().iter().filter(|case| case["losses"].is_null()) {
            let training: Training = serde_json::from_value(case["training"].clone()).unwrap();
            let steps = number(&case["steps"]);
            let rates = Rates::new(&training, steps, 0.5);
            let expected: Vec<f64> = serde_json::from_value(case["rates"].clone()).unwrap();
            assert_eq!(expected.len(), training.epochs * steps);
            for (now, expected) in expected.iter().enumerate() {
                let found = rates.at(0.5, now / steps, now % steps, &Plateau::default());
                assert!((found - expected).abs() < 1e-9, "{case} {now}: {found} is not {expected}");
            }
        }
    }

    #[test]
    fn plateaus_match_pytorch() {
        let mut seen = 0;
        for case in reference().iter().filter(|case| !case["losses"].is_null()) {
            seen += 1;
            let training: Training = serde_json::from_value(case["training"].clone()).unwrap();
            let Some(Schedule::OnPlateau(own)) = &training.schedule else { panic!("{case}") };
            let rates = Rates::new(&training, 1, 0.5);
            let mut plateau = Plateau::default();
            let losses: Vec<f64> = serde_json::from_value(case["losses"].clone()).unwrap();
            let expected: Vec<f64> = serde_json::from_value(case["rates"].clone()).unwrap();
            for (epoch, (loss, expected)) in losses.iter().zip(expected).enumerate() {
                let found = rates.at(0.5, epoch, 0, &plateau);
                assert!((found - expected).abs() < 1e-9, "{case} {epoch}: {found} is not {expected}");
                let metrics = BTreeMap::from([(own.metric.name(), *loss)]);
                let metrics = BTreeMap::from([("valid".to_owned(), metrics)]);
                plateau.observe(own, &EpochRecord { epoch: epoch + 1, learning_rate: None, metrics });
                // what a checkpoint keeps is all there is
                plateau = serde_json::from_value(json!(plateau)).unwrap();
            }
        }
        assert!(seen > 2);
    }
}
