//! Runs `load-network`.

use std::collections::BTreeMap;
use std::path::Path;

use nn::Module;
use plan::{Blame, Outcome, StageError, Task};
use rows::files::{TRANSFORM, read_bytes};
use rows::inputs::{artifact, dataset, outside};
use stages::{Goals, LoadNetwork};
use torch::{Device, Kind, Tensor, guard};
use weights::{Dtype, Options, Weights};

use crate::error::OrStage;
use crate::network::{StoredNetwork, finish};

pub(crate) fn load_network(params: &LoadNetwork, task: &Task) -> Result<Outcome, StageError> {
    let (mut columns, mut transform) = (None, None);
    if params.data.is_some() {
        let encoded = artifact(task, "data")?;
        columns = Some(crate::train::columns(&dataset(encoded)?));
        transform = Some(read_bytes(encoded, TRANSFORM)?);
    }
    let network = params.declared(columns);
    let drawn = Module::new(&network, task.seed, Device::Cpu).or_stage()?;
    let mut weights = drawn.weights().or_stage()?;
    if params.path.is_some() {
        for (name, tensor) in read(params, &drawn, &outside(task, "path")?)? {
            weights.insert(name, tensor);
        }
    }
    finish(StoredNetwork { network, weights, transform, goals: Goals::new() }, task)
}

/// The tensors that the file has for the network, as `Float`.
fn read(params: &LoadNetwork, module: &Module, path: &Path) -> Result<BTreeMap<String, Tensor>, StageError> {
    let options = Options { root: params.root.clone(), ..Options::default() };
    let opened = Weights::open(path, &options);
    let opened = opened.map_err(|error| StageError::new(Blame::Input, error.to_string()))?;
    let shapes = opened.iter().map(|(name, tensor)| (name.to_owned(), tensor.shape().to_vec())).collect();
    let fit = params.fit(module.graph(), &shapes);
    let fit = fit.map_err(|message| StageError::new(Blame::Input, message))?;
    if !fit.is_whole() {
        let message = format!("{} does not fit the network: {}", path.display(), fit.words());
        return Err(StageError::new(Blame::Input, message));
    }
    let mut tensors = BTreeMap::new();
    for (name, stored) in fit.taken {
        let Some(tensor) = opened.get(&stored) else { continue };
        let kind = match tensor.dtype() {
            Dtype::F16 => Kind::Half,
            Dtype::BF16 => Kind::BFloat16,
            Dtype::F32 => Kind::Float,
            Dtype::F64 => Kind::Double,
            other => {
                let message =
                    format!("{}: `{name}` holds {}, and weights are floats", path.display(), other.name());
                return Err(StageError::new(Blame::Input, message));
            }
        };
        let shape: Vec<i64> = tensor.shape().iter().map(|&size| size as i64).collect();
        let read = guard(|| Tensor::from_data_size(&tensor.bytes(), &shape, kind).to_kind(Kind::Float));
        tensors.insert(name, read.or_stage()?);
    }
    Ok(tensors)
}
