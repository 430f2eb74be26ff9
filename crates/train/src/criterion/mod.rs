//! Losses as numbers: of a batch, for libtorch to differentiate, and of many rows, for histories.
//!
//! Invariant: both are sum(w l) / sum(w) over rows with losses l and weights w, and 0 where nothing weighs anything. A
//! row's weight is its own times its class's.

mod batch;
mod rows;

use data::Dataset;
use nn::Module;
use stages::{Goal, Loss, Target};

use crate::error::Error;
use crate::scale::label_unit;

/// A loss whose settings are resolved for the labels of a data set.
#[derive(Clone, Debug)]
pub struct Criterion {
    loss: Loss,
    target: Target,
    /// How much each class weighs; empty where all weigh the same.
    class_weights: Vec<f64>,
    /// What errors of numbers are counted in: 1, or the label's deviation.
    unit: f64,
}

impl Criterion {
    /// The loss for networks that give `width` values a row and rows of these classes, of which the training rows
    /// have `counts`.
    ///
    /// # Errors
    /// [`Error::UnknownClass`] when a weight is for a class that there is not.
    pub fn new(loss: &Loss, width: usize, classes: &[String], counts: &[u64]) -> Result<Self, Error> {
        let weights = loss.class_weights().map(|weights| weights.resolve(classes, counts)).transpose()?;
        let mut class_weights = weights.unwrap_or_default();
        if !class_weights.is_empty() {
            class_weights.resize(width.max(2), 1.0);
        }
        Ok(Criterion { loss: loss.clone(), target: loss.target(width), class_weights, unit: 1.0 })
    }

    /// The loss for a node that gives `width` values a row of this data.
    pub(crate) fn of(
        goal: &Goal,
        width: usize,
        module: &Module,
        node: usize,
        data: &Dataset,
    ) -> Result<Self, Error> {
        let labels = data.description().all_labels();
        let label = *labels.get(goal.label.as_str()).ok_or(Error::NoLabel)?;
        let counts = data.description().trained().map_or(&[][..], |part| part.counts(&goal.label));
        let criterion = Criterion::new(&goal.loss, width, &label.classes, counts)?;
        if criterion.target.label() != label.kind {
            return Err(Error::OtherLabel { loss: goal.loss.name(), label: label.kind });
        }
        Ok(criterion.in_units(label_unit(module, node)?))
    }

    /// Errors of numbers counted in this unit.
    #[must_use]
    pub fn in_units(self, unit: f64) -> Self {
        Criterion { unit, ..self }
    }

    /// The loss that an output with this meaning calls for, without settings.
    pub fn plain(target: Target) -> Self {
        Criterion { loss: Loss::of(target), target, class_weights: vec![], unit: 1.0 }
    }

    /// What an output means.
    pub fn target(&self) -> Target {
        self.target
    }

    fn weight(&self, class: usize) -> f64 {
        self.class_weights.get(class).copied().unwrap_or(1.0)
    }
}
