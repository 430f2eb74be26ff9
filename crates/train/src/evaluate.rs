//! A trained network over many rows: predictions, features, metrics.
//!
//! Invariant: the batches are a function of the rows asked for and their lengths alone, and memory is bounded by one
//! batch and the result.

use std::collections::BTreeMap;
use std::path::Path;

use data::{Augment, Dataset, Labels, Part, RowValuesWriter, Words};
use metrics::{Classes, MultiLabel, Numbers, Predictions, TagSet, Tagging};
use network::{Dim, Signal};
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
    /// `[rows, width]`, row-major; of an output that speaks of each step, `[words that a token stands for, width]`.
    pub values: Vec<f32>,
    /// Values a row, or a word.
    pub width: usize,
    /// Of an output that speaks of each step: the words of the rows.
    pub words: Option<Words>,
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
    let words_of = |node: usize| {
        let column = module.graph().steps_of(node)?;
        Some((column, loader.dataset().words(column, rows)?))
    };
    let columns: Vec<Option<&str>> =
        results.iter().map(|&(_, node)| words_of(node).map(|(column, _)| column)).collect();
    // Where the values of each row begin, which batches come to in any order.
    let mut starts: Vec<Vec<usize>> = vec![];
    let mut empty = |(output, node): (&str, usize)| {
        let (width, words) = match words_of(node) {
            Some((column, words)) => (steps_width(module, node, column)?, Some(words)),
            None => (vector_width(module, node)?, None),
        };
        let count = |row: usize| words.as_ref().map_or(1, |words| words.row(row).iter().flatten().count());
        let own = std::iter::once(0).chain((0..rows.len()).scan(0, |end, row| {
            *end += count(row) * width;
            Some(*end)
        }));
        starts.push(own.collect());
        let values = vec![0.0; starts.last().and_then(|own: &Vec<usize>| own.last().copied()).unwrap_or(0)];
        Ok(Predicted { output: output.to_owned(), values, width, words })
    };
    let mut all = results.iter().copied().map(&mut empty).collect::<Result<Vec<Predicted>, Error>>()?;
    each(
        loader,
        rows,
        None,
        |inputs| module.forward_results(inputs),
        |batch, results| {
            let own: Vec<u32> = batch.iter().map(|&at| rows[at]).collect();
            for (nth, result) in results.iter().enumerate() {
                let found = match columns[nth] {
                    Some(column) => values::floats(&loader.of_words(column, &own, result)?)?,
                    None => values::floats(result)?,
                };
                let mut from = 0;
                for &at in batch {
                    let place = starts[nth][at]..starts[nth][at + 1];
                    let length = place.len();
                    all[nth].values[place].copy_from_slice(&found[from..from + length]);
                    from += length;
                }
            }
            Ok(())
        },
    )?;
    Ok(all)
}

/// Units of a node that gives a vector for each step of the column.
pub(crate) fn steps_width(module: &Module, node: usize, column: &str) -> Result<usize, Error> {
    let signal = &module.graph().nodes[node].signal;
    match (&signal.shape.0[..], signal.width().size()) {
        ([_, Dim::Time, _], Some(width)) if module.graph().steps_of(node) == Some(column) => Ok(width),
        _ => Err(Error::Features(sizes(signal))),
    }
}

/// Units of a node that gives one vector a row.
pub(crate) fn vector_width(module: &Module, node: usize) -> Result<usize, Error> {
    let signal = &module.graph().nodes[node].signal;
    match (signal.shape.0.len(), signal.width().size()) {
        (2, Some(width)) if signal.ids.is_none() => Ok(width),
        _ => Err(Error::Features(sizes(signal))),
    }
}

/// The sizes of a shape, -1 where one is not known.
fn sizes(signal: &Signal) -> Vec<i64> {
    signal.shape.0.iter().map(|dim| dim.size().map_or(-1, |size| size as i64)).collect()
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
        let said = said(output, &labels, &head.classes);
        for &metric in head.metrics.iter().filter(|metric| **metric != Metric::Loss) {
            found.extend(said.measure(metric).map(|value| (head.name(metric), value)));
        }
    }
    found.extend(sum.map(|sum| (Metric::Loss.name(), sum)));
    Ok(found)
}

/// A network's `outputs` `[rows, width]` beside what is true; of tags `[words that a token stands for, width]`.
fn said<'a>(outputs: &'a [f32], labels: &Labels, names: &[String]) -> Predictions<'a> {
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
        Labels::Tags(tags) => {
            let width = outputs.len().checked_div(tags.words.standing().count()).unwrap_or(1);
            Predictions::Tags(Tagging::new(outputs, width, TagSet::new(names), tags))
        }
        Labels::Number(numbers) => {
            let double = |values: &[f32]| values.iter().map(|&value| f64::from(value)).collect();
            Predictions::Numbers(Numbers { values: double(outputs), truth: double(numbers) })
        }
    }
}
