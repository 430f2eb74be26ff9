//! How a run ended, stage by stage.

use std::collections::BTreeMap;

use plan::StageError;
use serde::Serialize;
use store::Digest;

/// How a run ended.
#[derive(Clone, Debug, Serialize)]
pub struct Summary {
    /// The run's id.
    pub run: String,
    /// Every stage of the plan, every stage after the ones it needs.
    pub stages: Vec<StageReport>,
    /// Wall time in seconds.
    pub seconds: f64,
    /// Whether the user stopped it.
    pub interrupted: bool,
    /// The first stage that failed, and why.
    pub error: Option<(String, StageError)>,
}

/// How one stage ended.
#[derive(Clone, Debug, Serialize)]
pub struct StageReport {
    /// The stage.
    pub name: String,
    /// Its kind.
    pub kind: String,
    /// How it ended.
    pub end: End,
    /// A few numbers, in order.
    pub summary: Vec<(String, f64)>,
    /// Artifacts by port.
    pub outputs: BTreeMap<String, Digest>,
}

/// How one stage ended.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(tag = "end", rename_all = "kebab-case")]
pub enum End {
    /// Its result was in the store.
    Hit {
        /// How long it took when it ran.
        seconds: f64,
    },
    /// It ran.
    Ran {
        /// How long it took.
        seconds: f64,
    },
    /// It failed.
    Failed {
        /// Why.
        error: StageError,
    },
    /// A stage that it needs failed.
    Skipped {
        /// That stage.
        because: String,
    },
    /// The run was stopped before it ended.
    Stopped,
}

impl Summary {
    /// The stages that ended in one way.
    pub fn count(&self, way: impl Fn(&End) -> bool) -> usize {
        self.stages.iter().filter(|stage| way(&stage.end)).count()
    }

    /// Stages whose results were in the store.
    pub fn hits(&self) -> usize {
        self.count(|end| matches!(end, End::Hit { .. }))
    }

    /// Stages that ran.
    pub fn ran(&self) -> usize {
        self.count(|end| matches!(end, End::Ran { .. }))
    }

    /// Stages that failed.
    pub fn failed(&self) -> usize {
        self.count(|end| matches!(end, End::Failed { .. }))
    }

    /// Stages that did not run, or not to their end.
    pub fn skipped(&self) -> usize {
        self.count(|end| matches!(end, End::Skipped { .. } | End::Stopped))
    }
}
