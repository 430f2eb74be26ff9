//! Runs `extract-features`, and reads what it wrote.

use plan::{Artifact, ArtifactKind, Blame, Outcome, Progress, StageError, Task};
use stages::ExtractFeatures;
use torch::Device;

use crate::Report;
use crate::error::{OrStage, damaged};
use crate::files::Outputs;
use crate::inputs::{artifact, dataset, file};
use crate::network::StoredNetwork;

/// The file of features.
const FEATURES: &str = "features.safetensors";
/// Its only tensor, `[rows, units]`.
const TENSOR: &str = "features";

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
    outputs.summary("rows", total as f64);
    outputs.summary("units", width as f64);
    Ok(outputs.done())
}

/// Features in memory.
pub(crate) struct Features {
    /// Rows, in the order of the data.
    pub(crate) rows: usize,
    /// Values a row.
    pub(crate) width: usize,
    values: Vec<f32>,
}

impl Features {
    pub(crate) fn open(artifact: &Artifact) -> Result<Self, StageError> {
        let path = file(artifact, FEATURES)?;
        let tensors = torch::weights::load(path, Device::Cpu).or_stage()?;
        let tensor = tensors.get(TENSOR).ok_or_else(|| damaged(path, "no features in it"))?;
        let [rows, width] = tensor.size()[..] else { return Err(damaged(path, "features are not a matrix")) };
        Ok(Features {
            rows: rows as usize,
            width: width as usize,
            values: torch::values::floats(tensor).or_stage()?,
        })
    }

    /// The values of a row.
    pub(crate) fn row(&self, row: u32) -> &[f32] {
        let start = row as usize * self.width;
        &self.values[start..start + self.width]
    }
}
