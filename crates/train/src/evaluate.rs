//! A trained network over many rows: predictions, features, metrics.
//!
//! Invariant: the batches are a function of the rows asked for and their lengths alone, and memory is bounded by one
//! batch and the result.

use std::collections::BTreeMap;
use std::fs::File;
use std::os::unix::fs::FileExt;
use std::path::Path;

use data::{Dataset, Part};
use metrics::{Classes, Predictions};
use nn::Module;
use stages::{Loss, Metric};
use torch::{Tensor, values};

use crate::batch::Loader;
use crate::criterion::Criterion;
use crate::error::Error;

/// Rows of a batch at most, and its steps, padding included.
const ROWS: usize = 512;
const STEPS: usize = 32 * 1024;

/// Positions in `rows` by batch: rows of like lengths together.
fn batches(lengths: &[u32], rows: &[u32]) -> Vec<Vec<usize>> {
    let length = |at: usize| lengths.get(rows[at] as usize).copied().unwrap_or(0).max(1) as usize;
    let mut order: Vec<usize> = (0..rows.len()).collect();
    order.sort_by_key(|&at| (length(at), at));
    let mut batches: Vec<Vec<usize>> = vec![];
    for at in order {
        match batches.last_mut() {
            // sorted, so the newest row is the longest
            Some(batch) if batch.len() < ROWS && (batch.len() + 1) * length(at) <= STEPS => batch.push(at),
            _ => batches.push(vec![at]),
        }
    }
    batches
}

/// Runs `forward` over batches of `rows`; `take` gets the positions in `rows` and the result.
fn each(
    loader: &Loader<'_>,
    rows: &[u32],
    forward: impl Fn(&nn::Inputs) -> Result<Tensor, nn::Error>,
    mut take: impl FnMut(&[usize], &Tensor) -> Result<(), Error>,
) -> Result<(), Error> {
    for batch in batches(&loader.lengths, rows) {
        let own: Vec<u32> = batch.iter().map(|&at| rows[at]).collect();
        take(&batch, &forward(&loader.inputs(&own)?)?)?;
    }
    Ok(())
}

/// Logits of `rows`, `[rows, width]` row-major in the order of `rows`, and the width.
///
/// # Errors
/// When the data lacks a column, the network's result is not one vector a row, and what libtorch refuses.
pub fn predict(module: &Module, dataset: &Dataset, rows: &[u32]) -> Result<(Vec<f32>, usize), Error> {
    logits(module, &Loader::new(module, dataset)?, rows)
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
    let loader = Loader::new(module, dataset)?;
    let row_bytes = units * size_of::<f32>();
    let bytes = rows.len() * row_bytes;
    let mut header = format!(
        r#"{{"features":{{"dtype":"F32","shape":[{},{units}],"data_offsets":[0,{bytes}]}}}}"#,
        rows.len()
    );
    // the format's readers want values aligned to eight bytes
    header.extend(std::iter::repeat_n(' ', header.len().next_multiple_of(8) - header.len()));
    let start = 8 + header.len();
    let file = File::create(path).map_err(Error::io(path))?;
    file.set_len((start + bytes) as u64).map_err(Error::io(path))?;
    file.write_all_at(&(header.len() as u64).to_le_bytes(), 0).map_err(Error::io(path))?;
    file.write_all_at(header.as_bytes(), 8).map_err(Error::io(path))?;
    each(
        &loader,
        rows,
        |inputs| module.forward(inputs),
        |batch, result| {
            let found = values::floats(result)?;
            for (&at, row) in batch.iter().zip(found.chunks_exact(units)) {
                let row: Vec<u8> = row.iter().flat_map(|value| value.to_le_bytes()).collect();
                file.write_all_at(&row, (start + at * row_bytes) as u64).map_err(Error::io(path))?;
            }
            Ok(())
        },
    )?;
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
    measured(module, &Loader::new(module, dataset)?, &rows, &criterion, wanted)
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
