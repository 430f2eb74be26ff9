//! The static typing of a chain: which steps may follow which, and what column they make.
//!
//! A chain that `check_chain` accepts can be fitted; the checks need no data.

mod settings;

use regex::Regex;

use crate::step::{ColumnType, Impute, Step, Tokenize};

/// Vocabulary indices are stored in 32 bits.
const MAX_WORDS: usize = i32::MAX as usize - 2;

/// Something wrong with a chain: at which step, what, and what to do about it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ChainProblem {
    /// The step's place in the chain, from 0; the last step's for a chain that ends too early.
    pub step: usize,
    /// What is wrong, a lower-case fragment.
    pub message: String,
    /// What would put it right.
    pub hint: Option<String>,
}

/// What a column is between two steps.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Text,
    Tokens,
    Indices,
    Numbers,
    Sparse,
    Picture,
    Done,
}

impl State {
    fn describe(self) -> &'static str {
        match self {
            Self::Text => "text",
            Self::Tokens => "tokens",
            Self::Indices => "indices",
            Self::Numbers => "numbers",
            Self::Sparse => "a vector",
            Self::Picture => "a picture",
            Self::Done => "a finished column",
        }
    }
}

/// The type of the column that a chain makes, or everything that is wrong with the chain.
///
/// After a step that does not fit, the check goes on as though it did, so one mistake is one problem.
pub fn check_chain(steps: &[Step]) -> Result<ColumnType, Vec<ChainProblem>> {
    let mut check = Check::default();
    for (at, step) in steps.iter().enumerate() {
        check.step(at, step);
    }
    let last = steps.len().saturating_sub(1);
    match (check.state, steps.is_empty()) {
        (State::Text, true) => check.problem(last, "the chain is empty", WAYS_TO_END),
        (State::Text, false) => check.problem(last, "the chain ends as text", WAYS_TO_END),
        (State::Tokens, _) => {
            check.problem(last, "the chain ends as tokens that have no index", "add { index = {} }")
        }
        (State::Picture, _) if check.problems.is_empty() => check.picture_chain(steps),
        (State::Picture, _) => {}
        (State::Indices | State::Numbers | State::Sparse | State::Done, _) => {}
    }
    match check.column {
        Some(column) if check.problems.is_empty() => Ok(column),
        _ => Err(check.problems),
    }
}

const WAYS_TO_END: &str =
    "end with { tokenize = \"punctuation\" }, { index = {} }, or with \"category\", or with \"number\"";

struct Check {
    state: State,
    column: Option<ColumnType>,
    clip: Option<usize>,
    /// Whether a tokenizer of others has made the indices.
    subwords: bool,
    padded: bool,
    /// Whether a number may be missing here.
    missing: bool,
    problems: Vec<ChainProblem>,
}

impl Default for Check {
    fn default() -> Self {
        Self {
            state: State::Text,
            column: None,
            clip: None,
            subwords: false,
            padded: false,
            missing: false,
            problems: Vec::new(),
        }
    }
}

impl Check {
    fn problem(&mut self, step: usize, message: impl Into<String>, hint: impl Into<String>) {
        self.problems.push(ChainProblem { step, message: message.into(), hint: Some(hint.into()) });
    }

    fn needs(&mut self, at: usize, step: &Step, wanted: State, hint: &str) {
        if self.state != wanted {
            let (name, found) = (step.name(), self.state.describe());
            self.problem(at, format!("`{name}` works on {}, this is {found}", wanted.describe()), hint);
        }
    }

    fn regex(&mut self, at: usize, pattern: &str, may_be_empty: bool) {
        match Regex::new(pattern) {
            Ok(regex) if !may_be_empty && regex.is_match("") => self.problem(
                at,
                format!("the pattern `{pattern}` matches the empty text"),
                "make it match at least one character",
            ),
            Ok(_) => {}
            Err(error) => {
                // The crate's message draws the pattern over several lines; its last line says what is wrong.
                let text = error.to_string();
                let reason = text.lines().last().unwrap_or_default().trim_start_matches("error: ");
                self.problem(
                    at,
                    format!("`{pattern}` is not a regular expression: {reason}"),
                    "the syntax is that of the regex crate: no look-around, no back-references",
                );
            }
        }
    }

    fn step(&mut self, at: usize, step: &Step) {
        match step {
            Step::Impute(Impute::Fitted(impute)) => self.impute(at, step, impute),
            Step::Impute(Impute::Text(_)) if matches!(self.state, State::Numbers | State::Sparse) => {
                let hint = "put it before `number`, or say { impute = { with = \"mean\" } }";
                self.needs(at, step, State::Text, hint);
            }
            Step::Impute(Impute::Text(_)) | Step::Lowercase | Step::StripHtml => {
                self.needs(at, step, State::Text, "move it before `tokenize`");
            }
            Step::Frequent(frequent) => {
                self.needs(
                    at,
                    step,
                    State::Text,
                    "put it before `category`, `one-hot`, `ordinal` or `target`",
                );
                self.limits(at, "cell", frequent.min_count, ("max-size", frequent.max_size));
            }
            Step::Replace(replace) => {
                self.needs(at, step, State::Text, "move it before `tokenize`");
                self.regex(at, &replace.pattern, true);
            }
            Step::Tokenize(tokenize) => {
                if self.state == State::Text {
                    self.state = State::Tokens;
                } else if matches!(self.state, State::Done | State::Numbers | State::Sparse) {
                    self.needs(at, step, State::Text, "a chain makes one column: drop one of the two ends");
                } else {
                    self.problem(at, "the text is already cut into tokens", "keep one `tokenize`");
                }
                if let Tokenize::Regex(pattern) = tokenize {
                    self.regex(at, pattern, false);
                }
            }
            Step::Index(index) => self.index(at, step, index),
            Step::Tokenizer(tokenizer) => self.tokenizer(at, step, tokenizer),
            Step::Clip(length) if self.subwords => {
                let message = "`clip` would cut off the token that ends a text";
                self.problem(at, message, format!("say it in the tokenizer: length = {length}"));
            }
            Step::Clip(length) => {
                if !matches!(self.state, State::Tokens | State::Indices) {
                    self.needs(at, step, State::Tokens, "put `tokenize` before it");
                }
                if self.padded {
                    self.problem(at, "`clip` after `pad`", "put `clip` before `pad`");
                }
                if *length == 0 {
                    self.problem(at, "`clip = 0` keeps no token", "keep at least one");
                }
                self.clip = Some(self.clip.map_or(*length, |clip| clip.min(*length)));
            }
            Step::Pad(width) => self.pad(at, step, *width),
            Step::Category => self.end(at, step, State::Done, ColumnType::Category),
            Step::Hash(buckets) => {
                if !(1..=MAX_WORDS).contains(buckets) {
                    let message = format!("`hash = {buckets}` is not between 1 and {MAX_WORDS}");
                    self.problem(at, message, "say how many categories there are to be");
                }
                self.end(at, step, State::Done, ColumnType::Category);
            }
            Step::Number => {
                self.missing = true;
                self.end(at, step, State::Numbers, ColumnType::Number);
            }
            Step::Ordinal => self.end(at, step, State::Numbers, ColumnType::Number),
            Step::OneHot => self.end(at, step, State::Sparse, ColumnType::Sparse { width: None }),
            Step::Target(target) => {
                if target.folds < 2 {
                    self.problem(at, "`folds` must be at least 2", "5 is usual");
                }
                if target.smooth.is_some_and(|smooth| !smooth.is_finite() || smooth < 0.0) {
                    self.problem(
                        at,
                        "`smooth` must not be negative",
                        "leave it out for smoothing by variances",
                    );
                }
                self.end(at, step, State::Numbers, ColumnType::Vector { width: None });
            }
            Step::Date(date) => self.date(at, step, date),
            Step::Count(count) => self.words(at, step, count),
            Step::TfIdf(tf_idf) => self.words(at, step, &tf_idf.words()),
            Step::NaiveBayes(bayes) => self.evidence(at, step, bayes),
            Step::Standardize | Step::MinMax | Step::Robust | Step::Log => self.numbers(at, step),
            Step::ClipQuantiles([low, high]) => {
                self.numbers(at, step);
                if !(0.0 <= *low && low < high && *high <= 1.0) {
                    let message = format!("[{low}, {high}] are not two rising quantiles");
                    self.problem(at, message, "quantiles lie between 0 and 1, for example [0.01, 0.99]");
                }
            }
            Step::Bins(bins) => {
                self.numbers(at, step);
                if bins.count < 2 {
                    self.problem(at, "fewer than two bins say nothing", "say `count = 2` or more");
                }
            }
            Step::Resize(_)
            | Step::CenterCrop(_)
            | Step::Grey
            | Step::Rgb
            | Step::Rescale(_)
            | Step::Normalise(_) => {
                if at == 0 {
                    self.state = State::Picture;
                }
                self.needs(at, step, State::Picture, "a picture's chain has no steps of text or numbers");
                self.state = State::Picture;
            }
            Step::Pca(pca) => {
                if self.state != State::Sparse {
                    self.numbers(at, step);
                }
                let most = match self.column {
                    Some(ColumnType::Vector { width } | ColumnType::Sparse { width }) => width,
                    Some(ColumnType::Number) => Some(1),
                    _ => None,
                };
                if pca.components == 0 {
                    self.problem(at, "`components = 0` keeps nothing", "keep at least one");
                } else if let Some(most) = most.filter(|most| pca.components > *most) {
                    let message = format!("{most} numbers have no {} directions", pca.components);
                    self.problem(at, message, format!("keep at most {most}"));
                }
                if matches!(self.state, State::Numbers | State::Sparse) {
                    self.state = State::Numbers;
                    self.column = Some(ColumnType::Vector { width: Some(pca.components) });
                }
            }
        }
    }

    /// A chain of pictures as a whole.
    fn picture_chain(&mut self, steps: &[Step]) {
        let transforms: Vec<_> = steps.iter().filter_map(Step::of_picture).collect();
        let chain = match images::Chain::new(&transforms) {
            Ok(chain) => chain,
            Err(images::Problem { at, reason }) => {
                self.problems.push(ChainProblem { step: at, message: reason, hint: None });
                return;
            }
        };
        match chain.shape(images::Shape { channels: None, size: None }) {
            Ok(images::Shape { channels, size }) => {
                let (height, width) = size.unzip();
                self.column = Some(ColumnType::Image { channels, height, width });
            }
            Err(reason) => {
                let last = steps.len().saturating_sub(1);
                self.problem(last, reason, "put \"rgb\" before it, or give one mean and one std");
            }
        }
    }

    /// A step that makes something else of the text.
    fn end(&mut self, at: usize, step: &Step, state: State, column: ColumnType) {
        self.needs(at, step, State::Text, "it takes the place of `tokenize` and `index`");
        self.state = state;
        self.column = Some(column);
    }

    /// A step on numbers.
    fn numbers(&mut self, at: usize, step: &Step) {
        let hint = match self.state {
            State::Sparse => "numbers that are mostly 0 stay as they are",
            _ => "put `number` before it",
        };
        self.needs(at, step, State::Numbers, hint);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::step::{Index, Step, Tokenize};

    fn chain(text: &str) -> Vec<Step> {
        serde_json::from_str(text).unwrap()
    }

    fn messages(text: &str) -> Vec<(usize, String)> {
        let problems = check_chain(&chain(text)).unwrap_err();
        assert!(problems.iter().all(|problem| problem.hint.is_some()));
        problems.into_iter().map(|problem| (problem.step, problem.message)).collect()
    }

    #[test]
    fn recipes_spell_steps_so() {
        let text = r#"[{"impute":"null"},"lowercase","strip-html",{"replace":{"pattern":"a","with":"b"}},
            {"tokenize":"punctuation"},{"index":{"min-count":1,"max-size":20000}},{"clip":555},{"pad":555}]"#;
        let steps = chain(text);
        assert_eq!(check_chain(&steps), Ok(ColumnType::Sequence { width: Some(555) }));
        let again = serde_json::to_value(&steps).unwrap();
        assert_eq!(again, serde_json::from_str::<serde_json::Value>(text).unwrap());
        assert_eq!(chain(r#"[{"tokenize":{"regex":"a+"}}]"#), [Step::Tokenize(Tokenize::Regex("a+".into()))]);
        assert_eq!(chain(r#"[{"index":{}}]"#), [Step::Index(Index::default())]);
        assert!(serde_json::from_str::<Step>(r#"{"index":{"mincount":1}}"#).is_err());
    }

    #[test]
    fn columns_have_types() {
        assert_eq!(check_chain(&chain(r#"["category"]"#)), Ok(ColumnType::Category));
        assert_eq!(check_chain(&chain(r#"[{"impute":"0"},"number"]"#)), Ok(ColumnType::Number));
        let open = chain(r#"[{"tokenize":"whitespace"},{"clip":5},{"index":{}}]"#);
        assert_eq!(check_chain(&open), Ok(ColumnType::Sequence { width: None }));
    }

    #[test]
    fn every_mistake_is_one_problem() {
        let one = |text: &str, step: usize, message: &str| {
            assert_eq!(messages(text), [(step, message.to_owned())], "{text}");
        };
        one("[]", 0, "the chain is empty");
        one(r#"[{"impute":""},"lowercase"]"#, 1, "the chain ends as text");
        one(r#"[{"tokenize":"whitespace"}]"#, 0, "the chain ends as tokens that have no index");
        one(r#"[{"index":{}}]"#, 0, "`index` works on tokens, this is text");
        one(
            r#"[{"clip":3},{"tokenize":"whitespace"},{"index":{}}]"#,
            0,
            "`clip` works on tokens, this is text",
        );
        one(
            r#"[{"tokenize":"whitespace"},{"tokenize":"punctuation"},{"index":{}}]"#,
            1,
            "the text is already cut into tokens",
        );
        one(
            r#"[{"tokenize":"whitespace"},"lowercase",{"index":{}}]"#,
            1,
            "`lowercase` works on text, this is tokens",
        );
        one(r#"[{"tokenize":"whitespace"},{"index":{"min-count":0}}]"#, 1, "`min-count = 0` means nothing");
        one(r#"[{"tokenize":"whitespace"},{"index":{"max-size":0}}]"#, 1, "`max-size = 0` keeps no word");
        one(r#"[{"tokenize":"whitespace"},{"index":{}},{"clip":0}]"#, 2, "`clip = 0` keeps no token");
        one(
            r#"[{"tokenize":"whitespace"},{"index":{}},{"pad":9}]"#,
            2,
            "a text of more than 9 tokens would not fit",
        );
        one(
            r#"[{"tokenize":"whitespace"},{"index":{}},{"clip":10},{"pad":9}]"#,
            3,
            "`pad = 9` is less than `clip = 10`",
        );
        one(r#"["number","category"]"#, 1, "`category` works on text, this is numbers");
        one(
            r#"[{"replace":{"pattern":"(","with":""}},"category"]"#,
            0,
            "`(` is not a regular expression: unclosed group",
        );
        one(r#"[{"tokenize":{"regex":"a*"}},{"index":{}}]"#, 0, "the pattern `a*` matches the empty text");
        assert_eq!(messages(r#"[{"clip":0},{"index":{"min-count":0}}]"#).len(), 4);
    }

    #[test]
    fn numbers_and_vectors_have_types() {
        let kind = |text: &str| check_chain(&chain(text)).unwrap();
        assert_eq!(kind(r#"["number",{"impute":{"with":"mean"}},"standardize"]"#), ColumnType::Number);
        let indicator = r#"["number",{"impute":{"with":{"constant":-1.5},"indicator":true}},"log"]"#;
        assert_eq!(kind(indicator), ColumnType::Vector { width: Some(2) });
        let date =
            r#"[{"date":{"parts":["year","month"]}},{"impute":{"with":"median"}},{"bins":{"count":3}}]"#;
        assert_eq!(kind(date), ColumnType::Vector { width: Some(2) });
        let frequent = r#"[{"impute":{"with":"most-frequent"}},{"frequent":{"min-count":2}},"one-hot"]"#;
        assert_eq!(kind(frequent), ColumnType::Sparse { width: None });
        assert_eq!(kind(r#"["ordinal"]"#), ColumnType::Number);
        assert_eq!(kind(r#"[{"hash":9}]"#), ColumnType::Category);
        assert_eq!(kind(r#"[{"target":{}},"min-max"]"#), ColumnType::Vector { width: None });
        let words =
            r#"[{"tokenize":"whitespace"},{"clip":9},{"tf-idf":{"n-grams":[1,2]}},{"pca":{"components":5}}]"#;
        assert_eq!(kind(words), ColumnType::Vector { width: Some(5) });
    }

    #[test]
    fn every_mistake_with_numbers_is_one_problem() {
        let one = |text: &str, step: usize, message: &str| {
            assert_eq!(messages(text), [(step, message.to_owned())], "{text}");
        };
        one(r#"["standardize","category"]"#, 0, "`standardize` works on numbers, this is text");
        one(r#"["number",{"impute":"0"}]"#, 1, "`impute` works on text, this is numbers");
        one(r#"[{"impute":{"with":"mean"}},"number"]"#, 0, "this `impute` works on numbers, this is text");
        let twice = r#"["number",{"impute":{"with":"mean"}},{"impute":{"with":"mean"}}]"#;
        one(twice, 2, "no number is missing here");
        one(r#"["number",{"clip-quantiles":[0.9,0.1]}]"#, 1, "[0.9, 0.1] are not two rising quantiles");
        one(r#"["number",{"bins":{"count":1}}]"#, 1, "fewer than two bins say nothing");
        one(r#"["one-hot","standardize"]"#, 1, "`standardize` works on numbers, this is a vector");
        one(r#"[{"hash":0}]"#, 0, "`hash = 0` is not between 1 and 2147483645");
        one(r#"[{"target":{"folds":1}}]"#, 0, "`folds` must be at least 2");
        one(r#"[{"date":{"parts":[]}}]"#, 0, "`parts` is empty");
        one(r#"[{"date":{"parts":["year","year"]}}]"#, 0, "a part is there twice");
        one(r#"[{"date":{"parts":["year"],"formats":["%Q"]}}]"#, 0, "`%Q` stands for no part of a date");
        one(r#"[{"tf-idf":{}}]"#, 0, "`tf-idf` works on tokens, this is text");
        let words = |options: &str| format!(r#"[{{"tokenize":"whitespace"}},{{"count":{options}}}]"#);
        one(&words(r#"{"n-grams":[2,1]}"#), 1, "[2, 1] are not a fewest and a most number of tokens");
        one(&words(r#"{"max-df":0}"#), 1, "`max-df = 0` is no share of rows");
        one(&words(r#"{"min-df":0}"#), 1, "`min-df = 0` means nothing");
        one(&words(r#"{"max-features":0}"#), 1, "`max-features = 0` keeps no word");
        let indexed = r#"[{"tokenize":"whitespace"},{"index":{}},{"count":{}}]"#;
        one(indexed, 2, "`count` works on tokens, this is indices");
        one(r#"["number",{"pca":{"components":2}}]"#, 1, "1 numbers have no 2 directions");
        one(r#"["number",{"frequent":{}}]"#, 1, "`frequent` works on text, this is numbers");
    }
}
