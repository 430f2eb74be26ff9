//! Runs `extract-features`, and reads what it wrote.

use std::path::Path;

use plan::{Artifact, ArtifactKind, Blame, Outcome, Progress, StageError, Task};
use stages::ExtractFeatures;
use torch::Device;

use crate::Report;
use crate::error::{OrStage, damaged};
use crate::files::Outputs;
use crate::inputs::{artifact, dataset, file};
use crate::network::StoredNetwork;
use crate::sheets;

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
    if !sheets::columns(&data).is_empty() {
        sheets::write_nearest(&folder, &data, &Features::read(&folder.join(FEATURES))?)?;
    }
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
        Self::read(file(artifact, FEATURES)?)
    }

    fn read(path: &Path) -> Result<Self, StageError> {
        let tensors = torch::weights::load(path, Device::Cpu).or_stage()?;
        let tensor = tensors.get(TENSOR).ok_or_else(|| damaged(path, "no features in it"))?;
        let [rows, width] = tensor.size()[..] else { return Err(damaged(path, "features are not a matrix")) };
        Ok(Features {
            rows: rows as usize,
            width: width as usize,
            values: torch::values::floats(tensor).or_stage()?,
        })
    }

    /// At most `count` other rows, those of the largest cosine with a row first, each with its cosine.
    pub(crate) fn nearest(&self, row: u32, count: usize) -> Vec<(u32, f64)> {
        let dot = |a: &[f32], b: &[f32]| -> f64 {
            a.iter().zip(b).map(|(a, b)| f64::from(*a) * f64::from(*b)).sum()
        };
        let own = self.row(row);
        let length = dot(own, own).sqrt();
        let cosine = |other: u32| {
            let of = self.row(other);
            dot(own, of) / (length * dot(of, of).sqrt()).max(f64::MIN_POSITIVE)
        };
        let others = (0..self.rows as u32).filter(|other| *other != row);
        let mut found: Vec<(u32, f64)> = others.map(|other| (other, cosine(other))).collect();
        found.sort_by(|left, right| right.1.total_cmp(&left.1).then(left.0.cmp(&right.0)));
        found.truncate(count);
        found
    }

    /// The values of a row.
    pub(crate) fn row(&self, row: u32) -> &[f32] {
        let start = row as usize * self.width;
        &self.values[start..start + self.width]
    }
}
