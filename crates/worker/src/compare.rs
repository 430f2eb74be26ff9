//! Runs `compare`: a table and a bar plot over evaluations.

use std::collections::{BTreeMap, BTreeSet};

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
    pub(crate) metrics: BTreeMap<String, f64>,
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
    rows: Vec<Row<'a>>,
}

pub(crate) fn run(params: &Compare, task: &Task) -> Result<Outcome, StageError> {
    let mut measured: Vec<(String, Measured)> = vec![];
    for (index, (stage, artifact)) in named_artifacts(task, "stages").enumerate() {
        let label = params.labels.as_ref().and_then(|labels| labels.get(index)).cloned();
        measured.push((label.unwrap_or_else(|| stage.to_owned()), read_json(artifact, METRICS)?));
    }
    let names: BTreeSet<&String> = measured.iter().flat_map(|(_, of)| of.metrics.keys()).collect();
    let mut metrics: Vec<Metric> = names.into_iter().filter_map(|name| Metric::from_name(name)).collect();
    metrics.sort_by_key(|metric| (Some(*metric) != params.metric, *metric == Metric::Loss, metric.name()));
    let Some(&metric) = metrics.first() else {
        return Err(StageError::new(plan::Blame::Input, "none of these evaluations measured anything"));
    };
    let metrics: Vec<String> = metrics.into_iter().map(Metric::name).collect();
    let name = &metrics[0];
    let best = best(&measured, metric);

    let mut outputs = Outputs::new(task);
    let folder = outputs.port("comparison", ArtifactKind::Comparison, serde_json::json!({}))?;
    let rows = measured.iter().map(|(name, measured)| Row { name, measured }).collect();
    write_json(&folder, "comparison.json", &Comparison { metric: name, best, rows })?;
    let mut header = vec!["name".to_owned()];
    header.extend(metrics.iter().cloned());
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
