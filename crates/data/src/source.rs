//! How a recipe declares a data source: its file, its format and its split.
//!
//! Declarations only: nothing here opens a file. `problems` says everything that is wrong with a declaration
//! that decoded, so that a check reports it before anything is read.

use std::path::Path;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// A table on disk.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Source {
    /// The file, relative to the recipe or to a data folder. May be compressed (`.gz`).
    pub path: String,
    /// How the file is laid out; where absent, the name's extension says it (`.csv`, `.tsv`, also with `.gz`).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub format: Option<Format>,
    /// Which rows train, validate and test; where absent, the rows belong to no part and all are used.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub split: Option<Split>,
    /// The column that names a row in predictions; where absent, rows are numbered from 0.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub id: Option<String>,
}

/// The layout of a table's file. Both have a header, and quoted fields with doubled quotes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Format {
    /// Fields separated by commas (RFC 4180).
    Csv,
    /// Fields separated by tabs.
    Tsv,
}

/// Which rows belong to which part: by fractions or by a column, not both.
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

/// Something wrong with a declaration: where, what, and what to do about it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// The field, as the recipe spells it: `train`, `split.column`.
    pub field: String,
    /// What is wrong, a lower-case fragment.
    pub message: String,
    /// What would put it right.
    pub hint: Option<String>,
}

impl Problem {
    fn new(field: &str, message: impl Into<String>, hint: impl Into<String>) -> Self {
        Self { field: field.into(), message: message.into(), hint: Some(hint.into()) }
    }
}

impl Source {
    /// A source of the file at `path` with everything else left at its default.
    pub fn new(path: impl Into<String>) -> Self {
        Self { path: path.into(), format: None, split: None, id: None }
    }

    /// Everything wrong with the declaration itself; the split's fields are prefixed `split.`.
    pub fn problems(&self) -> Vec<Problem> {
        let mut problems = Vec::new();
        if self.path.trim().is_empty() {
            problems.push(Problem::new("path", "the path is empty", "name a .csv or .tsv file"));
        } else if self.format.or_else(|| Format::of(Path::new(&self.path))).is_none() {
            problems.push(Problem::new(
                "path",
                format!("`{}` does not say its format", self.path),
                "add format = \"csv\" or format = \"tsv\"",
            ));
        }
        for problem in self.split.iter().flat_map(Split::problems) {
            problems.push(Problem { field: format!("split.{}", problem.field), ..problem });
        }
        problems
    }
}

impl Format {
    /// The format that a file's name says, with or without `.gz`; none where the extension is another.
    pub fn of(path: &Path) -> Option<Self> {
        let name = path.file_name()?.to_str()?.to_ascii_lowercase();
        let name = name.strip_suffix(".gz").unwrap_or(&name);
        match name.rsplit_once('.')?.1 {
            "csv" => Some(Self::Csv),
            "tsv" | "tab" => Some(Self::Tsv),
            _ => None,
        }
    }

    /// The byte between two fields.
    pub fn delimiter(self) -> u8 {
        match self {
            Self::Csv => b',',
            Self::Tsv => b'\t',
        }
    }
}

impl Split {
    /// Everything wrong with the declaration; an empty list means that it can be carried out.
    pub fn problems(&self) -> Vec<Problem> {
        let mut problems = Vec::new();
        if self.column.is_some() {
            for (field, given) in [
                ("train", self.train.is_some()),
                ("valid", self.valid.is_some()),
                ("test", self.test.is_some()),
                ("stratify", self.stratify.is_some()),
                ("seed", self.seed.is_some()),
            ] {
                if given {
                    problems.push(Problem::new(
                        field,
                        format!("`{field}` means nothing where a column says the part of each row"),
                        format!("remove `{field}` or `column`"),
                    ));
                }
            }
            return problems;
        }
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
    fn formats_come_from_the_name() {
        assert_eq!(Format::of(Path::new("a/b.CSV.gz")), Some(Format::Csv));
        assert_eq!(Format::of(Path::new("b.tsv")), Some(Format::Tsv));
        assert_eq!(Format::of(Path::new("b.txt")), None);
        assert_eq!(Source::new("b.txt").problems()[0].field, "path");
        assert!(Source { format: Some(Format::Tsv), ..Source::new("b.txt") }.problems().is_empty());
    }

    #[test]
    fn a_split_says_all_that_is_wrong() {
        assert!(split(r#"{"train":0.64,"valid":0.16,"test":0.2,"stratify":"label"}"#).problems().is_empty());
        assert!(split(r#"{"train":1}"#).problems().is_empty());
        assert!(split(r#"{"column":"part"}"#).problems().is_empty());
        let short = split(r#"{"train":0.6,"valid":0.3}"#).problems();
        assert_eq!(short[0].message, "the fractions add up to 0.9, not 1");
        assert_eq!(short[0].hint.as_deref(), Some("valid = 0.4 would make it 1"));
        let fields =
            |text| split(text).problems().into_iter().map(|problem| problem.field).collect::<Vec<_>>();
        assert_eq!(fields(r#"{"train":0,"valid":1.5}"#), ["train", "valid"]);
        assert_eq!(fields(r#"{"column":"p","train":0.5,"seed":3}"#), ["train", "seed"]);
        assert_eq!(fields("{}"), ["train"]);
        let source = Source { split: Some(split("{}")), ..Source::new("a.csv") };
        assert_eq!(source.problems()[0].field, "split.train");
    }

    #[test]
    fn unknown_fields_are_errors() {
        assert!(serde_json::from_str::<Split>(r#"{"trian":0.5}"#).is_err());
        assert!(serde_json::from_str::<Source>(r#"{"path":"a.csv","formt":"csv"}"#).is_err());
    }

    #[test]
    fn split_cells_have_synonyms() {
        assert_eq!(Part::parse(" Dev "), Some(Part::Valid));
        assert_eq!(Part::parse("holdout"), None);
    }
}
