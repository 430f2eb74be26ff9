//! The outputs of a network in a training: each with its label, its loss and its metrics.

use data::{Dataset, FittedLabel, LabelKind};
use nn::Module;
use stages::{Goals, Measure, Metric};
use torch::Tensor;

use crate::batch::Loader;
use crate::criterion::Criterion;
use crate::error::Error;
use crate::evaluate::{steps_width, vector_width};

/// One of the network's results.
pub(crate) struct Head {
    /// Its name; the only one is called "".
    pub(crate) output: String,
    /// The label that it learns.
    pub(crate) label: String,
    /// What it minimises.
    pub(crate) criterion: Criterion,
    /// What its loss is multiplied with in the sum of all.
    pub(crate) weight: f64,
    /// What is measured beside the loss.
    pub(crate) metrics: Vec<Metric>,
    /// Of tags: the column of whose words they are.
    pub(crate) words: Option<String>,
    /// Names of classes, labels or tags.
    pub(crate) classes: Vec<String>,
    /// Classes that the output has logits for beyond those that there are.
    pub(crate) spare: usize,
}

impl Head {
    /// The network's results in their order. `wanted` says what is measured for a kind of label; of several outputs each
    /// measures what fits it.
    ///
    /// # Errors
    /// When the data lacks a label, or a loss or an output does not fit its label.
    pub(crate) fn all(
        module: &Module,
        dataset: &Dataset,
        goals: &Goals,
        wanted: &dyn Fn(LabelKind) -> Vec<Metric>,
    ) -> Result<Vec<Head>, Error> {
        let labels = dataset.description().all_labels();
        let head = |(output, node): (&str, usize)| {
            let goal = goals.get(output).ok_or_else(|| Error::NoGoal(output.to_owned()))?;
            let label = *labels.get(goal.label.as_str()).ok_or(Error::NoLabel)?;
            let width = output_width(module, node, label)?;
            let criterion = Criterion::of(goal, width, module, node, dataset)?;
            let (classes, room) = (label.classes.len(), width.max(2));
            if classes > room || label.kind == LabelKind::MultiLabel && classes < room {
                return Err(Error::Classes { classes, room });
            }
            let mut metrics = wanted(label.kind);
            metrics.retain(|metric| metric.fits(label.kind));
            Ok(Head {
                output: output.to_owned(),
                label: goal.label.clone(),
                criterion,
                weight: goal.weight,
                metrics,
                words: label.of.clone(),
                classes: label.classes.clone(),
                spare: if label.classes.is_empty() { 0 } else { room.saturating_sub(classes.max(2)) },
            })
        };
        module.graph().results().into_iter().map(head).collect()
    }

    /// The output's values in a batch as its loss and its metrics take them: of tags `[words, tags]`, the words that a
    /// token of the batch stands for; else as they are.
    pub(crate) fn said(&self, loader: &Loader<'_>, rows: &[u32], result: &Tensor) -> Result<Tensor, Error> {
        match &self.words {
            Some(column) => loader.of_words(column, rows, result),
            None => Ok(result.shallow_clone()),
        }
    }

    /// What a metric of this output is called.
    pub(crate) fn name(&self, metric: Metric) -> String {
        Measure { output: self.output.clone(), metric }.to_string()
    }
}

/// Values that an output has for each thing that its label is of: a row, or of tags a word.
fn output_width(module: &Module, node: usize, label: &FittedLabel) -> Result<usize, Error> {
    match &label.of {
        Some(column) => steps_width(module, node, column),
        None => vector_width(module, node),
    }
}
