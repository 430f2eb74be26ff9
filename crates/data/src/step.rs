//! How a recipe declares what happens to a column: a chain of steps.
//!
//! A chain is text steps, then what makes tokens or numbers of the text, then steps on those; `check` knows which
//! steps follow which.

mod numbers;
mod words;

use images::{Short, Transform};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

pub use numbers::{Bins, Cut, Date, DatePart, Fill, Frequent, Impute, ImputeFitted, Pca, Target};
pub use words::{Count, Index, NaiveBayes, Norm, Replace, TfIdf, Ties, Tokenize};

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
