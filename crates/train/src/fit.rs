//! The training loop.

use std::collections::BTreeMap;
use std::ops::ControlFlow;
use std::path::Path;
use std::time::{Duration, Instant};

use data::{Dataset, Draws, Order, Part};
use nn::Module;
use plan::Progress;
use serde::{Deserialize, Serialize};
use stages::{Loss, Metric, Target, Training};
use torch::{Device, Tensor, guard, keep_freed_memory, set_threads, values, weights};

use crate::batch::Loader;
use crate::checkpoint::{Checkpoint, Found, Tensors};
use crate::clip::clip;
use crate::criterion::Criterion;
use crate::error::Error;
use crate::evaluate::{by_name, measured, vector_width};
use crate::optimizer::Optimizer;
use crate::stopping::Stopping;

/// Time between two reports of progress.
const REPORT: Duration = Duration::from_millis(250);
/// Steps between two looks at the losses where a look waits for a device.
const LOOK: usize = 64;

/// One training.
#[derive(Clone, Copy)]
pub struct Job<'a> {
    /// Trains on part `train`, or on all rows where there is no split; watches part `valid` where it has rows; never
    /// looks at `test`.
    pub dataset: &'a Dataset,
    /// Epochs, batches, optimiser, metrics.
    pub training: &'a Training,
    /// What is minimised.
    pub loss: &'a Loss,
    /// Every draw is a function of this.
    pub seed: u64,
    /// A folder of this training alone; it may hold the checkpoint of an interrupted run.
    pub checkpoint: &'a Path,
    /// Threads to use; changes speed only.
    pub threads: usize,
}

/// Part, then metric, then value.
type PartMetrics = BTreeMap<String, BTreeMap<String, f64>>;

/// The metrics of an epoch.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct EpochRecord {
    /// The epoch; 0 is before training.
    pub epoch: usize,
    /// Part, then metric, then value. From epoch 1 on those of part `train` are of the predictions that training made
    /// on its way, with dropout and weights as they were at each step; all others are of a pass after the epoch.
    /// Metrics that are not defined are left out.
    pub metrics: BTreeMap<String, BTreeMap<String, f64>>,
}

/// What a training made.
#[derive(Debug)]
pub struct Fitted {
    /// The network with its kept weights.
    pub module: Module,
    /// Every epoch from 0.
    pub history: Vec<EpochRecord>,
    /// The epoch that the weights are of: the best where early stopping restores it, else the last.
    pub epoch: usize,
    /// The optimiser's state after the last epoch, by name.
    pub optimizer: BTreeMap<String, Tensor>,
}

/// Trains `module`. `progress` hears of steps and epochs, and may break off.
///
/// Epoch 0 is an evaluation before training. After each further epoch a checkpoint is written; a later call with the
/// same module and job goes on from there and ends in the same bits.
///
/// # Errors
/// [`Error::Diverged`] when a loss or a weight is no longer finite, [`Error::Stopped`] when `progress` broke off, both
/// with the last whole epoch's checkpoint kept; [`Error::FrozenMoved`] and [`Error::NotMoved`] when freezing did not
/// hold; and for data, settings or a disk that make training impossible.
pub fn fit(
    module: Module,
    job: Job<'_>,
    progress: &mut dyn FnMut(Progress) -> ControlFlow<()>,
) -> Result<Fitted, Error> {
    set_threads(job.threads)?;
    keep_freed_memory();
    let run = Run::new(module, job)?;
    let identity = run.identity()?;
    let mut optimizer = Optimizer::new(&job.training.optimizer, &run.module, job.threads)?;
    let start = run.module.weights()?;
    let mut state = match Checkpoint::read(job.checkpoint, &identity)? {
        Found::Usable(checkpoint) => {
            run.module.assign(&checkpoint.weights)?;
            optimizer.restore(&checkpoint.optimizer)?;
            tell(progress, Progress::Resumed { epoch: checkpoint.epoch })?;
            State {
                epoch: checkpoint.epoch,
                history: checkpoint.history,
                stopping: checkpoint.stopping,
                best: checkpoint.best,
            }
        }
        found => {
            if let Found::Unusable(reason) = found {
                let text = format!("the checkpoint is not used, training starts over: {reason}");
                tell(progress, Progress::Warning { text })?;
            }
            let record = EpochRecord { epoch: 0, metrics: run.measure(&[Part::Train, Part::Valid])? };
            run.tell_epoch(progress, &record, 0.0)?;
            State { epoch: 0, history: vec![record], stopping: Stopping::default(), best: None }
        }
    };
    while !run.finished(&state) {
        let epoch = state.epoch + 1;
        let (metrics, seconds) = run.epoch(&mut optimizer, epoch, progress)?;
        let mut record = EpochRecord { epoch, metrics };
        record.metrics.extend(run.measure(&[Part::Valid])?);
        let weights = run.module.weights()?;
        if let Some(settings) = &job.training.early_stopping
            && state.stopping.observe(settings, &record)
            && settings.restore_best
        {
            state.best = Some(shared(&weights));
        }
        state.epoch = epoch;
        state.history.push(record.clone());
        let checkpoint = Checkpoint {
            epoch,
            history: state.history.clone(),
            stopping: state.stopping.clone(),
            weights,
            optimizer: optimizer.state()?,
            best: state.best.as_ref().map(shared),
        };
        checkpoint.write(job.checkpoint, &identity)?;
        run.tell_epoch(progress, &record, seconds)?;
    }
    run.check_freezing(&start)?;
    let epoch = match (&state.best, state.stopping.best) {
        (Some(best), Some((_, epoch))) => {
            run.module.assign(best)?;
            epoch
        }
        _ => state.epoch,
    };
    Ok(Fitted { module: run.module, history: state.history, epoch, optimizer: optimizer.state()? })
}

/// The same tensors under the same names.
fn shared(tensors: &Tensors) -> Tensors {
    tensors.iter().map(|(name, tensor)| (name.clone(), tensor.shallow_clone())).collect()
}

fn tell(progress: &mut dyn FnMut(Progress) -> ControlFlow<()>, message: Progress) -> Result<(), Error> {
    match progress(message) {
        ControlFlow::Continue(()) => Ok(()),
        ControlFlow::Break(()) => Err(Error::Stopped),
    }
}

/// What changes from epoch to epoch, apart from weights and optimiser.
struct State {
    epoch: usize,
    history: Vec<EpochRecord>,
    stopping: Stopping,
    best: Option<Tensors>,
}

/// What stays.
struct Run<'a> {
    module: Module,
    job: Job<'a>,
    loader: Loader<'a>,
    train: Vec<u32>,
    valid: Vec<u32>,
    metrics: Vec<Metric>,
    criterion: Criterion,
}

impl<'a> Run<'a> {
    fn new(module: Module, job: Job<'a>) -> Result<Self, Error> {
        if module.trainable().is_empty() {
            return Err(Error::NothingToTrain);
        }
        let loader = Loader::new(&module, job.dataset)?;
        // Data without a split has no parts: all of it is for training.
        let split = !job.dataset.description().parts.is_empty();
        let train = job.dataset.rows_of(split.then_some(Part::Train));
        let valid = job.dataset.rows_of(Some(Part::Valid));
        let early = job.training.early_stopping.as_ref();
        let mut metrics = job.training.metrics.clone();
        metrics.extend(early.map(|settings| settings.metric));
        if train.is_empty() {
            return Err(Error::NoRows(Part::Train));
        }
        match early.map(|settings| settings.part) {
            Some(Part::Valid) if valid.is_empty() => return Err(Error::NoRows(Part::Valid)),
            Some(Part::Test) => {
                return Err(Error::Setting("early stopping must not look at part `test`".to_owned()));
            }
            _ => {}
        }
        let width = vector_width(&module, module.graph().output)?;
        let room = match job.loss.target() {
            Target::Binary => 2,
            Target::Multiclass => width,
        };
        let classes = job.dataset.description().label.as_ref().map_or(0, |label| label.classes.len());
        if classes > room {
            return Err(Error::Classes { classes, room });
        }
        let criterion = Criterion::of(job.loss, width, job.dataset.description())?;
        Ok(Run { module, job, loader, train, valid, metrics, criterion })
    }

    /// What a checkpoint must be of to be gone on from.
    fn identity(&self) -> Result<String, Error> {
        let Job { dataset, training, loss, seed, .. } = self.job;
        let all = (self.module.network(), training, loss, seed, dataset.description());
        let text = serde_json::to_vec(&all).map_err(|error| Error::Setting(error.to_string()))?;
        Ok(blake3::hash(&text).to_hex().to_string())
    }

    fn finished(&self, state: &State) -> bool {
        let early = self.job.training.early_stopping.as_ref();
        state.epoch >= self.job.training.epochs
            || early.is_some_and(|settings| state.stopping.stops(settings))
    }

    /// Metrics of those `parts` that have rows.
    fn measure(&self, parts: &[Part]) -> Result<PartMetrics, Error> {
        let mut found = BTreeMap::new();
        for part in parts {
            let rows = if *part == Part::Train { &self.train } else { &self.valid };
            if !rows.is_empty() {
                let metrics = measured(&self.module, &self.loader, rows, &self.criterion, &self.metrics)?;
                found.insert(part.name().to_owned(), metrics);
            }
        }
        Ok(found)
    }

    /// One pass over the training rows: its metrics by part, and its seconds.
    fn epoch(
        &self,
        optimizer: &mut Optimizer,
        epoch: usize,
        progress: &mut dyn FnMut(Progress) -> ControlFlow<()>,
    ) -> Result<(PartMetrics, f64), Error> {
        let Job { training, seed, .. } = self.job;
        let clock = Instant::now();
        let mut reported = clock;
        let order = Order::Shuffled { seed, epoch: epoch as u64 };
        let size = training.batch.size;
        let batches =
            data::batches(&self.loader.lengths, &self.train, size, training.batch.buckets, false, order);
        let mut ledger = Ledger { epoch, step: 0, pending: vec![], logits: vec![], labels: vec![] };
        let mut done = 0;
        for (step, rows) in (1..).zip(&batches) {
            let draw = Draws::new(seed, "step", &[epoch as u64, step]).u64();
            self.step(optimizer, rows, draw, &mut ledger)?;
            done += rows.len();
            // The last step is always told, so that a bar reaches its end however fast the epoch was.
            if reported.elapsed() >= REPORT || done == self.train.len() {
                reported = Instant::now();
                let phase = format!("epoch {epoch}/{}", training.epochs);
                let total = self.train.len() as u64;
                tell(progress, Progress::Step { phase, done: done as u64, total, unit: "rows".to_owned() })?;
            }
        }
        optimizer.settle(&self.module)?;
        ledger.look()?;
        for name in self.module.trainable() {
            let finite = |tensor: &Tensor| guard(|| tensor.isfinite().all().int64_value(&[]) != 0);
            if !self.module.tensor(name).map_or(Ok(true), finite)? {
                return Err(Error::Diverged { epoch, step: batches.len(), value: f64::NAN });
            }
        }
        let metrics = by_name(&self.metrics, &self.criterion, &ledger.logits, &ledger.labels);
        let seconds = clock.elapsed().as_secs_f64();
        Ok((BTreeMap::from([(Part::Train.name().to_owned(), metrics)]), seconds))
    }

    fn step(
        &self,
        optimizer: &mut Optimizer,
        rows: &[u32],
        draw: u64,
        ledger: &mut Ledger,
    ) -> Result<(), Error> {
        let inputs = self.loader.inputs(rows)?;
        let labels = self.loader.labels(rows)?;
        if self.module.device() == Device::Cpu {
            for (table, column) in self.module.tables() {
                if let Some(nn::Column::Sequence { ids, .. } | nn::Column::Category(ids)) = inputs.get(column)
                {
                    optimizer.catch_up(&self.module, table, &values::int64s(ids)?)?;
                }
            }
        }
        let pass = self.module.train(&inputs, draw)?;
        let loss = self.criterion.loss(&pass.output, &self.loader.label_tensor(&labels)?)?;
        ledger.enter(&pass.output, &loss, &labels)?;
        let mut gradients = self.module.gradients(&pass, &loss)?;
        if let Some(limit) = self.job.training.clip_gradient {
            clip(limit, &mut gradients)?;
        }
        optimizer.step(&self.module, &gradients)
    }

    /// Asserts that frozen tensors kept their bits and that every trainable parameter moved.
    fn check_freezing(&self, start: &Tensors) -> Result<(), Error> {
        let moved = |name: &&str| -> Result<bool, Error> {
            match (self.module.tensor(name), start.get(*name)) {
                (Some(now), Some(then)) => Ok(!weights::bytes_equal(now, then)?),
                _ => Ok(true),
            }
        };
        let (mut frozen, mut still) = (vec![], vec![]);
        for name in self.module.frozen() {
            if moved(&name)? {
                frozen.push(name.to_owned());
            }
        }
        for name in self.module.trainable() {
            if !moved(&name)? {
                still.push(name.to_owned());
            }
        }
        match (frozen.is_empty(), still.is_empty()) {
            (false, _) => Err(Error::FrozenMoved(frozen)),
            (true, false) => Err(Error::NotMoved(still)),
            (true, true) => Ok(()),
        }
    }

    fn tell_epoch(
        &self,
        progress: &mut dyn FnMut(Progress) -> ControlFlow<()>,
        record: &EpochRecord,
        seconds: f64,
    ) -> Result<(), Error> {
        let rate = if seconds > 0.0 { self.train.len() as f64 / seconds } else { 0.0 };
        let EpochRecord { epoch, metrics } = record.clone();
        tell(progress, Progress::Epoch { epoch, epochs: self.job.training.epochs, seconds, rate, metrics })
    }
}

/// Losses and predictions of an epoch. On a device they are looked at now and then: each look waits for the device.
struct Ledger {
    epoch: usize,
    /// Steps that were looked at.
    step: usize,
    pending: Vec<(Tensor, Tensor)>,
    logits: Vec<f32>,
    labels: Vec<u32>,
}

impl Ledger {
    fn enter(&mut self, logits: &Tensor, loss: &Tensor, labels: &[u32]) -> Result<(), Error> {
        let due = if loss.device() == Device::Cpu { 1 } else { LOOK };
        self.labels.extend_from_slice(labels);
        self.pending.push(guard(|| (logits.detach(), loss.detach()))?);
        if self.pending.len() >= due { self.look() } else { Ok(()) }
    }

    fn look(&mut self) -> Result<(), Error> {
        for (logits, loss) in std::mem::take(&mut self.pending) {
            self.step += 1;
            let value = guard(|| loss.double_value(&[]))?;
            if !value.is_finite() {
                return Err(Error::Diverged { epoch: self.epoch, step: self.step, value });
            }
            self.logits.extend(values::floats(&logits)?);
        }
        Ok(())
    }
}
