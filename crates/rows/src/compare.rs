//! Runs `compare`: a table and a bar plot over evaluations, and over variants of a sweep taken together.

mod spread;

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use plan::{ArtifactKind, Outcome, StageError, Task};
use serde::{Deserialize, Serialize};
use stages::{Compare, Confidence, Measure, Metric};

use crate::error::OrStage;
use crate::files::{METRICS, Outputs, read_json, write_csv, write_json, write_picture};
use crate::inputs::named_artifacts;
use crate::reading::Reading;
use spread::Spread;

/// What `evaluate` measured: `metrics.json`.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Measured {
    /// Which of the network's several outputs was evaluated alone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) output: Option<String>,
    /// The rows it was measured on.
    pub(crate) rows: u64,
    /// The part; all rows where empty.
    pub(crate) part: String,
    /// Whether rows count by their weights.
    #[serde(default, skip_serializing_if = "is_false")]
    pub(crate) weighted: bool,
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

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde asks so")]
fn is_false(value: &bool) -> bool {
    !*value
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
    /// Variants of a sweep taken together.
    #[serde(skip_serializing_if = "<[Spread]>::is_empty")]
    spreads: &'a [Spread],
}

pub(crate) fn run(params: &Compare, task: &Task) -> Result<Outcome, StageError> {
    let (mut measured, mut stages): (Vec<(String, Measured)>, Vec<&str>) = (vec![], vec![]);
    for (index, (stage, artifact)) in named_artifacts(task, "stages").enumerate() {
        let label = params.labels.as_ref().and_then(|labels| labels.get(index)).cloned();
        measured.push((label.unwrap_or_else(|| stage.to_owned()), read_json(artifact, METRICS)?));
        stages.push(stage);
    }
    let (metric, metrics) = shown(params, &measured)
        .ok_or_else(|| StageError::new(plan::Blame::Input, "none of these evaluations measured anything"))?;
    let name = &metrics[0];
    let rows = stages.iter().zip(&measured);
    let rows = rows.map(|(stage, (label, of))| spread::Row { stage, label, metrics: &of.metrics });
    let spreads = spread::spreads(&rows.collect::<Vec<_>>());
    let candidates = candidates(&measured, &spreads, name);
    let values = candidates.iter().filter_map(|(name, bar)| Some((*name, bar.as_ref()?.value)));
    let best = spread::best(metric.metric, values).map_or("", |(name, _)| name);

    let mut outputs = Outputs::new(task);
    let folder = outputs.port("comparison", ArtifactKind::Comparison, serde_json::json!({}))?;
    let rows = measured.iter().map(|(name, measured)| Row { name, measured }).collect();
    let comparison = Comparison { metric: name, best, metrics: &metrics, rows, spreads: &spreads };
    write_json(&folder, "comparison.json", &comparison)?;
    write_table(&folder, &metrics, &measured)?;
    if !spreads.is_empty() {
        write_spreads(&folder, &metrics, &spreads)?;
    }
    let labels: Vec<String> = candidates.iter().map(|(label, _)| (*label).to_owned()).collect();
    let value = |pick: fn(&Bar) -> f64| -> Vec<f64> {
        candidates.iter().map(|(_, bar)| bar.as_ref().map_or(f64::NAN, pick)).collect()
    };
    let bars =
        report::Bars { name, values: &value(|bar| bar.value), deviations: &value(|bar| bar.deviation) };
    let title = format!("{name} on rows not seen in training");
    let picture = report::bars(&labels, &[bars], &title).or_stage()?;
    write_picture(&folder, "comparison", &picture)?;
    for (label, bar) in &candidates {
        if let Some(bar) = bar {
            outputs.summary(format!("{label} {name}"), bar.value);
        }
    }
    Ok(outputs.done())
}

/// A value of the picture.
struct Bar {
    value: f64,
    /// Of a mean over repetitions; not a number elsewhere.
    deviation: f64,
}

/// What the best is chosen of, in the order of the table: repetitions of one experiment by their mean, other rows as
/// they are.
fn candidates<'a>(
    measured: &'a [(String, Measured)],
    spreads: &'a [Spread],
    metric: &str,
) -> Vec<(&'a str, Option<Bar>)> {
    let mut candidates = vec![];
    for (at, (label, of)) in measured.iter().enumerate() {
        match spreads.iter().find(|spread| spread.repeated && spread.rows.contains(&at)) {
            Some(spread) if spread.rows[0] == at => {
                let bar = spread.metrics.get(metric);
                let bar = bar.map(|of| Bar { value: of.mean, deviation: of.deviation.unwrap_or(f64::NAN) });
                candidates.push((spread.name.as_str(), bar));
            }
            Some(_) => {}
            None => {
                let bar = of.metrics.get(metric).map(|&value| Bar { value, deviation: f64::NAN });
                candidates.push((label.as_str(), bar));
            }
        }
    }
    candidates
}

/// The metric that decides, and the names of all that the table shows: those that are wanted, else all, loss last.
fn shown(params: &Compare, measured: &[(String, Measured)]) -> Option<(Measure, Vec<String>)> {
    let names: BTreeSet<&String> = measured.iter().flat_map(|(_, of)| of.metrics.keys()).collect();
    let mut metrics: Vec<Measure> = names.into_iter().filter_map(|name| Measure::from_name(name)).collect();
    metrics.sort_by_key(|measure| (measure.metric == Metric::Loss, measure.to_string()));
    let decides = params.metric.map(|metric| params.measure(metric));
    if let Some(wanted) = &params.metrics {
        let wanted = wanted.iter().map(|metric| params.measure(*metric));
        let wanted = wanted.filter(|measure| metrics.contains(measure) && Some(measure) != decides.as_ref());
        let first = decides.iter().filter(|decides| metrics.contains(decides)).cloned();
        metrics = first.chain(wanted).collect();
    }
    metrics.sort_by_key(|measure| Some(measure) != decides.as_ref());
    let names = metrics.iter().map(ToString::to_string).collect();
    Some((metrics.into_iter().next()?, names))
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

/// Variants taken together, for spreadsheets.
fn write_spreads(folder: &Path, metrics: &[String], spreads: &[Spread]) -> Result<(), StageError> {
    let mut header = ["name", "over", "variants"].map(str::to_owned).to_vec();
    for metric in metrics {
        header.extend(["mean", "deviation", "best", "best of"].map(|what| format!("{metric} {what}")));
    }
    let lines = spreads.iter().map(|spread| {
        let mut line = vec![spread.name.clone(), spread.over.join(" "), spread.count.to_string()];
        for metric in metrics {
            line.extend(match spread.metrics.get(metric) {
                Some(of) => [
                    of.mean.to_string(),
                    of.deviation.map_or_else(String::new, |deviation| deviation.to_string()),
                    of.best.to_string(),
                    of.best_of.clone(),
                ],
                None => [const { String::new() }; 4],
            });
        }
        line
    });
    write_csv(folder, "spreads.csv", &header, lines)
}
