//! How a recipe declares what happens to a column: a chain of steps.
//!
//! A chain is text steps, then what makes tokens or numbers of the text, then steps on those; `check` knows which
//! steps follow which.

use images::{Short, Transform};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::subwords::Tokenizer;

/// One step of a column's chain.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Step {
    /// Fill empty cells: with this text, or with what the training rows say (`{ with = "mean" }`).
    Impute(Impute),
    /// Lower-case the text (full Unicode mapping, as Python's `str.lower`).
    Lowercase,
    /// Put a space in the place of every HTML tag and comment, and decode the common character references.
    StripHtml,
    /// Replace what a regular expression matches.
    Replace(Replace),
    /// Cut the text into tokens.
    Tokenize(Tokenize),
    /// Turn tokens into numbers by a vocabulary fitted on the training rows.
    Index(Index),
    /// Cut the text into the tokens of a tokenizer of others, and give their indices. It takes the place of `tokenize`
    /// and `index`.
    Tokenizer(Tokenizer),
    /// Keep the first N tokens.
    Clip(usize),
    /// Pad every batch to N steps with `<pad>`; lengths stay the true ones. Needs a clip (or a tokenizer's `length`) of at
    /// most N.
    Pad(usize),
    /// Turn the cell into a number by a dictionary of the training rows' cells; an unseen cell is `<unk>`.
    Category,
    /// Read the cell as a number.
    Number,
    /// Put `<unk>` in the place of cells that are rare in the training rows, or that they lack.
    Frequent(Frequent),
    /// Turn the cell into one of N categories by a hash (MurmurHash3, as scikit-learn's `FeatureHasher`).
    Hash(usize),
    /// Turn the cell into its place among the training rows' cells in sorted order, as a number; an unseen cell is
    /// -1. As scikit-learn's `OrdinalEncoder`.
    Ordinal,
    /// Turn the cell into a vector with a 1 at the place of its category and 0 elsewhere, the training rows' cells in
    /// sorted order; an unseen cell is all 0. As scikit-learn's `OneHotEncoder`.
    OneHot,
    /// Turn the cell into the label's mean among the training rows of the same cell.
    Target(Target),
    /// Turn a date into numbers.
    Date(Date),
    /// Turn tokens into a vector of how often the row has each word. As scikit-learn's `CountVectorizer`.
    Count(Count),
    /// Turn tokens into a vector of word counts weighted by how rare the words are. As scikit-learn's
    /// `TfidfVectorizer`.
    TfIdf(TfIdf),
    /// Turn tokens into what they say of the label, by naive Bayes: one number for two classes, else one a class.
    NaiveBayes(NaiveBayes),
    /// Subtract the training rows' mean and divide by their standard deviation. As scikit-learn's `StandardScaler`.
    Standardize,
    /// Move the training rows' smallest number to 0 and their largest to 1. As scikit-learn's `MinMaxScaler`.
    MinMax,
    /// Subtract the training rows' median and divide by their interquartile range. As scikit-learn's `RobustScaler`.
    Robust,
    /// Take the logarithm of 1 + x; the numbers must be above -1.
    Log,
    /// Bring numbers outside these two quantiles of the training rows to the nearer one: `[0.01, 0.99]`.
    ClipQuantiles([f64; 2]),
    /// Turn a number into the index of the bin that it falls in. As scikit-learn's `KBinsDiscretizer`.
    Bins(Bins),
    /// Project vectors onto the directions in which the training rows vary most. As scikit-learn's `PCA`.
    Pca(Pca),
    /// Resize a picture: the shorter side to so many pixels, keeping the proportions; a table says more. As
    /// torchvision's `Resize`, with antialias.
    Resize(Short<u32, images::Resize>),
    /// Cut out a picture's middle, so many pixels each way; a smaller one gets a black border. As torchvision's
    /// `CenterCrop`.
    CenterCrop(Short<u32, images::CenterCrop>),
    /// Make a picture grey, with one channel.
    Grey,
    /// Make three channels of a grey picture.
    Rgb,
    /// Make numbers of a picture's levels of 0 to 255: level * scale + offset. Without it a number is its level / 255.
    Rescale(images::Rescale),
    /// Subtract each channel's mean from a picture's numbers, and divide by its standard deviation: `"imagenet"`, or
    /// `mean` and `std`.
    Normalise(images::Normalise),
}

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

/// Which words a vector has, and how they are counted.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Count {
    /// The fewest and the most tokens in a row that make a word: `[1, 2]` is single words and pairs.
    #[serde(default = "single")]
    pub n_grams: [usize; 2],
    /// Words that fewer training rows have are left out.
    #[serde(default = "one")]
    #[schemars(range(min = 1))]
    pub min_df: u64,
    /// Words that a larger share of the training rows has are left out.
    #[serde(default = "whole")]
    #[schemars(range(min = 0.0, max = 1.0))]
    pub max_df: f64,
    /// At most this many words, the most frequent ones of the training rows.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1))]
    pub max_features: Option<usize>,
    /// Whether a word that a row has several times counts once.
    #[serde(default)]
    pub binary: bool,
}

/// Which words a vector has, and how their counts are weighted.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct TfIdf {
    /// The fewest and the most tokens in a row that make a word: `[1, 2]` is single words and pairs.
    #[serde(default = "single")]
    pub n_grams: [usize; 2],
    /// Words that fewer training rows have are left out.
    #[serde(default = "one")]
    #[schemars(range(min = 1))]
    pub min_df: u64,
    /// Words that a larger share of the training rows has are left out.
    #[serde(default = "whole")]
    #[schemars(range(min = 0.0, max = 1.0))]
    pub max_df: f64,
    /// At most this many words, the most frequent ones of the training rows.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1))]
    pub max_features: Option<usize>,
    /// Whether a word that a row has several times counts once.
    #[serde(default)]
    pub binary: bool,
    /// Whether a count n weighs 1 + ln(n).
    #[serde(default)]
    pub sublinear: bool,
    /// Whether to weigh words by how few training rows have them: ln((1 + rows) / (1 + rows with the word)) + 1.
    #[serde(default = "yes")]
    pub idf: bool,
    /// Whether the weights are smoothed as though one row more had every word.
    #[serde(default = "yes")]
    pub smooth_idf: bool,
    /// What every row's vector is divided by.
    #[serde(default)]
    pub norm: Norm,
}

impl TfIdf {
    /// Which words the vector has.
    pub(crate) fn words(&self) -> Count {
        Count {
            n_grams: self.n_grams,
            min_df: self.min_df,
            max_df: self.max_df,
            max_features: self.max_features,
            binary: self.binary,
        }
    }
}

/// How words speak of the label: the log-odds of multinomial naive Bayes on whether a row has a word, as scikit-learn's
/// `MultinomialNB` after a binary `CountVectorizer` (Wang and Manning 2012); of a label that is a number, the log-odds of
/// lying above its mean.
///
/// Each training row gets them from the training rows in the other folds, so that no row sees its own label; all other
/// rows get them from all training rows. So trees and networks can weigh them against other columns.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct NaiveBayes {
    /// The fewest and the most tokens in a row that make a word: `[1, 2]` is single words and pairs.
    #[serde(default = "single")]
    pub n_grams: [usize; 2],
    /// Words that fewer training rows have are left out.
    #[serde(default = "one")]
    #[schemars(range(min = 1))]
    pub min_df: u64,
    /// Words that a larger share of the training rows has are left out.
    #[serde(default = "whole")]
    #[schemars(range(min = 0.0, max = 1.0))]
    pub max_df: f64,
    /// At most this many words, the most frequent ones of the training rows.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1))]
    pub max_features: Option<usize>,
    /// Rows that every word is taken to have in each class beside those that have it.
    #[serde(default = "one_row")]
    #[schemars(extend("exclusiveMinimum" = 0.0))]
    pub alpha: f64,
    /// Folds of the training rows.
    #[serde(default = "ten")]
    #[schemars(range(min = 2))]
    pub folds: usize,
    /// Seed of the draw of the folds.
    #[serde(default)]
    pub seed: u64,
}

impl NaiveBayes {
    /// Which words speak.
    pub(crate) fn words(&self) -> Count {
        Count {
            n_grams: self.n_grams,
            min_df: self.min_df,
            max_df: self.max_df,
            max_features: self.max_features,
            binary: true,
        }
    }
}

fn one_row() -> f64 {
    1.0
}

fn ten() -> usize {
    10
}

/// The length of a vector.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Norm {
    /// The root of the sum of squares.
    #[default]
    L2,
    /// The sum of absolute values.
    L1,
    /// Vectors are not divided.
    None,
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

fn single() -> [usize; 2] {
    [1, 1]
}

fn whole() -> f64 {
    1.0
}

fn yes() -> bool {
    true
}

fn iso() -> Vec<String> {
    ["%Y-%m-%d", "%Y-%m-%d %H:%M:%S", "%Y-%m-%dT%H:%M:%S"].map(str::to_owned).into()
}

/// A replacement by regular expression (the syntax of the `regex` crate: linear time, no look-around).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Replace {
    /// What to look for.
    pub pattern: String,
    /// What to put there; `$1` is the first group, `$$` a dollar sign.
    pub with: String,
}

/// How text is cut into tokens.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Tokenize {
    /// At white space, as Python's `str.split()`.
    Whitespace,
    /// At white space, and every punctuation mark is its own token, as Python's
    /// `re.findall(r"\w+|[^\w\s]", text)`.
    Punctuation,
    /// Every match of the regular expression is a token.
    Regex(String),
}

/// The vocabulary's limits. Index 0 is `<pad>`, index 1 is `<unk>`; then the words by falling count in the
/// training rows.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Index {
    /// Words seen fewer times in the training rows are `<unk>`.
    #[serde(default = "Index::least_count")]
    pub min_count: u64,
    /// At most this many words besides `<pad>` and `<unk>`, the most frequent ones.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_size: Option<usize>,
    /// The order of words that are as frequent, by their bytes; by default from a to z.
    #[serde(default, skip_serializing_if = "Ties::is_rising")]
    pub ties: Ties,
}

/// An order of words by their bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Ties {
    /// From a to z.
    #[default]
    Rising,
    /// From z to a, as Keras' `TextVectorization`.
    Falling,
}

impl Ties {
    #[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes a reference")]
    fn is_rising(&self) -> bool {
        *self == Self::Rising
    }
}

impl Index {
    fn least_count() -> u64 {
        1
    }
}

impl Default for Index {
    fn default() -> Self {
        Self { min_count: Self::least_count(), max_size: None, ties: Ties::default() }
    }
}

/// What a column is after its chain.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum ColumnType {
    /// Vocabulary indices, at least one a row.
    Sequence {
        /// The width of every batch where the chain pads, in tokens.
        width: Option<usize>,
    },
    /// One dictionary index a row; 0 is `<unk>`.
    Category,
    /// One number a row.
    Number,
    /// Several numbers a row.
    Vector {
        /// How many; none before the data is read, where they depend on it.
        width: Option<usize>,
    },
    /// Several numbers a row, of which only those that are not 0 are stored.
    Sparse {
        /// How many; none before the data is read, where they depend on it.
        width: Option<usize>,
    },
    /// A picture; what is not known before it is read is none.
    Image {
        /// 1 (grey) or 3 (RGB).
        channels: Option<usize>,
        /// Pixels from top to bottom.
        height: Option<usize>,
        /// Pixels from left to right.
        width: Option<usize>,
    },
}

impl Step {
    /// The step's name in recipes.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Impute(_) => "impute",
            Self::Lowercase => "lowercase",
            Self::StripHtml => "strip-html",
            Self::Replace(_) => "replace",
            Self::Tokenize(_) => "tokenize",
            Self::Index(_) => "index",
            Self::Tokenizer(_) => "tokenizer",
            Self::Clip(_) => "clip",
            Self::Pad(_) => "pad",
            Self::Category => "category",
            Self::Number => "number",
            Self::Frequent(_) => "frequent",
            Self::Hash(_) => "hash",
            Self::Ordinal => "ordinal",
            Self::OneHot => "one-hot",
            Self::Target(_) => "target",
            Self::Date(_) => "date",
            Self::Count(_) => "count",
            Self::TfIdf(_) => "tf-idf",
            Self::NaiveBayes(_) => "naive-bayes",
            Self::Standardize => "standardize",
            Self::MinMax => "min-max",
            Self::Robust => "robust",
            Self::Log => "log",
            Self::ClipQuantiles(_) => "clip-quantiles",
            Self::Bins(_) => "bins",
            Self::Pca(_) => "pca",
            Self::Resize(_) => "resize",
            Self::CenterCrop(_) => "center-crop",
            Self::Grey => "grey",
            Self::Rgb => "rgb",
            Self::Rescale(_) => "rescale",
            Self::Normalise(_) => "normalise",
        }
    }

    /// The transform of a picture that the step is.
    pub fn of_picture(&self) -> Option<Transform> {
        Some(match self {
            Self::Resize(resize) => Transform::Resize(resize.clone()),
            Self::CenterCrop(crop) => Transform::CenterCrop(crop.clone()),
            Self::Grey => Transform::Grey,
            Self::Rgb => Transform::Rgb,
            Self::Rescale(rescale) => Transform::Rescale(rescale.clone()),
            Self::Normalise(normalise) => Transform::Normalise(normalise.clone()),
            _ => return None,
        })
    }

    /// The tokenizer of others that the step is.
    pub fn tokenizer(&self) -> Option<&Tokenizer> {
        match self {
            Self::Tokenizer(tokenizer) => Some(tokenizer),
            _ => None,
        }
    }

    /// Whether the step cuts a text into tokens.
    pub fn reads_text(&self) -> bool {
        matches!(self, Self::Tokenize(_) | Self::Tokenizer(_))
    }

    /// The step as a fitted transform keeps it: what a file holds is kept beside it, and where the file lay is not.
    pub(crate) fn without_files(&self) -> Self {
        match self {
            Self::Tokenizer(tokenizer) => Self::Tokenizer(tokenizer.located("", Some(""))),
            step => step.clone(),
        }
    }

    /// The most tokens that it leaves of a row, where it limits them.
    pub fn most_tokens(&self) -> Option<usize> {
        match self {
            Self::Clip(length) => Some(*length),
            Self::Tokenizer(tokenizer) => tokenizer.length,
            _ => None,
        }
    }

    /// Whether the step may stand among those that work on text, at the start of a chain.
    pub(crate) fn on_text(&self) -> bool {
        matches!(
            self,
            Self::Impute(_) | Self::Lowercase | Self::StripHtml | Self::Replace(_) | Self::Frequent(_)
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_the_spelling() {
        let text = r#"["lowercase","strip-html","category","number","ordinal","one-hot","standardize","min-max",
            "robust","log",{"impute":""},{"impute":{"with":"mean"}},{"replace":{"pattern":"a","with":""}},
            {"tokenize":"whitespace"},{"index":{}},{"clip":1},{"pad":1},{"frequent":{}},{"hash":9},{"target":{}},
            {"date":{"parts":["day-of-year"]}},{"count":{}},{"tf-idf":{"norm":"none"}},{"naive-bayes":{}},
            {"clip-quantiles":[0.1,0.9]},{"bins":{"count":3,"by":"uniform"}},{"pca":{"components":2}},"grey","rgb",
            {"resize":256},{"center-crop":224},{"tokenizer":{"path":"a"}},{"rescale":{"scale":0.5}},{"normalise":"imagenet"}]"#;
        let steps: Vec<serde_json::Value> = serde_json::from_str(text).unwrap();
        for value in steps {
            let step: Step = serde_json::from_value(value.clone()).unwrap();
            let name = value.as_str().or_else(|| value.as_object()?.keys().next().map(String::as_str));
            assert_eq!(name, Some(step.name()));
        }
        // What older transforms and keys hold must keep its spelling.
        let old = r#"[{"impute":"x"},"category","number",{"index":{"min-count":1}}]"#;
        let steps: Vec<Step> = serde_json::from_str(old).unwrap();
        assert_eq!(serde_json::to_string(&steps).unwrap(), old);
        assert_eq!(steps[0], Step::Impute(Impute::Text("x".into())));
    }
}
