//! Runs `preprocess`: read, split, fit on the training rows, encode.

use plan::{ArtifactKind, Outcome, Progress, StageError, Task};
use stages::Preprocess;

use crate::Report;
use crate::error::OrStage;
use crate::files::{Outputs, TRANSFORM, write};
use crate::inputs::{artifacts, source, transform};

pub(crate) fn run(params: &Preprocess, task: &Task, report: Report<'_>) -> Result<Outcome, StageError> {
    let input = source(task, "data")?;
    let mut step = |phase: &str, done: u64| {
        report(Progress::Step { phase: phase.into(), done, total: 3, unit: "steps".into() });
    };
    step("read", 0);
    let table = data::Table::read_all(&input.paths, &input.source).or_stage()?;
    // The source names its columns as the file does, so the split comes before the renaming.
    let parts = data::assign(&table, &input.source, input.seed).or_stage()?;
    let table = table.renamed(&params.rename).or_stage()?;
    let id = input.source.id.as_ref().map(|id| params.rename.get(id).unwrap_or(id).as_str());
    step("fit", 1);
    let before = artifacts(task, "fitted").next().map(transform).transpose()?;
    let fitted = before.iter().flat_map(|before| before.columns().keys());
    let label = before.as_ref().and_then(|before| Some(&before.label()?.column));
    let taken = params.taken(&input.source, params.label.as_ref().or(label), fitted);
    let spec = data::Spec {
        columns: params.chains(table.names(), &taken),
        label: params.label.clone(),
        label_kind: params.label_kind,
    };
    let (fitted, encoded) = data::Transform::fit_apply(before, &table, &parts, &spec, id).or_stage()?;
    step("write", 2);

    let mut outputs = Outputs::new(task);
    let json = fitted.to_json().or_stage()?;
    let folder = outputs.port("dataset", ArtifactKind::Dataset, serde_json::json!({}))?;
    encoded.write(&folder).or_stage()?;
    write(&folder, TRANSFORM, &json)?;
    let folder = outputs.port("transform", ArtifactKind::Transform, serde_json::json!({}))?;
    write(&folder, TRANSFORM, &json)?;
    let description = encoded.description();
    outputs.summary("rows", description.rows as f64);
    for (name, column) in &description.columns {
        if let Some(size) = column.vocabulary {
            outputs.summary(format!("{name} vocabulary"), size as f64);
        }
    }
    Ok(outputs.done())
}
