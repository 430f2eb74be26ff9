//! What a model said of rows beside what is true, and every metric of it.

use std::borrow::Cow;
use std::sync::OnceLock;

use rayon::prelude::*;
use stages::Metric;

use crate::confusion::{Average, Confusion, Counts};
use crate::curves::{average_precision, calibration, calibration_error, precision_recall};
use crate::mean_defined;
use crate::numbers::Numbers;
use crate::probabilities::{
    brier, brier_of_classes, log_loss_of_class, log_loss_of_yes, sigmoid, softmax, top_k,
};
use crate::ranking::{auc, auc_one_vs_one, one_vs_rest};
use crate::tagging::Tagging;
use crate::weights::Weights;

/// What a model said of rows, and what is true of them.
#[derive(Debug, Clone)]
pub enum Predictions<'a> {
    /// One class a row.
    Classes(Classes<'a>),
    /// Any number of labels a row.
    MultiLabel(MultiLabel<'a>),
    /// A number a row.
    Numbers(Numbers),
    /// Tags of the words of a row.
    Tags(Tagging),
}

/// Rows of one class each.
#[derive(Debug, Clone)]
pub struct Classes<'a> {
    /// Logits `[rows, width]`, row-major; one a row for two classes.
    logits: Cow<'a, [f32]>,
    width: usize,
    labels: Cow<'a, [u32]>,
    threshold: Option<f64>,
    temperature: f64,
    probabilities: OnceLock<Vec<f64>>,
}

/// Rows of any number of labels each.
#[derive(Debug, Clone)]
pub struct MultiLabel<'a> {
    /// Logits `[rows, labels]`, row-major.
    logits: Cow<'a, [f32]>,
    width: usize,
    /// Whether a row has a label, `[rows, labels]`.
    truth: Cow<'a, [bool]>,
}

impl<'a> Classes<'a> {
    /// Logits `[rows, width]`, row-major, one or two a row for two classes, beside the true classes.
    pub fn new(logits: &'a [f32], width: usize, labels: impl Into<Cow<'a, [u32]>>) -> Self {
        // Of two classes only the difference matters.
        let (logits, width) = match width {
            2 => (logits.as_chunks::<2>().0.iter().map(|[first, second]| second - first).collect(), 1),
            _ => (Cow::Borrowed(logits), width.max(1)),
        };
        Classes {
            logits,
            width,
            labels: labels.into(),
            threshold: None,
            temperature: 1.0,
            probabilities: OnceLock::new(),
        }
    }

    /// With probabilities of the logits divided by `temperature`.
    #[must_use]
    pub fn calibrated(self, temperature: f64) -> Self {
        Classes { temperature, probabilities: OnceLock::new(), ..self }
    }

    /// With the second of two classes chosen from this probability on, instead of above a half.
    #[must_use]
    pub fn from_threshold(self, threshold: f64) -> Self {
        Classes { threshold: Some(threshold), ..self }
    }

    /// Number of classes.
    pub fn classes(&self) -> usize {
        self.width.max(2)
    }

    fn rows(
        &self,
        temperature: f64,
    ) -> impl ExactSizeIterator<Item = impl Iterator<Item = f64> + Clone + '_> {
        self.logits
            .chunks_exact(self.width)
            .map(move |row| row.iter().map(move |&logit| f64::from(logit) / temperature))
    }

    /// Probabilities `[rows, width]`: of the second class with one logit a row, else of every class.
    pub fn probabilities(&self) -> &[f64] {
        self.probabilities.get_or_init(|| match self.width {
            1 => self.rows(self.temperature).flatten().map(sigmoid).collect(),
            _ => self.rows(self.temperature).flat_map(softmax).collect(),
        })
    }

    /// The class chosen for each row: with one logit a row class 1 from the threshold on, or above 0; else the first of
    /// the largest.
    pub fn chosen(&self) -> Vec<u32> {
        match (self.width, self.threshold) {
            (1, Some(threshold)) => self.probabilities().iter().map(|&p| u32::from(p >= threshold)).collect(),
            (1, None) => self.logits.iter().map(|&logit| u32::from(logit > 0.0)).collect(),
            (width, _) => {
                let largest =
                    |row: &[f32]| (1..width).fold(0, |best, at| if row[at] > row[best] { at } else { best });
                self.logits.chunks_exact(width).map(|row| largest(row) as u32).collect()
            }
        }
    }

    /// Whether each row is of the second class.
    pub fn positive(&self) -> Vec<bool> {
        self.labels.iter().map(|&label| label == 1).collect()
    }

    /// Rows by class and by chosen class; `None` where a score is not a number.
    pub fn confusion(&self, weights: &Weights<'_>) -> Option<Confusion> {
        let known = !self.logits.iter().any(|logit| logit.is_nan());
        known.then(|| Confusion::new(self.classes(), &self.labels, &self.chosen(), weights))
    }

    /// Some of the rows, in the order given.
    #[must_use]
    pub fn only(&self, rows: &[u32]) -> Classes<'static> {
        Classes {
            logits: pick(&self.logits, self.width, rows).into(),
            labels: pick(&self.labels, 1, rows).into(),
            probabilities: OnceLock::new(),
            ..*self
        }
    }

    fn measure(&self, metric: Metric, weights: &Weights<'_>) -> Option<f64> {
        let (classes, labels) = (self.classes(), &self.labels[..]);
        if metric.needs_choice() {
            return by_choice(metric, &self.confusion(weights)?);
        }
        match metric {
            Metric::Loss => return self.log_loss(1.0, weights),
            Metric::LogLoss => return self.log_loss(self.temperature, weights),
            _ => {}
        }
        if self.width == 1 {
            return self.measure_two(metric, weights);
        }
        let probabilities = || self.probabilities();
        match metric {
            // That the class is among all of them says nothing.
            Metric::TopK(k) if (k as usize) < classes => {
                top_k(&self.logits, classes, labels, k as usize, weights)
            }
            Metric::Auc => one_vs_rest(auc, probabilities(), labels, false, weights),
            Metric::AucWeighted => one_vs_rest(auc, probabilities(), labels, true, weights),
            Metric::AucOvo => auc_one_vs_one(probabilities(), classes, labels, false),
            Metric::AucOvoWeighted => auc_one_vs_one(probabilities(), classes, labels, true),
            Metric::AveragePrecision => one_vs_rest(average, probabilities(), labels, false, weights),
            Metric::Brier => brier_of_classes(probabilities(), classes, labels, weights),
            Metric::CalibrationError(bins) => {
                let chosen = self.chosen();
                let rows = probabilities().chunks_exact(classes).zip(&chosen);
                let scores: Vec<f64> = rows.map(|(row, &class)| row[class as usize]).collect();
                let right: Vec<bool> =
                    chosen.iter().zip(labels).map(|(chosen, label)| chosen == label).collect();
                expected_error(&scores, &right, bins, weights)
            }
            _ => None,
        }
    }

    fn log_loss(&self, temperature: f64, weights: &Weights<'_>) -> Option<f64> {
        let rows = self.rows(temperature).zip(&self.labels[..]);
        match self.width {
            1 => weights
                .mean(rows.map(|(row, &label)| row.map(|logit| log_loss_of_yes(logit, label == 1)).sum())),
            _ => weights.mean(rows.map(|(row, &label)| log_loss_of_class(row, label))),
        }
    }

    fn measure_two(&self, metric: Metric, weights: &Weights<'_>) -> Option<f64> {
        let positive = self.positive();
        let logits = || self.rows(self.temperature).flatten().collect::<Vec<_>>();
        match metric {
            // Of logits: probabilities near 1 are equal where their logits are not.
            Metric::Auc => auc(&logits(), &positive, weights),
            Metric::AveragePrecision => average(&logits(), &positive, weights),
            Metric::Brier => brier(self.probabilities(), &positive, weights),
            Metric::CalibrationError(bins) => expected_error(self.probabilities(), &positive, bins, weights),
            _ => None,
        }
    }
}

impl<'a> MultiLabel<'a> {
    /// Logits `[rows, width]`, row-major, beside whether a row has a label.
    pub fn new(logits: impl Into<Cow<'a, [f32]>>, width: usize, truth: impl Into<Cow<'a, [bool]>>) -> Self {
        MultiLabel { logits: logits.into(), width: width.max(1), truth: truth.into() }
    }

    /// Some of the rows, in the order given.
    #[must_use]
    pub fn only(&self, rows: &[u32]) -> MultiLabel<'static> {
        MultiLabel {
            logits: pick(&self.logits, self.width, rows).into(),
            width: self.width,
            truth: pick(&self.truth, self.width, rows).into(),
        }
    }

    /// Counts by label; a label is chosen above a probability of a half.
    pub fn counts(&self, weights: &Weights<'_>) -> Vec<Counts> {
        let mut counts = vec![Counts::default(); self.width];
        for (at, (&logit, &truth)) in self.logits.iter().zip(&*self.truth).enumerate() {
            let (counts, weight) = (&mut counts[at % self.width], weights.of(at / self.width));
            match (logit > 0.0, truth) {
                (true, true) => counts.right += weight,
                (true, false) => counts.wrong += weight,
                (false, true) => counts.missed += weight,
                (false, false) => {}
            }
        }
        counts
    }

    fn accuracy(&self, weights: &Weights<'_>) -> Option<f64> {
        let rows = self.logits.chunks_exact(self.width).zip(self.truth.chunks_exact(self.width));
        weights.mean(rows.map(|(logits, truth)| {
            let right = logits.iter().zip(truth).all(|(&logit, &truth)| (logit > 0.0) == truth);
            f64::from(u8::from(right))
        }))
    }

    /// The mean of a value over the labels for which it is defined.
    fn by_label(
        &self,
        value: impl Fn(&[f64], &[bool], &Weights<'_>) -> Option<f64> + Sync,
        weighted: bool,
        weights: &Weights<'_>,
    ) -> Option<f64> {
        let one = |label: usize| {
            let own = self.logits.iter().skip(label).step_by(self.width);
            let scores: Vec<f64> = own.map(|&logit| f64::from(logit)).collect();
            let truth: Vec<bool> = self.truth.iter().skip(label).step_by(self.width).copied().collect();
            let rows = (0..truth.len()).filter(|&row| truth[row]).map(|row| weights.of(row)).sum();
            (value(&scores, &truth, weights), if weighted { rows } else { 1.0 })
        };
        let values: Vec<_> = (0..self.width).into_par_iter().map(one).collect();
        mean_defined(values.into_iter())
    }

    fn probabilities(&self) -> Vec<f64> {
        self.logits.iter().map(|&logit| sigmoid(f64::from(logit))).collect()
    }

    fn measure(&self, metric: Metric, weights: &Weights<'_>) -> Option<f64> {
        if self.logits.iter().any(|logit| logit.is_nan()) {
            return None;
        }
        match metric {
            Metric::Accuracy => self.accuracy(weights),
            Metric::Auc => self.by_label(auc, false, weights),
            Metric::AucWeighted => self.by_label(auc, true, weights),
            Metric::AveragePrecision => self.by_label(average, false, weights),
            Metric::LogLoss | Metric::Loss => {
                let values = self.logits.iter().zip(&*self.truth);
                let losses = values.map(|(&logit, &truth)| log_loss_of_yes(f64::from(logit), truth));
                weights.of_values(self.width).mean(losses)
            }
            Metric::Brier => brier(&self.probabilities(), &self.truth, &weights.of_values(self.width)),
            Metric::CalibrationError(bins) => {
                expected_error(&self.probabilities(), &self.truth, bins, &weights.of_values(self.width))
            }
            _ => by_counts(metric, Average::Macro, &self.counts(weights)),
        }
    }
}

impl Predictions<'_> {
    /// A metric of these rows; `None` where it is not defined for them. The loss is the plain one: cross-entropy without
    /// calibration, or the squared error.
    pub fn measure(&self, metric: Metric) -> Option<f64> {
        self.weighted(metric, &Weights::default())
    }

    /// A metric that counts rows by their weights; `None` also for one that scikit-learn has no weights for.
    pub fn weighted(&self, metric: Metric, weights: &Weights<'_>) -> Option<f64> {
        if weights.are_given() && !metric.takes_weights() {
            return None;
        }
        match self {
            Predictions::Classes(classes) => classes.measure(metric, weights),
            Predictions::MultiLabel(labels) => labels.measure(metric, weights),
            Predictions::Numbers(numbers) => numbers.measure(metric, weights),
            Predictions::Tags(tagging) => tagging.measure(metric, weights),
        }
    }

    /// Some of the rows, in the order given.
    #[must_use]
    pub fn only(&self, rows: &[u32]) -> Predictions<'static> {
        match self {
            Predictions::Classes(classes) => Predictions::Classes(classes.only(rows)),
            Predictions::MultiLabel(labels) => Predictions::MultiLabel(labels.only(rows)),
            Predictions::Tags(tagging) => Predictions::Tags(tagging.only(rows)),
            Predictions::Numbers(Numbers { values, truth }) => {
                Predictions::Numbers(Numbers { values: pick(values, 1, rows), truth: pick(truth, 1, rows) })
            }
        }
    }
}

impl Tagging {
    fn measure(&self, metric: Metric, weights: &Weights<'_>) -> Option<f64> {
        match metric {
            _ if self.is_unknown() => None,
            Metric::Accuracy => self.accuracy(weights),
            Metric::Loss => self.loss(weights),
            _ => {
                let entities = self.set().spells_entities();
                let average = if entities { Average::Micro } else { Average::Macro };
                by_counts(metric, average, &self.counts(weights))
            }
        }
    }
}

impl Numbers {
    fn measure(&self, metric: Metric, weights: &Weights<'_>) -> Option<f64> {
        match metric {
            Metric::Mae => self.mae(weights),
            Metric::Mse | Metric::Loss => self.mse(weights),
            Metric::Rmse => self.rmse(weights),
            Metric::R2 => self.r2(weights),
            Metric::Mape => self.mape(weights),
            Metric::Spearman => self.spearman(),
            Metric::MaxError => self.max_error(),
            Metric::ExplainedVariance => self.explained_variance(weights),
            _ => None,
        }
    }
}

/// A metric that follows from the chosen classes.
pub(crate) fn by_choice(metric: Metric, confusion: &Confusion) -> Option<f64> {
    match metric {
        Metric::Accuracy => confusion.accuracy(),
        Metric::BalancedAccuracy => confusion.balanced_accuracy(),
        Metric::Matthews => confusion.matthews(),
        Metric::Kappa => confusion.kappa(),
        _ => match &confusion.counts()[..] {
            // The micro average of the second class alone is its value.
            counts @ [_, second] => match metric {
                Metric::Precision | Metric::Recall | Metric::F1 => {
                    by_counts(metric, Average::Micro, std::slice::from_ref(second))
                }
                _ => by_counts(metric, Average::Macro, counts),
            },
            counts => by_counts(metric, Average::Macro, counts),
        },
    }
}

/// Precision, recall or F1; `default` is the average of those that say none.
fn by_counts(metric: Metric, default: Average, counts: &[Counts]) -> Option<f64> {
    let (value, average): (fn(&Counts) -> Option<f64>, Average) = match metric {
        Metric::Precision => (Counts::precision, default),
        Metric::PrecisionMacro => (Counts::precision, Average::Macro),
        Metric::PrecisionMicro => (Counts::precision, Average::Micro),
        Metric::PrecisionWeighted => (Counts::precision, Average::Weighted),
        Metric::Recall => (Counts::recall, default),
        Metric::RecallMacro => (Counts::recall, Average::Macro),
        Metric::RecallMicro => (Counts::recall, Average::Micro),
        Metric::RecallWeighted => (Counts::recall, Average::Weighted),
        Metric::F1 => (Counts::f1, default),
        Metric::F1Macro => (Counts::f1, Average::Macro),
        Metric::F1Micro => (Counts::f1, Average::Micro),
        Metric::F1Weighted => (Counts::f1, Average::Weighted),
        _ => return None,
    };
    average.of(value, counts)
}

fn average(scores: &[f64], positive: &[bool], weights: &Weights<'_>) -> Option<f64> {
    precision_recall(scores, positive, weights).map(|curve| average_precision(&curve))
}

fn expected_error(scores: &[f64], positive: &[bool], bins: u32, weights: &Weights<'_>) -> Option<f64> {
    let bins = calibration(scores, positive, bins as usize, weights)?;
    (!bins.is_empty()).then(|| calibration_error(&bins))
}

/// Rows of `[rows, width]` values.
fn pick<T: Copy>(values: &[T], width: usize, rows: &[u32]) -> Vec<T> {
    let row = |&row: &u32| values[row as usize * width..(row as usize + 1) * width].iter().copied();
    rows.iter().flat_map(row).collect()
}
