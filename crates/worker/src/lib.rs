//! How each stage kind runs; the only crate that sees both wings.
//!
//! Invariant: a task reads what it names and nothing else, writes below its `out` and `checkpoint` folders and
//! nowhere else, and gives the same bytes whatever the number of threads.

mod boosting;
mod cluster;
mod compare;
mod design;
mod error;
mod evaluate;
mod export;
mod features;
mod files;
mod frozen;
mod inputs;
mod join;
mod knn;
mod leaks;
mod linear;
mod load_network;
mod network;
mod plane;
mod predict;
mod preprocess;
mod project;
mod reading;
mod scores;
mod sheets;
mod tagged;
mod train;
mod tsne;
mod word_vectors;

use plan::{Blame, Outcome, Progress, StageError, Task};
use stages::Params;

use crate::error::OrStage;

/// Where a running task says how far it is.
pub type Report<'a> = &'a mut dyn FnMut(Progress);

/// Runs one stage.
///
/// # Errors
/// What stopped it, with whose turn it is; the checkpoint folder stays.
pub fn run(task: &Task, report: Report<'_>) -> Result<Outcome, StageError> {
    let bug = |message: String| StageError::new(Blame::Bug, message);
    let declaration =
        stages::declaration(&task.kind).ok_or_else(|| bug(format!("no stage kind `{}`", task.kind)))?;
    let params = with_references(task, declaration.references);
    let params =
        declaration.decode(params).map_err(|error| bug(format!("params of `{}`: {error}", task.kind)))?;
    torch::set_threads(task.threads).or_stage()?;
    if matches!(params, Params::Preprocess(_) | Params::Linear(_)) {
        torch::keep_freed_memory();
    }
    match params {
        Params::Preprocess(params) => preprocess::run(&params, task, report),
        Params::Train(params) => train::train(&params, task, report),
        Params::Finetune(params) => train::finetune(&params, task, report),
        Params::Export(_) => export::export(task),
        Params::Import(_) => export::import(task),
        Params::WordVectors(params) => word_vectors::run(&params, task),
        Params::LoadNetwork(params) => load_network::load_network(&params, task),
        Params::LoadSubnet(params) => network::load_subnet(&params, task),
        Params::JoinNetworks(params) => join::run(&params, task),
        Params::Freeze(params) => network::freeze(&params, true, task),
        Params::Unfreeze(params) => network::freeze(&params.0, false, task),
        Params::ExtractFeatures(params) => features::run(&params, task, report),
        Params::IsolateFrozen(params) => frozen::isolate(&params, task),
        Params::ExtractFrozen(params) => frozen::run(&params, task, report),
        Params::GradientBoosting(params) => boosting::run(&params, task, report),
        Params::Linear(params) => linear::run(&params, task, report),
        Params::Knn(params) => knn::run(&params, task),
        Params::Cluster(params) => cluster::run(&params, task, report),
        Params::Project(params) => project::run(&params, task),
        Params::Tsne(params) => tsne::run(&params, task, report),
        Params::Evaluate(params) => evaluate::run(&params, task, report),
        Params::Predict(params) => predict::run(&params, task, report),
        Params::Compare(params) => compare::run(&params, task),
    }
}

/// The class of machines that give the same bits: libtorch's version, the device's architecture, the number format.
///
/// # Errors
/// When there is no such device.
pub fn numerics_class(device: &str) -> Result<String, StageError> {
    Ok(torch::numerics_class(torch::device(device).or_stage()?))
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
