//! What is wrong with what a step says of itself.

use super::{Check, MAX_WORDS, State};
use crate::moment::Form;
use crate::step::{ColumnType, Count, Date, Fill, ImputeFitted, Index, NaiveBayes, Step};
use crate::subwords::Tokenizer;

impl Check {
    pub(super) fn impute(&mut self, at: usize, step: &Step, impute: &ImputeFitted) {
        if self.state == State::Text {
            if impute.with != Fill::MostFrequent {
                let hint =
                    "put `number` before it; on text there is { impute = \"a text\" } and \"most-frequent\"";
                self.problem(at, "this `impute` works on numbers, this is text", hint);
            } else if impute.indicator {
                self.problem(at, "`indicator` works on numbers, this is text", "leave it out");
            }
            return;
        }
        self.needs(at, step, State::Numbers, "put it before `tokenize`");
        if matches!(impute.with, Fill::Constant(constant) if !constant.is_finite()) {
            self.problem(at, "the constant is not a finite number", "say a number");
        }
        if self.state != State::Numbers {
            return;
        }
        if !self.missing {
            self.problem(
                at,
                "no number is missing here",
                "keep one `impute`, right after `number` or `date`",
            );
        }
        self.missing = false;
        if impute.indicator {
            let width = match self.column {
                Some(ColumnType::Vector { width }) => width,
                _ => Some(1),
            };
            self.column = Some(ColumnType::Vector { width: width.map(|width| 2 * width) });
        }
    }

    pub(super) fn date(&mut self, at: usize, step: &Step, date: &Date) {
        if date.parts.is_empty() {
            self.problem(at, "`parts` is empty", "for example parts = [\"year\", \"month\", \"weekday\"]");
        }
        if (1..date.parts.len()).any(|part| date.parts[..part].contains(&date.parts[part])) {
            self.problem(at, "a part is there twice", "keep one of them");
        }
        if date.formats.is_empty() {
            self.problem(at, "`formats` is empty", "leave it out for dates like 2024-05-31");
        }
        for format in &date.formats {
            if let Err(message) = Form::new(format) {
                let hint = "for example \"%Y-%m-%d %H:%M\", or \"%d %b %y\"";
                self.problem(at, message, hint);
            }
        }
        self.missing = true;
        self.end(at, step, State::Numbers, ColumnType::Vector { width: Some(date.parts.len()) });
    }

    pub(super) fn words(&mut self, at: usize, step: &Step, count: &Count) {
        if self.state == State::Indices {
            self.problem(at, format!("`{}` works on tokens, this is indices", step.name()), "drop `index`");
        } else {
            self.needs(at, step, State::Tokens, "put { tokenize = \"punctuation\" } before it");
        }
        let [least, most] = count.n_grams;
        if least == 0 || least > most {
            let message = format!("[{least}, {most}] are not a fewest and a most number of tokens");
            self.problem(at, message, "[1, 2] is single words and pairs");
        }
        if !(0.0 < count.max_df && count.max_df <= 1.0) {
            self.problem(
                at,
                format!("`max-df = {}` is no share of rows", count.max_df),
                "1.0 keeps all words",
            );
        }
        if count.min_df == 0 {
            self.problem(at, "`min-df = 0` means nothing", "1 keeps every word");
        }
        self.limits(at, "word", 1, ("max-features", count.max_features));
        if matches!(self.state, State::Tokens | State::Text | State::Indices) {
            self.state = State::Sparse;
            self.column = Some(ColumnType::Sparse { width: None });
        }
    }

    pub(super) fn evidence(&mut self, at: usize, step: &Step, bayes: &NaiveBayes) {
        self.words(at, step, &bayes.words());
        if bayes.folds < 2 {
            self.problem(at, "`folds` must be at least 2", "10 is usual");
        }
        if !bayes.alpha.is_finite() || bayes.alpha <= 0.0 {
            self.problem(at, "`alpha` must be above 0", "1 is usual");
        }
        if self.state == State::Sparse {
            self.state = State::Numbers;
            self.column = Some(ColumnType::Vector { width: None });
        }
    }

    pub(super) fn limits(
        &mut self,
        at: usize,
        what: &str,
        min_count: u64,
        (name, size): (&str, Option<usize>),
    ) {
        if min_count == 0 {
            self.problem(at, "`min-count = 0` means nothing", format!("1 keeps every {what}"));
        }
        match size {
            Some(0) => {
                self.problem(at, format!("`{name} = 0` keeps no {what}"), "leave it out for no limit");
            }
            Some(size) if size > MAX_WORDS => {
                self.problem(at, format!("`{name}` is above {MAX_WORDS}"), "leave it out for no limit");
            }
            _ => {}
        }
    }

    pub(super) fn index(&mut self, at: usize, step: &Step, index: &Index) {
        if self.state == State::Indices {
            self.problem(at, "the tokens already have an index", "keep one `index`");
        } else {
            self.needs(at, step, State::Tokens, "put { tokenize = \"punctuation\" } before it");
        }
        self.limits(at, "word", index.min_count, ("max-size", index.max_size));
        if matches!(self.state, State::Text | State::Tokens | State::Indices) {
            self.state = State::Indices;
            self.column = Some(ColumnType::Sequence { width: None });
        }
    }

    pub(super) fn tokenizer(&mut self, at: usize, step: &Step, tokenizer: &Tokenizer) {
        if self.state == State::Tokens {
            self.problem(
                at,
                "the text is already cut into tokens",
                "a tokenizer cuts it itself: drop `tokenize`",
            );
        } else {
            self.needs(at, step, State::Text, "it takes the place of `tokenize` and `index`");
        }
        if tokenizer.length == Some(0) {
            self.problem(at, "`length = 0` keeps no token", "leave it out for no limit");
        }
        self.subwords = true;
        self.clip = tokenizer.length;
        self.state = State::Indices;
        self.column = Some(ColumnType::Sequence { width: None });
    }

    pub(super) fn pad(&mut self, at: usize, step: &Step, width: usize) {
        self.needs(at, step, State::Indices, "put `tokenize` and `index` before it");
        if self.padded {
            self.problem(at, "the column is already padded", "keep one `pad`");
        }
        match self.clip {
            _ if width == 0 => self.problem(at, "`pad = 0` means nothing", "leave it out"),
            None => {
                let hint = match self.subwords {
                    true => format!("say it in the tokenizer: length = {width}"),
                    false => format!("put {{ clip = {width} }} before it"),
                };
                self.problem(at, format!("a text of more than {width} tokens would not fit"), hint);
            }
            Some(clip) if clip > width => {
                let key = if self.subwords { "length" } else { "clip" };
                self.problem(
                    at,
                    format!("`pad = {width}` is less than `{key} = {clip}`"),
                    format!("clip to {width} or pad to {clip}"),
                );
            }
            Some(_) => {}
        }
        self.padded = true;
        if self.state == State::Indices {
            self.column = Some(ColumnType::Sequence { width: Some(width) });
        }
    }
}
