//! Runs `join-networks`.

use network::Network;
use nn::Module;
use plan::{Outcome, StageError, Task};
use rows::files::{TRANSFORM, read_bytes};
use rows::inputs::{artifact, dataset, named_artifacts};
use stages::{Goals, JoinNetworks};
use torch::Device;

use crate::error::OrStage;
use crate::network::{StoredNetwork, finish};

pub(crate) fn run(params: &JoinNetworks, task: &Task) -> Result<Outcome, StageError> {
    let encoded = artifact(task, "data")?;
    let open = |(name, network)| {
        let read = StoredNetwork::open(network)?.reading(encoded);
        read.map_err(|error| StageError { message: format!("`{name}`: {}", error.message), ..error })
    };
    let stored: Vec<StoredNetwork> = named_artifacts(task, "networks").map(open).collect::<Result<_, _>>()?;
    let parts = params.parts(stored.iter().map(|part| part.network.clone()));
    let network = Network::joined(&parts, crate::train::columns(&dataset(encoded)?), &params.network.layers);
    let mut weights = Module::new(&network, task.seed, Device::Cpu).or_stage()?.weights().or_stage()?;
    for (part, stored) in params.parts(stored) {
        for (name, tensor) in stored.weights {
            // Of a part's layers all are there but the one that gave a label its units back.
            weights.entry(format!("{part}.{name}")).and_modify(|drawn| *drawn = tensor);
        }
    }
    let transform = Some(read_bytes(encoded, TRANSFORM)?);
    let joined = StoredNetwork { network, weights, transform, goals: Goals::new() };
    // The weights must be the network's before anything relies on them.
    joined.module(Device::Cpu)?;
    finish(joined, task)
}
