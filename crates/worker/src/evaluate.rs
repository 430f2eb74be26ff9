//! Runs `evaluate`.

use std::collections::BTreeMap;
use std::path::Path;

use data::{Dataset, LabelKind, Labels, Part};
use plan::{ArtifactKind, Blame, Outcome, Progress, StageError, Task};
use stages::Evaluate;

use crate::Report;
use crate::compare::Measured;
use crate::files::{METRICS, Outputs, SCORES, write_csv, write_json};
use crate::predict;
use crate::scores::{Scored, Scores, score};

pub(crate) fn run(params: &Evaluate, task: &Task, report: Report<'_>) -> Result<Outcome, StageError> {
    let part = |data: &Dataset| params.part.or_else(|| default_part(data));
    let scored = score(task, part)?;
    let labels = scored
        .data
        .label_batch(&scored.rows)
        .ok_or_else(|| StageError::new(Blame::Input, "the data has no label to compare with"))?;
    let kind = match scored.scores {
        Scores::Classes { .. } => LabelKind::Class,
        Scores::Numbers(_) => LabelKind::Number,
    };
    let mut outputs = Outputs::new(task);
    let mut metrics = BTreeMap::new();
    for metric in params.measured(kind) {
        match scored.measure(metric, &labels) {
            Some(value) => {
                metrics.insert(metric.name(), value);
                outputs.summary(metric.name(), value);
            }
            None => {
                let text = format!(
                    "{} is not defined for these rows: they have one class, or a score is not a number",
                    metric.name()
                );
                report(Progress::Warning { text });
            }
        }
    }
    let part = part(&scored.data).map_or("", Part::name).to_owned();
    let measured = Measured { rows: scored.rows.len() as u64, part, metrics };
    let meta = serde_json::json!({ "classes": scored.classes });
    let folder = outputs.port("metrics", ArtifactKind::Metrics, meta)?;
    write_json(&folder, METRICS, &measured)?;
    write_scores(&folder, &scored, &labels)?;
    Ok(outputs.done())
}

/// The rows in full: number in the source from 0, id, label, then what `predict` says of a row.
fn write_scores(folder: &Path, scored: &Scored, labels: &Labels) -> Result<(), StageError> {
    let labels: Vec<String> = match labels {
        Labels::Class(classes) => classes
            .iter()
            .map(|&class| scored.classes.get(class as usize).cloned().unwrap_or_else(|| class.to_string()))
            .collect(),
        Labels::Number(values) => values.iter().map(f32::to_string).collect(),
    };
    let (columns, values) = predict::columns(scored);
    let mut header = ["row", "id", "label"].map(str::to_owned).to_vec();
    header.extend(columns);
    let lines = scored.rows.iter().zip(labels).zip(values).map(|((&row, label), values)| {
        let mut line = vec![scored.data.source_row(row).to_string(), scored.id(row), label];
        line.extend(values);
        line
    });
    write_csv(folder, SCORES, &header, lines)
}

/// The part that is meant when none is named: the most unseen there is.
fn default_part(data: &Dataset) -> Option<Part> {
    [Part::Test, Part::Valid].into_iter().find(|part| data.description().parts.contains_key(part))
}
