//! Pictures of a table, decoded: by `decode-pictures` for several stages, or by the one that reads them.

use std::path::Path;

use data::{PICTURES_FILE, Pictures, Table};
use plan::{Artifact, ArtifactKind, Outcome, Progress, StageError, Task};
use stages::DecodePictures;

use crate::Report;
use crate::error::OrStage;
use crate::files::{Outputs, pass, read_json, write_json};
use crate::inputs::source;
use crate::leaks::Chains;

/// Where each picture lies among the levels, what is still to be done with it, and which cannot be read.
const INDEX: &str = "index.json";

pub(crate) fn run(params: &DecodePictures, task: &Task, report: Report<'_>) -> Result<Outcome, StageError> {
    let input = source(task, "data")?;
    let table = Table::read_all(&input.paths, &input.source).or_stage()?;
    let table = table.renamed(&params.rename).or_stage()?;
    let mut outputs = Outputs::new(task);
    let folder = outputs.port("pictures", ArtifactKind::Pictures, serde_json::json!({}))?;
    let chains: Chains<'_> = params.columns.iter().collect();
    let pictures = decode(&table, &chains, input.source.on_error, &folder, report)?;
    outputs.summary("pictures", pictures.as_ref().map_or(0, |pictures| pictures.rows().len()) as f64);
    write_json(&folder, INDEX, &pictures)?;
    Ok(outputs.done())
}

/// Decodes the columns of pictures into the folder; none where there is no such column.
pub(crate) fn decode(
    table: &Table,
    chains: &Chains<'_>,
    on_error: data::OnError,
    folder: &Path,
    report: Report<'_>,
) -> Result<Option<Pictures>, StageError> {
    let total = table.rows() as u64;
    let mut progress = |done: usize| {
        report(Progress::Step { phase: "decode".into(), done: done as u64, total, unit: "pictures".into() });
    };
    let chains = chains.iter().map(|(name, steps)| (*name, *steps));
    Pictures::encode(table, chains, on_error, folder, &mut progress).or_stage()
}

/// Takes over what `decode-pictures` made.
pub(crate) fn take(decoded: &Artifact, folder: &Path) -> Result<Option<Pictures>, StageError> {
    pass(decoded, PICTURES_FILE, folder)?;
    read_json(decoded, INDEX)
}
