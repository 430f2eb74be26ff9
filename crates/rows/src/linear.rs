//! Runs `linear`, and applies what it fitted.

use data::Dataset;
use heads::{Linear as Model, Loss, Params};
use plan::{Artifact, ArtifactKind, Outcome, Progress, StageError, Task};
use serde::{Deserialize, Serialize};
use stages::Linear;

use crate::Report;
use crate::design::{Goal, Layout, labels, training_rows};
use crate::error::OrStage;
use crate::files::{Outputs, read_bytes, read_json, write, write_csv, write_json, write_picture};
use crate::inputs::{artifact, dataset};
use crate::scores::Scores;

/// What the numbers of a row are, and what the outputs mean.
pub(crate) const LINEAR: &str = "linear.json";
/// Coefficients and intercepts.
const COEFFICIENTS: &str = "coefficients.safetensors";

/// Columns of the picture of coefficients, those of the largest.
const DRAWN: usize = 20;
/// Classes of that picture at most.
const PANELS: usize = 9;

/// The document beside the coefficients.
#[derive(Serialize, Deserialize)]
struct Head {
    layout: Layout,
    goal: Goal,
}

pub(crate) fn run(params: &Linear, task: &Task, report: Report<'_>) -> Result<Outcome, StageError> {
    let data = dataset(artifact(task, "data")?)?;
    let rows = training_rows(&data);
    let (labels, goal) = labels(&data, &rows)?;
    let (layout, features) = Layout::of(task, &data, params.columns.as_deref())?;
    let matrix = layout.matrix(&data, &features, &rows)?;
    drop(features);
    let counts = data.description().trained().map_or(&[][..], |part| part.counts(data::LABEL));
    let weights = params.class_weights.as_ref().map(|weights| weights.resolve(classes(&data), counts));
    let by_class = weights.transpose().or_stage()?;
    let by_row = data.weight_batch(&rows);
    let weight = |row: usize, class: f64| {
        let of_class = by_class.as_ref().map_or(1.0, |weights| weights[class as usize]);
        of_class * by_row.as_ref().map_or(1.0, |weights| f64::from(weights[row]))
    };
    let weights: Option<Vec<f64>> = (by_class.is_some() || by_row.is_some())
        .then(|| labels.iter().enumerate().map(|(row, &class)| weight(row, class)).collect());
    let total = weights.as_ref().map_or(rows.len() as f64, |weights| weights.iter().sum());
    let phase = Progress::Step { phase: "fit".into(), done: 0, total: 0, unit: "steps".into() };
    report(phase);
    let settings = settings(params, goal, total);
    let (fitted, names) =
        rayon::join(|| heads::fit(&matrix, &labels, weights.as_deref(), &settings), || layout.names(task));
    let (fitted, names) = (fitted.or_stage()?, names?);
    if !fitted.converged {
        let text = format!(
            "the solver stopped after {} steps, before nothing was left to gain: raise `max-iter` or `tolerance`, or scale \
             the columns",
            fitted.steps
        );
        report(Progress::Warning { text });
    }
    let model = fitted.model;
    let mut outputs = Outputs::new(task);
    let folder = outputs.port("head", ArtifactKind::Head, serde_json::json!({}))?;
    write(&folder, COEFFICIENTS, model.to_bytes().or_stage()?)?;
    write_json(&folder, LINEAR, &Head { layout, goal })?;
    write_coefficients(&folder, &model, &names, classes(&data))?;
    outputs.summary("steps", fitted.steps as f64);
    outputs.summary("columns", model.width() as f64);
    Ok(outputs.done())
}

/// The penalties of scikit-learn's classes, beside the mean loss of rows that weigh `total` together.
fn settings(params: &Linear, goal: Goal, total: f64) -> Params {
    let (loss, strength) = match goal {
        Goal::Classes(classes) => {
            let loss = if classes == 2 { Loss::Binary } else { Loss::Multinomial { classes } };
            (loss, 1.0 / (params.c.unwrap_or(1.0) * total))
        }
        // Ridge stands beside a sum, the elastic net beside a mean.
        Goal::Number if params.l1_ratio == 0.0 => (Loss::Squares, params.alpha.unwrap_or(1.0) / total),
        Goal::Number => (Loss::Squares, params.alpha.unwrap_or(1.0)),
    };
    Params {
        loss,
        l2: strength * (1.0 - params.l1_ratio),
        l1: strength * params.l1_ratio,
        intercept: params.intercept,
        standardize: params.standardize,
        max_iter: params.max_iter,
        tolerance: params.tolerance,
    }
}

/// The names of the classes.
fn classes(data: &Dataset) -> &[String] {
    data.description().label.as_ref().map_or(&[], |label| &label.classes)
}

/// Every coefficient that is not 0, by falling size, and a picture of the largest.
fn write_coefficients(
    folder: &std::path::Path,
    model: &Model,
    names: &[String],
    classes: &[String],
) -> Result<(), StageError> {
    let outputs = model.outputs();
    let size =
        |at: usize| (0..outputs).map(|output| model.coefficients(output)[at].abs()).fold(0.0, f64::max);
    let mut order: Vec<(usize, f64)> =
        (0..model.width()).map(|at| (at, size(at))).filter(|(_, size)| *size > 0.0).collect();
    order.sort_by(|a, b| b.1.total_cmp(&a.1).then(a.0.cmp(&b.0)));
    let mut header = vec!["column".to_owned()];
    match outputs {
        1 => header.push("coefficient".into()),
        _ => header.extend((0..outputs).map(|output| classes.get(output).cloned().unwrap_or_default())),
    }
    let line = |name: &str, value: &dyn Fn(usize) -> f64| {
        std::iter::once(name.to_owned()).chain((0..outputs).map(|output| value(output).to_string())).collect()
    };
    let intercept: Vec<String> = line("(intercept)", &|output| model.intercepts()[output]);
    let lines = order.iter().map(|(at, _)| line(&names[*at], &|output| model.coefficients(output)[*at]));
    let lines = std::iter::once(intercept).chain(lines);
    let largest = &order[..order.len().min(DRAWN)];
    let (written, drawn) = rayon::join(
        || write_csv(folder, "coefficients.csv", &header, lines),
        || draw(folder, model, names, &header, largest),
    );
    written.and(drawn)
}

/// A picture of the largest coefficients.
fn draw(
    folder: &std::path::Path,
    model: &Model,
    names: &[String],
    header: &[String],
    largest: &[(usize, f64)],
) -> Result<(), StageError> {
    if largest.is_empty() {
        return Ok(());
    }
    let outputs = model.outputs();
    let named: Vec<String> = largest.iter().map(|(at, _)| names[*at].clone()).collect();
    let series: Vec<(String, Vec<f64>)> = (0..outputs.min(PANELS))
        .map(|output| {
            let of = largest.iter().map(|(at, _)| model.coefficients(output)[*at]).collect();
            (if outputs == 1 { String::new() } else { header[output + 1].clone() }, of)
        })
        .collect();
    let bars: Vec<report::Bars<'_>> =
        series.iter().map(|(name, values)| report::Bars { name, values, deviations: &[] }).collect();
    write_picture(folder, "coefficients", &report::bars(&named, &bars, "Largest coefficients").or_stage()?)
}

/// What a fitted model says of rows.
pub(crate) fn score(
    head: &Artifact,
    data: &Dataset,
    rows: &[u32],
    task: &Task,
) -> Result<Scores, StageError> {
    let Head { layout, goal } = read_json(head, LINEAR)?;
    let model = Model::from_bytes(&read_bytes(head, COEFFICIENTS)?).or_stage()?;
    let matrix = layout.matrix_of(task, data, rows)?;
    Ok(goal.scores(model.outputs_of(&matrix).or_stage()?))
}
