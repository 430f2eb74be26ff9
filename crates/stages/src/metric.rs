//! The table of metrics: what each is called, for which targets it is, and which way is better.

use std::fmt;

use data::LabelKind;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// A number that says how good predictions are. Definitions and values are scikit-learn's where it has them; averages
/// over classes leave out those for which a value is not defined (`zero_division=nan`).
///
/// Of tags with `B-` and `I-` (IOB1, IOB2, BIOES) precision, recall and F1 are of entities, each right where its type, its
/// first word and its last are, as seqeval counts them where it is not strict: of all together, or with `-macro` and
/// `-weighted` the mean over their types. Of other tags they are of words: the mean over the tags, or with `-micro` of all
/// together.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Metric {
    /// Mean loss over the rows: in training of what is minimised, in evaluations the plain cross-entropy or squared error.
    Loss,
    /// Share of rows whose chosen class is right; of labels that a row may have several of, share of rows with all right;
    /// of tags, share of words.
    Accuracy,
    /// Mean over the classes of the share of their rows that are right.
    BalancedAccuracy,
    /// Share of rows whose class is among the k most likely, as `{ top-k = 5 }`.
    TopK(#[schemars(range(min = 1, max = 1000))] u32),
    /// Area under the ROC curve; ties count half. For several classes the mean of one against the rest.
    Auc,
    /// AUC of each class against the rest, weighted by the classes' rows.
    AucWeighted,
    /// Mean AUC over all pairs of classes (Hand and Till 2001).
    AucOvo,
    /// Mean AUC over all pairs of classes, weighted by the pairs' rows.
    AucOvoWeighted,
    /// Precisions at every threshold weighted by the recall that each adds; for several classes the mean of one against
    /// the rest.
    AveragePrecision,
    /// Of the rows for which a class was chosen, the share that are of it: of the second of two classes, else the mean
    /// over the classes.
    Precision,
    /// Mean precision over the classes, of two classes too.
    PrecisionMacro,
    /// Precision of the counts of all classes together.
    PrecisionMicro,
    /// Mean precision over the classes, weighted by their rows.
    PrecisionWeighted,
    /// Of the rows of a class, the share for which it was chosen: of the second of two classes, else the mean over the
    /// classes.
    Recall,
    /// Mean recall over the classes, of two classes too.
    RecallMacro,
    /// Recall of the counts of all classes together.
    RecallMicro,
    /// Mean recall over the classes, weighted by their rows.
    RecallWeighted,
    /// Harmonic mean of precision and recall: of the second of two classes, else the mean over the classes.
    F1,
    /// Mean F1 over the classes, of two classes too.
    F1Macro,
    /// F1 of the counts of all classes together.
    F1Micro,
    /// Mean F1 over the classes, weighted by their rows.
    F1Weighted,
    /// Matthews' correlation coefficient (Matthews 1975; for several classes Gorodkin 2004).
    Matthews,
    /// Cohen's kappa (Cohen 1960): agreement with the truth beyond that of chance.
    Kappa,
    /// Mean of -ln of the probability of what is true, after calibration where there is one.
    LogLoss,
    /// Mean squared distance of the probability from 0 or 1 (Brier 1950), after calibration where there is one; for
    /// several classes summed over them.
    Brier,
    /// Expected calibration error with that many bins of equal width (Guo et al. 2017), as `{ calibration-error = 15 }`:
    /// of the probability of the second of two classes, else of the chosen class's.
    CalibrationError(#[schemars(range(min = 1, max = 1000))] u32),
    /// Mean absolute error.
    Mae,
    /// Mean squared error.
    Mse,
    /// Root of the mean squared error.
    Rmse,
    /// Coefficient of determination.
    R2,
    /// Mean absolute error as a share of the true value; not defined where one is 0.
    Mape,
    /// Spearman's rank correlation.
    Spearman,
    /// The largest absolute error.
    MaxError,
    /// As R², but a constant offset costs nothing.
    ExplainedVariance,
}

/// A line of the table.
struct Declared {
    metric: Metric,
    name: &'static str,
    larger_is_better: bool,
    fits: Fits,
}

/// What a metric is for.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Fits {
    /// Every label.
    All,
    /// Classes, one or several of them a row.
    Classes,
    /// Classes, one or several of them a row, or tags of words.
    Chosen,
    /// One class a row.
    Choice,
    /// More than two classes, one or several of them a row.
    Several,
    /// One of more than two classes a row.
    Multiclass,
    /// A number.
    Number,
}

const fn more(metric: Metric, name: &'static str, fits: Fits) -> Declared {
    Declared { metric, name, larger_is_better: true, fits }
}

const fn less(metric: Metric, name: &'static str, fits: Fits) -> Declared {
    Declared { metric, name, larger_is_better: false, fits }
}

/// Every metric; those with a number have any number here.
const METRICS: &[Declared] = &[
    less(Metric::Loss, "loss", Fits::All),
    more(Metric::Accuracy, "accuracy", Fits::Chosen),
    more(Metric::BalancedAccuracy, "balanced-accuracy", Fits::Choice),
    more(Metric::TopK(1), "top", Fits::Multiclass),
    more(Metric::Auc, "auc", Fits::Classes),
    more(Metric::AucWeighted, "auc-weighted", Fits::Several),
    more(Metric::AucOvo, "auc-ovo", Fits::Multiclass),
    more(Metric::AucOvoWeighted, "auc-ovo-weighted", Fits::Multiclass),
    more(Metric::AveragePrecision, "average-precision", Fits::Classes),
    more(Metric::Precision, "precision", Fits::Chosen),
    more(Metric::PrecisionMacro, "precision-macro", Fits::Chosen),
    more(Metric::PrecisionMicro, "precision-micro", Fits::Chosen),
    more(Metric::PrecisionWeighted, "precision-weighted", Fits::Chosen),
    more(Metric::Recall, "recall", Fits::Chosen),
    more(Metric::RecallMacro, "recall-macro", Fits::Chosen),
    more(Metric::RecallMicro, "recall-micro", Fits::Chosen),
    more(Metric::RecallWeighted, "recall-weighted", Fits::Chosen),
    more(Metric::F1, "f1", Fits::Chosen),
    more(Metric::F1Macro, "f1-macro", Fits::Chosen),
    more(Metric::F1Micro, "f1-micro", Fits::Chosen),
    more(Metric::F1Weighted, "f1-weighted", Fits::Chosen),
    more(Metric::Matthews, "matthews", Fits::Choice),
    more(Metric::Kappa, "kappa", Fits::Choice),
    less(Metric::LogLoss, "log-loss", Fits::Classes),
    less(Metric::Brier, "brier", Fits::Classes),
    less(Metric::CalibrationError(1), "calibration-error", Fits::Classes),
    less(Metric::Mae, "mae", Fits::Number),
    less(Metric::Mse, "mse", Fits::Number),
    less(Metric::Rmse, "rmse", Fits::Number),
    more(Metric::R2, "r2", Fits::Number),
    less(Metric::Mape, "mape", Fits::Number),
    more(Metric::Spearman, "spearman", Fits::Number),
    less(Metric::MaxError, "max-error", Fits::Number),
    more(Metric::ExplainedVariance, "explained-variance", Fits::Number),
];

impl Fits {
    fn label(self, label: LabelKind) -> bool {
        match label {
            LabelKind::Class => self != Fits::Number,
            LabelKind::MultiLabel => matches!(self, Fits::All | Fits::Classes | Fits::Chosen | Fits::Several),
            LabelKind::Number => matches!(self, Fits::All | Fits::Number),
            LabelKind::Tags => matches!(self, Fits::All | Fits::Chosen),
        }
    }
}

impl Metric {
    fn declared(self) -> &'static Declared {
        let same = |line: &&Declared| std::mem::discriminant(&line.metric) == std::mem::discriminant(&self);
        METRICS.iter().find(same).unwrap_or(&METRICS[0])
    }

    /// The metric's name in tables: as in recipes, a number it takes at the end, such as `top-5`.
    pub fn name(self) -> String {
        self.to_string()
    }

    /// The metric of a name in tables.
    pub fn from_name(name: &str) -> Option<Metric> {
        if let Some(line) = METRICS.iter().find(|line| line.name == name && line.metric.number().is_none()) {
            return Some(line.metric);
        }
        let (name, number) = name.rsplit_once('-')?;
        let number = number.parse().ok()?;
        match METRICS.iter().find(|line| line.name == name)?.metric {
            Metric::TopK(_) => Some(Metric::TopK(number)),
            Metric::CalibrationError(_) => Some(Metric::CalibrationError(number)),
            _ => None,
        }
    }

    /// The number that the metric takes.
    fn number(self) -> Option<u32> {
        match self {
            Metric::TopK(number) | Metric::CalibrationError(number) => Some(number),
            _ => None,
        }
    }

    /// Whether a larger value is better.
    pub fn larger_is_better(self) -> bool {
        self.declared().larger_is_better
    }

    /// Whether the metric is for labels of this kind.
    pub fn fits(self, label: LabelKind) -> bool {
        self.declared().fits.label(label)
    }

    /// Whether the metric depends on a threshold for two classes.
    pub fn needs_choice(self) -> bool {
        use Metric::{Accuracy, BalancedAccuracy, F1, F1Macro, F1Micro, F1Weighted, Kappa, Matthews};
        use Metric::{Precision, PrecisionMacro, PrecisionMicro, PrecisionWeighted};
        use Metric::{Recall, RecallMacro, RecallMicro, RecallWeighted};
        matches!(
            self,
            Accuracy
                | BalancedAccuracy
                | Matthews
                | Kappa
                | Precision
                | PrecisionMacro
                | PrecisionMicro
                | PrecisionWeighted
                | Recall
                | RecallMacro
                | RecallMicro
                | RecallWeighted
                | F1
                | F1Macro
                | F1Micro
                | F1Weighted
        )
    }

    /// Whether rows may count by their weights; scikit-learn has no such form of the others.
    pub fn takes_weights(self) -> bool {
        !matches!(self, Metric::AucOvo | Metric::AucOvoWeighted | Metric::Spearman | Metric::MaxError)
    }

    /// Whether the metric is only for more than two classes.
    pub fn needs_more_than_two(self) -> bool {
        matches!(self.declared().fits, Fits::Several | Fits::Multiclass)
    }

    /// The metrics for labels of this kind and, where known, that many classes, as recipes write them.
    pub fn names(label: LabelKind, classes: Option<usize>) -> Vec<String> {
        let two = classes == Some(2) && label == LabelKind::Class;
        let fitting = METRICS
            .iter()
            .filter(|line| line.fits.label(label) && !(two && line.metric.needs_more_than_two()));
        fitting.map(|line| line.metric.written()).collect()
    }

    fn written(self) -> String {
        match self {
            Metric::TopK(_) => "{ top-k = 5 }".to_owned(),
            Metric::CalibrationError(_) => "{ calibration-error = 15 }".to_owned(),
            _ => self.name(),
        }
    }
}

impl fmt::Display for Metric {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.declared().name)?;
        self.number().map_or(Ok(()), |number| write!(f, "-{number}"))
    }
}

/// A metric of one of a network's outputs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Measure {
    /// The output; the only one is called "".
    pub output: String,
    /// The metric.
    pub metric: Metric,
}

impl Measure {
    /// The measure of a name in tables: `auc`, or `mood auc` of an output.
    pub fn from_name(name: &str) -> Option<Measure> {
        let (output, metric) = name.rsplit_once(' ').unwrap_or(("", name));
        Some(Measure { output: output.to_owned(), metric: Metric::from_name(metric)? })
    }
}

impl fmt::Display for Measure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if !self.output.is_empty() {
            write!(f, "{} ", self.output)?;
        }
        write!(f, "{}", self.metric)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_those_of_recipes() {
        for line in METRICS {
            let written = serde_json::to_value(line.metric).unwrap();
            if line.metric.number().is_none() {
                assert_eq!(written, line.name);
            }
            assert_eq!(Metric::from_name(&line.metric.name()), Some(line.metric));
        }
        assert_eq!(Metric::TopK(5).name(), "top-5");
        assert_eq!(serde_json::to_value(Metric::TopK(5)).unwrap(), serde_json::json!({ "top-k": 5 }));
        assert_eq!(Metric::from_name("top"), None);
        assert_eq!(Metric::from_name("auc-5"), None);
    }
}
