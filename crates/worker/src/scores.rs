//! What a model says of rows, whichever kind of model it is: for `evaluate` and `predict`.

use std::borrow::Cow;

use data::{Dataset, LabelKind, Labels, Part};
use metrics::{Classes, Numbers, Predictions};
use plan::{Artifact, ArtifactKind, Blame, StageError, Task};
use stages::Target;

use crate::boosting;
use crate::error::OrStage;
use crate::inputs::{artifact, dataset};
use crate::knn;
use crate::linear;
use crate::network::StoredNetwork;
use crate::reading::Reading;

/// What a model says of some rows of a data set.
pub(crate) struct Scored {
    /// The data.
    pub(crate) data: Dataset,
    /// The rows, by position in the data.
    pub(crate) rows: Vec<u32>,
    /// What it says of them.
    pub(crate) scores: Scores,
    /// Class names, for a label of classes.
    pub(crate) classes: Vec<String>,
    /// How classes follow from logits.
    pub(crate) reading: Reading,
}

/// One model's words on each row.
pub(crate) enum Scores {
    /// Logits `[rows, width]`; one a row for two classes under binary cross-entropy.
    Classes {
        /// What the logits mean.
        target: Target,
        /// Logits a row.
        width: usize,
        /// Row after row.
        logits: Vec<f32>,
    },
    /// One number a row.
    Numbers(Vec<f64>),
}

/// Runs the model of a task over the wanted rows: those of `part`, else all.
pub(crate) fn score(task: &Task, part: impl Fn(&Dataset) -> Option<Part>) -> Result<Scored, StageError> {
    let model = artifact(task, "model")?;
    let data_artifact = artifact(task, "data")?;
    let data = dataset(data_artifact)?;
    let rows = match part(&data) {
        Some(part) => data.rows_of(Some(part)),
        None => (0..data.rows() as u32).collect(),
    };
    if rows.is_empty() {
        return Err(StageError::new(Blame::Input, "there are no rows to run the model on"));
    }
    let mut classes = data.description().label.as_ref().map_or_else(Vec::new, |label| label.classes.clone());
    let scores = if model.kind == ArtifactKind::Network.name() {
        network(model, data_artifact, &data, &rows, task)?
    } else {
        head(model, &data, &rows, task)?
    };
    if let Scores::Classes { target, width, .. } = &scores {
        let count = if *target == Target::Binary { 2 } else { *width };
        if classes.is_empty() {
            classes = (0..count).map(|class| class.to_string()).collect();
        }
        if classes.len() > count {
            let message = format!("the model tells {count} classes, and the data has {}", classes.len());
            return Err(StageError::new(Blame::Input, message));
        }
    }
    Ok(Scored { data, rows, scores, classes, reading: Reading::default() })
}

fn network(
    model: &Artifact,
    encoded: &Artifact,
    data: &Dataset,
    rows: &[u32],
    task: &Task,
) -> Result<Scores, StageError> {
    let stored = StoredNetwork::open(model)?.reading(encoded)?;
    let module = stored.module(torch::device(&task.device).or_stage()?)?;
    let given = crate::frozen::stored(task)?;
    let (logits, width) = train::predict(&module, data, rows, given.as_ref()).or_stage()?;
    let label = data.description().label.as_ref().map_or(LabelKind::Class, |label| label.kind);
    let target = stored.loss.map_or_else(|| Target::of(label, width), |loss| loss.target());
    Ok(Scores::Classes { target, width, logits })
}

/// A head says by its files which kind it is of.
fn head(model: &Artifact, data: &Dataset, rows: &[u32], task: &Task) -> Result<Scores, StageError> {
    if model.files.contains_key(linear::LINEAR) {
        linear::score(model, data, rows, task)
    } else if model.files.contains_key(knn::NEIGHBOURS) {
        knn::score(model, data, rows, task)
    } else {
        boosting::score(model, data, rows, task)
    }
}

impl Scored {
    /// What names a row: its id, else its number in the source from 0.
    pub(crate) fn id(&self, row: u32) -> String {
        self.data.id(row).map_or_else(|| self.data.source_row(row).to_string(), str::to_owned)
    }

    /// The name of a class.
    pub(crate) fn class(&self, class: u32) -> String {
        self.classes.get(class as usize).cloned().unwrap_or_else(|| class.to_string())
    }

    /// What the model says of classes, read as it is to be; `labels` are those of the rows, none where unknown.
    pub(crate) fn said<'a>(
        &self,
        logits: &'a [f32],
        width: usize,
        labels: impl Into<Cow<'a, [u32]>>,
    ) -> Classes<'a> {
        let mut said = Classes::new(logits, width, labels);
        if let Some(temperature) = &self.reading.temperature {
            said = said.calibrated(temperature.value);
        }
        match &self.reading.threshold {
            Some(threshold) => said.from_threshold(threshold.value),
            None => said,
        }
    }

    /// What the model says of two classes.
    ///
    /// # Errors
    /// When it tells other things.
    pub(crate) fn two_classes<'a>(&'a self, labels: &'a [u32]) -> Result<Classes<'a>, StageError> {
        let refuse = |what: String| {
            let message = format!("a threshold is for two classes, and the model tells {what}");
            StageError::new(Blame::Input, message).hint("remove `threshold`")
        };
        match &self.scores {
            Scores::Classes { logits, width, .. } => {
                let said = self.said(logits, *width, labels);
                match said.classes() {
                    2 => Ok(said),
                    classes => Err(refuse(format!("{classes} classes"))),
                }
            }
            Scores::Numbers(_) => Err(refuse("a number".to_owned())),
        }
    }

    /// What the model says beside what is true.
    ///
    /// # Errors
    /// When it tells classes and the label is a number, or the other way round; and for a threshold that does not fit.
    pub(crate) fn predictions(&self, labels: &Labels) -> Result<Predictions<'_>, StageError> {
        if self.reading.threshold.is_some() {
            self.two_classes(&[])?;
        }
        match (&self.scores, labels) {
            (Scores::Classes { logits, width, .. }, Labels::Class(labels)) => {
                let labels: Vec<u32> = labels.iter().map(|&label| label as u32).collect();
                Ok(Predictions::Classes(self.said(logits, *width, labels)))
            }
            (Scores::Numbers(values), Labels::Number(truth)) => {
                let truth = truth.iter().map(|&value| f64::from(value)).collect();
                Ok(Predictions::Numbers(Numbers { values: values.clone(), truth }))
            }
            (Scores::Classes { .. }, _) => Err(other("classes", "is a number")),
            (Scores::Numbers(_), _) => Err(other("numbers", "names classes")),
        }
    }
}

fn other(model: &str, label: &str) -> StageError {
    StageError::new(Blame::Input, format!("the model tells {model}, and the label of the data {label}"))
}
