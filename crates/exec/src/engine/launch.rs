//! How a stage with a known key gets to a worker.

use std::sync::atomic::Ordering;
use std::time::Instant;

use plan::{Blame, Stage, StageError, Task, TaskInput, ToWorker};
use store::KeyLock;

use super::{Engine, State, unstarted};
use crate::error::from_store;
use crate::event::What;
use crate::identity::{Key, changes};
use crate::process::Worker;
use crate::task::{self, Job, Lacking};

impl Engine<'_> {
    /// Starts a stage if there is room and nobody else works on its key. Says whether the stage moved.
    pub(super) fn try_start(&mut self, number: usize) -> bool {
        let State::Ready { key, waited } = &self.states[number] else { return false };
        let (key, waited) = (key.clone(), *waited);
        let busy = self.running();
        if busy >= self.options.jobs.max(1) || self.options.stop.load(Ordering::Relaxed) {
            return false;
        }
        let is_twin =
            |state: &State| !matches!(state, State::Ready { .. }) && state.key() == Some(key.digest);
        if self.states.iter().any(is_twin) {
            return false;
        }
        match self.store.try_lock(&key.digest) {
            Err(error) => self.fail(number, from_store(&error)),
            Ok(None) if waited => return false,
            Ok(None) => {
                self.emit(What::StageWaiting { stage: self.stages[number].name.clone() });
                self.states[number] = State::Ready { key, waited: true };
                return false;
            }
            // Looked up again: whoever held the lock may have stored the result meanwhile.
            Ok(Some(lock)) => {
                if !self.take_hit(number, &key) {
                    self.launch(number, *key, lock);
                }
            }
        }
        true
    }

    /// Stages that workers have.
    pub(super) fn running(&self) -> usize {
        self.states.iter().filter(|state| matches!(state, State::Running(_))).count()
    }

    /// Threads for a stage that starts now: an equal share among those that run or could.
    fn share(&self) -> usize {
        let ready = self.states.iter().filter(|state| matches!(state, State::Ready { .. })).count();
        let together = (self.running() + ready).clamp(1, self.options.jobs.max(1));
        (self.options.workers.threads / together).max(1)
    }

    /// Gives a stage to a worker.
    fn launch(&mut self, number: usize, key: Key, lock: KeyLock) {
        let stage = self.stages[number];
        let inputs = match task::inputs(self.plan, self.store, stage, |name| self.outputs(name)) {
            Ok(inputs) => inputs,
            Err(Lacking::Failed(error)) => return self.fail(number, error),
            Err(Lacking::Damaged { stage: from, problem }) => return self.rebuild(number, &from, problem),
        };
        let threads = self.share();
        match self.hand_over(number, key, lock, inputs, threads) {
            Ok(started) => self.emit(started),
            Err(error) => self.fail(number, error),
        }
    }

    fn hand_over(
        &mut self,
        number: usize,
        key: Key,
        lock: KeyLock,
        inputs: Vec<TaskInput>,
        threads: usize,
    ) -> Result<What, StageError> {
        let stage = self.stages[number];
        let forced = self.is_forced(number, &key);
        let reason = if self.rebuilt.contains(&number) {
            vec!["its stored result was damaged".to_owned()]
        } else if forced {
            vec!["forced".to_owned()]
        } else {
            changes(self.store, &self.plan.name, stage, &key.document)
        };
        if forced {
            self.store.drop_partial(&key.digest).map_err(|error| from_store(&error))?;
        }
        let staging = self.store.stage_dir().map_err(|error| from_store(&error))?;
        let partial = self.store.partial(&key.digest).map_err(|error| from_store(&error))?;
        let kept = key.way.as_ref().filter(|_| !forced).and_then(|way| self.store.kept(way));
        let task = Task {
            stage: stage.name.clone(),
            kind: stage.kind.clone(),
            params: stage.params.clone(),
            inputs,
            // A kind without a seed draws nothing, and then the number is not looked at.
            seed: stage.seed.unwrap_or_default(),
            out: staging.path().to_owned(),
            checkpoint: partial.clone(),
            kept: kept.map(|kept| kept.path),
            threads,
            device: self.options.workers.device.clone(),
        };
        let worker = self.idle(stage, threads)?;
        worker.stage = Some(number);
        worker.send(&ToWorker::Run(Box::new(task)));
        let (digest, pid) = (key.digest, worker.pid());
        let job = Job { key, staging, partial, epoch: None, started: Instant::now(), _lock: lock };
        self.states[number] = State::Running(Box::new(job));
        Ok(What::StageStarted {
            stage: stage.name.clone(),
            kind: stage.kind.clone(),
            key: digest,
            reason,
            threads,
            worker: pid,
        })
    }

    /// A worker for a stage that has nothing to do: one that is there, or a new one.
    fn idle(&mut self, stage: &Stage, threads: usize) -> Result<&mut Worker, StageError> {
        let workers = &self.options.workers;
        let program = if self.plan.is_on_networks(stage) { &workers.on_networks } else { &workers.on_rows };
        let idle = || self.workers.iter().filter(|(_, worker)| worker.stage.is_none());
        let id = match idle().find(|(_, worker)| worker.program == *program) {
            Some((id, _)) => *id,
            None => {
                // Idle workers hold memory: one of the other program makes room.
                let other = idle().map(|(id, _)| *id).next();
                if self.workers.len() >= self.options.jobs.max(1)
                    && let Some(mut other) = other.and_then(|id| self.workers.remove(&id))
                {
                    other.kill();
                }
                let id = self.started;
                let worker = Worker::start(id, program, workers, threads, self.sender.clone())
                    .map_err(|error| unstarted(&error, workers))?;
                self.started += 1;
                self.workers.insert(id, worker);
                id
            }
        };
        Ok(self.workers.get_mut(&id).expect("an idle or a new worker"))
    }

    /// Sends the maker of a damaged artifact back to the start, and the stage that needs it with it.
    fn rebuild(&mut self, number: usize, from: &str, problem: String) {
        self.emit(What::Damaged { stage: Some(from.to_owned()), problem: problem.clone() });
        let maker = self.index[from];
        if !self.rebuilt.insert(maker) {
            let error = StageError::new(Blame::Environment, format!("{problem}, again after it was rebuilt"));
            return self.fail(number, error.hint("the disk may be failing"));
        }
        self.states[maker] = State::Pending;
        self.states[number] = State::Pending;
    }
}
