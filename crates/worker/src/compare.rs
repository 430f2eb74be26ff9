//! Runs `compare`: a table and a bar plot over evaluations.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use plan::{ArtifactKind, Outcome, StageError, Task};
use serde::{Deserialize, Serialize};
use stages::{Compare, Confidence, Metric};

use crate::error::OrStage;
use crate::files::{METRICS, Outputs, read_json, write_csv, write_json, write_picture};
use crate::inputs::named_artifacts;
use crate::reading::Reading;

/// What `evaluate` measured: `metrics.json`.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Measured {
    /// The rows it was measured on.
    pub(crate) rows: u64,
    /// The part; all rows where empty.
    pub(crate) part: String,
    /// Values by metric; a metric that these rows do not define, such as the AUC of one class, is absent.
    pub(crate) metrics: BTreeMap<String, f64>,
    /// Of which intervals they are.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) confidence: Option<Confidence>,
    /// Lower and upper ends of confidence intervals by metric.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub(crate) intervals: BTreeMap<String, [f64; 2]>,
    /// How classes followed from logits.
    #[serde(flatten)]
    pub(crate) reading: Reading,
}

#[derive(Serialize)]
struct Row<'a> {
    name: &'a str,
    #[serde(flatten)]
    measured: &'a Measured,
}

#[derive(Serialize)]
struct Comparison<'a> {
    metric: &'a str,
    best: &'a str,
    /// What the table shows, in order; the metric that decides first.
    metrics: &'a [String],
    rows: Vec<Row<'a>>,
}

pub(crate) fn run(params: &Compare, task: &Task) -> Result<Outcome, StageError> {
    let mut measured: Vec<(String, Measured)> = vec![];
    for (index, (stage, artifact)) in named_artifacts(task, "stages").enumerate() {
        let label = params.labels.as_ref().and_then(|labels| labels.get(index)).cloned();
        measured.push((label.unwrap_or_else(|| stage.to_owned()), read_json(artifact, METRICS)?));
    }
    let (metric, metrics) = shown(params, &measured)
        .ok_or_else(|| StageError::new(plan::Blame::Input, "none of these evaluations measured anything"))?;
    let name = &metrics[0];
    let best = best(&measured, metric);

    let mut outputs = Outputs::new(task);
    let folder = outputs.port("comparison", ArtifactKind::Comparison, serde_json::json!({}))?;
    let rows = measured.iter().map(|(name, measured)| Row { name, measured }).collect();
    write_json(&folder, "comparison.json", &Comparison { metric: name, best, metrics: &metrics, rows })?;
    write_table(&folder, &metrics, &measured)?;
    let labels: Vec<String> = measured.iter().map(|(label, _)| label.clone()).collect();
    let values = measured.iter().map(|(_, of)| of.metrics.get(name).copied().unwrap_or(f64::NAN)).collect();
    let title = format!("{name} on rows not seen in training");
    let picture = report::bars(&labels, &[(name.clone(), values)], &title).or_stage()?;
    write_picture(&folder, "comparison", &picture)?;
    for (label, of) in &measured {
        if let Some(value) = of.metrics.get(name) {
            outputs.summary(format!("{label} {name}"), *value);
        }
    }
    Ok(outputs.done())
}

/// The metric that decides, and the names of all that the table shows: those that are wanted, else all, loss last.
fn shown(params: &Compare, measured: &[(String, Measured)]) -> Option<(Metric, Vec<String>)> {
    let names: BTreeSet<&String> = measured.iter().flat_map(|(_, of)| of.metrics.keys()).collect();
    let mut metrics: Vec<Metric> = names.into_iter().filter_map(|name| Metric::from_name(name)).collect();
    metrics.sort_by_key(|metric| (*metric == Metric::Loss, metric.name()));
    if let Some(wanted) = &params.metrics {
        let found = |metric: &&Metric| metrics.contains(metric) && params.metric != Some(**metric);
        let decides = params.metric.filter(|metric| metrics.contains(metric));
        metrics = decides.into_iter().chain(wanted.iter().filter(found).copied()).collect();
    }
    metrics.sort_by_key(|metric| Some(*metric) != params.metric);
    Some((*metrics.first()?, metrics.into_iter().map(Metric::name).collect()))
}

/// The table for spreadsheets: values, and the ends of their intervals where there are any.
fn write_table(folder: &Path, metrics: &[String], measured: &[(String, Measured)]) -> Result<(), StageError> {
    let has_interval = |metric: &String| measured.iter().any(|(_, of)| of.intervals.contains_key(metric));
    let mut header = vec!["name".to_owned()];
    for metric in metrics {
        header.push(metric.clone());
        if has_interval(metric) {
            header.extend(["low", "high"].map(|end| format!("{metric} {end}")));
        }
    }
    header.push("rows".into());
    let lines = measured.iter().map(|(name, of)| {
        let mut line = vec![name.clone()];
        for metric in metrics {
            line.push(of.metrics.get(metric).map_or_else(String::new, f64::to_string));
            if has_interval(metric) {
                let ends = of.intervals.get(metric);
                line.extend((0..2).map(|end| ends.map_or_else(String::new, |ends| ends[end].to_string())));
            }
        }
        line.push(of.rows.to_string());
        line
    });
    write_csv(folder, "comparison.csv", &header, lines)
}

/// The first of those with the best value.
fn best(measured: &[(String, Measured)], metric: Metric) -> &str {
    let mut best: Option<(&str, f64)> = None;
    for (name, of) in measured {
        if let Some(&value) = of.metrics.get(&metric.name()) {
            let better = |old: f64| if metric.larger_is_better() { value > old } else { value < old };
            if best.is_none_or(|(_, old)| better(old)) {
                best = Some((name, value));
            }
        }
    }
    best.map_or("", |(name, _)| name)
}
