//! How a plan is run, as the caller wants it.

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::sync::atomic::AtomicBool;

use store::RunInfo;

/// How workers are started.
#[derive(Clone, Debug)]
pub struct Workers {
    /// The program that runs stages on networks: it loads libtorch.
    pub on_networks: PathBuf,
    /// The program that runs all other stages.
    pub on_rows: PathBuf,
    /// What helps where one of them cannot be started.
    pub hint: &'static str,
    /// `auto`, `cpu`, `cuda` or `cuda:N`.
    pub device: String,
    /// Threads of all running stages together.
    pub threads: usize,
    /// What workers log, as a filter; they take it from the environment otherwise.
    pub log: Option<String>,
}

/// Stages that run although the store has their results.
#[derive(Clone, Debug, Default)]
pub enum Force {
    /// None.
    #[default]
    None,
    /// These.
    Stages(BTreeSet<String>),
    /// All of the plan.
    All,
}

/// How a plan is run.
#[derive(Debug)]
pub struct Options<'a> {
    /// Stages that run at the same time, at most.
    pub jobs: usize,
    /// How workers are started.
    pub workers: Workers,
    /// Stages that run in any case, from their beginning.
    pub force: Force,
    /// Set from outside to stop the run.
    pub stop: &'a AtomicBool,
    /// What the run history says of this run.
    pub info: RunInfo,
}

impl Force {
    /// Whether a stage runs in any case.
    pub(crate) fn names(&self, stage: &str) -> bool {
        match self {
            Force::None => false,
            Force::Stages(names) => names.contains(stage),
            Force::All => true,
        }
    }
}
