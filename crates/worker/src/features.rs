//! Runs `extract-features`.

use plan::{ArtifactKind, Blame, Outcome, Progress, StageError, Task};
use rows::features::{FEATURES, Features};
use rows::files::Outputs;
use rows::inputs::{artifact, dataset};
use rows::{Report, sheets};
use stages::ExtractFeatures;

use crate::error::OrStage;
use crate::network::StoredNetwork;

pub(crate) fn run(params: &ExtractFeatures, task: &Task, report: Report<'_>) -> Result<Outcome, StageError> {
    let mut stored = StoredNetwork::open(artifact(task, "network")?)?;
    if let Some(output) = &params.output {
        let cut =
            stored.network.cut(output).map_err(|error| StageError::new(Blame::Input, error.to_string()))?;
        stored = stored.with_network(cut)?;
    }
    let encoded = artifact(task, "data")?;
    let stored = stored.reading(encoded)?;
    let module = stored.module(torch::device(&task.device).or_stage()?)?;
    let data = dataset(encoded)?;
    let total = data.rows() as u64;
    report(Progress::Step { phase: "extract".into(), done: 0, total, unit: "rows".into() });
    let mut outputs = Outputs::new(task);
    let folder = outputs.port("features", ArtifactKind::Features, serde_json::json!({}))?;
    let rows: Vec<u32> = (0..data.rows() as u32).collect();
    let width = train::features(&module, &data, &rows, &folder.join(FEATURES)).or_stage()?;
    if !sheets::columns(&data).is_empty() {
        sheets::write_nearest(&folder, &data, &Features::read(&folder.join(FEATURES))?)?;
    }
    outputs.summary("rows", total as f64);
    outputs.summary("units", width as f64);
    Ok(outputs.done())
}
