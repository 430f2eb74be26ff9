//! What steps say that make numbers of cells, and steps on numbers.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// What empty cells are filled with.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(untagged)]
pub enum Impute {
    /// This text, before the cell is read.
    Text(String),
    /// What the training rows say, as scikit-learn's `SimpleImputer`.
    Fitted(ImputeFitted),
}

/// A fill that the training rows say. It stands after `number` or `date`; `most-frequent` also works on text.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct ImputeFitted {
    /// What to fill with.
    pub with: Fill,
    /// Whether to add a number that is 1 where the cell was empty, else 0.
    #[serde(default)]
    pub indicator: bool,
}

/// A statistic of the training rows, or a constant.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Fill {
    /// The mean.
    Mean,
    /// The median.
    Median,
    /// The most frequent value; of several the smallest.
    MostFrequent,
    /// This number.
    Constant(f64),
}

/// Which cells are frequent. Without limits all cells of the training rows are.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Frequent {
    /// Cells seen fewer times in the training rows are `<unk>`.
    #[serde(default = "one")]
    #[schemars(range(min = 1))]
    pub min_count: u64,
    /// At most this many different cells besides `<unk>`, the most frequent ones.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1))]
    pub max_size: Option<usize>,
}

/// How a category is turned into the label's mean, as scikit-learn's `TargetEncoder` (Micci-Barreca, 2001).
///
/// Each training row gets the means of the training rows in the other folds, so that no row sees its own label; all
/// other rows get the means of all training rows. With more than two classes there is one number a class.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Target {
    /// How many rows the overall mean weighs; by default as many as the label's variances say.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 0.0))]
    pub smooth: Option<f64>,
    /// Folds of the training rows.
    #[serde(default = "five")]
    #[schemars(range(min = 2))]
    pub folds: usize,
    /// Seed of the draw of the folds.
    #[serde(default)]
    pub seed: u64,
}

/// How a date is turned into numbers.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Date {
    /// The numbers to make, in this order.
    pub parts: Vec<DatePart>,
    /// Forms that the cells may have, tried in order: text with `%Y` (or `%y`), `%m` (or `%b`, `%B`), `%d`, `%H` (or
    /// `%I` with `%p`), `%M`, `%S`. By default `2024-05-31`, with or without ` 23:59:58` or `T23:59:58`.
    #[serde(default = "iso")]
    pub formats: Vec<String>,
}

/// A number that a date has.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum DatePart {
    /// The year.
    Year,
    /// The month, from 1.
    Month,
    /// The day of the month, from 1.
    Day,
    /// The day of the week, Monday is 0.
    Weekday,
    /// The day of the year, from 1.
    DayOfYear,
    /// The hour, from 0.
    Hour,
    /// The minute, from 0.
    Minute,
    /// The second, from 0.
    Second,
}

impl DatePart {
    /// The part's name in recipes.
    pub fn name(self) -> &'static str {
        match self {
            Self::Year => "year",
            Self::Month => "month",
            Self::Day => "day",
            Self::Weekday => "weekday",
            Self::DayOfYear => "day-of-year",
            Self::Hour => "hour",
            Self::Minute => "minute",
            Self::Second => "second",
        }
    }
}

/// How a number is turned into a bin's index, from 0.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Bins {
    /// How many bins; bins that would be empty are left out.
    #[schemars(range(min = 2))]
    pub count: usize,
    /// How the bins are cut.
    #[serde(default)]
    pub by: Cut,
}

/// How bins are cut.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Cut {
    /// As many training rows in each.
    #[default]
    Quantile,
    /// All of one width.
    Uniform,
}

/// How vectors are projected. Of more than 4096 numbers a row the directions are found by subspace iteration, to about
/// seven digits of their variances.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Pca {
    /// How many directions are kept.
    #[schemars(range(min = 1))]
    pub components: usize,
    /// Whether each direction is divided by its standard deviation.
    #[serde(default)]
    pub whiten: bool,
}

fn one() -> u64 {
    1
}

fn five() -> usize {
    5
}

fn iso() -> Vec<String> {
    ["%Y-%m-%d", "%Y-%m-%d %H:%M:%S", "%Y-%m-%dT%H:%M:%S"].map(str::to_owned).into()
}
