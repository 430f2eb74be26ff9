//! What a model said of rows whose labels are known, as a page shows it.

use metrics::{Compared, Tagging};

/// What a model said of rows whose labels are known.
#[derive(Debug, Clone, PartialEq)]
pub enum Scores {
    /// Classes.
    Classes {
        /// Their names.
        classes: Vec<String>,
        /// Each row's class, by position.
        labels: Vec<u32>,
        /// The class that the model chose.
        predicted: Vec<u32>,
        /// Probabilities, row after row: of the second class for two classes, else one a class.
        scores: Vec<f64>,
    },
    /// Labels of which a row may have any number.
    MultiLabel {
        /// Their names.
        names: Vec<String>,
        /// Whether a row has a label, row after row.
        truth: Vec<bool>,
        /// Probabilities, row after row, one a label.
        scores: Vec<f64>,
    },
    /// Numbers.
    Numbers {
        /// Each row's label.
        labels: Vec<f64>,
        /// What the model said.
        values: Vec<f64>,
    },
    /// Tags of the words of texts.
    Tags(Tagging),
}

impl Scores {
    /// The number of rows.
    pub fn rows(&self) -> usize {
        match self {
            Scores::Classes { labels, .. } => labels.len(),
            Scores::MultiLabel { names, truth, .. } => truth.len() / names.len().max(1),
            Scores::Numbers { labels, .. } => labels.len(),
            Scores::Tags(tagging) => tagging.rows(),
        }
    }

    /// The names of classes or labels that have probabilities; none for numbers and tags.
    pub fn names(&self) -> &[String] {
        match self {
            Scores::Classes { classes, .. } => classes,
            Scores::MultiLabel { names, .. } => names,
            Scores::Numbers { .. } | Scores::Tags(_) => &[],
        }
    }

    /// The probability that the model gave to a class or a label of a row.
    pub fn probability(&self, row: usize, class: usize) -> Option<f64> {
        match self {
            Scores::Classes { classes, scores, .. } => match (classes.len(), class) {
                (2, 0) => scores.get(row).map(|score| 1.0 - score),
                (2, _) => scores.get(row).copied(),
                (width, _) => scores.get(row * width + class).copied(),
            },
            Scores::MultiLabel { names, scores, .. } => scores.get(row * names.len() + class).copied(),
            Scores::Numbers { .. } | Scores::Tags(_) => None,
        }
    }

    /// Whether a row is of a class, or has a label.
    pub fn is_of(&self, row: usize, class: usize) -> bool {
        match self {
            Scores::Classes { labels, .. } => labels.get(row).is_some_and(|&label| label as usize == class),
            Scores::MultiLabel { names, truth, .. } => {
                truth.get(row * names.len() + class).is_some_and(|truth| *truth)
            }
            Scores::Numbers { .. } | Scores::Tags(_) => false,
        }
    }

    /// The `most` worst rows, worst first, each with how wrong it is: wrong classes with the probability that was
    /// given to them, rows with wrong labels with how far the probability of the worst is from the truth, numbers with
    /// their distance from the label, texts with how many entities are missed or found where there are none.
    pub fn worst(&self, most: usize) -> Vec<(usize, f64)> {
        let mut wrong: Vec<(usize, f64)> = match self {
            Scores::Classes { labels, predicted, .. } => labels
                .iter()
                .zip(predicted)
                .enumerate()
                .filter(|(_, (label, chosen))| label != chosen)
                .filter_map(|(row, (_, &chosen))| Some((row, self.probability(row, chosen as usize)?)))
                .collect(),
            Scores::MultiLabel { names, truth, scores } => {
                let width = names.len().max(1);
                let rows = truth.chunks_exact(width).zip(scores.chunks_exact(width));
                let far = |(truth, score): (&bool, &f64)| (f64::from(u8::from(*truth)) - score).abs();
                let worst = rows.map(|(truth, scores)| truth.iter().zip(scores).map(far).fold(0.0, f64::max));
                worst.enumerate().filter(|(_, far)| *far > 0.5).collect()
            }
            Scores::Numbers { labels, values } => {
                labels.iter().zip(values).map(|(label, value)| (value - label).abs()).enumerate().collect()
            }
            Scores::Tags(tagging) => {
                let wrong = (0..tagging.rows()).map(|row| {
                    let Compared { missed, wrong, .. } = tagging.compared(row);
                    (row, (missed.len() + wrong.len()) as f64)
                });
                wrong.filter(|(_, wrong)| *wrong > 0.0).collect()
            }
        };
        wrong.retain(|(_, how)| !how.is_nan());
        wrong.sort_by(|a, b| b.1.total_cmp(&a.1).then(a.0.cmp(&b.0)));
        wrong.truncate(most);
        wrong
    }
}
