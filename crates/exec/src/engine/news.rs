//! What the threads bring: progress, ends and deaths, and how a stage ends.

use std::sync::atomic::Ordering;
use std::thread;

use plan::{Blame, FromWorker, Origin, Outcome, Progress, StageError};
use store::ResultRecord;

use super::{Engine, Message, PATIENCE, State};
use crate::error::from_store;
use crate::event::What;
use crate::task;

impl Engine<'_> {
    pub(super) fn handle(&mut self, message: Message) {
        match message {
            Message::Said { worker, words } => self.listen(worker, *words),
            Message::Closed { worker } => self.bury(worker),
            Message::Stored { stage, result } => match *result {
                Ok(record) => self.done(stage, record),
                Err(error) => self.fail(stage, error),
            },
        }
    }

    fn listen(&mut self, id: usize, words: FromWorker) {
        let Some(worker) = self.workers.get_mut(&id) else { return };
        worker.ready = true;
        match words {
            FromWorker::Ready { .. } => {}
            FromWorker::Progress(progress) => {
                let Some(number) = worker.stage else { return };
                if let State::Running(job) = &mut self.states[number]
                    && let Progress::Epoch { epoch, .. } | Progress::Resumed { epoch } = &progress
                {
                    job.epoch = Some(*epoch);
                }
                self.emit(What::Progress { stage: self.stages[number].name.clone(), progress });
            }
            FromWorker::Done(outcome) => {
                if let Some(number) = worker.stage.take() {
                    self.store_outputs(number, outcome);
                }
            }
            FromWorker::Failed(error) => {
                if let Some(number) = worker.stage.take() {
                    let hint = error.blame == Blame::Environment;
                    self.fail_with_resume(number, error, hint);
                }
            }
        }
    }

    /// Stores a finished stage's outputs on a thread of its own, since hashing and flushing take their time.
    fn store_outputs(&mut self, number: usize, outcome: Outcome) {
        let stage = self.stages[number];
        for input in &stage.inputs {
            let Origin::Source(name) = &input.origin else { continue };
            let source = &self.plan.sources[name];
            let error = match self.identity.unchanged(source) {
                Ok(true) => continue,
                Ok(false) => {
                    let path = source.paths.first().map(|path| path.display().to_string());
                    let path = path.unwrap_or_default();
                    let message = match source.paths.len() {
                        0 | 1 => format!("`{path}` changed while the stage was reading it"),
                        _ => format!("`{path}` or a file beside it changed while the stage was reading them"),
                    };
                    StageError::new(Blame::Input, message).hint("run again when the file is complete")
                }
                Err(error) => from_store(&error),
            };
            return self.fail(number, error);
        }
        let state = std::mem::replace(&mut self.states[number], State::Pending);
        let State::Running(job) = state else {
            self.states[number] = state;
            return;
        };
        self.states[number] = State::Storing(job.key.digest);
        let (store, recipe, stage) = (self.store.clone(), self.plan.name.clone(), stage.clone());
        let sender = self.sender.clone();
        thread::spawn(move || {
            let result = Box::new(task::keep(&store, &recipe, &stage, &job, &outcome));
            // The lock is free before the loop hears of the result, so that a twin finds both.
            drop(job);
            drop(sender.send(Message::Stored { stage: number, result }));
        });
    }

    fn done(&mut self, number: usize, record: ResultRecord) {
        self.fresh.insert(record.key);
        self.emit(What::StageDone {
            stage: record.stage.clone(),
            seconds: record.seconds,
            summary: task::numbers(&record),
            outputs: record.outputs.clone(),
        });
        self.states[number] = State::Done { record: Box::new(record), hit: false };
    }

    /// A worker's process is gone: so is its stage.
    fn bury(&mut self, id: usize) {
        let Some(mut worker) = self.workers.remove(&id) else { return };
        let status = worker.end(PATIENCE);
        let Some(number) = worker.stage else { return };
        if self.options.stop.load(Ordering::Relaxed) {
            self.states[number] = State::Pending;
        } else {
            self.fail_with_resume(number, worker.autopsy(status), true);
        }
    }

    fn fail_with_resume(&mut self, number: usize, error: StageError, resumes: bool) {
        let resume = match &self.states[number] {
            State::Running(job) if resumes => job.resume_hint(),
            _ => None,
        };
        let hint = match (error.hint.clone(), resume) {
            (Some(hint), Some(resume)) => Some(format!("{hint}; {resume}")),
            (hint, resume) => hint.or(resume),
        };
        self.fail(number, StageError { hint, ..error });
    }

    /// Ends a stage, and its twins with it.
    pub(super) fn fail(&mut self, number: usize, error: StageError) {
        let name = self.stages[number].name.clone();
        let key = self.states[number].key();
        self.first_error.get_or_insert_with(|| (name.clone(), error.clone()));
        self.states[number] = State::Failed(error.clone());
        self.emit(What::StageFailed { stage: name.clone(), error });
        for twin in 0..self.stages.len() {
            if key.is_some() && self.states[twin].key() == key {
                self.skip(twin, name.clone());
            }
        }
    }

    pub(super) fn skip(&mut self, number: usize, because: String) {
        self.emit(What::StageSkipped { stage: self.stages[number].name.clone(), because: because.clone() });
        self.states[number] = State::Skipped(because);
    }
}
