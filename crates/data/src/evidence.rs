//! What the words of a row say of its label: the log-odds of naive Bayes, cross-fitted.
//!
//! Method: multinomial naive Bayes on whether a row has a word (Wang and Manning, "Baselines and bigrams: simple, good
//! sentiment and topic classification", 2012). Training rows are cut into folds, and each gets its numbers from the
//! rows of the other folds, so that no row sees its own label.

use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use crate::block::{Dense, Sparse};
use crate::category::folds;
use crate::error::Error;
use crate::label::Labels;
use crate::step::NaiveBayes;
use crate::terms::Terms;

/// The words, and what each says.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub(crate) struct Evidence {
    terms: Terms,
    /// What each class has before any word, `[classes]`.
    prior: Vec<f64>,
    /// What each word adds, `[words, classes]`.
    words: Vec<f64>,
}

/// How many rows of each class there are, and how many of them have each word, `[words, classes]`.
struct Counts {
    rows: Vec<f64>,
    words: Vec<f64>,
}

impl Counts {
    fn of(sparse: &Sparse, classes: &[usize], count: usize, rows: impl Iterator<Item = usize>) -> Self {
        let mut counts = Counts { rows: vec![0.0; count], words: vec![0.0; sparse.width * count] };
        for row in rows {
            counts.rows[classes[row]] += 1.0;
            sparse.row(row).for_each(|(word, _)| counts.words[word * count + classes[row]] += 1.0);
        }
        counts
    }

    fn without(&self, other: &Counts) -> Self {
        let less = |all: &[f64], some: &[f64]| all.iter().zip(some).map(|(all, some)| all - some).collect();
        Counts { rows: less(&self.rows, &other.rows), words: less(&self.words, &other.words) }
    }

    /// Logarithms of the share of each class, and of the share of each word among a class's, smoothed by `alpha`.
    fn logs(&self, alpha: f64) -> (Vec<f64>, Vec<f64>) {
        let count = self.rows.len();
        let mut sums = vec![0.0; count];
        for word in self.words.chunks_exact(count) {
            sums.iter_mut().zip(word).for_each(|(sum, of)| *sum += of + alpha);
        }
        // A class that only other folds have counts as half a row.
        let rows = || self.rows.iter().map(|rows| rows.max(0.5));
        let prior = rows().map(|of| (of / rows().sum::<f64>()).ln()).collect();
        let words = self.words.chunks_exact(count);
        let words = words.flat_map(|word| word.iter().zip(&sums).map(|(of, sum)| ((of + alpha) / sum).ln()));
        (prior, words.collect())
    }
}

impl Evidence {
    /// What words say in the training rows, and what those rows themselves get, `[rows, width]`. `sparse` says which
    /// words each has, `rows` are their places among `labels`.
    ///
    /// # Errors
    /// [`Error::SeveralLabels`] when a row may have several labels.
    pub(crate) fn learn(
        bayes: &NaiveBayes,
        terms: Terms,
        sparse: &Sparse,
        (labels, classes): (&Labels, usize),
        rows: &[usize],
    ) -> Result<(Self, Dense), Error> {
        let (of_rows, count) = match labels {
            Labels::MultiLabel { .. } | Labels::Tags(_) => {
                return Err(Error::SeveralLabels { step: "naive-bayes" });
            }
            Labels::Class(labels) => (rows.iter().map(|row| labels[*row] as usize).collect(), classes.max(2)),
            Labels::Number(numbers) => {
                let numbers: Vec<f64> = rows.iter().map(|row| f64::from(numbers[*row])).collect();
                let mean = numbers.iter().sum::<f64>() / numbers.len() as f64;
                (numbers.into_iter().map(|number| usize::from(number > mean)).collect::<Vec<_>>(), 2)
            }
        };
        let folds = folds(bayes.folds, bayes.seed, labels, rows);
        let all = Counts::of(sparse, &of_rows, count, 0..rows.len());
        let (prior, words) = all.logs(bayes.alpha);
        let evidence = Evidence { terms, prior, words };
        let width = evidence.width();
        let mut own = vec![0.0; rows.len() * width];
        for fold in 0..bayes.folds {
            let inside = || (0..rows.len()).filter(|row| folds[*row] == fold);
            let (prior, words) =
                all.without(&Counts::of(sparse, &of_rows, count, inside())).logs(bayes.alpha);
            for row in inside() {
                let into = &mut own[row * width..(row + 1) * width];
                say(&prior, &words, sparse.row(row).map(|(word, _)| word), into);
            }
        }
        Ok((evidence, Dense { width, values: own }))
    }

    /// The words.
    pub(crate) fn terms(&self) -> &Terms {
        &self.terms
    }

    /// Numbers a row: one for two classes, else one a class.
    pub(crate) fn width(&self) -> usize {
        if self.prior.len() == 2 { 1 } else { self.prior.len() }
    }

    /// What the words of rows say.
    pub(crate) fn apply(&self, sparse: &Sparse) -> Dense {
        let width = self.width();
        let mut values = vec![0.0; sparse.rows() * width];
        values.par_chunks_mut(width).enumerate().for_each(|(row, into)| {
            say(&self.prior, &self.words, sparse.row(row).map(|(word, _)| word), into);
        });
        Dense { width, values }
    }

    /// Whether evidence that was read can be used.
    pub(crate) fn sound(&self) -> bool {
        self.terms.sound(false)
            && self.prior.len() > 1
            && self.words.len() == self.terms.words().len() * self.prior.len()
            && self.prior.iter().chain(&self.words).all(|number| number.is_finite())
    }
}

/// The log-odds of the second of two classes, or the logarithm of each of more less their mean.
fn say(prior: &[f64], words: &[f64], of: impl Iterator<Item = usize>, into: &mut [f64]) {
    let count = prior.len();
    let mut sums = prior.to_vec();
    for word in of {
        sums.iter_mut().zip(&words[word * count..]).for_each(|(sum, of)| *sum += of);
    }
    match into {
        [odds] => *odds = sums[1] - sums[0],
        _ => {
            let mean = sums.iter().sum::<f64>() / count as f64;
            into.iter_mut().zip(&sums).for_each(|(into, sum)| *into = sum - mean);
        }
    }
}
