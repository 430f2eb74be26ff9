//! Runs `evaluate`.

use std::collections::BTreeMap;
use std::path::Path;

use data::{Dataset, Labels, Part, Tags};
use metrics::{Bootstrap, Confusion, Counts, Interval, Predictions, TagSet, Weights};
use plan::{ArtifactKind, Outcome, Progress, StageError, Task};
use stages::{Evaluate, Measure, Metric};

use crate::Report;
use crate::compare::Measured;
use crate::files::{METRICS, Outputs, SCORES, write_csv, write_json};
use crate::predict;
use crate::reading::{self, Reading};
use crate::scores::{Networks, Said, Scored, score};
use crate::sheets;
use crate::tagged;

/// Precision, recall and F1 of each class.
const CLASSES: &str = "classes.csv";
/// Rows by class and by chosen class.
const CONFUSION: &str = "confusion.csv";

pub(crate) fn run(
    params: &Evaluate,
    task: &Task,
    networks: &dyn Networks,
    report: Report<'_>,
) -> Result<Outcome, StageError> {
    let part = |data: &Dataset| params.part.or_else(|| default_part(data));
    let mut scored = score(task, networks, part, &[])?;
    if let Some(output) = &params.output {
        let name = scored.output(Some(output))?.output.clone();
        scored.outputs.retain(|said| said.output == name);
    }
    let alone = scored.outputs.len() == 1;
    let mut outputs = Outputs::new(task);
    let mut measured = Measured {
        output: params.output.clone(),
        rows: scored.rows.len() as u64,
        part: part(&scored.data).map_or("", Part::name).to_owned(),
        weighted: params.weighted,
        metrics: BTreeMap::new(),
        confidence: params.confidence,
        intervals: BTreeMap::new(),
        reading: Reading::default(),
    };
    if alone {
        scored.outputs[0].reading = reading::fit(params, task, networks, report)?;
        measured.reading = scored.outputs[0].reading.clone();
    }
    let weights = match scored.data.weight_batch(&scored.rows).filter(|_| params.weighted) {
        Some(weights) => Weights::new(weights.into_iter().map(f64::from).collect::<Vec<_>>()),
        None => Weights::default(),
    };
    for said in &scored.outputs {
        let labels = said.truth(&scored.data, &scored.rows)?;
        let predictions = said.predictions(&labels)?;
        let mut wanted = params.measured(labels.kind());
        wanted.retain(|metric| alone || metric.fits(labels.kind()));
        let name = |metric: Metric| {
            let output = if alone { String::new() } else { said.output.clone() };
            Measure { output, metric }.to_string()
        };
        for &metric in &wanted {
            match predictions.weighted(metric, &weights) {
                Some(value) => {
                    measured.metrics.insert(name(metric), value);
                    outputs.summary(name(metric), value);
                }
                None => report(Progress::Warning { text: undefined(&name(metric)) }),
            }
        }
        if let Some(confidence) = params.confidence {
            let bootstrap =
                Bootstrap { level: confidence.level, samples: confidence.samples, seed: task.seed };
            let found = intervals(bootstrap, scored.rows.len(), &predictions, &weights, &wanted);
            measured.intervals.extend(found.into_iter().map(|(metric, ends)| (name(metric), ends)));
        }
    }
    if let Some(threshold) = &measured.reading.threshold {
        outputs.summary("threshold", threshold.value);
    }
    let meta = match &scored.outputs[..] {
        [only] => serde_json::json!({ "classes": only.classes }),
        _ => serde_json::json!({}),
    };
    let folder = outputs.port("metrics", ArtifactKind::Metrics, meta)?;
    write_json(&folder, METRICS, &measured)?;
    if let [only] = &scored.outputs[..] {
        write_rows(&folder, &scored, only)?;
        if let Labels::Class(labels) = only.truth(&scored.data, &scored.rows)? {
            sheets::write_mistakes(&folder, &scored, only, &labels)?;
        }
    }
    Ok(outputs.done())
}

/// The rows of an output that was evaluated alone, and its classes one by one.
fn write_rows(folder: &Path, scored: &Scored, said: &Said) -> Result<(), StageError> {
    let labels = said.truth(&scored.data, &scored.rows)?;
    write_scores(folder, scored, said, &labels)?;
    match said.predictions(&labels)? {
        Predictions::Classes(classes) => {
            if let Some(confusion) = classes.confusion(&Weights::default()) {
                write_classes(folder, ["class", "rows"], &said.classes, &confusion.counts())?;
                write_confusion(folder, &said.classes, &confusion)?;
            }
            Ok(())
        }
        Predictions::MultiLabel(labels) => {
            write_classes(folder, ["class", "rows"], &said.classes, &labels.counts(&Weights::default()))
        }
        Predictions::Tags(tagging) => {
            let (set, counts) = (tagging.set(), tagging.counts(&Weights::default()));
            write_classes(folder, set.counted(), set.names(), &counts)?;
            write_confusion(folder, &said.classes, &tagging.confusion(said.classes.len()))
        }
        Predictions::Numbers(_) => Ok(()),
    }
}

fn undefined(metric: &str) -> String {
    let why = "they have one class, a score is not a number, or the metric is for other labels";
    format!("{metric} is not defined for these rows: {why}")
}

/// Intervals by metric, as lower and upper ends.
fn intervals(
    bootstrap: Bootstrap,
    rows: usize,
    predictions: &Predictions<'_>,
    weights: &Weights<'_>,
    wanted: &[Metric],
) -> Vec<(Metric, [f64; 2])> {
    let measure = |rows: &[u32]| {
        let (again, weights) = (predictions.only(rows), weights.only(rows));
        wanted.iter().map(|&metric| again.weighted(metric, &weights)).collect()
    };
    let found = bootstrap.intervals(rows, measure);
    let ends = |Interval { low, high }| [low, high];
    let named = wanted.iter().zip(found).filter_map(|(metric, found)| Some((*metric, ends(found?))));
    named.collect()
}

/// The classes, labels, or types of entities one by one; `heads` are what they are, and what is counted of them.
fn write_classes(
    folder: &Path,
    [class, rows]: [&str; 2],
    names: &[String],
    counts: &[Counts],
) -> Result<(), StageError> {
    let header = [class, rows, "chosen", "precision", "recall", "f1"].map(str::to_owned);
    let text = |value: Option<f64>| value.map_or_else(String::new, |value| value.to_string());
    let lines = counts.iter().enumerate().map(|(class, counts)| {
        let chosen = counts.right + counts.wrong;
        let scores = [counts.precision(), counts.recall(), counts.f1()].map(text);
        [name(names, class), counts.rows().to_string(), chosen.to_string()]
            .into_iter()
            .chain(scores)
            .collect()
    });
    write_csv::<Vec<Vec<String>>, _>(folder, CLASSES, &header, lines.collect())
}

fn name(names: &[String], class: usize) -> String {
    names.get(class).cloned().unwrap_or_else(|| class.to_string())
}

/// Rows by class and by chosen class.
fn write_confusion(folder: &Path, names: &[String], confusion: &Confusion) -> Result<(), StageError> {
    let mut header = vec!["label".to_owned()];
    header.extend((0..confusion.classes()).map(|class| name(names, class)));
    let lines = confusion.rows().enumerate().map(|(class, counts)| {
        std::iter::once(name(names, class)).chain(counts.iter().map(f64::to_string)).collect()
    });
    write_csv::<Vec<Vec<String>>, _>(folder, CONFUSION, &header, lines.collect())
}

/// The rows in full: number in the source from 0, id, label, then what `predict` says of a row.
fn write_scores(folder: &Path, scored: &Scored, said: &Said, labels: &Labels) -> Result<(), StageError> {
    let labels: Vec<String> = match labels {
        Labels::Class(classes) => classes
            .iter()
            .map(|&class| said.classes.get(class as usize).cloned().unwrap_or_else(|| class.to_string()))
            .collect(),
        Labels::MultiLabel { width, flags } => {
            let row = |flags: &[u8]| predict::chosen(&said.classes, flags.iter().map(|flag| *flag == 1));
            flags.chunks_exact(*width).map(row).collect()
        }
        Labels::Number(values) => values.iter().map(f32::to_string).collect(),
        Labels::Tags(Tags { words, tags }) => {
            let tags: Vec<u32> = tags.iter().map(|tag| tag.cast_unsigned()).collect();
            tagged::cells(&TagSet::new(&said.classes), words, &tags)
        }
    };
    let (columns, values) = predict::columns(said);
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
