//! A learning rate found by a range test: a short training whose rate grows from step to step until the loss breaks
//! away (Smith, "Cyclical Learning Rates for Training Neural Networks", 2017).
//!
//! The rates, the smoothing and the choice are fastai's `lr_find` with its defaults and the rule `valley`.

use plan::Progress;
use serde::{Deserialize, Serialize};

use crate::checkpoint::Checkpoint;
use crate::error::Error;
use crate::fit::{Watch, tell};
use crate::learner::Learner;
use crate::run::Run;

/// Steps of the test at most.
pub(crate) const STEPS: usize = 100;
/// The rates of the first and of the step after the last.
const RATES: [f64; 2] = [1e-7, 10.0];
/// How much of the smoothed loss each step keeps.
const KEPT: f64 = 0.98;
/// The test ends when the smoothed loss is this many times its least.
const BREAK: f64 = 4.0;
/// Steps at the start and the end of the curve that are not looked at.
const LEFT_OUT: [usize; 2] = [STEPS / 10, 5];

/// What a range test found.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct FoundRate {
    /// The learning rate.
    pub lr: f64,
    /// The rate of every step.
    pub rates: Vec<f64>,
    /// The smoothed loss at every step.
    pub losses: Vec<f64>,
}

impl Run<'_> {
    /// The learning rate where the settings leave it to be found: what was found at the start of what is saved, or by a
    /// range test now.
    pub(crate) fn rate(
        &self,
        saved: Option<&Checkpoint>,
        progress: Watch<'_>,
    ) -> Result<Option<FoundRate>, Error> {
        if self.job.training.optimizer.lr().is_some() {
            return Ok(None);
        }
        if let Some(found) = saved.and_then(|saved| saved.rate.clone()) {
            return Ok(Some(found));
        }
        let found = self.find_rate(progress)?;
        let text = format!("learning rate {:.2e}, found by {} steps", found.lr, found.rates.len());
        tell(progress, Progress::Note { text })?;
        Ok(Some(found))
    }

    /// A learning rate by a range test, which leaves the network as it was.
    ///
    /// # Errors
    /// [`Error::NoRate`] where the loss never falls, and what stops a training.
    fn find_rate(&self, progress: Watch<'_>) -> Result<FoundRate, Error> {
        let weights = self.module.weights()?;
        let found = self.range_test(progress);
        self.module.assign(&weights)?;
        found
    }

    fn range_test(&self, progress: Watch<'_>) -> Result<FoundRate, Error> {
        let mut test = RangeTest::default();
        let mut learner = None;
        // No epoch of the training is the 0th, so none has these draws.
        let groups = self.groups(0);
        for (step, rows) in (1..).zip(groups.iter().cycle()) {
            let Some(rate) = test.rate() else { break };
            let learner = match &mut learner {
                Some(learner) => learner,
                None => {
                    let optimizer = self.job.training.optimizer.with_lr(rate);
                    let moves = self.moves_at(rate)?;
                    learner.insert(Learner::new(&self.job, &optimizer, None, &moves, &self.module)?)
                }
            };
            learner.optimizer.set_rate(rate);
            let mut ledger = self.ledger(0);
            let mut next = |rows: &[u32]| self.loader.augmented(rows, self.augment(0));
            let place = [self.job.seed, 0, step];
            let gradients = match self.accumulate(learner, rows, &mut next, place, &mut ledger) {
                Err(Error::Diverged { .. }) => break,
                gradients => gradients?,
            };
            if ledger.look().is_err() {
                break;
            }
            let Some(loss) = self.measured(&ledger)?.remove("loss") else { break };
            learner.step(&self.module, gradients)?;
            test.observe(rate, loss);
            let (phase, unit) = ("learning rate".to_owned(), "steps".to_owned());
            tell(progress, Progress::Step { phase, done: step, total: STEPS as u64, unit })?;
        }
        test.found().ok_or(Error::NoRate)
    }
}

/// A range test as it goes on.
#[derive(Default)]
pub(crate) struct RangeTest {
    mean: f64,
    least: Option<f64>,
    rates: Vec<f64>,
    losses: Vec<f64>,
}

impl RangeTest {
    /// The rate of the next step; none when the test is over.
    pub(crate) fn rate(&self) -> Option<f64> {
        let broke = self.losses.last().zip(self.least).is_some_and(|(last, least)| *last > BREAK * least);
        let step = self.rates.len();
        let rate = RATES[0] * (RATES[1] / RATES[0]).powf(step as f64 / STEPS as f64);
        (step < STEPS && !broke).then_some(rate)
    }

    /// Takes in the loss of a step with the rate that [`RangeTest::rate`] gave.
    pub(crate) fn observe(&mut self, rate: f64, loss: f64) {
        self.mean = KEPT * self.mean + (1.0 - KEPT) * loss;
        let smoothed = self.mean / (1.0 - KEPT.powi(self.losses.len() as i32 + 1));
        self.least = Some(self.least.map_or(smoothed, |least| least.min(smoothed)));
        self.rates.push(rate);
        self.losses.push(smoothed);
    }

    /// The rate in the longest valley of the curve; none where the loss never falls.
    pub(crate) fn found(self) -> Option<FoundRate> {
        let [start, end] = LEFT_OUT;
        let last = self.losses.len().saturating_sub(end);
        let at = start + valley(self.losses.get(start..last)?)?;
        Some(FoundRate { lr: self.rates[at], rates: self.rates, losses: self.losses })
    }
}

/// The middle of the longest subsequence of falling losses, with fastai's rounding: a third and half a third after its
/// start, which is a step before its first loss.
fn valley(losses: &[f64]) -> Option<usize> {
    let mut lengths: Vec<usize> = vec![];
    for loss in losses {
        let before = losses.iter().zip(&lengths).filter(|(earlier, _)| loss < *earlier);
        lengths.push(1 + before.map(|(_, length)| *length).max().unwrap_or(0));
    }
    let longest = lengths.iter().copied().max().filter(|&length| length > 1)?;
    let end = lengths.iter().position(|&length| length == longest)?;
    let start = end.saturating_sub(longest);
    Some(start + longest / 3 + longest / 6)
}

#[cfg(test)]
mod tests {
    use serde::Deserialize;

    use super::*;

    #[derive(Deserialize)]
    struct Case {
        losses: Vec<f64>,
        smoothed: Vec<f64>,
        lr: Option<f64>,
    }

    #[test]
    fn the_rate_is_that_of_fastais_rule() {
        let cases: Vec<Case> = serde_json::from_str(include_str!("../tests/find.json")).unwrap();
        for (nth, case) in cases.iter().enumerate() {
            let mut test = RangeTest::default();
            for loss in &case.losses {
                let Some(rate) = test.rate() else { break };
                test.observe(rate, *loss);
            }
            let near = |one: f64, other: f64| (one - other).abs() <= 1e-9 * other.abs();
            assert_eq!(test.losses.len(), case.smoothed.len(), "curve {nth}");
            assert!(
                test.losses.iter().zip(&case.smoothed).all(|(one, other)| near(*one, *other)),
                "curve {nth}"
            );
            match (test.found(), case.lr) {
                (Some(found), Some(lr)) => {
                    assert!(near(found.lr, lr), "curve {nth}: {} is not {lr}", found.lr)
                }
                (None, None) => {}
                (found, lr) => panic!("curve {nth}: {found:?} is not {lr:?}"),
            }
        }
    }
}
