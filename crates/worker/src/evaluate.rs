//! Runs `evaluate`.

use std::collections::BTreeMap;
use std::path::Path;

use data::{Dataset, LabelKind, Labels, Part};
use metrics::{Bootstrap, Confusion, Interval, Predictions};
use plan::{ArtifactKind, Blame, Outcome, Progress, StageError, Task};
use stages::{Evaluate, Metric};

use crate::Report;
use crate::compare::Measured;
use crate::files::{METRICS, Outputs, SCORES, write_csv, write_json};
use crate::predict;
use crate::reading;
use crate::scores::{Scored, Scores, score};
use crate::sheets;

/// Precision, recall and F1 of each class.
const CLASSES: &str = "classes.csv";
/// Rows by class and by chosen class.
const CONFUSION: &str = "confusion.csv";

pub(crate) fn run(params: &Evaluate, task: &Task, report: Report<'_>) -> Result<Outcome, StageError> {
    let part = |data: &Dataset| params.part.or_else(|| default_part(data));
    let mut scored = score(task, part)?;
    scored.reading = reading::fit(params, task, report)?;
    let labels = scored
        .data
        .label_batch(&scored.rows)
        .ok_or_else(|| StageError::new(Blame::Input, "the data has no label to compare with"))?;
    let kind = match scored.scores {
        Scores::Classes { .. } => LabelKind::Class,
        Scores::Numbers(_) => LabelKind::Number,
    };
    let predictions = scored.predictions(&labels)?;
    let mut outputs = Outputs::new(task);
    let mut measured = Measured {
        rows: scored.rows.len() as u64,
        part: part(&scored.data).map_or("", Part::name).to_owned(),
        metrics: BTreeMap::new(),
        confidence: params.confidence,
        intervals: BTreeMap::new(),
        reading: scored.reading.clone(),
    };
    let wanted = params.measured(kind);
    for &metric in &wanted {
        match predictions.measure(metric) {
            Some(value) => {
                measured.metrics.insert(metric.name(), value);
                outputs.summary(metric.name(), value);
            }
            None => report(Progress::Warning { text: undefined(metric) }),
        }
    }
    if let Some(threshold) = &scored.reading.threshold {
        outputs.summary("threshold", threshold.value);
    }
    if let Some(confidence) = params.confidence {
        let bootstrap = Bootstrap { level: confidence.level, samples: confidence.samples, seed: task.seed };
        measured.intervals = intervals(bootstrap, scored.rows.len(), &predictions, &wanted);
    }
    let meta = serde_json::json!({ "classes": scored.classes });
    let folder = outputs.port("metrics", ArtifactKind::Metrics, meta)?;
    write_json(&folder, METRICS, &measured)?;
    write_scores(&folder, &scored, &labels)?;
    if let Labels::Class(labels) = &labels {
        sheets::write_mistakes(&folder, &scored, labels)?;
    }
    if let Predictions::Classes(classes) = &predictions
        && let Some(confusion) = classes.confusion()
    {
        write_classes(&folder, &scored.classes, &confusion)?;
    }
    Ok(outputs.done())
}

fn undefined(metric: Metric) -> String {
    let why = "they have one class, a score is not a number, or the metric is for other labels";
    format!("{metric} is not defined for these rows: {why}")
}

/// Intervals by metric, as lower and upper ends.
fn intervals(
    bootstrap: Bootstrap,
    rows: usize,
    predictions: &Predictions<'_>,
    wanted: &[Metric],
) -> BTreeMap<String, [f64; 2]> {
    let measure = |rows: &[u32]| {
        let again = predictions.only(rows);
        wanted.iter().map(|&metric| again.measure(metric)).collect()
    };
    let found = bootstrap.intervals(rows, measure);
    let ends = |Interval { low, high }| [low, high];
    let named = wanted.iter().zip(found).filter_map(|(metric, found)| Some((metric.name(), ends(found?))));
    named.collect()
}

/// The classes one by one, and rows by class and by chosen class.
fn write_classes(folder: &Path, names: &[String], confusion: &Confusion) -> Result<(), StageError> {
    let name = |class: usize| names.get(class).cloned().unwrap_or_else(|| class.to_string());
    let header = ["class", "rows", "chosen", "precision", "recall", "f1"].map(str::to_owned);
    let text = |value: Option<f64>| value.map_or_else(String::new, |value| value.to_string());
    let lines = confusion.counts().into_iter().enumerate().map(|(class, counts)| {
        let chosen = counts.right + counts.wrong;
        let scores = [counts.precision(), counts.recall(), counts.f1()].map(text);
        [name(class), counts.rows().to_string(), chosen.to_string()].into_iter().chain(scores).collect()
    });
    write_csv::<Vec<Vec<String>>, _>(folder, CLASSES, &header, lines.collect())?;
    let mut header = vec!["label".to_owned()];
    header.extend((0..confusion.classes()).map(name));
    let lines = confusion.rows().enumerate().map(|(class, counts)| {
        std::iter::once(name(class)).chain(counts.iter().map(u64::to_string)).collect()
    });
    write_csv::<Vec<Vec<String>>, _>(folder, CONFUSION, &header, lines.collect())
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
