//! How a recipe declares what happens to a column: a chain of steps, and the static typing of a chain.
//!
//! A chain that `check_chain` accepts can be fitted; the checks need no data.

use regex::Regex;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// One step of a column's chain.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Step {
    /// Put this text in the place of empty cells.
    Impute(String),
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
    /// Keep the first N tokens.
    Clip(usize),
    /// Pad every batch to N steps with `<pad>`; lengths stay the true ones. Needs a clip of at most N.
    Pad(usize),
    /// Turn the cell into a number by a dictionary of the training rows' cells; an unseen cell is `<unk>`.
    Category,
    /// Read the cell as a number.
    Number,
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
/// training rows, and words of equal count by their bytes.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Index {
    /// Words seen fewer times in the training rows are `<unk>`.
    #[serde(default = "Index::least_count")]
    pub min_count: u64,
    /// At most this many words besides `<pad>` and `<unk>`, the most frequent ones.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_size: Option<usize>,
}

impl Index {
    fn least_count() -> u64 {
        1
    }
}

impl Default for Index {
    fn default() -> Self {
        Self { min_count: Self::least_count(), max_size: None }
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
}

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
    Done,
}

impl State {
    fn describe(self) -> &'static str {
        match self {
            Self::Text => "text",
            Self::Tokens => "tokens",
            Self::Indices => "indices",
            Self::Done => "a finished column",
        }
    }
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
            Self::Clip(_) => "clip",
            Self::Pad(_) => "pad",
            Self::Category => "category",
            Self::Number => "number",
        }
    }

    /// Every step's name, for suggestions.
    pub const NAMES: [&'static str; 10] = [
        "impute",
        "lowercase",
        "strip-html",
        "replace",
        "tokenize",
        "index",
        "clip",
        "pad",
        "category",
        "number",
    ];
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
        (State::Indices | State::Done, _) => {}
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
    padded: bool,
    problems: Vec<ChainProblem>,
}

impl Default for Check {
    fn default() -> Self {
        Self { state: State::Text, column: None, clip: None, padded: false, problems: Vec::new() }
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
            Step::Impute(_) | Step::Lowercase | Step::StripHtml => {
                self.needs(at, step, State::Text, "move it before `tokenize`");
            }
            Step::Replace(replace) => {
                self.needs(at, step, State::Text, "move it before `tokenize`");
                self.regex(at, &replace.pattern, true);
            }
            Step::Tokenize(tokenize) => {
                if self.state == State::Text {
                    self.state = State::Tokens;
                } else if self.state == State::Done {
                    self.needs(at, step, State::Text, "a chain makes one column: drop one of the two ends");
                } else {
                    self.problem(at, "the text is already cut into tokens", "keep one `tokenize`");
                }
                if let Tokenize::Regex(pattern) = tokenize {
                    self.regex(at, pattern, false);
                }
            }
            Step::Index(index) => self.index(at, step, index),
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
            Step::Category | Step::Number => {
                let hint = "it takes the place of `tokenize` and `index`";
                self.needs(at, step, State::Text, hint);
                self.state = State::Done;
                let number = matches!(step, Step::Number);
                self.column = Some(if number { ColumnType::Number } else { ColumnType::Category });
            }
        }
    }

    fn index(&mut self, at: usize, step: &Step, index: &Index) {
        if self.state == State::Indices {
            self.problem(at, "the tokens already have an index", "keep one `index`");
        } else {
            self.needs(at, step, State::Tokens, "put { tokenize = \"punctuation\" } before it");
        }
        if index.min_count == 0 {
            self.problem(at, "`min-count = 0` means nothing", "1 keeps every word");
        }
        match index.max_size {
            Some(0) => self.problem(at, "`max-size = 0` keeps no word", "leave it out for no limit"),
            Some(size) if size > MAX_WORDS => {
                self.problem(at, format!("`max-size` is above {MAX_WORDS}"), "leave it out for no limit");
            }
            _ => {}
        }
        if self.state != State::Done {
            self.state = State::Indices;
            self.column = Some(ColumnType::Sequence { width: None });
        }
    }

    fn pad(&mut self, at: usize, step: &Step, width: usize) {
        self.needs(at, step, State::Indices, "put `tokenize` and `index` before it");
        if self.padded {
            self.problem(at, "the column is already padded", "keep one `pad`");
        }
        match self.clip {
            _ if width == 0 => self.problem(at, "`pad = 0` means nothing", "leave it out"),
            None => self.problem(
                at,
                format!("a text of more than {width} tokens would not fit"),
                format!("put {{ clip = {width} }} before it"),
            ),
            Some(clip) if clip > width => self.problem(
                at,
                format!("`pad = {width}` is less than `clip = {clip}`"),
                format!("clip to {width} or pad to {clip}"),
            ),
            Some(_) => {}
        }
        self.padded = true;
        if self.state == State::Indices {
            self.column = Some(ColumnType::Sequence { width: Some(width) });
        }
    }
}

/// Vocabulary indices are stored in 32 bits.
const MAX_WORDS: usize = i32::MAX as usize - 2;

#[cfg(test)]
mod tests {
    use super::*;

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
        one(r#"["number","category"]"#, 1, "`category` works on text, this is a finished column");
        one(
            r#"[{"replace":{"pattern":"(","with":""}},"category"]"#,
            0,
            "`(` is not a regular expression: unclosed group",
        );
        one(r#"[{"tokenize":{"regex":"a*"}},{"index":{}}]"#, 0, "the pattern `a*` matches the empty text");
        assert_eq!(messages(r#"[{"clip":0},{"index":{"min-count":0}}]"#).len(), 4);
    }

    #[test]
    fn names_are_the_spelling() {
        let text = r#"[{"impute":""},"lowercase","strip-html",{"replace":{"pattern":"a","with":""}},
            {"tokenize":"whitespace"},{"index":{}},{"clip":1},{"pad":1},"category","number"]"#;
        let names: Vec<_> = chain(text).iter().map(Step::name).collect();
        assert_eq!(names, Step::NAMES);
    }
}
