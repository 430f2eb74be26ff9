//! A trained network over many rows: predictions, features, metrics.
//!
//! Invariant: the batches are a function of the rows asked for and their lengths alone, and memory is bounded by one
//! batch and the result.

use std::collections::BTreeMap;
use std::path::Path;

use data::{Dataset, Part, RowValuesWriter};
use metrics::{Classes, Predictions};
use nn::Module;
use stages::{Loss, Metric};
use torch::values;

use crate::ahead::Ahead;
use crate::batch::Loader;
use crate::criterion::Criterion;
use crate::error::Error;
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

/// Runs `forward` over batches of `rows`; `take` gets the positions in `rows` and the result.
pub(crate) fn each<T>(
    loader: &Loader<'_>,
    rows: &[u32],
    forward: impl Fn(&nn::Inputs) -> Result<T, nn::Error>,
    mut take: impl FnMut(&[usize], &T) -> Result<(), Error>,
) -> Result<(), Error> {
    let most = usize::try_from(FLOATS / loader.largest).unwrap_or(ROWS).clamp(1, ROWS);
    let places = batches(&loader.lengths, rows, most);
    let of = |batch: &Vec<usize>| batch.iter().map(|&at| rows[at]).collect();
    let own: Vec<Vec<u32>> = places.iter().map(of).collect();
    std::thread::scope(|scope| {
        let mut ahead = Ahead::start(scope, loader, &own, None);
        for batch in &places {
            take(batch, &forward(&ahead.next()?)?)?;
        }
        Ok(())
    })
}

/// Logits of `rows`, `[rows, width]` row-major in the order of `rows`, and the width. What is `stored` is not computed.
///
/// # Errors
/// When the data lacks a column, the network's result is not one vector a row, and what libtorch refuses.
pub fn predict(
    module: &Module,
    dataset: &Dataset,
    rows: &[u32],
    stored: Option<&Stored>,
) -> Result<(Vec<f32>, usize), Error> {
    logits(module, &Loader::new(module, dataset, stored)?, rows)
}

pub(crate) fn logits(module: &Module, loader: &Loader<'_>, rows: &[u32]) -> Result<(Vec<f32>, usize), Error> {
    let graph = module.graph();
    let width = vector_width(module, graph.output)?;
    let mut all = vec![0.0; rows.len() * width];
    each(
        loader,
        rows,
        |inputs| module.forward(inputs),
        |batch, result| {
            let found = values::floats(result)?;
            for (&at, row) in batch.iter().zip(found.chunks_exact(width)) {
                all[at * width..(at + 1) * width].copy_from_slice(row);
            }
            Ok(())
        },
    )?;
    Ok((all, width))
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
    loss: &Loss,
    wanted: &[Metric],
) -> Result<BTreeMap<String, f64>, Error> {
    let rows = dataset.rows_of(Some(part));
    if rows.is_empty() {
        return Err(Error::NoRows(part));
    }
    let width = vector_width(module, module.graph().output)?;
    let criterion = Criterion::of(loss, width, dataset.description())?;
    measured(module, &Loader::new(module, dataset, None)?, &rows, &criterion, wanted)
}

pub(crate) fn measured(
    module: &Module,
    loader: &Loader<'_>,
    rows: &[u32],
    criterion: &Criterion,
    wanted: &[Metric],
) -> Result<BTreeMap<String, f64>, Error> {
    let labels = loader.labels(rows)?;
    let (logits, _) = logits(module, loader, rows)?;
    Ok(by_name(wanted, criterion, &logits, &labels))
}

/// The loss and the wanted metrics by name.
pub(crate) fn by_name(
    wanted: &[Metric],
    criterion: &Criterion,
    logits: &[f32],
    labels: &[u32],
) -> BTreeMap<String, f64> {
    let width = logits.len().checked_div(labels.len()).unwrap_or(1);
    let predictions = Predictions::Classes(Classes::new(logits, width, labels));
    std::iter::once(&Metric::Loss)
        .chain(wanted)
        .filter_map(|&metric| {
            let value = match metric {
                Metric::Loss => criterion.mean(logits, labels)?,
                _ => predictions.measure(metric)?,
            };
            Some((metric.name(), value))
        })
        .collect()
}
