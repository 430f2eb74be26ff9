//! What a model says of rows, whichever kind of model it is: for `evaluate` and `predict`.

use std::borrow::Cow;

use data::{Dataset, LABEL, Labels, Part, Words};
use metrics::{Classes, MultiLabel, Numbers, Predictions, TagSet, Tagging};
use plan::{Artifact, ArtifactKind, Blame, StageError, Task};

use crate::boosting;
use crate::classes::{listed, places};
use crate::inputs::{artifact, dataset};
use crate::knn;
use crate::linear;
use crate::reading::Reading;

/// What a model says of some rows of a data set.
pub(crate) struct Scored {
    /// The data.
    pub(crate) data: Dataset,
    /// The rows, by position in the data.
    pub(crate) rows: Vec<u32>,
    /// What each of its outputs says of them.
    pub(crate) outputs: Vec<Said>,
}

/// What one output of a model tells of rows, in the model's own terms.
pub struct Told {
    /// The output's name; the only one is called "".
    pub output: String,
    /// The label that it speaks of.
    pub label: String,
    /// What it says.
    pub scores: Scores,
    /// Names of its classes or labels, in its own order; none where they are not known: a label's are then taken to be in
    /// that order.
    pub classes: Vec<String>,
}

/// What one output says of rows, in the terms of the data's label.
pub(crate) struct Said {
    /// The output's name; the only one is called "".
    pub(crate) output: String,
    /// The label that it speaks of.
    pub(crate) label: String,
    /// What it says.
    pub(crate) scores: Scores,
    /// Names of classes or labels: those of the data's label first, in their order, then what else the model tells.
    pub(crate) classes: Vec<String>,
    /// A class of the label that the model does not tell; what it says is then under its own names.
    foreign: Option<String>,
    /// How classes follow from logits.
    pub(crate) reading: Reading,
}

/// One model's words on each row.
pub enum Scores {
    /// Logits `[rows, width]`; one a row for two classes under binary cross-entropy.
    Classes {
        /// Logits a row.
        width: usize,
        /// Row after row.
        logits: Vec<f32>,
    },
    /// Logits `[rows, width]` of labels of which a row may have any number.
    MultiLabel {
        /// Logits a row.
        width: usize,
        /// Row after row.
        logits: Vec<f32>,
    },
    /// One number a row.
    Numbers(Vec<f64>),
    /// Logits `[words that a token stands for, width]` of tags.
    Tags {
        /// Logits a word.
        width: usize,
        /// Word after word.
        logits: Vec<f32>,
        /// The column whose words have them.
        column: String,
        /// Its words.
        words: Words,
    },
}

impl Scores {
    /// Classes or labels that they tell; none for numbers.
    fn classes(&self) -> Option<usize> {
        match self {
            Scores::Classes { width, .. } => Some((*width).max(2)),
            Scores::MultiLabel { width, .. } | Scores::Tags { width, .. } => Some(*width),
            Scores::Numbers(_) => None,
        }
    }

    /// Puts the logits of each row into another order; those that it does not name stay behind the others.
    fn arrange(&mut self, places: &[usize]) {
        if places.is_sorted() {
            return;
        }
        match self {
            Scores::Numbers(_) => {}
            // The logit is of the second of two classes.
            Scores::Classes { width: 1, logits } => logits.iter_mut().for_each(|logit| *logit = -*logit),
            Scores::Classes { width, logits }
            | Scores::MultiLabel { width, logits }
            | Scores::Tags { width, logits, .. } => {
                for row in logits.chunks_exact_mut(*width) {
                    let own = row.to_vec();
                    row.iter_mut().zip(places).for_each(|(logit, place)| *logit = own[*place]);
                }
            }
        }
    }

    /// What they tell, in words.
    fn in_words(&self) -> &'static str {
        match self {
            Scores::Classes { .. } => "classes",
            Scores::MultiLabel { .. } => "labels of which a row may have several",
            Scores::Numbers(_) => "numbers",
            Scores::Tags { .. } => "tags of words",
        }
    }
}

/// What networks say of rows. Only a process that has libtorch can tell.
pub trait Networks {
    /// What each output of the network of a task says of some rows of its data.
    ///
    /// # Errors
    /// When the network does not fit the data, or cannot run.
    fn said(&self, task: &Task, data: &Dataset, rows: &[u32]) -> Result<Vec<Told>, StageError>;
}

/// Runs the model of a task over the wanted rows: those of `part`, else all. `classes` are the names of those that its
/// outputs tell, none where the model or the data says them.
pub(crate) fn score(
    task: &Task,
    networks: &dyn Networks,
    part: impl Fn(&Dataset) -> Option<Part>,
    classes: &[String],
) -> Result<Scored, StageError> {
    let model = artifact(task, "model")?;
    let data = dataset(artifact(task, "data")?)?;
    let rows = match part(&data) {
        Some(part) => data.rows_of(Some(part)),
        None => (0..data.rows() as u32).collect(),
    };
    if rows.is_empty() {
        return Err(StageError::new(Blame::Input, "there are no rows to run the model on"));
    }
    let outputs = if model.kind == ArtifactKind::Network.name() {
        networks.said(task, &data, &rows)?
    } else {
        let scores = head(model, &data, &rows, task)?;
        vec![Told { output: String::new(), label: LABEL.to_owned(), scores, classes: vec![] }]
    };
    let said = |mut told: Told| {
        if !classes.is_empty() {
            told.classes = classes.to_vec();
        }
        Said::of(told, &data)
    };
    let outputs = outputs.into_iter().map(said).collect::<Result<_, _>>()?;
    Ok(Scored { data, rows, outputs })
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

    /// The output of a name; without one the only output.
    ///
    /// # Errors
    /// When there is none, or several.
    pub(crate) fn output(&self, name: Option<&str>) -> Result<&Said, StageError> {
        let found = match (name, &self.outputs[..]) {
            (None, [only]) => Some(only),
            (None, _) => None,
            (Some(name), outputs) => outputs.iter().find(|said| said.output == name),
        };
        found.ok_or_else(|| {
            let names: Vec<&str> = self.outputs.iter().map(|said| said.output.as_str()).collect();
            StageError::new(Blame::Input, "the network has no such output")
                .hint(format!("it has {}", names.join(", ")))
        })
    }
}

impl Said {
    /// What an output says of a label of the data.
    ///
    /// # Errors
    /// When the label has more classes than are told, or more are named.
    fn of(told: Told, data: &Dataset) -> Result<Self, StageError> {
        let Told { output, label, mut scores, classes: named } = told;
        let labels = data.description().all_labels();
        let mut classes = labels.get(label.as_str()).map_or_else(Vec::new, |label| label.classes.clone());
        let mut foreign = None;
        if let Some(count) = scores.classes() {
            if named.len() > count {
                let message = format!("the model tells {count} classes, and {} are named", named.len());
                return Err(StageError::new(Blame::Input, message).hint("remove `classes`"));
            }
            if named.is_empty() && classes.is_empty() {
                classes = (0..count).map(|class| class.to_string()).collect();
            } else if let Some(places) = places(&named, &classes) {
                scores.arrange(&places);
                classes = places.iter().map(|place| named[*place].clone()).collect();
            } else if !named.is_empty() {
                foreign = classes.into_iter().find(|class| !named.contains(class));
                classes = named;
            }
            if classes.len() > count {
                let message = format!("the model tells {count} classes, and the data has {}", classes.len());
                return Err(StageError::new(Blame::Input, message));
            }
        }
        Ok(Said { output, label, scores, classes, foreign, reading: Reading::default() })
    }

    /// What is true of rows of the data.
    ///
    /// # Errors
    /// When the data does not have the label, or the model does not tell all of its classes.
    pub(crate) fn truth(&self, data: &Dataset, rows: &[u32]) -> Result<Labels, StageError> {
        if let Some(class) = &self.foreign {
            let told = listed(&self.classes);
            let message = format!("the label has a class `{class}`, and the network tells {told}");
            let hint = "where only the names differ, say them in its `load-network` stage as the data does, in the same \
                        order: classes = [...]; else train a head for this label: `finetune` with `replace`";
            return Err(StageError::new(Blame::Input, message).hint(hint));
        }
        data.label_batch(&self.label, rows).ok_or_else(|| {
            let message = match self.label.as_str() {
                LABEL => "the data has no label to compare with".to_owned(),
                name => format!("the data has no label `{name}` to compare with"),
            };
            StageError::new(Blame::Input, message)
        })
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
            other => Err(refuse(other.in_words().to_owned())),
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
            (Scores::Tags { width, logits, .. }, Labels::Tags(tags)) => {
                let set = TagSet::new(&self.classes);
                Ok(Predictions::Tags(Tagging::new(logits, *width, set, tags)))
            }
            (Scores::MultiLabel { width, logits }, Labels::MultiLabel { width: own, flags }) => {
                if self.classes.len() < *width {
                    let message = format!("the model tells {width} labels, and the data has {own}");
                    return Err(StageError::new(Blame::Input, message));
                }
                let truth: Vec<bool> = flags.iter().map(|flag| *flag == 1).collect();
                // The label's own stand first.
                let logits: Vec<f32> =
                    logits.chunks_exact(*width).flat_map(|row| &row[..*own]).copied().collect();
                Ok(Predictions::MultiLabel(MultiLabel::new(logits, *own, truth)))
            }
            (scores, _) => {
                let message = format!(
                    "the model tells {}, and the data has {}",
                    scores.in_words(),
                    labels.kind().in_words()
                );
                Err(StageError::new(Blame::Input, message))
            }
        }
    }
}
