//! How stage kinds run that neither make nor change networks: preprocessing, heads, clusters, planes, evaluation. No
//! libtorch.
//!
//! Invariant: a task reads what it names and nothing else, writes below its `out` and `checkpoint` folders and
//! nowhere else, and gives the same bytes whatever the number of threads.

mod boosting;
pub mod classes;
mod cluster;
mod compare;
mod decoding;
mod design;
pub mod error;
mod evaluate;
pub mod features;
pub mod files;
pub mod inputs;
mod knn;
mod leaks;
mod linear;
mod plane;
mod predict;
mod preprocess;
mod project;
mod reading;
pub mod scores;
pub mod sheets;
mod tagged;
mod tsne;

use data::Dataset;
use plan::{Blame, Outcome, Progress, StageError, Task};
use stages::Params;

use crate::scores::{Networks, Told};

/// Where a running task says how far it is.
pub type Report<'a> = &'a mut dyn FnMut(Progress);

/// Runs one stage that needs no network.
///
/// # Errors
/// What stopped it, with whose turn it is.
pub fn run(task: &Task, report: Report<'_>) -> Result<Outcome, StageError> {
    perform(&params(task)?, task, &NoNetworks, report)
}

/// Runs one stage of a kind of this crate, with `networks` to ask where its model is one.
///
/// # Errors
/// What stopped it, with whose turn it is.
pub fn perform(
    params: &Params,
    task: &Task,
    networks: &dyn Networks,
    report: Report<'_>,
) -> Result<Outcome, StageError> {
    if matches!(params, Params::Preprocess(_) | Params::Linear(_)) {
        data::keep_freed_memory();
    }
    match params {
        Params::Preprocess(params) => preprocess::run(params, task, report),
        Params::DecodePictures(params) => decoding::run(params, task, report),
        Params::GradientBoosting(params) => boosting::run(params, task, report),
        Params::Linear(params) => linear::run(params, task, report),
        Params::Knn(params) => knn::run(params, task),
        Params::Cluster(params) => cluster::run(params, task, report),
        Params::Project(params) => project::run(params, task),
        Params::Tsne(params) => tsne::run(params, task, report),
        Params::Evaluate(params) => evaluate::run(params, task, networks, report),
        Params::Predict(params) => predict::run(params, task, networks),
        Params::Compare(params) => compare::run(params, task),
        _ => Err(no_libtorch(task)),
    }
}

/// The params of a task.
///
/// # Errors
/// When they are of no stage kind.
pub fn params(task: &Task) -> Result<Params, StageError> {
    let bug = |message: String| StageError::new(Blame::Bug, message);
    let declaration =
        stages::declaration(&task.kind).ok_or_else(|| bug(format!("no stage kind `{}`", task.kind)))?;
    let params = with_references(task, declaration.references);
    declaration.decode(params).map_err(|error| bug(format!("params of `{}`: {error}", task.kind)))
}

/// The networks of a process without libtorch.
struct NoNetworks;

impl Networks for NoNetworks {
    fn said(&self, task: &Task, _: &Dataset, _: &[u32]) -> Result<Vec<Told>, StageError> {
        Err(no_libtorch(task))
    }
}

fn no_libtorch(task: &Task) -> StageError {
    StageError::new(Blame::Bug, format!("`{}` came to a process without libtorch", task.stage))
}

/// The params with the keys that name other stages put back: a task carries content in their place.
fn with_references(task: &Task, references: &[&str]) -> serde_json::Value {
    let mut params = task.params.clone();
    if let Some(table) = params.as_object_mut() {
        for key in references {
            let mut names: Vec<serde_json::Value> = task
                .inputs
                .iter()
                .filter(|input| input.port == *key)
                .map(|input| input.from.clone().into())
                .collect();
            let list = *key == "networks" || *key == "features" && task.kind != "tsne";
            if list {
                table.insert((*key).to_owned(), names.into());
            } else if let Some(name) = names.pop() {
                table.insert((*key).to_owned(), name);
            }
        }
    }
    params
}
