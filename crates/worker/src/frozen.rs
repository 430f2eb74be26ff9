//! Runs `extract-frozen`, and opens what it wrote for the stages that go on from there.

use std::path::Path;

use data::Dataset;
use images::Chain;
use network::{Graph, Network};
use plan::{ArtifactKind, Blame, Outcome, Progress, StageError, Task};
use rows::Report;
use rows::error::OrStage as _;
use rows::files::{NETWORK, Outputs, TRANSFORM, pass, read_json, write};
use rows::inputs::{artifact, artifacts, dataset, transform};
use stages::{ExtractFrozen, IsolateFrozen};
use train::Stored;

use crate::error::OrStage;
use crate::network::StoredNetwork;

/// What the name of a node's file ends in.
const SUFFIX: &str = ".safetensors";

pub(crate) fn run(params: &ExtractFrozen, task: &Task, report: Report<'_>) -> Result<Outcome, StageError> {
    let encoded = artifact(task, "data")?;
    let data = dataset(encoded)?;
    let device = torch::device(&task.device).or_stage()?;
    let mut outputs = Outputs::new(task);
    let folder = outputs.port("values", ArtifactKind::Values, serde_json::json!({}))?;
    let wrong = |problem: images::Problem| StageError::new(Blame::Input, problem.reason);
    let chain = params.views.as_ref().map(|views| Chain::new(&views.augment).map_err(wrong)).transpose()?;
    let views = params.views.as_ref().zip(chain.as_ref());
    let views = views.map(|(own, chain)| train::Views { chain, seed: task.seed, count: own.count });
    let whole = artifact(task, "network")?;
    for (part, nodes) in passes(&read_json(whole, NETWORK)?, &params.nodes)? {
        let stored = StoredNetwork::open(whole)?.with_network(part)?.reading(encoded)?;
        let module = stored.module(device)?;
        let phase = format!("extract {}", nodes.join(", "));
        train::store(&module, &data, &nodes, views, &folder, &mut |done, total| {
            let (phase, unit) = (phase.clone(), "rows".to_owned());
            report(Progress::Step { phase, done: done as u64, total: total as u64, unit });
        })
        .or_stage()?;
    }
    outputs.summary("rows", data.rows() as f64);
    if let Some(views) = views {
        outputs.summary("views", views.count as f64);
    }
    Ok(outputs.done())
}

pub(crate) fn isolate(params: &IsolateFrozen, task: &Task) -> Result<Outcome, StageError> {
    let encoded = artifact(task, "data")?;
    let whole = StoredNetwork::open(artifact(task, "network")?)?.reading(encoded)?;
    let part = whole.network.cut(&params.node);
    let part = part.map_err(|error| StageError::new(Blame::Stage, error.to_string()))?;
    let mut part = whole.with_network(part)?;
    let graph = part.graph()?;
    let columns: Vec<&str> = graph.columns().collect();
    let json = transform(encoded)?.selected(&columns).to_json().or_stage()?;
    part.goals.clear();
    part.transform = Some(json.clone());

    let mut outputs = Outputs::new(task);
    part.write(&outputs.port("network", ArtifactKind::Network, part.meta())?)?;
    let folder = outputs.port("dataset", ArtifactKind::Dataset, serde_json::json!({}))?;
    let data = dataset(encoded)?;
    data.write_columns(&columns, &folder).or_stage()?;
    if encoded.files.contains_key(data::PICTURES_FILE) {
        pass(encoded, data::PICTURES_FILE, &folder)?;
    }
    write(&folder, TRANSFORM, json)?;
    outputs.summary("rows", data.rows() as f64);
    Ok(outputs.done())
}

/// Parts of a network that are run each in one pass, with the nodes that each gives: a node that another one needs
/// comes from the same pass.
fn passes(network: &Network, nodes: &[String]) -> Result<Vec<(Network, Vec<String>)>, StageError> {
    let mut left: Vec<&String> = nodes.iter().collect();
    let mut passes = vec![];
    while let Some(last) = left.last() {
        let part = network.cut(last).map_err(|error| StageError::new(Blame::Stage, error.to_string()))?;
        let graph: Graph = part.lower().map_err(|_| {
            StageError::new(Blame::Stage, format!("the part up to `{last}` does not hold together"))
        })?;
        let (own, others): (Vec<_>, Vec<_>) =
            left.iter().partition(|name| graph.nodes.iter().any(|node| node.name == ***name));
        left = others;
        passes.push((part, own.into_iter().cloned().collect()));
    }
    Ok(passes)
}

/// What was extracted for this task; `None` where it computes everything itself.
///
/// # Errors
/// When a file cannot be read, or is damaged.
pub(crate) fn stored(task: &Task, data: &Dataset) -> Result<Option<Stored>, StageError> {
    let Some(values) = artifacts(task, "values").next() else { return Ok(None) };
    let files = values.files.iter().filter_map(|(name, path)| Some((name.strip_suffix(SUFFIX)?, path)));
    let files: Vec<(&str, &Path)> = files.map(|(node, path)| (node, path.as_path())).collect();
    Stored::open(files, data).or_stage().map(Some)
}
