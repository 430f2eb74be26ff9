//! How each stage kind runs; the only crate that sees both wings. What needs no libtorch is in `rows`.

mod classes;
mod error;
mod export;
mod features;
mod frozen;
mod join;
mod load_network;
mod network;
mod scores;
mod train;
mod word_vectors;

use plan::{Outcome, StageError, Task};
use rows::Report;
use stages::Params;

use crate::error::OrStage;
use crate::scores::OnLibtorch;

/// Runs one stage.
///
/// # Errors
/// What stopped it, with whose turn it is; the checkpoint folder stays.
pub fn run(task: &Task, report: Report<'_>) -> Result<Outcome, StageError> {
    let params = rows::params(task)?;
    torch::set_threads(task.threads).or_stage()?;
    match &params {
        Params::Train(params) => train::train(params, task, report),
        Params::Finetune(params) => train::finetune(params, task, report),
        Params::Export(_) => export::export(task),
        Params::Import(_) => export::import(task),
        Params::WordVectors(params) => word_vectors::run(params, task, report),
        Params::LoadNetwork(params) => load_network::load_network(params, task),
        Params::LoadSubnet(params) => network::load_subnet(params, task),
        Params::JoinNetworks(params) => join::run(params, task),
        Params::Freeze(params) => network::freeze(params, true, task),
        Params::Unfreeze(params) => network::freeze(&params.0, false, task),
        Params::ExtractFeatures(params) => features::run(params, task, report),
        Params::IsolateFrozen(params) => frozen::isolate(params, task),
        Params::ExtractFrozen(params) => frozen::run(params, task, report),
        Params::Preprocess(_)
        | Params::DecodePictures(_)
        | Params::GradientBoosting(_)
        | Params::Linear(_)
        | Params::Knn(_)
        | Params::Cluster(_)
        | Params::Project(_)
        | Params::Tsne(_)
        | Params::Evaluate(_)
        | Params::Predict(_)
        | Params::Compare(_) => rows::perform(&params, task, &OnLibtorch, report),
    }
}

/// The class of machines that give the same bits: libtorch's version, the device's architecture, the number format.
///
/// # Errors
/// When there is no such device.
pub fn numerics_class(device: &str) -> Result<String, StageError> {
    Ok(torch::numerics_class(torch::device(device).or_stage()?))
}
