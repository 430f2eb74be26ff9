//! Run history: `runs/<id>/run.json` and `events.jsonl`. Invariant: a run holds its lock while it lives, so a run
//! without a summary whose lock is free was interrupted.

use serde::{Deserialize, Serialize};

use crate::error::Result;
use crate::store::Store;

/// What a run was asked to do.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct RunInfo {
    /// The recipe's name.
    pub recipe: String,
    /// The recipe's path as given.
    pub recipe_path: String,
    /// The command line after the program's name.
    pub args: Vec<String>,
}

/// How a run ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum RunOutcome {
    /// Every stage asked for has its outputs.
    Succeeded,
    /// At least one stage failed.
    Failed,
    /// The user stopped it.
    Cancelled,
}

/// The numbers of a run that ended.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct RunSummary {
    /// How it ended.
    pub outcome: RunOutcome,
    /// Stages whose results were reused.
    pub hits: usize,
    /// Stages that ran and succeeded.
    pub executed: usize,
    /// Stages that failed.
    pub failed: usize,
    /// Stages that did not start, because an input failed or the run was stopped.
    pub skipped: usize,
    /// Wall time in seconds.
    pub seconds: f64,
    /// The first error, or nothing.
    #[serde(default)]
    pub message: Option<String>,
}

/// Where a run stands.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum RunState {
    /// Its process lives.
    Running,
    /// Its process died without a word.
    Interrupted,
    /// It came to its end.
    Finished(RunSummary),
}

/// A run of the history.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct RunRecord {
    /// Its id; ids sort by the time of their start.
    pub id: String,
    /// What it was asked to do.
    pub info: RunInfo,
    /// When it started, in seconds since 1970.
    pub started: u64,
    /// Where it stands.
    pub state: RunState,
}

/// A run that is being recorded. Shared by threads; dropped without [`RunLog::finish`] it counts as interrupted.
#[derive(Debug)]
pub struct RunLog {
    id: String,
}

impl RunLog {
    /// The run's id.
    pub fn id(&self) -> &str {
        &self.id
    }

    /// Appends an event as one line of JSON.
    ///
    /// # Errors
    /// When the line cannot be written.
    pub fn event(&self, event: &impl Serialize) -> Result<()> {
        let _ = event;
        todo!()
    }

    /// Records how the run ended.
    ///
    /// # Errors
    /// When the record cannot be written.
    pub fn finish(self, summary: RunSummary) -> Result<()> {
        let _ = summary;
        todo!()
    }
}

impl Store {
    /// Starts recording a run, after removing what dead processes left in `tmp/`.
    ///
    /// # Errors
    /// When the store cannot be written.
    pub fn begin_run(&self, info: RunInfo) -> Result<RunLog> {
        let _ = info;
        todo!()
    }

    /// All runs, newest first.
    ///
    /// # Errors
    /// When the history cannot be read.
    pub fn runs(&self) -> Result<Vec<RunRecord>> {
        todo!()
    }

    /// The events of a run in order; a last line that was cut off by a crash is left out.
    ///
    /// # Errors
    /// When the history cannot be read.
    pub fn run_events(&self, id: &str) -> Result<Vec<serde_json::Value>> {
        let _ = id;
        todo!()
    }
}
