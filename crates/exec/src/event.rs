//! What happens in a run, as one enum: terminal, JSON output and run log are readers of it.

use std::collections::BTreeMap;
use std::time::{SystemTime, UNIX_EPOCH};

use plan::{Progress, StageError};
use serde::Serialize;
use store::Digest;

/// Something that happened, and when.
#[derive(Clone, Debug, Serialize)]
pub struct Event {
    /// Seconds since 1970.
    pub time: f64,
    /// What.
    #[serde(flatten)]
    pub what: What,
}

impl Event {
    /// Something that happens now.
    pub(crate) fn now(what: What) -> Self {
        let time = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0.0, |past| past.as_secs_f64());
        Event { time, what }
    }
}

/// What happened.
#[derive(Clone, Debug, Serialize)]
#[serde(tag = "event", rename_all = "kebab-case")]
pub enum What {
    /// A run begins.
    RunStarted {
        /// The run's id.
        run: String,
        /// The recipe's name.
        recipe: String,
        /// Its stages, every stage after the ones it needs.
        stages: Vec<String>,
    },
    /// A stage's result was in the store.
    StageHit {
        /// The stage.
        stage: String,
        /// Its key.
        key: Digest,
        /// How long it took when it ran, in seconds.
        seconds: f64,
        /// Its numbers.
        summary: Vec<(String, f64)>,
        /// Artifacts by port.
        outputs: BTreeMap<String, Digest>,
    },
    /// Another run computes the same result; this one waits for it.
    StageWaiting {
        /// The stage.
        stage: String,
    },
    /// A stage runs.
    StageStarted {
        /// The stage.
        stage: String,
        /// Its kind.
        kind: String,
        /// Its key.
        key: Digest,
        /// Why there is no result yet: the fields that changed, or one phrase.
        reason: Vec<String>,
        /// Threads that it may use.
        threads: usize,
        /// Process id of its worker.
        worker: u32,
    },
    /// A stage moved on.
    Progress {
        /// The stage.
        stage: String,
        /// How far it is.
        progress: Progress,
    },
    /// A stage's outputs are in the store.
    StageDone {
        /// The stage.
        stage: String,
        /// How long it took.
        seconds: f64,
        /// Its numbers.
        summary: Vec<(String, f64)>,
        /// Artifacts by port.
        outputs: BTreeMap<String, Digest>,
    },
    /// A stage failed; stages that do not need it go on.
    StageFailed {
        /// The stage.
        stage: String,
        /// Why.
        error: StageError,
    },
    /// A stage cannot run, because one that it needs failed.
    StageSkipped {
        /// The stage.
        stage: String,
        /// The stage that failed.
        because: String,
    },
    /// A file of the store was damaged; the stage that made it runs again.
    Damaged {
        /// The stage that rebuilds it, where it is one of this run.
        stage: Option<String>,
        /// Which file, and what is wrong with it.
        problem: String,
    },
    /// A run ends.
    RunFinished {
        /// Stages whose results were in the store.
        hits: usize,
        /// Stages that ran.
        ran: usize,
        /// Stages that failed.
        failed: usize,
        /// Stages that were not run.
        skipped: usize,
        /// Wall time.
        seconds: f64,
        /// Whether the user stopped it.
        interrupted: bool,
    },
}
