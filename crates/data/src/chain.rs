//! A checked chain that is ready to run: it learns from cells, and encodes them.
//!
//! Invariant: neither learning nor encoding depends on the number of threads.

mod cells;
mod encode;
mod fit;
mod head;
mod learnt;

use std::path::Path;

pub(crate) use cells::Cells;

use crate::block::Block;
use crate::check::check_chain;
use crate::error::Error;
use crate::label::Labels;
use crate::moment::Form;
use crate::numbers::Trouble;
use crate::step::{ColumnType, Count, Date, Impute, Index, NaiveBayes, Step, Target, TfIdf};
use crate::subwords::Tokenizer as SubwordTokenizer;
use crate::text::{TextStep, Tokenizer};
use crate::transform::FittedText;

/// The label that target means are made of, with its number of classes: that of all rows of the table.
pub(crate) type Label<'a> = Option<(&'a Labels, usize)>;

/// What the first step on numbers gave the training rows, where that is not what it gives to other rows or is dear to
/// make again: the rows of the table, and their numbers.
pub(crate) type OwnRows = Option<(Vec<usize>, Block)>;

/// A checked chain.
pub(crate) struct Chain<'a> {
    name: &'a str,
    /// Steps on text.
    text: &'a [Step],
    end: End<'a>,
}

enum End<'a> {
    Sequence(Tokens),
    /// A tokenizer of others, and the width of every batch where the chain pads.
    Subwords(&'a SubwordTokenizer, Option<usize>),
    Category,
    Hash(usize),
    Number,
    Picture,
    Block(Head<'a>, &'a [Step]),
}

struct Tokens {
    tokenizer: Tokenizer,
    index: Index,
    /// Tokens that a vocabulary counts of one row: a clip after `index` does not limit them.
    counted: usize,
    /// Tokens kept of one row.
    kept: usize,
    width: Option<usize>,
}

/// What makes numbers of text.
enum Head<'a> {
    /// The flag says whether an empty cell is a missing number.
    Number(bool),
    Date(&'a Date, Vec<Form>, bool),
    Ordinal,
    OneHot,
    Target(&'a Target),
    NaiveBayes {
        tokenizer: Tokenizer,
        limit: usize,
        count: Count,
        bayes: &'a NaiveBayes,
    },
    Terms {
        tokenizer: Tokenizer,
        limit: usize,
        count: Count,
        tf_idf: Option<&'a TfIdf>,
    },
}

impl<'a> Chain<'a> {
    pub(crate) fn new(name: &'a str, steps: &'a [Step]) -> Result<Self, Error> {
        let kind = check_chain(steps).map_err(|problems| Error::Chain { column: name.into(), problems })?;
        // The check has compiled every pattern once, so this cannot fail for what it accepted.
        let bad = |error: regex::Error| Error::damaged(Path::new(name), error);
        if matches!(kind, ColumnType::Image { .. }) {
            return Ok(Self { name, text: &[], end: End::Picture });
        }
        let first = steps.iter().position(|step| !step.on_text()).unwrap_or(steps.len());
        let (text, rest) = steps.split_at(first);
        let mut tokenizer = Tokenizer::Whitespace;
        let (mut index, mut counted, mut kept) = (None, usize::MAX, usize::MAX);
        let mut end = None;
        for (at, step) in rest.iter().enumerate() {
            let tail = &rest[at + 1..];
            let missing = || tail.iter().any(|step| matches!(step, Step::Impute(_)));
            let count = |count: Count, tf_idf| Head::Terms {
                tokenizer: Tokenizer::Whitespace,
                limit: kept,
                count,
                tf_idf,
            };
            end = Some(match step {
                Step::Tokenize(tokenize) => {
                    tokenizer = Tokenizer::new(tokenize).map_err(bad)?;
                    continue;
                }
                Step::Index(limits) => {
                    index = Some(limits.clone());
                    continue;
                }
                Step::Clip(length) => {
                    kept = kept.min(*length);
                    if index.is_none() {
                        counted = kept;
                    }
                    continue;
                }
                Step::Tokenizer(tokenizer) => {
                    let width = if let ColumnType::Sequence { width } = kind { width } else { None };
                    End::Subwords(tokenizer, width)
                }
                Step::Category => End::Category,
                Step::Hash(buckets) => End::Hash(*buckets),
                Step::Number if tail.is_empty() => End::Number,
                Step::Number => End::Block(Head::Number(missing()), tail),
                Step::Ordinal => End::Block(Head::Ordinal, tail),
                Step::OneHot => End::Block(Head::OneHot, tail),
                Step::Target(target) => End::Block(Head::Target(target), tail),
                Step::Date(date) => {
                    let forms = date.formats.iter().filter_map(|format| Form::new(format).ok()).collect();
                    End::Block(Head::Date(date, forms, missing()), tail)
                }
                Step::Count(of) => End::Block(count(of.clone(), None), tail),
                Step::TfIdf(of) => End::Block(count(of.words(), Some(of)), tail),
                Step::NaiveBayes(bayes) => {
                    let (tokenizer, count) = (Tokenizer::Whitespace, bayes.words());
                    End::Block(Head::NaiveBayes { tokenizer, limit: kept, count, bayes }, tail)
                }
                _ => continue,
            });
            break;
        }
        let end = match end {
            Some(End::Block(Head::Terms { limit, count, tf_idf, .. }, tail)) => {
                End::Block(Head::Terms { tokenizer, limit, count, tf_idf }, tail)
            }
            Some(End::Block(Head::NaiveBayes { limit, count, bayes, .. }, tail)) => {
                End::Block(Head::NaiveBayes { tokenizer, limit, count, bayes }, tail)
            }
            Some(end) => end,
            None => {
                let width = if let ColumnType::Sequence { width } = kind { width } else { None };
                let index = index.unwrap_or_default();
                End::Sequence(Tokens { tokenizer, index, counted, kept, width })
            }
        };
        Ok(Self { name, text, end })
    }

    /// Whether the chain is one of pictures, which [`crate::Pictures`] encode.
    pub(crate) fn is_of_pictures(&self) -> bool {
        matches!(self.end, End::Picture)
    }

    /// Whether the chain learns from the label.
    pub(crate) fn needs_label(&self) -> bool {
        matches!(self.end, End::Block(Head::Target(_) | Head::NaiveBayes { .. }, _))
    }

    /// The steps on text, ready to run. `learn` says what a step that learns has learnt, given the steps before it.
    fn text_steps(
        &self,
        mut learn: impl FnMut(&Step, &[TextStep]) -> Result<FittedText, Error>,
    ) -> Result<Vec<TextStep>, Error> {
        let mut ready = Vec::new();
        for step in self.text {
            ready.push(match step {
                Step::Impute(Impute::Fitted(_)) | Step::Frequent(_) => match learn(step, &ready)? {
                    FittedText::Impute(with) => TextStep::Impute(with),
                    FittedText::Frequent(cells) => TextStep::Frequent(cells),
                },
                _ => TextStep::new(step).map_err(|error| Error::damaged(Path::new(self.name), error))?,
            });
        }
        Ok(ready)
    }

    /// A chain makes one number or a vector by its type, not by the width that the data happen to give it.
    fn makes_a_number(&self) -> bool {
        let wide = |step: &Step| match step {
            Step::Impute(Impute::Fitted(impute)) => impute.indicator,
            Step::Pca(_) => true,
            _ => false,
        };
        match &self.end {
            End::Number => true,
            End::Block(Head::Number(_) | Head::Ordinal, tail) => !tail.iter().any(wide),
            _ => false,
        }
    }

    fn foreign(&self) -> Error {
        let reason = format!("column `{}`: what was fitted does not belong to the chain", self.name);
        Error::damaged(Path::new("transform.json"), reason)
    }

    fn not_a_number(&self, cells: Cells<'_>, at: usize) -> Error {
        match cells.table.place(cells.row(at), cells.column) {
            Ok(place) => {
                Error::NotANumber { place, column: self.name.into(), cell: cells.text(at).into_owned() }
            }
            Err(error) => error,
        }
    }

    fn no_result(&self, step: &'static str, cells: Cells<'_>, at: usize) -> Error {
        match cells.table.place(cells.row(at), cells.column) {
            Ok(place) => {
                let (column, cell) = (self.name.into(), cells.text(at).into_owned());
                Error::NoResult { place, column, cell, step }
            }
            Err(error) => error,
        }
    }

    fn no_tokens(&self, cells: Cells<'_>, at: usize, reason: String) -> Error {
        match cells.table.place(cells.row(at), cells.column) {
            Ok(place) => Error::NoTokens { place, column: self.name.into(), reason },
            Err(error) => error,
        }
    }

    fn trouble(&self, trouble: Trouble, step: &Step, cells: Cells<'_>) -> Error {
        let (column, step) = (self.name.into(), step.name());
        match trouble {
            Trouble::NoNumbers | Trouble::NoWords => Error::NothingToLearn { column, step },
            Trouble::Row(at) => self.no_result(step, cells, at),
            Trouble::Directions(rows, width) => Error::Directions { column, rows, width },
        }
    }
}

/// Rows that one task takes: a few tasks a thread, so that long rows spread out.
pub(crate) fn share(rows: usize) -> usize {
    rows.div_ceil(4 * rayon::current_num_threads()).max(1)
}
