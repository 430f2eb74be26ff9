//! Runs `evaluate`.

use std::collections::BTreeMap;

use data::{Dataset, LabelKind, Part};
use plan::{ArtifactKind, Blame, Outcome, Progress, StageError, Task};
use stages::Evaluate;

use crate::Report;
use crate::compare::Measured;
use crate::files::{METRICS, Outputs, write_json};
use crate::scores::{Scores, score};

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
                metrics.insert(metric, value);
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
    let folder = outputs.port("metrics", ArtifactKind::Metrics, serde_json::json!({}))?;
    write_json(&folder, METRICS, &measured)?;
    Ok(outputs.done())
}

/// The part that is meant when none is named: the most unseen there is.
fn default_part(data: &Dataset) -> Option<Part> {
    [Part::Test, Part::Valid].into_iter().find(|part| data.description().parts.contains_key(part))
}
