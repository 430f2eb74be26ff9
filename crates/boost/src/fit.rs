//! Training: checks, encoding, rounds, early stopping.
//!
//! Invariant: validation rows decide when to stop and nothing else; no encoder sees their labels.

use std::ops::ControlFlow;

use crate::error::Error;
use crate::ffi::{Dataset, Training};
use crate::model::{Content, Model};
use crate::{Objective, Params, Table, encode};

/// Rows with their labels: class numbers from 0, or values.
#[derive(Debug, Clone, Copy)]
pub struct Examples<'a> {
    /// The columns.
    pub table: &'a Table,
    /// One label a row.
    pub labels: &'a [f64],
    /// How much each row weighs, 0 or more; none where all weigh the same.
    pub weights: Option<&'a [f32]>,
}

/// What one boosting round reached.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Round {
    /// The round, from 1.
    pub round: usize,
    /// The objective's metric on the training rows, whose categories are encoded by the other folds.
    pub train: f64,
    /// The same on the validation rows.
    pub valid: Option<f64>,
}

/// Fits a model. `progress` hears of every round, and may end training by `Break`: the model then keeps
/// the best of the rounds so far.
///
/// # Errors
/// A parameter out of range, no rows or columns, shapes or column names that differ, labels that the
/// objective does not allow, a single class, or LightGBM missing or failing.
pub fn fit(
    train: Examples<'_>,
    valid: Option<Examples<'_>>,
    params: &Params,
    progress: &mut dyn FnMut(Round) -> ControlFlow<()>,
) -> Result<Model, Error> {
    params.check()?;
    check(train, "training", params.objective)?;
    if train.table.numeric_names().is_empty() && train.table.category_names().is_empty() {
        return Err(Error::Empty { what: "columns" });
    }
    check_classes(train.labels, params.objective)?;
    if let Some(valid) = valid {
        check(valid, "validation", params.objective)?;
    }

    let prior = encode::prior(train.labels, params.objective);
    let (encoders, encoded) = encode::fit(train.table, train.labels, &prior, params);
    let natives = encode::native_positions(train.table.numeric_names().len(), &encoders);
    let mut content = Content {
        best_round: 0,
        booster: String::new(),
        encoders,
        numeric: train.table.numeric_names().to_vec(),
        objective: params.objective,
        prior,
    };
    let parameters = params.lightgbm(&natives);
    let labels = singles(train.labels);
    let mut train_set = Dataset::new(&encoded.values, encoded.width, &labels, &parameters, None)?;
    train_set.weigh(train.weights)?;
    let valid_set = match valid {
        Some(valid) => {
            let encoded = content.encode(valid.table)?;
            let labels = singles(valid.labels);
            let mut set =
                Dataset::new(&encoded.values, encoded.width, &labels, &parameters, Some(&train_set))?;
            set.weigh(valid.weights)?;
            Some(set)
        }
        None => None,
    };
    drop(encoded);
    let mut training = Training::new(train_set, valid_set, &parameters)?;
    content.best_round = run(&mut training, params, progress)?;
    content.booster = without_parameters(&training.text(content.best_round)?);
    Model::of(content)
}

/// Grows rounds until early stopping, a `Break`, no split or the last round; the best round.
fn run(
    training: &mut Training,
    params: &Params,
    progress: &mut dyn FnMut(Round) -> ControlFlow<()>,
) -> Result<usize, Error> {
    let mut best: Option<(usize, f64)> = None;
    let mut last = 0;
    for round in 1..=params.rounds {
        let grew = training.grow()?;
        if !grew && round > 1 {
            break;
        }
        last = round;
        let (train, valid) = training.metrics()?;
        let stop = match (valid, params.early_stopping) {
            (Some(valid), Some(patience)) => match best {
                Some((at, value)) if valid >= value => round - at >= patience,
                _ => {
                    best = Some((round, valid));
                    false
                }
            },
            _ => false,
        };
        let told = progress(Round { round, train, valid });
        if stop || told.is_break() || !grew {
            break;
        }
    }
    Ok(best.map_or(last, |(round, _)| round))
}

/// LightGBM's labels are single precision; class numbers are exact in it.
fn singles(labels: &[f64]) -> Vec<f32> {
    labels.iter().map(|label| *label as f32).collect()
}

/// The model text without its `parameters` section: it records the number of threads, and predictions do
/// not read it.
fn without_parameters(text: &str) -> String {
    const END: &str = "end of parameters\n";
    match (text.find("\nparameters:"), text.find(END)) {
        (Some(start), Some(end)) if start < end => format!("{}{}", &text[..start], &text[end + END.len()..]),
        _ => text.to_owned(),
    }
}

fn check(examples: Examples<'_>, split: &'static str, objective: Objective) -> Result<(), Error> {
    let rows = examples.table.rows();
    if rows == 0 {
        return Err(Error::Empty {
            what: if split == "training" { "training rows" } else { "validation rows" },
        });
    }
    if examples.labels.len() != rows {
        let what = format!("{split} labels");
        return Err(Error::Shape { what, expected: rows, found: examples.labels.len() });
    }
    if let Some(weights) = examples.weights.filter(|weights| weights.len() != rows) {
        let what = format!("{split} weights");
        return Err(Error::Shape { what, expected: rows, found: weights.len() });
    }
    let classes = match objective {
        Objective::Binary => Some(2),
        Objective::Multiclass { classes } => Some(classes),
        Objective::Regression => None,
    };
    let allowed = |label: f64| match classes {
        Some(classes) => label >= 0.0 && label < classes as f64 && label.fract() == 0.0,
        // LightGBM holds labels in single precision.
        None => (label as f32).is_finite(),
    };
    match examples.labels.iter().position(|label| !allowed(*label)) {
        None => Ok(()),
        Some(row) => Err(Error::Label {
            split,
            row,
            value: examples.labels[row].to_string(),
            expected: classes.map_or_else(
                || "a finite single-precision number".to_owned(),
                |classes| format!("a class number from 0 to {}", classes - 1),
            ),
        }),
    }
}

fn check_classes(labels: &[f64], objective: Objective) -> Result<(), Error> {
    let alike = labels.windows(2).all(|pair| pair[0] == pair[1]);
    match (objective, labels.first()) {
        (Objective::Regression, _) | (_, None) => Ok(()),
        (_, Some(class)) if alike => Err(Error::OneClass { rows: labels.len(), class: *class as usize }),
        _ => Ok(()),
    }
}
