//! The outputs of a network in a training: each with its label, its loss and its metrics.

use data::{Dataset, LabelKind};
use nn::Module;
use stages::{Goals, Measure, Metric};

use crate::criterion::Criterion;
use crate::error::Error;
use crate::evaluate::vector_width;

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
            let width = vector_width(module, node)?;
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
            })
        };
        module.graph().results().into_iter().map(head).collect()
    }

    /// What a metric of this output is called.
    pub(crate) fn name(&self, metric: Metric) -> String {
        Measure { output: self.output.clone(), metric }.to_string()
    }
}
