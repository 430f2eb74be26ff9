//! Runs `export` and `import`.

use std::collections::BTreeMap;

use network::Network;
use plan::{Artifact, ArtifactKind, Blame, Outcome, StageError, Task};
use rows::error::{OrStage as _, io};
use rows::files::{NETWORK, Outputs, TRANSFORM, WEIGHTS, pass};
use rows::inputs::{artifact, outside};

use crate::network::StoredNetwork;

/// The artifact holds no more than the network artifact does, under names that other programs can rely on.
pub(crate) fn export(task: &Task) -> Result<Outcome, StageError> {
    let network = artifact(task, "network")?;
    let mut outputs = Outputs::new(task);
    let folder = outputs.port("export", ArtifactKind::Export, serde_json::json!({}))?;
    for name in network.files.keys() {
        pass(network, name, &folder)?;
    }
    Ok(outputs.done())
}

pub(crate) fn import(task: &Task) -> Result<Outcome, StageError> {
    let folder = outside(task, "path")?;
    let mut files = BTreeMap::new();
    for name in [NETWORK, WEIGHTS, TRANSFORM] {
        let path = folder.join(name);
        if path.is_file() {
            files.insert(name.to_owned(), path);
        } else if name != TRANSFORM {
            let message = format!("{}: no such file", path.display());
            return Err(StageError::new(Blame::Environment, message)
                .hint("import takes a folder that `export` wrote"));
        }
    }
    let outside = Artifact { kind: ArtifactKind::Network.name().into(), meta: serde_json::json!({}), files };
    let stored = StoredNetwork::open(&outside)?;
    check(&stored.network, &folder)?;
    // The weights must be the network's before anything relies on them.
    stored.module(torch::Device::Cpu)?;
    let mut outputs = Outputs::new(task);
    let to = outputs.port("network", ArtifactKind::Network, serde_json::json!({}))?;
    stored.write(&to)?;
    if outside.files.contains_key(TRANSFORM) {
        let to = outputs.port("transform", ArtifactKind::Transform, serde_json::json!({}))?;
        // Decoded and written again: canonical, whatever program wrote it.
        let json = rows::inputs::transform(&outside)?;
        let json = json.to_json().or_stage()?;
        std::fs::write(to.join(TRANSFORM), json).map_err(|error| io(&to, &error))?;
    }
    Ok(outputs.done())
}

fn check(network: &Network, folder: &std::path::Path) -> Result<(), StageError> {
    match network.lower() {
        Ok(_) => Ok(()),
        Err(problems) => {
            let first = problems.first().map_or_else(String::new, |problem| problem.message.clone());
            let message =
                format!("{}: the network does not hold together: {first}", folder.join(NETWORK).display());
            Err(StageError::new(Blame::Input, message))
        }
    }
}
