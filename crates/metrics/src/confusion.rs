//! What follows from the classes that were chosen alone: rows by class and by chosen class.

use crate::mean_defined;
use crate::weights::Weights;

/// Rows by class and by the class that was chosen.
#[derive(Debug, Clone, PartialEq)]
pub struct Confusion {
    classes: usize,
    /// `[classes, classes]`, row-major: the true class, then the chosen one.
    counts: Vec<f64>,
}

/// How often a class was chosen, rightly or not.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Counts {
    /// Rows of the class for which it was chosen.
    pub right: f64,
    /// Rows of other classes for which it was chosen.
    pub wrong: f64,
    /// Rows of the class for which another was chosen.
    pub missed: f64,
}

/// How the values of several classes make one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Average {
    /// The mean over the classes.
    Macro,
    /// The value of the counts of all classes together.
    Micro,
    /// The mean over the classes, weighted by their rows.
    Weighted,
}

impl Counts {
    /// Rows of the class.
    pub fn rows(&self) -> f64 {
        self.right + self.missed
    }

    /// Share of the rows for which the class was chosen that are of it; `None` where it never was.
    pub fn precision(&self) -> Option<f64> {
        share(self.right, self.right + self.wrong)
    }

    /// Share of the rows of the class for which it was chosen; `None` where there are none.
    pub fn recall(&self) -> Option<f64> {
        share(self.right, self.rows())
    }

    /// Harmonic mean of precision and recall; `None` where the class neither is nor was chosen.
    pub fn f1(&self) -> Option<f64> {
        share(2.0 * self.right, 2.0 * self.right + self.wrong + self.missed)
    }
}

impl Average {
    /// One value of several classes, as scikit-learn with `zero_division=nan`: classes for which the value is not
    /// defined are left out.
    pub fn of(self, value: impl Fn(&Counts) -> Option<f64>, classes: &[Counts]) -> Option<f64> {
        match self {
            Average::Macro => mean_defined(classes.iter().map(|counts| (value(counts), 1.0))),
            Average::Weighted => mean_defined(classes.iter().map(|counts| (value(counts), counts.rows()))),
            Average::Micro => value(&classes.iter().fold(Counts::default(), |sum, of| Counts {
                right: sum.right + of.right,
                wrong: sum.wrong + of.wrong,
                missed: sum.missed + of.missed,
            })),
        }
    }
}

fn share(part: f64, all: f64) -> Option<f64> {
    (all > 0.0).then(|| part / all)
}

impl Confusion {
    /// Counts rows, each by its weight; those whose class or chosen class is not below `classes` are left out.
    pub fn new(classes: usize, labels: &[u32], chosen: &[u32], weights: &Weights<'_>) -> Self {
        let mut counts = vec![0.0; classes * classes];
        let inside = |class: u32| (class as usize) < classes;
        for (row, (&label, &chosen)) in labels.iter().zip(chosen).enumerate() {
            if inside(label) && inside(chosen) {
                counts[label as usize * classes + chosen as usize] += weights.of(row);
            }
        }
        Confusion { classes, counts }
    }

    /// Two classes, from what was counted.
    pub(crate) fn of_two(second: Counts, rows: f64) -> Self {
        let Counts { right, wrong, missed } = second;
        Confusion { classes: 2, counts: vec![rows - right - wrong - missed, wrong, missed, right] }
    }

    /// The number of classes.
    pub fn classes(&self) -> usize {
        self.classes
    }

    /// Rows of each class, by the class that was chosen.
    pub fn rows(&self) -> impl ExactSizeIterator<Item = &[f64]> {
        self.counts.chunks(self.classes.max(1))
    }

    /// Counts by class.
    pub fn counts(&self) -> Vec<Counts> {
        let class = |class: usize| {
            let right = self.counts[class * self.classes + class];
            let chosen: f64 = self.rows().map(|row| row[class]).sum();
            let all: f64 = self.counts[class * self.classes..(class + 1) * self.classes].iter().sum();
            Counts { right, wrong: chosen - right, missed: all - right }
        };
        (0..self.classes).map(class).collect()
    }

    /// Rows, rows that are right, and for each class its rows and the rows for which it was chosen.
    fn totals(&self) -> (f64, f64, Vec<(f64, f64)>) {
        let counts = self.counts();
        let right = counts.iter().map(|of| of.right).sum();
        let all = self.counts.iter().sum();
        let pairs = counts.iter().map(|of| (of.rows(), of.right + of.wrong)).collect();
        (all, right, pairs)
    }

    /// Share of rows whose class was chosen.
    pub fn accuracy(&self) -> Option<f64> {
        let (all, right, _) = self.totals();
        (all > 0.0).then(|| right / all)
    }

    /// Mean recall over the classes that have rows (`balanced_accuracy_score`).
    pub fn balanced_accuracy(&self) -> Option<f64> {
        Average::Macro.of(Counts::recall, &self.counts())
    }

    /// Matthews' correlation coefficient (Matthews 1975; for several classes Gorodkin 2004): 0 where one class was
    /// chosen for all rows, `None` where all rows are of one class.
    pub fn matthews(&self) -> Option<f64> {
        let (all, right, pairs) = self.totals();
        let sum = |of: fn(&(f64, f64)) -> f64| pairs.iter().map(of).sum::<f64>();
        let covariance = right * all - sum(|(t, c)| t * c);
        let (truth, chosen) = (all * all - sum(|(t, _)| t * t), all * all - sum(|(_, c)| c * c));
        match (truth > 0.0, chosen > 0.0) {
            (false, _) => None,
            (true, false) => Some(0.0),
            (true, true) => Some(covariance / (truth * chosen).sqrt()),
        }
    }

    /// Cohen's kappa (Cohen 1960), unweighted: agreement beyond chance. `None` where chance alone agrees.
    pub fn kappa(&self) -> Option<f64> {
        let (all, right, pairs) = self.totals();
        let chance: f64 = pairs.iter().map(|(t, c)| t * c).sum::<f64>() / all;
        (all > chance).then(|| (right - chance) / (all - chance))
    }
}
