//! What a model said of rows whose labels are known, as a page shows it.

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
    /// Numbers.
    Numbers {
        /// Each row's label.
        labels: Vec<f64>,
        /// What the model said.
        values: Vec<f64>,
    },
}

impl Scores {
    /// The number of rows.
    pub fn rows(&self) -> usize {
        match self {
            Scores::Classes { labels, .. } => labels.len(),
            Scores::Numbers { labels, .. } => labels.len(),
        }
    }

    /// The probability that the model gave to a class of a row.
    pub fn probability(&self, row: usize, class: usize) -> Option<f64> {
        let Scores::Classes { classes, scores, .. } = self else { return None };
        match (classes.len(), class) {
            (2, 0) => scores.get(row).map(|score| 1.0 - score),
            (2, _) => scores.get(row).copied(),
            (width, _) => scores.get(row * width + class).copied(),
        }
    }

    /// The `most` worst rows, worst first, each with how wrong it is: wrong classes with the probability that was
    /// given to them, numbers with their distance from the label.
    pub fn worst(&self, most: usize) -> Vec<(usize, f64)> {
        let mut wrong: Vec<(usize, f64)> = match self {
            Scores::Classes { labels, predicted, .. } => labels
                .iter()
                .zip(predicted)
                .enumerate()
                .filter(|(_, (label, chosen))| label != chosen)
                .filter_map(|(row, (_, &chosen))| Some((row, self.probability(row, chosen as usize)?)))
                .collect(),
            Scores::Numbers { labels, values } => {
                labels.iter().zip(values).map(|(label, value)| (value - label).abs()).enumerate().collect()
            }
        };
        wrong.retain(|(_, how)| !how.is_nan());
        wrong.sort_by(|a, b| b.1.total_cmp(&a.1).then(a.0.cmp(&b.0)));
        wrong.truncate(most);
        wrong
    }
}
