//! How a recipe declares which rows train, validate and test.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::source::Problem;

/// Which rows belong to which part: by fractions, by folds or by a column, one of the three.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Split {
    /// Fraction of the rows to train on, above 0 and at most 1.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub train: Option<f64>,
    /// Fraction of the rows to validate on while training.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub valid: Option<f64>,
    /// Fraction of the rows kept apart for the final evaluation.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub test: Option<f64>,
    /// A column whose values each keep the same fractions.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stratify: Option<String>,
    /// Seed of the split; where absent, the recipe's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub seed: Option<u64>,
    /// A column whose cells are `train`, `valid` or `test` (also `validation`, `val`, `dev`).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub column: Option<String>,
    /// A column whose equal cells stay in one part: a hotel, a patient, an author.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub group: Option<String>,
    /// A column of numbers or ISO 8601 dates: the earliest rows train, later ones validate, the latest test.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub time: Option<String>,
    /// Into how many equal folds the rows are cut: one is tested on, the others are trained on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 2, max = 1000))]
    pub folds: Option<u32>,
    /// Which of the folds is tested on, from 0. Of the other rows, the fraction `valid` validates: other ones in each fold.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fold: Option<u32>,
}

/// A part of a data set.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Part {
    /// The rows that weights, vocabularies and dictionaries are fitted on.
    Train,
    /// The rows that decide when to stop.
    Valid,
    /// The rows that only an evaluation sees.
    Test,
}

impl Split {
    /// Everything wrong with the declaration; an empty list means that it can be carried out.
    pub fn problems(&self) -> Vec<Problem> {
        if self.column.is_some() {
            let useless =
                ["train", "valid", "test", "stratify", "seed", "group", "time", "folds", "fold"].as_slice();
            return self.useless(useless, "where a column says the part of each row", "column");
        }
        let mut problems = Vec::new();
        if self.group.is_some() {
            problems.extend(self.useless(&["stratify"], "where groups stay together", "group"));
        }
        if self.time.is_some() {
            let useless = ["stratify", "seed", "group", "folds", "fold"].as_slice();
            problems.extend(self.useless(useless, "where time decides", "time"));
        }
        if self.folds.is_some() || self.fold.is_some() {
            problems.extend(self.fold_problems());
        } else {
            problems.extend(self.fraction_problems());
        }
        problems
    }

    /// Fields that are given, but say nothing beside another.
    fn useless(&self, fields: &[&str], why: &str, beside: &str) -> Vec<Problem> {
        let given = [
            ("train", self.train.is_some()),
            ("valid", self.valid.is_some()),
            ("test", self.test.is_some()),
            ("stratify", self.stratify.is_some()),
            ("seed", self.seed.is_some()),
            ("group", self.group.is_some()),
            ("time", self.time.is_some()),
            ("folds", self.folds.is_some()),
            ("fold", self.fold.is_some()),
        ];
        let given = given.into_iter().filter(|(field, given)| *given && fields.contains(field));
        given
            .map(|(field, _)| {
                let message = format!("`{field}` means nothing {why}");
                Problem::new(field, message, format!("remove `{field}` or `{beside}`"))
            })
            .collect()
    }

    fn fold_problems(&self) -> Vec<Problem> {
        let mut problems = self.useless(&["train", "test"], "where folds say what is tested on", "folds");
        match (self.folds, self.fold) {
            (Some(folds), Some(fold)) if fold >= folds => problems.push(Problem::new(
                "fold",
                format!("there is no fold {fold} of {folds}"),
                format!("folds are counted from 0 to {}", folds.saturating_sub(1)),
            )),
            (Some(folds), None) => problems.push(Problem::new(
                "folds",
                "the split does not say which fold is tested on",
                format!("add fold = 0, up to {}", folds.saturating_sub(1)),
            )),
            (None, _) => problems.push(Problem::new(
                "fold",
                "the split does not say how many folds there are",
                "for example folds = 5",
            )),
            _ => {}
        }
        if let Some(valid) = self.valid.filter(|valid| !(*valid > 0.0 && *valid < 1.0)) {
            let message = format!("the fraction {valid} is not above 0 and below 1");
            problems.push(Problem::new("valid", message, "leave it out to validate on no rows"));
        }
        problems
    }

    fn fraction_problems(&self) -> Vec<Problem> {
        let mut problems = Vec::new();
        let fractions = self.fractions();
        if fractions.is_empty() {
            problems.push(Problem::new(
                "train",
                "the split says neither fractions nor a column",
                "for example { train = 0.8, valid = 0.2 } or { column = \"part\" }",
            ));
            return problems;
        }
        for (part, fraction) in &fractions {
            if !(*fraction > 0.0 && *fraction <= 1.0) {
                problems.push(Problem::new(
                    part.name(),
                    format!("the fraction {fraction} is not above 0 and at most 1"),
                    "leave a part out to give it no rows",
                ));
            }
        }
        let sum: f64 = fractions.iter().map(|(_, fraction)| fraction).sum();
        if problems.is_empty() && (sum - 1.0).abs() > 1e-6 {
            let (last, fraction) = fractions[fractions.len() - 1];
            let rest = 1.0 - (sum - fraction);
            let hint = if rest > 0.0 {
                format!("{} = {} would make it 1", last.name(), (rest * 1e6).round() / 1e6)
            } else {
                "make the fractions smaller".into()
            };
            let sum = (sum * 1e6).round() / 1e6;
            problems.push(Problem::new(last.name(), format!("the fractions add up to {sum}, not 1"), hint));
        }
        problems
    }

    /// The parts that the split makes, in order; a column may make all.
    pub fn parts(&self) -> Vec<Part> {
        if self.column.is_some() {
            return Part::ALL.to_vec();
        }
        if self.folds.is_some() {
            let valid = self.valid.map(|_| Part::Valid);
            return [Some(Part::Train), valid, Some(Part::Test)].into_iter().flatten().collect();
        }
        self.fractions().into_iter().map(|(part, _)| part).collect()
    }

    /// Whether the split draws by a seed.
    pub fn draws(&self) -> bool {
        self.column.is_none() && self.time.is_none()
    }

    /// The declared fractions in the order train, valid, test.
    pub fn fractions(&self) -> Vec<(Part, f64)> {
        let declared = [(Part::Train, self.train), (Part::Valid, self.valid), (Part::Test, self.test)];
        declared.into_iter().filter_map(|(part, fraction)| Some((part, fraction?))).collect()
    }
}

impl Part {
    /// Every part, in order.
    pub const ALL: [Self; 3] = [Self::Train, Self::Valid, Self::Test];

    /// The part's name in recipes and files.
    pub fn name(self) -> &'static str {
        match self {
            Self::Train => "train",
            Self::Valid => "valid",
            Self::Test => "test",
        }
    }

    /// The part that a cell of a split column names, whatever its case.
    pub fn parse(cell: &str) -> Option<Self> {
        match cell.trim().to_ascii_lowercase().as_str() {
            "train" | "training" => Some(Self::Train),
            "valid" | "validation" | "val" | "dev" => Some(Self::Valid),
            "test" => Some(Self::Test),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn split(text: &str) -> Split {
        serde_json::from_str(text).unwrap()
    }

    #[test]
    fn a_split_says_all_that_is_wrong() {
        assert!(split(r#"{"train":0.64,"valid":0.16,"test":0.2,"stratify":"label"}"#).problems().is_empty());
        assert!(split(r#"{"train":1}"#).problems().is_empty());
        assert!(split(r#"{"column":"part"}"#).problems().is_empty());
        assert!(split(r#"{"folds":5,"fold":4,"valid":0.2,"group":"hotel","seed":3}"#).problems().is_empty());
        assert!(split(r#"{"train":0.5,"test":0.5,"time":"date"}"#).problems().is_empty());
        let short = split(r#"{"train":0.6,"valid":0.3}"#).problems();
        assert_eq!(short[0].message, "the fractions add up to 0.9, not 1");
        assert_eq!(short[0].hint.as_deref(), Some("valid = 0.4 would make it 1"));
        let fields =
            |text| split(text).problems().into_iter().map(|problem| problem.field).collect::<Vec<_>>();
        assert_eq!(fields(r#"{"train":0,"valid":1.5}"#), ["train", "valid"]);
        assert_eq!(fields(r#"{"column":"p","train":0.5,"seed":3,"fold":1}"#), ["train", "seed", "fold"]);
        assert_eq!(fields("{}"), ["train"]);
        assert_eq!(fields(r#"{"folds":5,"fold":5,"train":0.5}"#), ["train", "fold"]);
        assert_eq!(fields(r#"{"folds":5,"valid":1}"#), ["folds", "valid"]);
        assert_eq!(fields(r#"{"fold":0}"#), ["fold"]);
        assert_eq!(fields(r#"{"train":1,"group":"g","stratify":"s"}"#), ["stratify"]);
        assert_eq!(fields(r#"{"train":1,"time":"t","group":"g","seed":1}"#), ["seed", "group"]);
    }

    #[test]
    fn splits_name_their_parts() {
        assert_eq!(split(r#"{"folds":5,"fold":0}"#).parts(), [Part::Train, Part::Test]);
        assert_eq!(split(r#"{"folds":5,"fold":0,"valid":0.1}"#).parts(), Part::ALL);
        assert_eq!(split(r#"{"train":0.5,"valid":0.5}"#).parts(), [Part::Train, Part::Valid]);
    }

    #[test]
    fn split_cells_have_synonyms() {
        assert_eq!(Part::parse(" Dev "), Some(Part::Valid));
        assert_eq!(Part::parse("holdout"), None);
    }
}
