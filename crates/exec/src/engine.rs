//! The owner loop: it alone knows how far every stage is, starts workers, and emits events.
//!
//! Invariants: a stage is launched only while this process holds its key's lock; whatever a worker or the store
//! does wrong ends one stage, and with it the stages that need it, never the run.

mod launch;
mod needs;
mod news;

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::sync::atomic::Ordering;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::time::{Duration, Instant};

use plan::{Blame, FromWorker, Plan, Stage, StageError};
use store::{Digest, ResultRecord, RunLog, RunOutcome, RunSummary, Store};

use crate::class::numerics_class;
use crate::error::{Error, Result, chain, from_store};
use crate::event::{Event, What};
use crate::identity::{Identity, Key, Outputs};
use crate::options::{Options, Workers};
use crate::process::Worker;
use crate::summary::{End, StageReport, Summary};
use crate::task::{self, Job};

/// How often the loop looks at the stop flag and at keys that other runs hold.
const TICK: Duration = Duration::from_millis(50);
/// How long workers have to stop after a Ctrl-C.
const PATIENCE: Duration = Duration::from_secs(2);

/// What threads bring to the loop.
pub(crate) enum Message {
    /// A worker says something.
    Said { worker: usize, words: Box<FromWorker> },
    /// A worker is gone.
    Closed { worker: usize },
    /// A stage's outputs are stored, or cannot be.
    Stored { stage: usize, result: Box<std::result::Result<ResultRecord, StageError>> },
}

/// How far a stage is.
enum State {
    /// Not looked at, or an input is not known yet.
    Pending,
    /// It must run. `waited`: another run held its key.
    Ready { key: Box<Key>, waited: bool },
    /// A worker has it.
    Running(Box<Job>),
    /// Its outputs are being stored under this key.
    Storing(Digest),
    /// Its result is there; `hit`: without running.
    Done { record: Box<ResultRecord>, hit: bool },
    /// It will not have a result in this run.
    Failed(StageError),
    /// A stage that it needs failed.
    Skipped(String),
}

impl State {
    fn has_ended(&self) -> bool {
        matches!(self, State::Done { .. } | State::Failed(_) | State::Skipped(_))
    }

    fn key(&self) -> Option<Digest> {
        match self {
            State::Ready { key, .. } => Some(key.digest),
            State::Running(job) => Some(job.key.digest),
            State::Storing(key) => Some(*key),
            _ => None,
        }
    }
}

/// Runs a plan. Stages that fail are in the summary; only what keeps the whole run from starting is an error.
///
/// # Errors
/// When the store cannot record the run.
pub fn run(
    plan: &Plan,
    store: &Store,
    options: &Options<'_>,
    events: &mut dyn FnMut(&Event),
) -> Result<Summary> {
    let begun = Instant::now();
    let (class, no_class) = match numerics_class(plan, store, &options.workers) {
        Ok(class) => (class, None),
        Err(error) => (None, Some(unstarted(&error, &options.workers))),
    };
    let log = store.begin_run(options.info.clone())?;
    let (sender, inbox) = channel();
    let stages: Vec<&Stage> = plan.stages().collect();
    let mut engine = Engine {
        plan,
        store,
        options,
        index: stages.iter().enumerate().map(|(i, stage)| (stage.name.as_str(), i)).collect(),
        states: stages.iter().map(|_| State::Pending).collect(),
        stages,
        identity: Identity::new(plan, store, class),
        no_class,
        workers: BTreeMap::new(),
        started: 0,
        inbox,
        sender,
        fresh: BTreeSet::new(),
        rebuilt: BTreeSet::new(),
        damaged: BTreeSet::new(),
        looked_at: BTreeSet::new(),
        first_error: None,
        events,
        log: &log,
    };
    engine.emit(What::RunStarted {
        run: log.id().to_owned(),
        recipe: plan.name.clone(),
        stages: engine.stages.iter().map(|stage| stage.name.clone()).collect(),
    });
    let interrupted = engine.work();
    let summary = engine.summary(begun, interrupted);
    drop(engine);
    let outcome = match (interrupted, &summary.error) {
        (true, _) => RunOutcome::Cancelled,
        (false, Some(_)) => RunOutcome::Failed,
        (false, None) => RunOutcome::Succeeded,
    };
    log.finish(RunSummary {
        outcome,
        hits: summary.hits(),
        executed: summary.ran(),
        failed: summary.failed(),
        skipped: summary.skipped(),
        seconds: summary.seconds,
        message: summary.error.as_ref().map(|(stage, error)| format!("stage `{stage}`: {error}")),
    })?;
    Ok(summary)
}

/// Why a stage has no worker.
pub(crate) fn unstarted(error: &Error, workers: &Workers) -> StageError {
    StageError::new(Blame::Environment, chain(error)).hint(workers.hint)
}

struct Engine<'a> {
    plan: &'a Plan,
    store: &'a Store,
    options: &'a Options<'a>,
    /// In topological order; a stage is known by its number here.
    stages: Vec<&'a Stage>,
    index: BTreeMap<&'a str, usize>,
    states: Vec<State>,
    identity: Identity<'a>,
    /// Why numeric stages have no keys.
    no_class: Option<StageError>,
    workers: BTreeMap<usize, Worker>,
    /// Workers started so far.
    started: usize,
    inbox: Receiver<Message>,
    sender: Sender<Message>,
    /// Keys whose results this run has made, so that a forced stage's twin does not run again.
    fresh: BTreeSet<Digest>,
    /// Stages that ran again because a file of theirs was damaged.
    rebuilt: BTreeSet<usize>,
    /// Damaged files that have been told of.
    damaged: BTreeSet<PathBuf>,
    /// Stages whose needs have been looked at.
    looked_at: BTreeSet<usize>,
    first_error: Option<(String, StageError)>,
    events: &'a mut dyn FnMut(&Event),
    log: &'a RunLog,
}

impl Engine<'_> {
    /// Works until every stage has ended, or the user stops it; says whether he did.
    fn work(&mut self) -> bool {
        self.advance();
        let mut interrupted = false;
        while self.states.iter().any(|state| !state.has_ended()) {
            if self.options.stop.load(Ordering::Relaxed) {
                self.halt();
                interrupted = true;
                break;
            }
            match self.inbox.recv_timeout(TICK) {
                Ok(message) => self.handle(message),
                Err(RecvTimeoutError::Timeout | RecvTimeoutError::Disconnected) => {}
            }
            while let Ok(message) = self.inbox.try_recv() {
                self.handle(message);
            }
            self.advance();
        }
        // What is left is idle: there is nothing that it could lose.
        for worker in self.workers.values_mut() {
            worker.kill();
        }
        interrupted
    }

    fn emit(&mut self, what: What) {
        let event = Event::now(what);
        (self.events)(&event);
        // By way of a JSON value, in which numbers that are not finite have become null.
        let logged = serde_json::to_value(&event).map(|event| self.log.event(&event));
        if let Ok(Err(error)) = logged {
            tracing::warn!(error = chain(&error), "the event is not in the run's log");
        }
    }

    /// Moves every stage as far as it goes without news from outside.
    fn advance(&mut self) {
        loop {
            let mut moved = false;
            for stage in 0..self.stages.len() {
                if matches!(self.states[stage], State::Pending) {
                    moved |= self.resolve(stage);
                }
            }
            moved |= self.end_unmet();
            for stage in 0..self.stages.len() {
                if matches!(self.states[stage], State::Ready { .. }) {
                    moved |= self.try_start(stage);
                }
            }
            if !moved {
                return;
            }
        }
    }

    /// Finds a stage's key, and its result if the store has it. Says whether the stage moved.
    fn resolve(&mut self, number: usize) -> bool {
        let stage = self.stages[number];
        if let Some(because) = self.broken_input(stage) {
            self.skip(number, because);
            return true;
        }
        if let Some(error) = self.no_class.clone().filter(|_| stage.numeric) {
            self.fail(number, error);
            return true;
        }
        let key = match self.identity.key(stage, |name| self.outputs(name)) {
            Ok(None) => return false,
            Ok(Some(key)) => key,
            Err(error) => {
                self.fail(number, from_store(&error));
                return true;
            }
        };
        if !self.take_hit(number, &key) {
            self.states[number] = State::Ready { key: Box::new(key), waited: false };
        }
        true
    }

    /// Ends a stage whose result can be taken from the store, or whose store cannot be read.
    fn take_hit(&mut self, number: usize, key: &Key) -> bool {
        if self.is_forced(number, key) {
            return false;
        }
        let name = &self.stages[number].name;
        let found = self.store.lookup(&key.digest);
        // A stage is looked up again once it has its key's lock.
        let problems = self.store.take_problems().into_iter();
        let problems: Vec<_> = problems.filter(|problem| self.damaged.insert(problem.path.clone())).collect();
        for problem in problems {
            self.emit(What::Damaged { stage: Some(name.clone()), problem: problem.to_string() });
        }
        match found {
            Ok(None) => false,
            Ok(Some(record)) => {
                self.hit(number, ResultRecord { stage: name.clone(), ..record });
                true
            }
            Err(error) => {
                self.fail(number, from_store(&error));
                true
            }
        }
    }

    /// Whether a stage runs whatever the store has. A result that this run has made is never made twice.
    fn is_forced(&self, number: usize, key: &Key) -> bool {
        self.options.force.names(&self.stages[number].name) && !self.fresh.contains(&key.digest)
    }

    fn hit(&mut self, number: usize, record: ResultRecord) {
        if let Err(error) = self.store.remember(&self.plan.name, &record) {
            tracing::warn!(error = chain(&error), "the result is not noted as the stage's latest");
        }
        self.emit(What::StageHit {
            stage: record.stage.clone(),
            key: record.key,
            seconds: record.seconds,
            summary: task::numbers(&record),
            outputs: record.outputs.clone(),
        });
        self.states[number] = State::Done { record: Box::new(record), hit: true };
    }

    /// The failed stage, if any, on which a stage depends.
    fn broken_input(&self, stage: &Stage) -> Option<String> {
        stage.inputs.iter().find_map(|input| {
            let plan::Origin::Stage { stage, .. } = &input.origin else { return None };
            match &self.states[self.index[stage.as_str()]] {
                State::Failed(_) => Some(stage.clone()),
                State::Skipped(because) => Some(because.clone()),
                _ => None,
            }
        })
    }

    /// The artifacts of a stage that is done.
    fn outputs(&self, name: &str) -> Option<&Outputs> {
        match &self.states[*self.index.get(name)?] {
            State::Done { record, .. } => Some(&record.outputs),
            _ => None,
        }
    }

    /// Stops all workers in order; what one of them finishes meanwhile is still stored.
    fn halt(&mut self) {
        for worker in self.workers.values_mut() {
            worker.close_input();
        }
        let until = Instant::now() + PATIENCE;
        while self.running() > 0 {
            match self.inbox.recv_timeout(until.saturating_duration_since(Instant::now())) {
                Ok(message) => self.handle(message),
                Err(_) => break,
            }
        }
        for worker in self.workers.values_mut() {
            worker.kill();
        }
        let storing = |state: &State| matches!(state, State::Storing(_));
        while self.states.iter().any(storing) {
            match self.inbox.recv() {
                Ok(message @ Message::Stored { .. }) => self.handle(message),
                Ok(_) => {}
                Err(_) => break,
            }
        }
    }

    fn summary(&mut self, begun: Instant, interrupted: bool) -> Summary {
        let report = |(stage, state): (&&Stage, &State)| {
            let (name, kind) = (stage.name.clone(), stage.kind.clone());
            let (end, record) = match state {
                State::Done { record, hit: true } => (End::Hit { seconds: record.seconds }, Some(record)),
                State::Done { record, hit: false } => (End::Ran { seconds: record.seconds }, Some(record)),
                State::Failed(error) => (End::Failed { error: error.clone() }, None),
                State::Skipped(because) => (End::Skipped { because: because.clone() }, None),
                _ => (End::Stopped, None),
            };
            let summary = record.map_or_else(Vec::new, |record| task::numbers(record));
            let outputs = record.map_or_else(Outputs::new, |record| record.outputs.clone());
            StageReport { name, kind, end, summary, outputs }
        };
        let summary = Summary {
            run: self.log.id().to_owned(),
            stages: self.stages.iter().zip(&self.states).map(report).collect(),
            seconds: begun.elapsed().as_secs_f64(),
            interrupted,
            error: self.first_error.clone(),
        };
        self.emit(What::RunFinished {
            hits: summary.hits(),
            ran: summary.ran(),
            failed: summary.failed(),
            skipped: summary.skipped(),
            seconds: summary.seconds,
            interrupted,
        });
        summary
    }
}
