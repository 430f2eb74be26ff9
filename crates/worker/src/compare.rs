//! Runs `compare`: a table and a bar plot over evaluations.

use std::collections::BTreeMap;

use plan::{ArtifactKind, Outcome, StageError, Task};
use serde::{Deserialize, Serialize};
use stages::{Compare, Metric};

use crate::error::OrStage;
use crate::files::{METRICS, Outputs, read_json, write_csv, write_json, write_picture};
use crate::inputs::named_artifacts;

/// What `evaluate` measured: `metrics.json`.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Measured {
    /// The rows it was measured on.
    pub(crate) rows: u64,
    /// The part; all rows where empty.
    pub(crate) part: String,
    /// Values by metric; a metric that these rows do not define, such as the AUC of one class, is absent.
    pub(crate) metrics: BTreeMap<Metric, f64>,
}

#[derive(Serialize)]
struct Row<'a> {
    name: &'a str,
    #[serde(flatten)]
    measured: &'a Measured,
}

#[derive(Serialize)]
struct Comparison<'a> {
    metric: Metric,
    best: &'a str,
    rows: Vec<Row<'a>>,
}

pub(crate) fn run(params: &Compare, task: &Task) -> Result<Outcome, StageError> {
    let mut measured: Vec<(String, Measured)> = vec![];
    for (index, (stage, artifact)) in named_artifacts(task, "stages").enumerate() {
        let label = params.labels.as_ref().and_then(|labels| labels.get(index)).cloned();
        measured.push((label.unwrap_or_else(|| stage.to_owned()), read_json(artifact, METRICS)?));
    }
    let mut metrics: Vec<Metric> = vec![];
    for metric in measured.iter().flat_map(|(_, of)| of.metrics.keys()) {
        if !metrics.contains(metric) {
            metrics.push(*metric);
        }
    }
    metrics.sort_by_key(|metric| (Some(*metric) != params.metric, *metric == Metric::Loss, metric.name()));
    let Some(&metric) = metrics.first() else {
        return Err(StageError::new(plan::Blame::Input, "none of these evaluations measured anything"));
    };
    let best = best(&measured, metric);

    let mut outputs = Outputs::new(task);
    let folder = outputs.port("comparison", ArtifactKind::Comparison, serde_json::json!({}))?;
    let rows = measured.iter().map(|(name, measured)| Row { name, measured }).collect();
    write_json(&folder, "comparison.json", &Comparison { metric, best, rows })?;
    let mut header = vec!["name".to_owned()];
    header.extend(metrics.iter().map(|metric| metric.name().to_owned()));
    header.push("rows".into());
    let lines = measured.iter().map(|(name, of)| {
        let mut line = vec![name.clone()];
        line.extend(
            metrics.iter().map(|metric| of.metrics.get(metric).map_or_else(String::new, f64::to_string)),
        );
        line.push(of.rows.to_string());
        line
    });
    write_csv(&folder, "comparison.csv", &header, lines)?;
    let names: Vec<String> = measured.iter().map(|(name, _)| name.clone()).collect();
    let values =
        measured.iter().map(|(_, of)| of.metrics.get(&metric).copied().unwrap_or(f64::NAN)).collect();
    let title = format!("{} on rows not seen in training", metric.name());
    let picture = report::bars(&names, &[(metric.name().to_owned(), values)], &title).or_stage()?;
    write_picture(&folder, "comparison", &picture)?;
    for (name, of) in &measured {
        if let Some(value) = of.metrics.get(&metric) {
            outputs.summary(format!("{name} {}", metric.name()), *value);
        }
    }
    Ok(outputs.done())
}

/// The first of those with the best value.
fn best(measured: &[(String, Measured)], metric: Metric) -> &str {
    let mut best: Option<(&str, f64)> = None;
    for (name, of) in measured {
        if let Some(&value) = of.metrics.get(&metric) {
            let better = |old: f64| if metric.larger_is_better() { value > old } else { value < old };
            if best.is_none_or(|(_, old)| better(old)) {
                best = Some((name, value));
            }
        }
    }
    best.map_or("", |(name, _)| name)
}
