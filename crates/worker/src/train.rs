//! Runs `train` and `finetune`.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::ControlFlow;

use data::{ColumnType, Dataset, LabelKind};
use network::{Input, Network};
use nn::Module;
use plan::{Artifact, ArtifactKind, Outcome, Progress, StageError, Task};
use report::Series;
use rows::Report;
use rows::error::OrStage as _;
use rows::files::{Outputs, TRANSFORM, read_bytes, write_json, write_picture};
use rows::inputs::{artifact, dataset};
use rows::sheets::write_augmented;
use stages::{BatchSize, Finetune, Goals, Measure, Metric, Target, Train, Training, in_units_of};
use train::{EpochRecord, Fitted, Job};

use crate::error::OrStage;
use crate::network::StoredNetwork;

pub(crate) fn train(params: &Train, task: &Task, report: Report<'_>) -> Result<Outcome, StageError> {
    let encoded = artifact(task, "data")?;
    let data = dataset(encoded)?;
    let network = params.training.with_outputs(Network::new(columns(&data), params.network.layers.clone()));
    let goals = params.training.goals(&Goals::new(), &labels(&data), &network);
    let network = in_units_of(sized(network, &goals, &data), &goals);
    let module = Module::new(&network, task.seed, torch::device(&task.device).or_stage()?).or_stage()?;
    train::standardize(&module, &goals, &data).or_stage()?;
    run(module, &goals, &params.training, encoded, &data, task, report)
}

pub(crate) fn finetune(params: &Finetune, task: &Task, report: Report<'_>) -> Result<Outcome, StageError> {
    let encoded = artifact(task, "data")?;
    let data = dataset(encoded)?;
    let stored = StoredNetwork::open(artifact(task, "network")?)?.reading(encoded)?.in_order_of(&data)?;
    let network = params.training.with_outputs(stored.network.replace(&params.replace));
    let goals = params.training.goals(&stored.goals, &labels(&data), &network);
    let network = in_units_of(sized(network, &goals, &data), &goals);
    let device = torch::device(&task.device).or_stage()?;
    // Replaced and new layers start as a new network's would; all others from their weights.
    let fresh = Module::new(&network, task.seed, device).or_stage()?;
    train::standardize(&fresh, &goals, &data).or_stage()?;
    let mut weights = fresh.weights().or_stage()?;
    for (name, tensor) in stored.weights {
        let replaced = params.replace.iter().any(|layer| layer.owns(&name));
        if !replaced && weights.contains_key(&name) {
            weights.insert(name, tensor);
        }
    }
    let module = Module::with_weights(&network, &weights, device).or_stage()?;
    run(module, &goals, &params.training, encoded, &data, task, report)
}

/// The kinds of the data's labels by name.
fn labels(data: &Dataset) -> BTreeMap<String, LabelKind> {
    let labels = data.description().all_labels().into_iter();
    labels.map(|(name, label)| (name.to_owned(), label.kind)).collect()
}

fn run(
    module: Module,
    goals: &Goals,
    training: &Training,
    encoded: &Artifact,
    data: &Dataset,
    task: &Task,
    report: Report<'_>,
) -> Result<Outcome, StageError> {
    tell_spare(&module, goals, data, report);
    let stored = crate::frozen::stored(task, data)?;
    let job = Job {
        dataset: data,
        stored: stored.as_ref(),
        training,
        goals,
        seed: task.seed,
        checkpoint: &task.checkpoint,
        kept: task.kept.as_deref(),
        threads: task.threads,
    };
    let fitted = train::fit(module, job, &mut |progress| {
        report(progress);
        ControlFlow::Continue(())
    });
    let too_many = matches!(fitted, Err(train::Error::Classes { .. }));
    let fitted =
        fitted.or_stage().map_err(|error| if too_many { error.hint(class_names(data)) } else { error })?;
    write(&fitted, goals, training, encoded, data, task)
}

/// The network with as many units as its labels have classes, one for a number, in layers that say no number.
fn sized(network: Network, goals: &Goals, data: &Dataset) -> Network {
    let labels = data.description().all_labels();
    network.with_classes(|output| {
        let label = goals.get(output).and_then(|goal| labels.get(goal.label.as_str()));
        label.map_or(1, |label| label.classes.len().max(1))
    })
}

/// Tells of outputs with more logits than their label has classes: a number of units that counts from 1, or a head for
/// other classes.
fn tell_spare(module: &Module, goals: &Goals, data: &Dataset, report: Report<'_>) {
    let (graph, labels) = (module.graph(), data.description().all_labels());
    for (output, node) in graph.results() {
        let node = &graph.nodes[node];
        let (Some(goal), Some(width)) = (goals.get(output), node.signal.width().size()) else { continue };
        let classes = labels.get(goal.label.as_str()).map_or(0, |label| label.classes.len());
        let of_classes = matches!(goal.loss.target(width), Target::Multiclass | Target::Tags);
        if of_classes && (1..width).contains(&classes) {
            let text = format!(
                "`{}` gives {width} logits, and `{}` has {classes} classes: no row is of the others; without `units` there \
                 are as many as classes",
                node.layer, goal.label
            );
            report(Progress::Warning { text });
        }
    }
}

/// The names of all classes: among them a mistyped label, which makes a class of its own, is easily seen.
fn class_names(data: &Dataset) -> String {
    let labels = data.description().all_labels().into_values().filter(|label| !label.classes.is_empty());
    let each = labels
        .map(|label| format!("the classes in column `{}` are {}", label.column, label.classes.join(", ")));
    each.collect::<Vec<_>>().join("; ")
}

fn write(
    fitted: &Fitted,
    goals: &Goals,
    training: &Training,
    encoded: &Artifact,
    data: &Dataset,
    task: &Task,
) -> Result<Outcome, StageError> {
    let stored = StoredNetwork {
        network: fitted.module.network().clone(),
        weights: fitted.module.weights().or_stage()?,
        transform: Some(read_bytes(encoded, TRANSFORM)?),
        goals: goals.clone(),
    };
    let mut outputs = Outputs::new(task);
    let folder = outputs.port("network", ArtifactKind::Network, stored.meta())?;
    stored.write(&folder)?;
    let folder = outputs.port("history", ArtifactKind::History, serde_json::json!({}))?;
    let mut history = serde_json::json!({ "kept": fitted.epoch, "epochs": fitted.history });
    if !fitted.still.is_empty() {
        history["still"] = serde_json::json!(fitted.still);
    }
    write_json(&folder, "history.json", &history)?;
    write_augmented(&folder, data, training, task.seed)?;
    let kinds = labels(data);
    let wanted = |name: &&str| {
        let metric = Measure::from_name(name).map(|measure| measure.metric);
        let is_wanted = |metric| kinds.values().any(|kind| training.measured(*kind).contains(&metric));
        metric.is_some_and(|metric| metric == Metric::Loss || is_wanted(metric))
    };
    for name in measured(&fitted.history).into_iter().filter(wanted) {
        let series = series(&fitted.history, name);
        let picture = report::curves(&series, "epoch", name, &format!("{name} by epoch")).or_stage()?;
        write_picture(&folder, &name.replace(' ', "-"), &picture)?;
    }
    if let Some(found) = &fitted.rate {
        write_json(&folder, "find.json", found)?;
        let xs: Vec<f64> = found.rates.iter().map(|rate| rate.log10()).collect();
        let chosen = found.rates.iter().position(|rate| *rate == found.lr);
        let of_chosen = |values: &[f64]| chosen.map(|at| values[at]).into_iter().collect();
        let mark = Series { name: "chosen".to_owned(), xs: of_chosen(&xs), ys: of_chosen(&found.losses) };
        let curves = [Series { name: "smoothed loss".to_owned(), xs, ys: found.losses.clone() }, mark];
        let title = format!("range test: learning rate {:.2e}", found.lr);
        let picture = report::curves(&curves, "log10 of the learning rate", "loss", &title).or_stage()?;
        write_picture(&folder, "find", &picture)?;
        outputs.summary("lr", found.lr);
    }
    if !matches!(training.batch.size, BatchSize::Rows(_)) {
        outputs.summary("batch size", fitted.batch_size as f64);
    }
    if let Some(rates) = rates(&fitted.history) {
        let picture =
            report::curves(&[rates], "epoch", "learning rate", "learning rate by epoch").or_stage()?;
        write_picture(&folder, "learning-rate", &picture)?;
    }
    outputs.summary("epoch", fitted.epoch as f64);
    if let Some(record) = fitted.history.iter().find(|record| record.epoch == fitted.epoch) {
        for (part, metrics) in &record.metrics {
            for (metric, value) in metrics {
                outputs.summary(format!("{part} {metric}"), *value);
            }
        }
    }
    Ok(outputs.done())
}

/// The names of all that was measured.
fn measured(history: &[EpochRecord]) -> BTreeSet<&str> {
    let parts = history.iter().flat_map(|record| record.metrics.values());
    parts.flat_map(|metrics| metrics.keys().map(String::as_str)).collect()
}

/// One curve a part.
fn series(history: &[EpochRecord], metric: &str) -> Vec<Series> {
    let mut parts: BTreeMap<&str, Series> = BTreeMap::new();
    for record in history {
        for (part, metrics) in &record.metrics {
            if let Some(&value) = metrics.get(metric) {
                let empty = || Series { name: part.clone(), xs: vec![], ys: vec![] };
                let series = parts.entry(part).or_insert_with(empty);
                series.xs.push(record.epoch as f64);
                series.ys.push(value);
            }
        }
    }
    parts.into_values().collect()
}

/// The curve of the learning rate, where it changes.
fn rates(history: &[EpochRecord]) -> Option<Series> {
    let points = history.iter().filter_map(|record| Some((record.epoch as f64, record.learning_rate?)));
    let (xs, ys): (Vec<f64>, Vec<f64>) = points.unzip();
    (!xs.is_empty()).then(|| Series { name: "learning rate".to_owned(), xs, ys })
}

/// The data's columns as a network sees them, sizes known.
pub(crate) fn columns(data: &Dataset) -> BTreeMap<String, Input> {
    let columns = data.description().columns.iter();
    columns
        .map(|(name, column)| {
            let size = column.vocabulary.map(|size| size as usize);
            let input = match column.kind {
                ColumnType::Sequence { .. } => Input::Sequence { vocabulary: size },
                ColumnType::Category => Input::Category { categories: size },
                ColumnType::Number => Input::Number,
                ColumnType::Vector { width } | ColumnType::Sparse { width } => Input::Vector { width },
                ColumnType::Image { channels, height, width } => Input::Image { channels, height, width },
            };
            (name.clone(), input)
        })
        .collect()
}
