//! One pass over the training rows, a step at a time.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use data::{Draws, Order, Part};
use nn::{Column, Gradient, Inputs};
use plan::Progress;
use torch::{Device, Tensor, guard, values};

use crate::ahead::Ahead;
use crate::error::Error;
use crate::evaluate::by_name;
use crate::fit::{Job, PartMetrics, Watch, tell};
use crate::head::Head;
use crate::learner::Learner;
use crate::optimizer::Optimizer;
use crate::run::Run;
use crate::schedule::Plateau;

/// Time between two reports of progress.
const REPORT: Duration = Duration::from_millis(250);
/// Passes between two looks at the losses where a look waits for a device.
const LOOK: usize = 64;

impl Run<'_> {
    /// One pass over the training rows: its metrics by part, and its seconds.
    pub(crate) fn epoch(
        &self,
        learner: &mut Learner,
        epoch: usize,
        plateau: &Plateau,
        progress: Watch<'_>,
    ) -> Result<(PartMetrics, f64), Error> {
        let groups = self.groups(epoch as u64);
        let batches: Vec<Vec<u32>> =
            groups.iter().flat_map(|rows| rows.chunks(self.size)).map(<[u32]>::to_vec).collect();
        std::thread::scope(|scope| {
            let ahead = Ahead::start(scope, &self.loader, &batches, self.augment(epoch as u64));
            self.steps(learner, epoch, plateau, &groups, ahead, progress)
        })
    }

    /// The steps of an epoch.
    fn steps(
        &self,
        learner: &mut Learner,
        epoch: usize,
        plateau: &Plateau,
        groups: &[Vec<u32>],
        mut ahead: Ahead<'_>,
        progress: Watch<'_>,
    ) -> Result<(PartMetrics, f64), Error> {
        let Job { training, seed, .. } = self.job;
        let clock = Instant::now();
        let mut reported = clock;
        let mut ledger = self.ledger(epoch);
        let mut done = 0;
        for (step, rows) in (1..).zip(groups) {
            learner.optimizer.set_rates(|lr| self.rates.at(lr, epoch - 1, step as usize - 1, plateau));
            ledger.rate = learner.optimizer.rate();
            let place = [seed, epoch as u64, step];
            let gradients = self.accumulate(learner, rows, &mut |_| ahead.next(), place, &mut ledger)?;
            learner.step(&self.module, gradients)?;
            done += rows.len();
            // The last step is always told, so that a bar reaches its end however fast the epoch was.
            if reported.elapsed() >= REPORT || done == self.train.len() {
                reported = Instant::now();
                let phase = format!("epoch {epoch}/{}", training.epochs);
                let total = self.train.len() as u64;
                tell(progress, Progress::Step { phase, done: done as u64, total, unit: "rows".to_owned() })?;
            }
        }
        learner.optimizer.settle(&self.module)?;
        ledger.look()?;
        for name in self.module.trainable() {
            let finite = |tensor: &Tensor| guard(|| tensor.isfinite().all().int64_value(&[]) != 0);
            if !self.module.tensor(name).map_or(Ok(true), finite)? {
                return Err(ledger.diverged(groups.len(), f64::NAN));
            }
        }
        let metrics = self.measured(&ledger)?;
        let seconds = clock.elapsed().as_secs_f64();
        Ok((BTreeMap::from([(Part::Train.name().to_owned(), metrics)]), seconds))
    }

    /// An empty ledger of an epoch.
    pub(crate) fn ledger(&self, epoch: usize) -> Ledger {
        Ledger { epoch, outputs: vec![vec![]; self.heads.len()], ..Ledger::default() }
    }

    /// The loss and the metrics of what was entered, by name.
    pub(crate) fn measured(&self, ledger: &Ledger) -> Result<BTreeMap<String, f64>, Error> {
        by_name(&self.heads, &ledger.outputs, &self.loader, &ledger.rows)
    }

    /// The rows of every step of an epoch.
    pub(crate) fn groups(&self, epoch: u64) -> Vec<Vec<u32>> {
        let Job { training, seed, .. } = self.job;
        let batch = &training.batch;
        let drawn = self.sampler.as_ref().map(|sampler| sampler.draw(self.train.len(), seed, epoch));
        let rows = drawn.as_ref().unwrap_or(&self.train);
        let size = self.size.saturating_mul(batch.accumulate);
        let order = Order::Shuffled { seed, epoch };
        data::batches(&self.loader.lengths, rows, size, batch.buckets, false, order)
    }

    /// The gradients of the mean loss of a step's rows, which pass through the network a batch at a time.
    ///
    /// Batches with losses l and weights w give sum(w l) / sum(w) over all rows of the step: each batch's mean counts
    /// by the share that its rows have in the weight of all. `next` gives each batch's columns.
    pub(crate) fn accumulate(
        &self,
        learner: &mut Learner,
        rows: &[u32],
        next: &mut dyn FnMut(&[u32]) -> Result<Inputs, Error>,
        [seed, epoch, step]: [u64; 3],
        ledger: &mut Ledger,
    ) -> Result<BTreeMap<String, Gradient>, Error> {
        let whole = self.weights_of(rows)?;
        let mut gradients = BTreeMap::new();
        for (nth, batch) in (0..).zip(rows.chunks(self.size)) {
            let inputs = next(batch)?;
            self.catch_up(&mut learner.optimizer, &inputs)?;
            let place = [epoch, step, nth];
            let draw = Draws::new(seed, "step", if nth == 0 { &place[..2] } else { &place }).u64();
            let pass = self.module.train(&inputs, draw)?;
            let said = self.said(&pass.outputs, batch)?;
            let loss = self.loss(&said, batch, (batch.len() < rows.len()).then_some(&whole[..]))?;
            ledger.enter(step as usize, &said, &loss, batch)?;
            let loss = learner.scaled(loss)?;
            nn::add_gradients(&mut gradients, self.module.gradients(&pass, &loss)?)?;
        }
        Ok(gradients)
    }

    /// What each output says in a batch, as its loss and its metrics take it.
    pub(crate) fn said(&self, results: &[Tensor], batch: &[u32]) -> Result<Vec<Tensor>, Error> {
        let pairs = self.heads.iter().zip(results);
        pairs.map(|(head, result)| head.said(&self.loader, batch, result)).collect()
    }

    /// The loss of a batch: the sum over what the outputs say. Each is a mean over rows that weigh `whole` together, of which the
    /// batch's are a share.
    pub(crate) fn loss(
        &self,
        outputs: &[Tensor],
        batch: &[u32],
        whole: Option<&[f64]>,
    ) -> Result<Tensor, Error> {
        let own = whole.map(|_| self.weights_of(batch)).transpose()?;
        let mut sum: Option<Tensor> = None;
        for (at, (head, output)) in self.heads.iter().zip(outputs).enumerate() {
            let truth = self.loader.truth(&head.label, batch)?;
            let weights = self.loader.weights(&head.label, batch)?;
            let mut loss = head.criterion.loss(output, &truth, weights.as_ref())?;
            if let (Some(whole), Some(own)) = (whole, &own) {
                loss = guard(|| loss * if whole[at] > 0.0 { own[at] / whole[at] } else { 0.0 })?;
            }
            if head.weight != 1.0 {
                loss = guard(|| loss * head.weight)?;
            }
            sum = Some(match sum {
                Some(sum) => guard(|| sum + loss)?,
                None => loss,
            });
        }
        sum.ok_or(Error::NoLabel)
    }

    /// What rows weigh together in the loss of each output.
    fn weights_of(&self, rows: &[u32]) -> Result<Vec<f64>, Error> {
        let weights = self.job.dataset.weight_batch(rows);
        let of = |head: &Head| {
            Ok(head.criterion.weight_of(&self.loader.labels(&head.label, rows)?, weights.as_deref()))
        };
        self.heads.iter().map(of).collect()
    }

    /// Brings the table rows that a batch looks at up to date.
    fn catch_up(&self, optimizer: &mut Optimizer, inputs: &Inputs) -> Result<(), Error> {
        if self.module.device() != Device::Cpu {
            return Ok(());
        }
        for (table, column) in self.module.tables() {
            if let Some(Column::Sequence { ids, .. } | Column::Category(ids)) = inputs.get(column) {
                optimizer.catch_up(&self.module, table, &values::int64s(ids)?)?;
            }
        }
        Ok(())
    }
}

/// Losses and predictions of an epoch. On a device they are looked at now and then: each look waits for the device.
#[derive(Default)]
pub(crate) struct Ledger {
    epoch: usize,
    /// The learning rate of the step that is entered.
    rate: f64,
    pending: Vec<Pending>,
    /// Of each output, row after row.
    outputs: Vec<Vec<f32>>,
    /// The rows that they are of.
    rows: Vec<u32>,
}

/// What a pass gave.
struct Pending {
    step: usize,
    rate: f64,
    outputs: Vec<Tensor>,
    loss: Tensor,
}

impl Ledger {
    fn enter(&mut self, step: usize, outputs: &[Tensor], loss: &Tensor, rows: &[u32]) -> Result<(), Error> {
        let due = if loss.device() == Device::Cpu { 1 } else { LOOK };
        self.rows.extend_from_slice(rows);
        let outputs = guard(|| outputs.iter().map(Tensor::detach).collect())?;
        let loss = guard(|| loss.detach())?;
        self.pending.push(Pending { step, rate: self.rate, outputs, loss });
        if self.pending.len() >= due { self.look() } else { Ok(()) }
    }

    pub(crate) fn look(&mut self) -> Result<(), Error> {
        for Pending { step, rate, outputs, loss } in std::mem::take(&mut self.pending) {
            let value = guard(|| loss.double_value(&[]))?;
            if !value.is_finite() {
                return Err(Error::Diverged { epoch: self.epoch, step, rate, value });
            }
            for (all, output) in self.outputs.iter_mut().zip(&outputs) {
                all.extend(values::floats(output)?);
            }
        }
        Ok(())
    }

    /// What the last step's weights show.
    fn diverged(&self, step: usize, value: f64) -> Error {
        Error::Diverged { epoch: self.epoch, step, rate: self.rate, value }
    }
}
