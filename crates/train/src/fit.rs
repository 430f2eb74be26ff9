//! The training loop.

use std::collections::BTreeMap;
use std::ops::ControlFlow;
use std::path::Path;

use data::{Dataset, Part};
use nn::Module;
use plan::Progress;
use serde::{Deserialize, Serialize};
use stages::{Goals, Training};
use torch::{Tensor, set_threads};

use crate::checkpoint::{Checkpoint, Checkpoints, Tensors};
use crate::error::Error;
use crate::find::FoundRate;
use crate::learner::Learner;
use crate::run::Run;
use crate::schedule::{Plateau, Rates};
use crate::stopping::Stopping;
use crate::stored::Stored;

/// Who hears of progress; breaking stops the training.
pub(crate) type Watch<'a> = &'a mut dyn FnMut(Progress) -> ControlFlow<()>;

/// One training.
#[derive(Clone, Copy)]
pub struct Job<'a> {
    /// Trains on part `train`, or on all rows where there is no split; watches part `valid` where it has rows; never
    /// looks at `test`.
    pub dataset: &'a Dataset,
    /// Values of frozen nodes that need not be computed.
    pub stored: Option<&'a Stored>,
    /// Epochs, batches, optimiser, metrics.
    pub training: &'a Training,
    /// What each output learns.
    pub goals: &'a Goals,
    /// Every draw is a function of this.
    pub seed: u64,
    /// A folder of this training alone; it may hold the checkpoint of an interrupted run.
    pub checkpoint: &'a Path,
    /// The last checkpoint of a training that differs at most in epochs and patience; it is only read.
    pub kept: Option<&'a Path>,
    /// Threads to use; changes speed only.
    pub threads: usize,
}

/// Part, then metric, then value.
pub(crate) type PartMetrics = BTreeMap<String, BTreeMap<String, f64>>;

/// The metrics of an epoch.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct EpochRecord {
    /// The epoch; 0 is before training.
    pub epoch: usize,
    /// The learning rate of the epoch's last step, where a schedule or a warm-up changes it.
    #[serde(rename = "learning-rate", default, skip_serializing_if = "Option::is_none")]
    pub learning_rate: Option<f64>,
    /// Part, then metric, then value. From epoch 1 on those of part `train` are of the predictions that training made
    /// on its way, with rows, dropout and weights as they were at each step; all others are of a pass after the epoch.
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
    /// The learning rate that was found before training, where the settings asked for that.
    pub rate: Option<FoundRate>,
    /// Rows of a batch.
    pub batch_size: usize,
    /// Parameters that training left as they were, beside others of their layers that it moved.
    pub still: Vec<String>,
}

/// Trains `module`. `progress` hears of steps and epochs, and may break off.
///
/// Epoch 0 is an evaluation before training. After each further epoch a checkpoint is written; a later call with the
/// same module and job, or one with other epochs or another patience, goes on from there and ends in the same bits as
/// without.
///
/// # Errors
/// [`Error::Diverged`] when a loss or a weight is no longer finite, [`Error::Stopped`] when `progress` broke off, both
/// with the last whole epoch's checkpoint kept; [`Error::FrozenMoved`] and [`Error::NotMoved`] when freezing did not
/// hold; and for data, settings or a disk that make training impossible.
pub fn fit(module: Module, job: Job<'_>, progress: Watch<'_>) -> Result<Fitted, Error> {
    set_threads(job.threads)?;
    data::keep_freed_memory();
    let mut run = Run::new(module, job)?;
    let identity = run.identity()?;
    let start = run.module.weights()?;
    // As training goes on from; with an average, the module holds what is measured between epochs.
    let mut weights = shared(&start);
    let saved = run.saved(&identity, progress)?;
    run.size = run.batch_size(saved.as_ref())?;
    for text in run.spare_units().into_iter().chain(run.too_few_rows()) {
        tell(progress, Progress::Warning { text })?;
    }
    let mut checkpoints = Checkpoints::new(job.checkpoint, identity);
    // A rate is found on what the first epoch trains.
    run.enter(1, &start)?;
    let rate = run.rate(saved.as_ref(), progress)?;
    run.leave(&start)?;
    let optimizer = &job.training.optimizer;
    let optimizer = rate.as_ref().map_or_else(|| optimizer.clone(), |rate| optimizer.with_lr(rate.lr));
    let lr = optimizer.lr().unwrap_or(1.0);
    run.rates = Rates::new(job.training, run.groups(1).len(), lr);
    let moves = run.moves_at(lr)?;
    let mut learner = Learner::new(&job, &optimizer, job.training.average, &moves, &run.module)?;
    let mut state = match saved {
        Some(saved) => {
            run.module.assign(&saved.weights)?;
            learner.restore(&saved, &run.module)?;
            if let Some(average) = &learner.average {
                run.show(average, saved.epoch)?;
            }
            tell(progress, Progress::Resumed { epoch: saved.epoch })?;
            weights = saved.weights;
            State {
                epoch: saved.epoch,
                history: saved.history,
                stopping: saved.stopping,
                plateau: saved.plateau,
                best: saved.best,
            }
        }
        None => {
            let metrics = run.measure(&[Part::Train, Part::Valid])?;
            let record = EpochRecord { epoch: 0, learning_rate: None, metrics };
            run.tell_epoch(progress, &record, 0.0)?;
            State::new(record)
        }
    };
    while !run.finished(&state) {
        let epoch = state.epoch + 1;
        if learner.average.is_some() {
            run.module.assign(&weights)?;
        }
        run.enter(epoch, &start)?;
        let (metrics, seconds) = run.epoch(&mut learner, epoch, &state.plateau, progress)?;
        let learning_rate = run.rates.change().then(|| learner.optimizer.rate());
        weights = run.weights()?;
        if let Some(average) = &mut learner.average {
            average.after_epoch(&run.module, epoch)?;
            run.show(average, epoch)?;
        }
        let mut record = EpochRecord { epoch, learning_rate, metrics };
        record.metrics.extend(run.measure(&[Part::Valid])?);
        if let Some(settings) = job.training.plateau().filter(|_| !run.rates.is_over(epoch)) {
            state.plateau.observe(settings, &record);
        }
        if let Some(settings) = &job.training.early_stopping
            && state.stopping.observe(settings, &record)
            && settings.restore_best
        {
            state.best = Some(if learner.average.is_some() { run.weights()? } else { shared(&weights) });
        }
        state.epoch = epoch;
        state.history.push(record.clone());
        let checkpoint = Checkpoint {
            epoch,
            history: state.history.clone(),
            stopping: state.stopping.clone(),
            plateau: state.plateau.clone(),
            weights: shared(&weights),
            optimizer: learner.optimizer.state()?,
            best: state.best.as_ref().map(shared),
            average: learner.average_state()?,
            scaler: learner.scaler(),
            rate: rate.clone(),
            size: Some(run.size),
        };
        checkpoints.write(&checkpoint)?;
        run.tell_epoch(progress, &record, seconds)?;
    }
    if let Some(settings) = &job.training.early_stopping
        && state.stopping.best.is_none()
    {
        return Err(Error::NeverDefined { metric: settings.measure().to_string(), part: settings.part });
    }
    // A training that was stopped after its last epoch has entered none.
    run.enter(state.epoch, &start)?;
    let still = run.still(&start)?;
    if !still.is_empty() {
        tell(progress, Progress::Warning { text: did_not_move(&still) })?;
    }
    run.check_frozen(&start)?;
    run.leave(&start)?;
    let epoch = match (&state.best, state.stopping.best) {
        (Some(best), Some((_, epoch))) => {
            run.module.assign(best)?;
            epoch
        }
        _ => state.epoch,
    };
    let batch_size = run.size;
    Ok(Fitted {
        module: run.module,
        history: state.history,
        epoch,
        optimizer: learner.optimizer.state()?,
        rate,
        batch_size,
        still,
    })
}

fn did_not_move(names: &[String]) -> String {
    let names = names.join(", ");
    format!(
        "training left {names} as before: no gradient reaches it, as none does a bias before a batch norm or of the keys \
         of attention"
    )
}

/// The same tensors under the same names.
fn shared(tensors: &Tensors) -> Tensors {
    tensors.iter().map(|(name, tensor)| (name.clone(), tensor.shallow_clone())).collect()
}

pub(crate) fn tell(progress: Watch<'_>, message: Progress) -> Result<(), Error> {
    match progress(message) {
        ControlFlow::Continue(()) => Ok(()),
        ControlFlow::Break(()) => Err(Error::Stopped),
    }
}

/// What changes from epoch to epoch, apart from weights and optimiser.
pub(crate) struct State {
    pub(crate) epoch: usize,
    history: Vec<EpochRecord>,
    pub(crate) stopping: Stopping,
    plateau: Plateau,
    best: Option<Tensors>,
}

impl State {
    /// Before the first epoch.
    fn new(record: EpochRecord) -> Self {
        let (stopping, plateau) = (Stopping::default(), Plateau::default());
        State { epoch: 0, history: vec![record], stopping, plateau, best: None }
    }
}
