//! What steps on text and its words say: how text is cut, which words count, and how they are weighted.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

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

fn one() -> u64 {
    1
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

fn one_row() -> f64 {
    1.0
}

fn ten() -> usize {
    10
}
