//! Files of artifacts: their names, and writing them.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use plan::{Artifact, ArtifactKind, Blame, Outcome, Output, StageError, Task};
use serde::Serialize;
use weights::{Dtype, Options, Weights};

use crate::error::{damaged, io};
use crate::inputs::file;

/// A network's declaration.
pub const NETWORK: &str = "network.json";
/// A network's weights and buffers.
pub const WEIGHTS: &str = "weights.safetensors";
/// A fitted transform.
pub const TRANSFORM: &str = "transform.json";
/// Measured metrics.
pub(crate) const METRICS: &str = "metrics.json";
/// What a model said of each evaluated row, beside the label.
pub(crate) const SCORES: &str = "scores.csv";

/// The outputs of a task as they are written.
pub struct Outputs<'a> {
    task: &'a Task,
    outcome: Outcome,
}

impl<'a> Outputs<'a> {
    /// No outputs yet.
    pub fn new(task: &'a Task) -> Self {
        Outputs { task, outcome: Outcome { outputs: BTreeMap::new(), summary: vec![] } }
    }

    /// Makes the folder of an output port.
    pub fn port(
        &mut self,
        port: &str,
        kind: ArtifactKind,
        meta: serde_json::Value,
    ) -> Result<PathBuf, StageError> {
        let folder = self.task.out.join(port);
        std::fs::create_dir_all(&folder).map_err(|error| io(&folder, &error))?;
        self.outcome.outputs.insert(port.to_owned(), Output { kind: kind.name().to_owned(), meta });
        Ok(folder)
    }

    /// Adds a number to the stage's line of the summary.
    pub fn summary(&mut self, name: impl Into<String>, value: f64) {
        self.outcome.summary.push((name.into(), value));
    }

    /// All that was written.
    pub fn done(self) -> Outcome {
        self.outcome
    }
}

/// Writes bytes.
pub fn write(folder: &Path, name: &str, bytes: impl AsRef<[u8]>) -> Result<(), StageError> {
    let path = folder.join(name);
    std::fs::write(&path, bytes).map_err(|error| io(&path, &error))
}

/// Writes canonical JSON: sorted keys, no spaces.
pub fn write_json(folder: &Path, name: &str, value: &impl Serialize) -> Result<(), StageError> {
    let text = store::canonical_json(value)
        .map_err(|error| StageError::new(Blame::Stage, format!("{name}: {error}")))?;
    write(folder, name, text)
}

/// Writes a picture as `name.svg` and `name.png`.
pub fn write_picture(folder: &Path, name: &str, picture: &report::Picture) -> Result<(), StageError> {
    write(folder, &format!("{name}.svg"), &picture.svg)?;
    write(folder, &format!("{name}.png"), &picture.png)
}

/// The bytes of a file of an artifact.
pub fn read_bytes(artifact: &Artifact, name: &str) -> Result<Vec<u8>, StageError> {
    let path = file(artifact, name)?;
    std::fs::read(path).map_err(|error| io(path, &error))
}

/// Reads JSON that this engine wrote.
pub fn read_json<T: serde::de::DeserializeOwned>(artifact: &Artifact, name: &str) -> Result<T, StageError> {
    let (path, bytes) = (file(artifact, name)?, read_bytes(artifact, name)?);
    serde_json::from_slice(&bytes).map_err(|error| crate::error::damaged(path, error))
}

/// The shape and the values of a tensor of single floats in a safetensors file of the store.
pub(crate) fn floats(path: &Path, name: &str) -> Result<(Vec<usize>, Vec<f32>), StageError> {
    let opened = Weights::open(path, &Options::default()).map_err(|error| damaged(path, error))?;
    let tensor = opened.get(name).ok_or_else(|| damaged(path, format!("no tensor `{name}`")))?;
    if tensor.dtype() != Dtype::F32 {
        return Err(damaged(path, format!("`{name}` is of {}, not f32", tensor.dtype().name())));
    }
    let bytes = tensor.bytes();
    let (floats, _) = bytes.as_chunks::<4>();
    Ok((tensor.shape().to_vec(), floats.iter().map(|four| f32::from_le_bytes(*four)).collect()))
}

/// Passes a file of an input on, unchanged.
pub fn pass(artifact: &Artifact, name: &str, folder: &Path) -> Result<(), StageError> {
    let from = file(artifact, name)?;
    let to = folder.join(name);
    // The store puts the same bytes at the same place; a hard link spares the copy where the file system allows it.
    if std::fs::hard_link(from, &to).is_ok() {
        return Ok(());
    }
    std::fs::copy(from, &to).map(drop).map_err(|error| io(&to, &error))
}

/// Writes a table for people and spreadsheets.
pub fn write_csv<R, F>(folder: &Path, name: &str, header: &[String], rows: R) -> Result<(), StageError>
where
    R: IntoIterator<Item = Vec<F>>,
    F: AsRef<[u8]>,
{
    let path = folder.join(name);
    let failed = |error: csv::Error| match error.into_kind() {
        csv::ErrorKind::Io(error) => io(&path, &error),
        other => StageError::new(Blame::Bug, format!("{name}: {other:?}")),
    };
    let mut writer = csv::Writer::from_path(&path).map_err(failed)?;
    writer.write_record(header).map_err(failed)?;
    for row in rows {
        writer.write_record(row).map_err(failed)?;
    }
    writer.flush().map_err(|error| io(&path, &error))
}
