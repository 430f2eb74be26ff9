//! A trained network over many rows: predictions, features, metrics.
//!
//! Invariant: the batches are a function of the rows asked for and their lengths alone, and memory is bounded by one
//! batch and the result.

use std::collections::BTreeMap;
use std::path::Path;

use data::{Augment, Dataset, Labels, Part, RowValuesWriter};
use metrics::{Classes, MultiLabel, Numbers, Predictions};
use nn::Module;
use stages::{Goals, Metric};
use torch::values;

use crate::ahead::Ahead;
use crate::batch::Loader;
use crate::error::Error;
use crate::head::Head;
use crate::stored::Stored;

/// Rows of a batch at most, its steps, padding included, and the floats of its largest node.
const ROWS: usize = 512;
const STEPS: usize = 32 * 1024;
const FLOATS: u64 = 16 << 20;

/// Positions in `rows` by batch, `most` in one: rows of like lengths together.
fn batches(lengths: &[u32], rows: &[u32], most: usize) -> Vec<Vec<usize>> {
    let length = |at: usize| lengths.get(rows[at] as usize).copied().unwrap_or(0).max(1) as usize;
    let mut order: Vec<usize> = (0..rows.len()).collect();
    order.sort_by_key(|&at| (length(at), at));
    let mut batches: Vec<Vec<usize>> = vec![];
    for at in order {
        match batches.last_mut() {
            // sorted, so the newest row is the longest
            Some(batch) if batch.len() < most && (batch.len() + 1) * length(at) <= STEPS => batch.push(at),
            _ => batches.push(vec![at]),
        }
    }
    batches
}

/// Runs `forward` over batches of `rows`, their pictures augmented or not; `take` gets the positions in `rows` and the
/// result.
pub(crate) fn each<T>(
    loader: &Loader<'_>,
    rows: &[u32],
    augment: Option<Augment<'_>>,
    forward: impl Fn(&nn::Inputs) -> Result<T, nn::Error>,
    mut take: impl FnMut(&[usize], &T) -> Result<(), Error>,
) -> Result<(), Error> {
    let most = usize::try_from(FLOATS / loader.largest).unwrap_or(ROWS).clamp(1, ROWS);
    let places = batches(&loader.lengths, rows, most);
    let of = |batch: &Vec<usize>| batch.iter().map(|&at| rows[at]).collect();
    let own: Vec<Vec<u32>> = places.iter().map(of).collect();
    std::thread::scope(|scope| {
        let mut ahead = Ahead::start(scope, loader, &own, augment);
        for batch in &places {
            take(batch, &forward(&ahead.next()?)?)?;
        }
        Ok(())
    })
}

/// What one of a network's outputs says of rows.
#[derive(Clone, Debug, PartialEq)]
pub struct Predicted {
    /// The output's name; the only one is called "".
    pub output: String,
    /// `[rows, width]`, row-major.
    pub values: Vec<f32>,
    /// Values a row.
    pub width: usize,
}

/// What the output says of `rows`, `[rows, width]` row-major in the order of `rows`, and the width; of several outputs
/// the first. What is `stored` is not computed.
///
/// # Errors
/// When the data lacks a column, the network's result is not one vector a row, and what libtorch refuses.
pub fn predict(
    module: &Module,
    dataset: &Dataset,
    rows: &[u32],
    stored: Option<&Stored>,
) -> Result<(Vec<f32>, usize), Error> {
    let mut all = predict_all(module, dataset, rows, stored)?;
    let first = all.swap_remove(0);
    Ok((first.values, first.width))
}

/// What each output says of `rows`.
///
/// # Errors
/// As [`predict`].
pub fn predict_all(
    module: &Module,
    dataset: &Dataset,
    rows: &[u32],
    stored: Option<&Stored>,
) -> Result<Vec<Predicted>, Error> {
    outputs(module, &Loader::new(module, dataset, stored)?, rows)
}

fn outputs(module: &Module, loader: &Loader<'_>, rows: &[u32]) -> Result<Vec<Predicted>, Error> {
    let results = module.graph().results();
    let empty = |(output, node): (&str, usize)| {
        let width = vector_width(module, node)?;
        Ok(Predicted { output: output.to_owned(), values: vec![0.0; rows.len() * width], width })
    };
    let mut all = results.into_iter().map(empty).collect::<Result<Vec<Predicted>, Error>>()?;
    each(
        loader,
        rows,
        None,
        |inputs| module.forward_results(inputs),
        |batch, results| {
            for (Predicted { values, width, .. }, result) in all.iter_mut().zip(results) {
                let found = values::floats(result)?;
                for (&at, row) in batch.iter().zip(found.chunks_exact(*width)) {
                    values[at * *width..(at + 1) * *width].copy_from_slice(row);
                }
            }
            Ok(())
        },
    )?;
    Ok(all)
}

/// Units of a node that gives one vector a row.
pub(crate) fn vector_width(module: &Module, node: usize) -> Result<usize, Error> {
    let signal = &module.graph().nodes[node].signal;
    match (signal.shape.0.len(), signal.width().size()) {
        (2, Some(width)) if signal.ids.is_none() => Ok(width),
        _ => {
            let size = |dim: &network::Dim| dim.size().map_or(-1, |size| size as i64);
            Err(Error::Features(signal.shape.0.iter().map(size).collect()))
        }
    }
}

/// Writes the values of the network's output node for `rows` to `path`, replacing what is there: a safetensors file
/// with one tensor `features` `[rows, units]` of 32-bit floats. Returns the units.
///
/// Rows are written where they belong as their batches are done, so memory holds one batch. The file is not synced.
///
/// # Errors
/// As [`predict`], and when the file cannot be written.
pub fn features(module: &Module, dataset: &Dataset, rows: &[u32], path: &Path) -> Result<usize, Error> {
    let units = vector_width(module, module.graph().output)?;
    let mut writer = RowValuesWriter::create(path, "features", rows.len(), &[units], false)?;
    each(
        &Loader::new(module, dataset, None)?,
        rows,
        None,
        |inputs| module.forward(inputs),
        |batch, result| {
            let found = values::floats(result)?;
            let rows = batch.iter().zip(found.chunks_exact(units));
            rows.into_iter().try_for_each(|(&at, row)| Ok(writer.write(at, row)?))
        },
    )?;
    writer.finish()?;
    Ok(units)
}

/// The metrics of a part by name, from a pass over its rows; metrics that are not defined there are left out.
///
/// # Errors
/// [`Error::NoRows`] for an empty part, [`Error::NoLabel`], else as [`predict`].
pub fn evaluate(
    module: &Module,
    dataset: &Dataset,
    part: Part,
    goals: &Goals,
    wanted: &[Metric],
) -> Result<BTreeMap<String, f64>, Error> {
    let rows = dataset.rows_of(Some(part));
    if rows.is_empty() {
        return Err(Error::NoRows(part));
    }
    let heads = Head::all(module, dataset, goals, &|_| wanted.to_vec())?;
    measured(module, &Loader::new(module, dataset, None)?, &rows, &heads)
}

pub(crate) fn measured(
    module: &Module,
    loader: &Loader<'_>,
    rows: &[u32],
    heads: &[Head],
) -> Result<BTreeMap<String, f64>, Error> {
    let outputs: Vec<Vec<f32>> =
        outputs(module, loader, rows)?.into_iter().map(|output| output.values).collect();
    by_name(heads, &outputs, loader, rows)
}

/// The loss and the wanted metrics by name, given what each output said of `rows`. Rows' own weights are of the loss
/// alone; of several outputs it is the sum, each times its weight.
pub(crate) fn by_name(
    heads: &[Head],
    outputs: &[Vec<f32>],
    loader: &Loader<'_>,
    rows: &[u32],
) -> Result<BTreeMap<String, f64>, Error> {
    let weights = loader.dataset().weight_batch(rows);
    let mut found = BTreeMap::new();
    let mut sum = Some(0.0);
    for (head, output) in heads.iter().zip(outputs) {
        let labels = loader.labels(&head.label, rows)?;
        let loss = head.criterion.mean(output, &labels, weights.as_deref());
        sum = sum.zip(loss).map(|(sum, loss)| sum + head.weight * loss);
        found.extend(loss.map(|loss| (head.name(Metric::Loss), loss)));
        let said = said(output, &labels);
        for &metric in head.metrics.iter().filter(|metric| **metric != Metric::Loss) {
            found.extend(said.measure(metric).map(|value| (head.name(metric), value)));
        }
    }
    found.extend(sum.map(|sum| (Metric::Loss.name(), sum)));
    Ok(found)
}

/// A network's `outputs` `[rows, width]` beside what is true.
fn said<'a>(outputs: &'a [f32], labels: &Labels) -> Predictions<'a> {
    let width = outputs.len().checked_div(labels.len()).unwrap_or(1);
    match labels {
        Labels::Class(classes) => {
            let classes: Vec<u32> = classes.iter().copied().map(i32::cast_unsigned).collect();
            Predictions::Classes(Classes::new(outputs, width, classes))
        }
        Labels::MultiLabel { flags, .. } => {
            let truth: Vec<bool> = flags.iter().map(|flag| *flag == 1).collect();
            Predictions::MultiLabel(MultiLabel::new(outputs, width, truth))
        }
        Labels::Number(numbers) => {
            let double = |values: &[f32]| values.iter().map(|&value| f64::from(value)).collect();
            Predictions::Numbers(Numbers { values: double(outputs), truth: double(numbers) })
        }
    }
}
