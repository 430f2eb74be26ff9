//! Networks in the store, and the stages that change them without training: `load-subnet`, `freeze`, `unfreeze`.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use network::{Graph, Network};
use plan::{Artifact, ArtifactKind, Blame, Outcome, StageError, Task};
use rows::error::OrStage as _;
use rows::files::{NETWORK, Outputs, TRANSFORM, WEIGHTS, read_bytes, read_json, write, write_json};
use rows::inputs::{artifact, file, graph};
use stages::{Freeze, Goal, Goals, LoadSubnet};
use torch::{Device, Tensor};

use crate::error::OrStage;

/// A network artifact, opened.
pub(crate) struct StoredNetwork {
    /// Its declaration.
    pub(crate) network: Network,
    /// Its weights and buffers, on the CPU.
    pub(crate) weights: BTreeMap<String, Tensor>,
    /// `transform.json` of the data that it was trained on.
    pub(crate) transform: Option<Vec<u8>>,
    /// What its outputs learnt; empty where that is not known.
    pub(crate) goals: Goals,
}

impl StoredNetwork {
    pub(crate) fn open(artifact: &Artifact) -> Result<Self, StageError> {
        let has_one = artifact.files.contains_key(TRANSFORM);
        let transform = has_one.then(|| read_bytes(artifact, TRANSFORM)).transpose()?;
        let loss = artifact.meta.get("loss").cloned().and_then(|loss| serde_json::from_value(loss).ok());
        let goals =
            artifact.meta.get("outputs").cloned().and_then(|goals| serde_json::from_value(goals).ok());
        let goals = goals.or_else(|| loss.map(Goal::only)).unwrap_or_default();
        let weights = torch::weights::load(file(artifact, WEIGHTS)?, Device::Cpu).or_stage()?;
        Ok(StoredNetwork { network: read_json(artifact, NETWORK)?, weights, transform, goals })
    }

    /// Facts that go into the artifact's meta.
    pub(crate) fn meta(&self) -> serde_json::Value {
        match self.goals.get("") {
            Some(Goal { loss, .. }) => serde_json::json!({ "loss": loss }),
            None if self.goals.is_empty() => serde_json::json!({}),
            None => serde_json::json!({ "outputs": self.goals }),
        }
    }

    pub(crate) fn write(&self, folder: &Path) -> Result<(), StageError> {
        write_json(folder, NETWORK, &self.network)?;
        torch::weights::save(&folder.join(WEIGHTS), &self.weights).or_stage()?;
        match &self.transform {
            Some(json) => write(folder, TRANSFORM, json),
            None => Ok(()),
        }
    }

    /// The network as primitive nodes.
    pub(crate) fn graph(&self) -> Result<Graph, StageError> {
        graph(&self.network)
    }

    /// The network ready to run.
    pub(crate) fn module(&self, device: Device) -> Result<nn::Module, StageError> {
        nn::Module::with_weights(&self.network, &self.weights, device).or_stage()
    }

    /// The same weights under another declaration; weights that it does not have are dropped.
    pub(crate) fn with_network(self, network: Network) -> Result<Self, StageError> {
        let mut stored = StoredNetwork { network, ..self };
        let names: BTreeSet<String> = stored.graph()?.params().map(|param| param.name.clone()).collect();
        stored.weights.retain(|name, _| names.contains(name));
        Ok(stored)
    }

    /// The network with the sizes of the data's columns.
    ///
    /// # Errors
    /// When a column that the network reads was encoded by another transform than the network was trained with.
    pub(crate) fn reading(mut self, data: &Artifact) -> Result<Self, StageError> {
        let dataset = rows::inputs::dataset(data)?;
        let fitted = rows::inputs::transform(data)?;
        if let Some(json) = &self.transform {
            let own = data::Transform::from_json(json).or_stage()?;
            let graph = self.graph()?;
            for column in graph.columns() {
                if own.columns().get(column).map(|c| &c.fitted)
                    != fitted.columns().get(column).map(|c| &c.fitted)
                {
                    let message = format!(
                        "the data's column `{column}` was encoded with another vocabulary than the network's"
                    );
                    let hint = "preprocess the data with `fitted`, the stage that encoded the network's training data";
                    return Err(StageError::new(Blame::Input, message).hint(hint));
                }
            }
        }
        self.network = self.network.with_inputs(crate::train::columns(&dataset));
        Ok(self)
    }
}

pub(crate) fn load_subnet(params: &LoadSubnet, task: &Task) -> Result<Outcome, StageError> {
    let mut stored = StoredNetwork::open(artifact(task, "network")?)?;
    let cut = stored
        .network
        .cut(&params.output)
        .map_err(|error| StageError::new(Blame::Input, error.to_string()))?;
    stored.goals.clear();
    finish(stored.with_network(cut)?, task)
}

pub(crate) fn freeze(params: &Freeze, frozen: bool, task: &Task) -> Result<Outcome, StageError> {
    let mut stored = StoredNetwork::open(artifact(task, "network")?)?;
    let selection =
        params.selection().map_err(|(_, message, hint)| StageError::new(Blame::Input, message).hint(hint))?;
    let names = selection.of(&stored.graph()?).map_err(|none| {
        StageError::new(Blame::Input, "this matches no parameter of the network")
            .hint(format!("the nearest are {}", none.nearest.join(", ")))
    })?;
    if frozen {
        stored.network.frozen.extend(names);
    } else {
        stored.network.frozen.retain(|name| !names.contains(name));
    }
    finish(stored, task)
}

/// Writes a network that was not trained.
pub(crate) fn finish(stored: StoredNetwork, task: &Task) -> Result<Outcome, StageError> {
    let mut outputs = Outputs::new(task);
    let folder = outputs.port("network", ArtifactKind::Network, stored.meta())?;
    stored.write(&folder)?;
    let graph = stored.graph()?;
    let size = |frozen: bool| -> usize {
        let of = graph
            .params()
            .filter(|param| !param.buffer && stored.network.frozen.contains(&param.name) == frozen);
        of.map(|param| param.shape.iter().filter_map(network::Dim::size).product::<usize>()).sum()
    };
    outputs.summary("parameters", (size(false) + size(true)) as f64);
    outputs.summary("frozen", size(true) as f64);
    Ok(outputs.done())
}
