//! Runs `gradient-boosting`, and joins features and columns to the table that trees see.

use std::ops::ControlFlow;

use boost::{Categories, Examples, Matrix, Objective, Params, Table};
use data::{ColumnType, Dataset, Part};
use plan::{Artifact, ArtifactKind, Outcome, Progress, StageError, Task};
use stages::GradientBoosting;

use crate::Report;
use crate::design::{Goal, features, labels, training_rows};
use crate::error::OrStage;
use crate::files::{Outputs, read_bytes, write, write_csv, write_picture};

use crate::inputs::{artifact, dataset, transform};
use crate::scores::Scores;

/// The trees, with what they need to know of categories.
pub(crate) const BOOSTER: &str = "booster.json";

pub(crate) fn run(params: &GradientBoosting, task: &Task, report: Report<'_>) -> Result<Outcome, StageError> {
    let data = dataset(artifact(task, "data")?)?;
    let columns = match &params.columns {
        Some(columns) => columns.clone(),
        None => usable(&data),
    };
    let train_rows = training_rows(&data);
    let valid_rows = data.rows_of(Some(Part::Valid));
    let (train_labels, goal) = labels(&data, &train_rows)?;
    let objective = match goal {
        Goal::Number => Objective::Regression,
        Goal::Classes(2) => Objective::Binary,
        Goal::Classes(classes) => Objective::Multiclass { classes },
    };
    let train = table(task, &data, &columns, &train_rows)?;
    let valid = match params.early_stopping.is_some() && !valid_rows.is_empty() {
        true => {
            let table = table(task, &data, &columns, &valid_rows)?;
            Some((table, labels(&data, &valid_rows)?.0, data.weight_batch(&valid_rows)))
        }
        false => None,
    };
    let settings = Params {
        rounds: params.rounds,
        learning_rate: params.lr,
        leaves: params.leaves,
        min_rows_in_leaf: params.min_rows,
        feature_fraction: params.feature_fraction,
        bagging_fraction: params.row_fraction,
        bagging_freq: usize::from(params.row_fraction < 1.0),
        lambda_l2: params.l2,
        early_stopping: params.early_stopping,
        seed: task.seed,
        threads: task.threads,
        ..Params::new(objective)
    };
    let total = params.rounds as u64;
    let weights = data.weight_batch(&train_rows);
    let model = boost::fit(
        Examples { table: &train, labels: &train_labels, weights: weights.as_deref() },
        valid.as_ref().map(|(table, labels, weights)| Examples {
            table,
            labels,
            weights: weights.as_deref(),
        }),
        &settings,
        &mut |round| {
            if round.round % 10 == 0 {
                report(Progress::Step {
                    phase: "boost".into(),
                    done: round.round as u64,
                    total,
                    unit: "rounds".into(),
                });
            }
            ControlFlow::Continue(())
        },
    )
    .or_stage()?;

    let mut outputs = Outputs::new(task);
    let folder = outputs.port("head", ArtifactKind::Head, serde_json::json!({}))?;
    write(&folder, BOOSTER, model.to_bytes().or_stage()?)?;
    let importances = model.importances().or_stage()?;
    let header = ["column", "gain", "splits"].map(str::to_owned);
    let lines =
        importances.iter().map(|of| vec![of.column.clone(), of.gain.to_string(), of.splits.to_string()]);
    write_csv(&folder, "importances.csv", &header, lines)?;
    let names: Vec<String> = importances.iter().map(|of| of.column.clone()).collect();
    let gains: Vec<f64> = importances.iter().map(|of| of.gain).collect();
    write_picture(
        &folder,
        "importances",
        &report::importances(&names, &gains, "Importance by gain").or_stage()?,
    )?;
    outputs.summary("rounds", model.best_round() as f64);
    Ok(outputs.done())
}

/// Category and number columns.
fn usable(data: &Dataset) -> Vec<String> {
    let columns = data.description().columns.iter();
    columns
        .filter(|(_, column)| !matches!(column.kind, ColumnType::Sequence { .. } | ColumnType::Image { .. }))
        .map(|(name, _)| name.clone())
        .collect()
}

/// What trees see of some rows: features by stage, then number and category columns among `columns`.
///
/// Feature columns are named `feature 0`, `feature 1`, … through all stages, so that a head fits features
/// extracted by stages of other names.
fn table(task: &Task, data: &Dataset, columns: &[String], rows: &[u32]) -> Result<Table, StageError> {
    let features = features(task, data)?;
    let width: usize = features.iter().map(|of| of.width).sum();
    let mut names: Vec<String> = (0..width).map(|index| format!("feature {index}")).collect();
    let mut numbers = vec![];
    let mut category_names = vec![];
    let mut categories = vec![];
    let vectors = vectors(task, data)?;
    for name in columns {
        // A model names the numbers of a vector: the first stands for all.
        let vector = vectors.iter().find(|(column, names)| *column == name || names.first() == Some(name));
        if let Some((column, own)) = vector {
            let (values, width) = data.vector_batch(column, rows).unwrap_or_default();
            names.extend_from_slice(own);
            numbers.push((values, width));
        } else if let Some(values) = data.number_batch(name, rows) {
            names.push(name.clone());
            numbers.push((values, 1));
        } else if let Some(codes) = data.category_batch(name, rows) {
            category_names.push(name.clone());
            categories.push(codes);
        }
    }
    let mut values = Vec::with_capacity(rows.len() * names.len());
    let mut codes = Vec::with_capacity(rows.len() * categories.len());
    for (at, &row) in rows.iter().enumerate() {
        for of in &features {
            values.extend(of.row(row).iter().map(|&value| f64::from(value)));
        }
        for (numbers, width) in &numbers {
            values.extend(numbers[at * width..(at + 1) * width].iter().map(|&value| f64::from(value)));
        }
        codes.extend(categories.iter().map(|column| column[at] as i32));
    }
    let numeric = Matrix::new(rows.len(), names, values).or_stage()?;
    let categories = Categories::new(rows.len(), category_names, codes).or_stage()?;
    Table::new(numeric, categories).or_stage()
}

/// The vector columns of the data, and what each of their numbers is called: the column and what it stands for.
fn vectors<'a>(task: &Task, data: &'a Dataset) -> Result<Vec<(&'a String, Vec<String>)>, StageError> {
    let is_vector = |kind| matches!(kind, ColumnType::Vector { .. } | ColumnType::Sparse { .. });
    let columns = data.description().columns.iter().filter(|(_, column)| is_vector(column.kind));
    let columns: Vec<&String> = columns.map(|(name, _)| name).collect();
    if columns.is_empty() {
        return Ok(vec![]);
    }
    let fitted = transform(artifact(task, "data")?)?;
    let names = |column: &&'a String| {
        let fitted = fitted.columns().get(*column).map(data::FittedColumn::names).transpose().or_stage()?;
        let names = fitted.flatten().unwrap_or_default();
        Ok((*column, names.iter().map(|name| format!("{column} {name}")).collect()))
    };
    columns.iter().map(names).collect()
}

/// What fitted trees say of rows.
pub(crate) fn score(
    head: &Artifact,
    data: &Dataset,
    rows: &[u32],
    task: &Task,
) -> Result<Scores, StageError> {
    let model = boost::Model::from_bytes(&read_bytes(head, BOOSTER)?).or_stage()?;
    let names: Vec<String> = model
        .category_names()
        .chain(model.numeric_names().iter().map(String::as_str))
        .map(str::to_owned)
        .collect();
    let table = table(task, data, &names, rows)?;
    let values = model.predict(&table, task.threads).or_stage()?;
    Ok(match model.objective() {
        Objective::Regression => Goal::Number.scores(values),
        Objective::Binary => Goal::Classes(2).scores(values.iter().map(|p| (p / (1.0 - p)).ln()).collect()),
        Objective::Multiclass { classes } => {
            Goal::Classes(classes).scores(values.iter().map(|p| p.ln()).collect())
        }
    })
}
