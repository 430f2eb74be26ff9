//! What stays the same over a training's epochs: the network, its rows, the loss, and what is asked of them.

use std::collections::{BTreeMap, BTreeSet};

use data::{Augment, Draws, LABEL, Order, Part};
use images::Chain;
use network::Graph;
use nn::Module;
use plan::Progress;
use stages::{Moves, Precision, Training};
use torch::{Kind, weights};

use crate::average::Averaged;
use crate::batch::Loader;
use crate::checkpoint::Tensors;
use crate::error::Error;
use crate::evaluate::measured;
use crate::fit::{EpochRecord, Job, PartMetrics, State, Watch, tell};
use crate::head::Head;
use crate::sample::Sampler;
use crate::schedule::Rates;

/// A training apart from what its steps change.
pub(crate) struct Run<'a> {
    pub(crate) module: Module,
    /// What the network itself has frozen, whatever the epoch.
    pub(crate) declared: BTreeSet<String>,
    /// How each parameter moves that ever does.
    pub(crate) moves: BTreeMap<String, Moves>,
    pub(crate) job: Job<'a>,
    pub(crate) loader: Loader<'a>,
    pub(crate) train: Vec<u32>,
    valid: Vec<u32>,
    /// Rows of a batch.
    pub(crate) size: usize,
    /// How training rows are drawn, where it is not each of them once an epoch.
    pub(crate) sampler: Option<Sampler>,
    /// The network's results in their order.
    pub(crate) heads: Vec<Head>,
    pub(crate) rates: Rates<'a>,
    /// What is done to pictures of the training rows.
    augment: Option<Chain>,
}

impl<'a> Run<'a> {
    pub(crate) fn new(module: Module, job: Job<'a>) -> Result<Self, Error> {
        if module.trainable().is_empty() {
            return Err(Error::NothingToTrain);
        }
        let loader = Loader::new(&module, job.dataset, job.stored)?;
        if let Some(stored) = job.stored {
            stored.check_views(job.training)?;
        }
        let train = job.dataset.training_rows();
        let valid = job.dataset.rows_of(Some(Part::Valid));
        let early = job.training.early_stopping.as_ref();
        let plateau = job.training.plateau();
        let watched = [early.map(|own| (own.metric, own.part)), plateau.map(|own| (own.metric, own.part))];
        if train.is_empty() {
            return Err(Error::NoRows(Part::Train));
        }
        for part in watched.iter().flatten().map(|(_, part)| part) {
            match part {
                Part::Valid if valid.is_empty() => return Err(Error::NoRows(Part::Valid)),
                Part::Test => {
                    return Err(Error::Setting("nothing that decides may look at part `test`".to_owned()));
                }
                _ => {}
            }
        }
        let wanted = |kind| {
            let mut metrics = job.training.measured(kind);
            metrics.extend(watched.iter().flatten().map(|(metric, _)| *metric));
            metrics
        };
        let heads = Head::all(&module, job.dataset, job.goals, &wanted)?;
        let sampler = match &job.training.batch.sample {
            Some(weights) => {
                let labels = loader.labels(LABEL, &train)?;
                Some(Sampler::of(weights, &train, &labels, job.dataset.description())?)
            }
            None => None,
        };
        let augment = match job.training.augment.as_slice() {
            [] => None,
            transforms => {
                let wrong = |problem: images::Problem| Error::Setting(format!("augment: {}", problem.reason));
                Some(Chain::new(transforms).map_err(wrong)?)
            }
        };
        let declared = module.network().frozen.clone();
        let moves = moves(job.training, 1.0, module.graph(), &declared)?;
        let module = in_precision(module, job.training.precision);
        let rates = Rates::new(job.training, 1, 1.0);
        Ok(Run {
            module,
            declared,
            moves,
            job,
            loader,
            train,
            valid,
            size: 1,
            sampler,
            heads,
            rates,
            augment,
        })
    }

    /// How each parameter moves that ever does, where the optimiser's learning rate is `lr`.
    pub(crate) fn moves_at(&self, lr: f64) -> Result<BTreeMap<String, Moves>, Error> {
        moves(self.job.training, lr, self.module.graph(), &self.declared)
    }

    /// Copies of all that training moves: of everything where layers are let go on the way, so that the best epoch's
    /// weights are whole although more moved after it.
    pub(crate) fn weights(&self) -> Result<Tensors, Error> {
        let all = !self.job.training.unfreeze.is_empty();
        Ok(if all { self.module.weights()? } else { self.module.moving_weights()? })
    }

    /// What an epoch does to pictures of the training rows: draws of its own, or the next of the views in turn.
    pub(crate) fn augment(&self, epoch: u64) -> Option<Augment<'_>> {
        let view = self.job.training.views.map_or(epoch, |views| (epoch + views - 1) % views + 1);
        self.augment.as_ref().map(|chain| Augment { chain, seed: self.job.seed, epoch: view })
    }

    /// What a checkpoint must be of to be gone on from.
    pub(crate) fn identity(&self) -> Result<String, Error> {
        let Job { dataset, training, goals, seed, .. } = self.job;
        let all = (self.module.network(), training.way(), goals, seed, dataset.description());
        let text = serde_json::to_vec(&all).map_err(|error| Error::Setting(error.to_string()))?;
        Ok(blake3::hash(&text).to_hex().to_string())
    }

    /// What is to be said of a step that asks for more rows than there are.
    pub(crate) fn too_few_rows(&self) -> Option<String> {
        let accumulate = self.job.training.batch.accumulate;
        let (step, rows) = (self.size.saturating_mul(accumulate), self.train.len());
        (step > rows).then(|| {
            format!(
                "a step of {step} rows takes in all {rows} training rows, so every epoch is a single step"
            )
        })
    }

    /// What is to be said of outputs with logits for more classes than there are.
    pub(crate) fn spare_units(&self) -> Vec<String> {
        let spare = self.heads.iter().filter(|head| head.spare > 0).map(|head| {
            let (classes, units) = (head.classes.len(), head.classes.len().max(2) + head.spare);
            format!(
                "the network ends in {units} logits for {classes} classes: leave out the last layer's `units`"
            )
        });
        spare.collect()
    }

    pub(crate) fn finished(&self, state: &State) -> bool {
        let early = self.job.training.early_stopping.as_ref();
        state.epoch >= self.job.training.epochs
            || early.is_some_and(|settings| state.stopping.stops(settings))
    }

    /// Metrics of those `parts` that have rows.
    pub(crate) fn measure(&self, parts: &[Part]) -> Result<PartMetrics, Error> {
        let mut found = BTreeMap::new();
        for part in parts {
            let rows = if *part == Part::Train { &self.train } else { &self.valid };
            if !rows.is_empty() {
                let metrics = measured(&self.module, &self.loader, rows, &self.heads)?;
                found.insert(part.name().to_owned(), metrics);
            }
        }
        Ok(found)
    }

    /// Puts averaged weights into the module, with the statistics that its batch norms have under them.
    pub(crate) fn show(&self, average: &Averaged, epoch: usize) -> Result<(), Error> {
        average.assign(&self.module)?;
        if !(average.wants_statistics() && self.module.moves_statistics()) {
            return Ok(());
        }
        let Job { training: settings, seed, .. } = self.job;
        let (size, buckets) = (self.size, settings.batch.buckets);
        let order = Order::Sequential;
        let batches = data::batches(&self.loader.lengths, &self.train, size, buckets, false, order);
        for (nth, rows) in (1..).zip(&batches) {
            let draw = Draws::new(seed, "statistics", &[epoch as u64, nth]).u64();
            let inputs = self.loader.augmented(rows, self.augment(epoch as u64))?;
            self.module.gather_statistics(&inputs, draw, nth)?;
        }
        Ok(())
    }

    /// Asserts that frozen tensors kept the bits that they had at the start.
    pub(crate) fn check_frozen(&self, start: &Tensors) -> Result<(), Error> {
        let moved = self.which(self.module.frozen(), start, true)?;
        if moved.is_empty() { Ok(()) } else { Err(Error::FrozenMoved(moved)) }
    }

    /// Trainable parameters that stayed as they were beside others of their layer that moved, as a bias does that a batch
    /// norm takes out again.
    ///
    /// # Errors
    /// [`Error::NotMoved`] for layers of which nothing moved that trains.
    pub(crate) fn still(&self, start: &Tensors) -> Result<Vec<String>, Error> {
        let still = self.which(self.module.trainable(), start, false)?;
        let mut layers: BTreeMap<&str, Vec<&String>> = BTreeMap::new();
        let trainable: BTreeSet<&str> = self.module.trainable().into_iter().collect();
        for node in &self.module.graph().nodes {
            let own = node.own_params().map(|param| &param.name);
            layers
                .entry(&node.layer)
                .or_default()
                .extend(own.filter(|name| trainable.contains(name.as_str())));
        }
        let dead = layers.into_values().filter(|names| names.iter().all(|name| still.contains(name)));
        let mut dead: Vec<String> = dead.flatten().cloned().collect();
        dead.sort_unstable();
        if dead.is_empty() { Ok(still) } else { Err(Error::NotMoved(dead)) }
    }

    /// Those of `names` whose bits are other than at the start, or those whose bits are the same.
    fn which(&self, names: Vec<&str>, start: &Tensors, moved: bool) -> Result<Vec<String>, Error> {
        let mut found = vec![];
        for name in names {
            let same = match (self.module.tensor(name), start.get(name)) {
                (Some(now), Some(then)) => weights::bytes_equal(now, then)?,
                _ => false,
            };
            if same != moved {
                found.push(name.to_owned());
            }
        }
        Ok(found)
    }

    pub(crate) fn tell_epoch(
        &self,
        progress: Watch<'_>,
        record: &EpochRecord,
        seconds: f64,
    ) -> Result<(), Error> {
        let rate = if seconds > 0.0 { self.train.len() as f64 / seconds } else { 0.0 };
        let EpochRecord { epoch, learning_rate, metrics } = record.clone();
        let epochs = self.job.training.epochs;
        tell(progress, Progress::Epoch { epoch, epochs, seconds, rate, learning_rate, metrics })
    }
}

/// The module, multiplying in the numbers that training asks for.
pub(crate) fn in_precision(module: Module, precision: Precision) -> Module {
    module.multiplying_in(match precision {
        Precision::Float32 => Kind::Float,
        Precision::Bfloat16 => Kind::BFloat16,
        Precision::Float16 => Kind::Half,
    })
}

fn moves(
    training: &Training,
    lr: f64,
    graph: &Graph,
    frozen: &BTreeSet<String>,
) -> Result<BTreeMap<String, Moves>, Error> {
    training.moves(graph, frozen, lr).map_err(|problems| {
        Error::Setting(problems.into_iter().map(|problem| problem.message).collect::<Vec<_>>().join("; "))
    })
}
