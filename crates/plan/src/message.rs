//! What the engine and a worker say to each other: one JSON object a line, tasks in, messages out.

use std::collections::BTreeMap;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

/// A line on the worker's standard input. End of input means: stop now.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(tag = "say", rename_all = "kebab-case")]
pub enum ToWorker {
    /// Run one stage; the answer is any number of `Progress` and one `Done` or `Failed`.
    Run(Box<Task>),
}

/// One stage to run, complete: a worker reads nothing but what the task names.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Task {
    /// The stage's name, for messages only.
    pub stage: String,
    /// The stage's kind.
    pub kind: String,
    /// Checked params, as `stages::Params::decode` takes them.
    pub params: serde_json::Value,
    /// Inputs in port order.
    pub inputs: Vec<TaskInput>,
    /// Every random draw is a function of this and of its own coordinates.
    pub seed: u64,
    /// An empty folder; output port `p` goes into `out/p/`.
    pub out: PathBuf,
    /// A folder that survives a crash and belongs to this stage's key: checkpoints.
    pub checkpoint: PathBuf,
    /// The last checkpoint of a task that goes the same way, to be read only: see [`crate::Extent`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kept: Option<PathBuf>,
    /// Threads that the task may use. Never changes a result.
    pub threads: usize,
    /// `auto`, `cpu`, `cuda` or `cuda:N`.
    pub device: String,
}

/// What one input port receives.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct TaskInput {
    /// The port.
    pub port: String,
    /// The stage or source that it comes from, for messages only.
    pub from: String,
    /// The content.
    pub value: Value,
}

/// The content of an input.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "kebab-case")]
pub enum Value {
    /// A user's files or folders as they lie on the disk.
    Source {
        /// The files or folders; at least one.
        paths: Vec<PathBuf>,
        /// How to read it: a `data::Source` as JSON.
        source: serde_json::Value,
        /// The seed of its split.
        seed: u64,
    },
    /// An artifact of the store.
    Artifact(Artifact),
}

/// An artifact's files where they lie; they are never changed in place.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Artifact {
    /// The artifact's kind, as in [`crate::ArtifactKind`].
    pub kind: String,
    /// Small facts that went with it.
    pub meta: serde_json::Value,
    /// Its files by name.
    pub files: BTreeMap<String, PathBuf>,
}

/// A line on the worker's standard output.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(tag = "say", rename_all = "kebab-case")]
pub enum FromWorker {
    /// The worker is up.
    Ready {
        /// The process, so that the engine can name it.
        pid: u32,
    },
    /// The running task moved on.
    Progress(Progress),
    /// The task is done and its output folder complete.
    Done(Outcome),
    /// The task failed; its checkpoint folder stays.
    Failed(StageError),
}

/// How far a task is.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "what", rename_all = "kebab-case")]
pub enum Progress {
    /// A step of a counted phase, sent a few times a second at most.
    Step {
        /// What is being done: `epoch 2/5`, `encode`, `round`.
        phase: String,
        /// Units done.
        done: u64,
        /// Units in all; 0 when unknown.
        total: u64,
        /// What a unit is: `rows`, `rounds`.
        unit: String,
    },
    /// An epoch is over and its checkpoint written. Epoch 0 is before training.
    Epoch {
        /// The epoch.
        epoch: usize,
        /// Epochs in all.
        epochs: usize,
        /// Wall-clock seconds of training, evaluation left out.
        seconds: f64,
        /// Training rows a second.
        rate: f64,
        /// The learning rate of the epoch's last step, where it changes.
        #[serde(rename = "learning-rate", default, skip_serializing_if = "Option::is_none")]
        learning_rate: Option<f64>,
        /// Part, then metric, then value.
        metrics: BTreeMap<String, BTreeMap<String, f64>>,
    },
    /// Training goes on from a checkpoint.
    Resumed {
        /// The last finished epoch.
        epoch: usize,
    },
    /// Something the user should read.
    Note {
        /// One line.
        text: String,
    },
    /// Something the user should worry about.
    Warning {
        /// One line.
        text: String,
    },
}

/// What a finished task made.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Outcome {
    /// By port: what lies in `out/<port>/`.
    pub outputs: BTreeMap<String, Output>,
    /// A few numbers for the summary table, in order: `("valid auc", 0.957)`.
    pub summary: Vec<(String, f64)>,
}

/// One artifact that a task made.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Output {
    /// The artifact's kind.
    pub kind: String,
    /// Small facts that go with it: canonical, free of times and paths.
    pub meta: serde_json::Value,
}

/// Whose turn it is after an error; decides the exit code.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Blame {
    /// The recipe, or a file that it names, is wrong: exit 2.
    Input,
    /// Disk, memory, device, permission, a missing file: exit 3.
    Environment,
    /// The stage itself failed, a loss became NaN for example: exit 4.
    Stage,
    /// Our mistake: exit 70.
    Bug,
}

/// A place in a user's file: of data, or a recipe.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Location {
    /// The file.
    pub file: PathBuf,
    /// Line, from 1; 0 when the whole file is meant.
    pub line: u64,
    /// Column in characters, from 1; 0 when the whole line is meant.
    pub column: u64,
}

/// Why a stage failed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
#[error("{message}")]
pub struct StageError {
    /// Whose turn it is.
    pub blame: Blame,
    /// One sentence.
    pub message: String,
    /// What to do about it.
    pub hint: Option<String>,
    /// Where in the data or the recipe.
    pub location: Option<Location>,
}

impl StageError {
    /// An error without place or hint.
    pub fn new(blame: Blame, message: impl Into<String>) -> Self {
        StageError { blame, message: message.into(), hint: None, location: None }
    }

    /// Adds advice.
    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }
}
