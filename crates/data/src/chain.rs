//! A checked chain that is ready to run: it learns from cells, and encodes them.
//!
//! Invariant: neither learning nor encoding depends on the number of threads.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use rayon::prelude::*;

use crate::block::{Block, Dense, Pieces, Sparse};
use crate::category::{Means, bucket, frequent, most_frequent, place};
use crate::check::check_chain;
use crate::encoded::{EncodedColumn, Sequences};
use crate::error::Error;
use crate::evidence::Evidence;
use crate::label::{Labels, parse_number};
use crate::moment::Form;
use crate::numbers::{Learnt, Trouble, apply, learn, width};
use crate::step::{ColumnType, Count, Date, Impute, Index, NaiveBayes, Step, Target, TfIdf};
use crate::subwords::{Subwords, Tokenizer as SubwordTokenizer};
use crate::table::Table;
use crate::tags::{Words, align, start, words};
use crate::terms::{Cutter, Terms};
use crate::text::{TextStep, Tokenizer, clean};
use crate::transform::{Fitted, FittedColumn, FittedText, LearntSteps};
use crate::vocabulary::{PAD, UNK, Vocabulary};

/// The cells of one column in some rows of a table, cleaned by text steps.
#[derive(Clone, Copy)]
pub(crate) struct Cells<'a> {
    pub(crate) table: &'a Table,
    pub(crate) column: usize,
    /// All rows where there are none.
    pub(crate) rows: Option<&'a [usize]>,
    pub(crate) steps: &'a [TextStep],
}

impl<'a> Cells<'a> {
    pub(crate) fn len(&self) -> usize {
        self.rows.map_or(self.table.rows(), <[usize]>::len)
    }

    /// The row of the table.
    fn row(&self, at: usize) -> usize {
        self.rows.map_or(at, |rows| rows[at])
    }

    pub(crate) fn text(&self, at: usize) -> Cow<'a, str> {
        clean(self.steps, self.table.cell(self.row(at), self.column))
    }

    fn counts(&self) -> BTreeMap<String, u64> {
        let mut counts = BTreeMap::new();
        for at in 0..self.len() {
            let cell = self.text(at);
            match counts.get_mut(&*cell) {
                Some(count) => *count += 1,
                None => drop(counts.insert(cell.into_owned(), 1)),
            }
        }
        counts
    }
}

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

    /// What the chain learns of some rows, and what those rows themselves get instead of it.
    pub(crate) fn fit(
        &self,
        table: &Table,
        column: usize,
        rows: &[usize],
        label: Label<'_>,
    ) -> Result<(Vec<FittedText>, Fitted, OwnRows), Error> {
        let mut learnt = Vec::new();
        let steps = self.text_steps(|step, before| {
            let mut counts = Cells { table, column, rows: Some(rows), steps: before }.counts();
            learnt.push(match step {
                Step::Frequent(of) => FittedText::Frequent(frequent(counts, of.min_count, of.max_size)),
                _ => {
                    counts.remove("");
                    let nothing = || Error::NothingToLearn { column: self.name.into(), step: step.name() };
                    FittedText::Impute(most_frequent(&counts).ok_or_else(nothing)?)
                }
            });
            Ok(learnt[learnt.len() - 1].clone())
        })?;
        let (fitted, own) = self.fit_end(Cells { table, column, rows: Some(rows), steps: &steps }, label)?;
        Ok((learnt, fitted, own))
    }

    fn fit_end(&self, cells: Cells<'_>, label: Label<'_>) -> Result<(Fitted, OwnRows), Error> {
        let too_many = || Error::TooManyValues { column: self.name.into() };
        let fitted = match &self.end {
            End::Sequence(tokens) => {
                let share = share(cells.len());
                let counts = (0..cells.len().div_ceil(share))
                    .into_par_iter()
                    .map(|piece| {
                        let mut counts = crate::words::Words::<u64>::default();
                        for at in piece * share..cells.len().min((piece + 1) * share) {
                            let each = |token: &str| counts.count(token);
                            tokens.tokenizer.tokens(&cells.text(at), tokens.counted, each);
                        }
                        counts
                    })
                    .reduce(crate::words::Words::default, crate::words::Words::add);
                Fitted::Vocabulary(Vocabulary::new(counts, &tokens.index).ok_or_else(too_many)?)
            }
            End::Category => {
                let values: BTreeSet<String> =
                    (0..cells.len()).map(|at| cells.text(at).into_owned()).collect();
                i32::try_from(values.len() + 1).map_err(|_| too_many())?;
                Fitted::Dictionary(values.into_iter().collect())
            }
            End::Hash(buckets) => Fitted::Hash(*buckets),
            End::Number => Fitted::Number,
            End::Picture => Fitted::Picture,
            End::Subwords(tokenizer, _) => Fitted::Subwords(Subwords::read(tokenizer)?),
            End::Block(head, tail) => {
                let (of_head, own) = self.learn_head(head, cells, label)?;
                // The numbers of the training rows are made here only where a later step learns from them.
                let mut block = match (&own, tail.is_empty()) {
                    (_, true) => None,
                    (Some(own), false) => Some(own.clone()),
                    (None, false) => Some(self.head(head, &of_head, cells, &None)?),
                };
                let mut learnt = vec![of_head];
                for step in *tail {
                    let trouble = |trouble| self.trouble(trouble, step, cells);
                    let Some(before) = block.take() else { break };
                    let of_step = learn(step, &before).map_err(trouble)?;
                    block = Some(apply(step, &of_step, before).map_err(trouble)?);
                    learnt.push(of_step);
                }
                let rows = || (0..cells.len()).map(|at| cells.row(at)).collect();
                return Ok((Fitted::Numbers(LearntSteps(learnt)), own.map(|own| (rows(), own))));
            }
        };
        Ok((fitted, None))
    }

    fn learn_head(
        &self,
        head: &Head<'_>,
        cells: Cells<'_>,
        label: Label<'_>,
    ) -> Result<(Learnt, Option<Block>), Error> {
        let categories = || -> Vec<String> { cells.counts().into_keys().collect() };
        Ok(match head {
            Head::Number(_) | Head::Date(..) => (Learnt::Nothing, None),
            Head::Ordinal | Head::OneHot => (Learnt::Categories(categories()), None),
            Head::Target(target) => {
                let Some(label) = label else { return Err(Error::NoLabel) };
                let categories = categories();
                let code = |at| place(&categories, &cells.text(at)).unwrap_or_default();
                let codes: Vec<usize> = (0..cells.len()).map(code).collect();
                let rows: Vec<usize> = (0..cells.len()).map(|at| cells.row(at)).collect();
                let (means, own) = Means::learn(target, categories, &codes, label, &rows);
                (Learnt::Means(means), Some(Block::Dense(own)))
            }
            Head::NaiveBayes { tokenizer, limit, count, bayes } => {
                let Some(label) = label else { return Err(Error::NoLabel) };
                let cutter = Cutter { tokenizer, limit: *limit, n_grams: count.n_grams };
                let nothing = |_| Error::NothingToLearn { column: self.name.into(), step: "naive-bayes" };
                let (terms, words) = Terms::learn(count, None, &cutter, &cells).map_err(nothing)?;
                let rows: Vec<usize> = (0..cells.len()).map(|at| cells.row(at)).collect();
                let (evidence, own) = Evidence::learn(bayes, terms, &words, label, &rows)?;
                (Learnt::Evidence(evidence), Some(Block::Dense(own)))
            }
            Head::Terms { tokenizer, limit, count, tf_idf } => {
                let cutter = Cutter { tokenizer, limit: *limit, n_grams: count.n_grams };
                let step = if tf_idf.is_some() { "tf-idf" } else { "count" };
                let nothing = |_| Error::NothingToLearn { column: self.name.into(), step };
                let (terms, own) = Terms::learn(count, *tf_idf, &cutter, &cells).map_err(nothing)?;
                (Learnt::Terms(terms), Some(Block::Sparse(own)))
            }
        })
    }

    /// The numbers that the first step on them makes of cells; `own` are those that the fit gave some of the rows.
    fn head(
        &self,
        head: &Head<'_>,
        learnt: &Learnt,
        cells: Cells<'_>,
        own: &OwnRows,
    ) -> Result<Block, Error> {
        // What cannot be read is infinite, which no number that can be is.
        const BAD: f64 = f64::INFINITY;
        let read = |width: usize, of: &(dyn Fn(&str, &mut [f64]) + Sync)| {
            let mut values = vec![0.0; cells.len() * width];
            let share = share(cells.len());
            values.par_chunks_mut(share * width).enumerate().for_each(|(piece, values)| {
                for (at, values) in values.chunks_mut(width).enumerate() {
                    of(&cells.text(piece * share + at), values);
                }
            });
            Dense { width, values }
        };
        let mut block = match (head, learnt) {
            (Head::Number(missing), Learnt::Nothing) => {
                let dense = read(1, &|cell, into| {
                    into[0] = match cell.trim() {
                        "" if *missing => f64::NAN,
                        cell => cell.parse().ok().filter(|number: &f64| number.is_finite()).unwrap_or(BAD),
                    };
                });
                match dense.values.iter().position(|number| *number == BAD) {
                    Some(at) => return Err(self.not_a_number(cells, at)),
                    None => Block::Dense(dense),
                }
            }
            (Head::Date(date, forms, missing), Learnt::Nothing) => {
                let dense = read(date.parts.len(), &|cell, into| {
                    let moment = forms.iter().find_map(|form| form.read(cell));
                    let empty = *missing && cell.trim().is_empty();
                    for (into, part) in into.iter_mut().zip(&date.parts) {
                        *into = match moment {
                            Some(moment) => moment.part(*part),
                            None if empty => f64::NAN,
                            None => BAD,
                        };
                    }
                });
                match dense.values.iter().position(|number| *number == BAD) {
                    Some(at) => {
                        let at = at / dense.width;
                        return Err(Error::NotADate {
                            place: cells.table.place(cells.row(at), cells.column)?,
                            column: self.name.into(),
                            cell: cells.text(at).into_owned(),
                            formats: date.formats.clone(),
                        });
                    }
                    None => Block::Dense(dense),
                }
            }
            (Head::Ordinal, Learnt::Categories(categories)) => Block::Dense(read(1, &|cell, into| {
                into[0] = place(categories, cell).map_or(-1.0, |at| at as f64);
            })),
            (Head::OneHot, Learnt::Categories(categories)) => {
                let mut pieces = Pieces::default();
                for at in 0..cells.len() {
                    if let Some(place) = place(categories, &cells.text(at)) {
                        pieces.indices.push(place as i32);
                        pieces.values.push(1.0);
                    }
                    pieces.ends.push(pieces.values.len());
                }
                Block::Sparse(Sparse::join(categories.len(), vec![pieces]))
            }
            (Head::Target(_), Learnt::Means(means)) => Block::Dense(read(means.width(), &|cell, into| {
                into.copy_from_slice(means.of(cell));
            })),
            (Head::NaiveBayes { tokenizer, limit, count, .. }, Learnt::Evidence(evidence)) => {
                let cutter = Cutter { tokenizer, limit: *limit, n_grams: count.n_grams };
                Block::Dense(evidence.apply(&evidence.terms().apply(count, None, &cutter, &cells, None)))
            }
            (Head::Terms { tokenizer, limit, count, tf_idf }, Learnt::Terms(terms)) => {
                let cutter = Cutter { tokenizer, limit: *limit, n_grams: count.n_grams };
                let known = match own {
                    Some((rows, Block::Sparse(vectors))) => Some((rows.as_slice(), vectors)),
                    _ => None,
                };
                Block::Sparse(terms.apply(count, *tf_idf, &cutter, &cells, known))
            }
            _ => return Err(self.foreign()),
        };
        if let (Block::Dense(block), Some((rows, Block::Dense(own)))) = (&mut block, own) {
            let width = own.width;
            for (from, row) in own.values.chunks(width).zip(rows) {
                block.values[row * width..(row + 1) * width].copy_from_slice(from);
            }
        }
        Ok(block)
    }

    /// The rows of a table encoded. `own` is what the fit gave rows of the same table.
    pub(crate) fn apply(
        &self,
        table: &Table,
        column: usize,
        fitted: &FittedColumn,
        own: &OwnRows,
    ) -> Result<EncodedColumn, Error> {
        let mut stored = fitted.text.iter();
        let steps = self.text_steps(|_, _| stored.next().cloned().ok_or_else(|| self.foreign()))?;
        let cells = Cells { table, column, rows: None, steps: &steps };
        match (&self.end, &fitted.fitted) {
            (End::Sequence(tokens), Fitted::Vocabulary(vocabulary)) => {
                // A row without tokens is one `<unk>`, so that every sequence has a valid step.
                let sequences = sequences(cells, |text, values| {
                    let start = values.len();
                    tokens.tokenizer.tokens(text, tokens.kept, |token| values.push(vocabulary.token(token)));
                    if values.len() == start {
                        values.push(UNK);
                    }
                    Ok(())
                });
                let sequences = sequences.map_err(|(at, reason)| self.no_tokens(cells, at, reason))?;
                let vocabulary = vocabulary.len();
                Ok(EncodedColumn::Sequence { sequences, vocabulary, width: tokens.width, pad: PAD })
            }
            (End::Subwords(tokenizer, width), Fitted::Subwords(subwords)) => {
                let encoder = subwords.encoder(tokenizer)?;
                let sequences = sequences(cells, |text, values| encoder.encode(text, values))
                    .map_err(|(at, reason)| self.no_tokens(cells, at, reason))?;
                let (vocabulary, pad) = (subwords.vocabulary(), subwords.pad());
                Ok(EncodedColumn::Sequence { sequences, vocabulary, width: *width, pad })
            }
            (End::Category, Fitted::Dictionary(values)) => {
                let index = |at| place(values, &cells.text(at)).map_or(0, |at| at as i32 + 1);
                let indices = (0..cells.len()).map(index).collect();
                Ok(EncodedColumn::Category { indices, vocabulary: values.len() + 1 })
            }
            (End::Hash(_), Fitted::Hash(buckets)) => {
                let index = |at| bucket(&cells.text(at), *buckets) as i32 + 1;
                let indices = (0..cells.len()).map(index).collect();
                Ok(EncodedColumn::Category { indices, vocabulary: buckets + 1 })
            }
            (End::Number, Fitted::Number) => {
                let mut numbers = Vec::with_capacity(cells.len());
                for at in 0..cells.len() {
                    let number = parse_number(&cells.text(at));
                    numbers.push(number.ok_or_else(|| self.not_a_number(cells, at))?);
                }
                Ok(EncodedColumn::Number(numbers))
            }
            (End::Block(head, tail), Fitted::Numbers(LearntSteps(learnt)))
                if learnt.len() == tail.len() + 1 =>
            {
                let mut block = self.head(head, &learnt[0], cells, own)?;
                for (step, learnt) in tail.iter().zip(&learnt[1..]) {
                    block =
                        apply(step, learnt, block).map_err(|trouble| self.trouble(trouble, step, cells))?;
                }
                self.encoded(tail, block, cells)
            }
            _ => Err(self.foreign()),
        }
    }

    /// The words of the texts in a column, and the steps that stand for them in what [`Chain::apply`] makes of it.
    ///
    /// # Errors
    /// [`Error::WordsChange`] where the steps on text part or join words, and what the tokenizer refuses.
    pub(crate) fn words(&self, table: &Table, column: usize, fitted: &FittedColumn) -> Result<Words, Error> {
        let mut stored = fitted.text.iter();
        let steps = self.text_steps(|_, _| stored.next().cloned().ok_or_else(|| self.foreign()))?;
        let cells = Cells { table, column, rows: None, steps: &steps };
        let encoder = match (&self.end, &fitted.fitted) {
            (End::Subwords(tokenizer, _), Fitted::Subwords(subwords)) => Some(subwords.encoder(tokenizer)?),
            _ => None,
        };
        let aligned = |at: usize| -> Result<Vec<Option<u32>>, Error> {
            let (given, text) = (words(table.cell(at, column)).len(), cells.text(at));
            let tokens = match (&encoder, &self.end) {
                // What an empty text becomes stands for no word of it.
                _ if given == 0 => return Ok(vec![]),
                (Some(encoder), _) => {
                    encoder.places(&text).map_err(|reason| self.no_tokens(cells, at, reason))?
                }
                (None, End::Sequence(tokens)) => {
                    let mut places = vec![];
                    tokens.tokenizer.tokens(&text, tokens.kept, |token| {
                        let from = start(&text, token);
                        places.push((from, from + token.len()));
                    });
                    places
                }
                _ => return Err(self.foreign()),
            };
            let aligned = align(&text, tokens.into_iter());
            if aligned.len() != given {
                let (place, column) = (table.place(at, column)?, self.name.to_owned());
                return Err(Error::WordsChange { place, column, words: given, now: aligned.len() });
            }
            Ok(aligned)
        };
        let rows: Vec<Result<_, Error>> = (0..cells.len()).into_par_iter().map(aligned).collect();
        let mut all = Words { offsets: vec![0], steps: vec![] };
        rows.into_iter().try_for_each(|row| row.map(|row| all.push(&row)))?;
        Ok(all)
    }

    /// Numbers in the form that they are stored in.
    fn encoded(&self, tail: &[Step], block: Block, cells: Cells<'_>) -> Result<EncodedColumn, Error> {
        let dense = match block {
            Block::Sparse(sparse) => return Ok(EncodedColumn::Sparse(sparse)),
            Block::Dense(dense) => dense,
        };
        let width = dense.width;
        let values: Vec<f32> = dense.values.par_iter().map(|number| *number as f32).collect();
        if let Some(at) = values.iter().position(|number| !number.is_finite()) {
            let step = tail.last().map_or("number", Step::name);
            return Err(self.no_result(step, cells, at / width));
        }
        Ok(if self.makes_a_number() {
            EncodedColumn::Number(values)
        } else {
            EncodedColumn::Vector { width, values }
        })
    }

    /// What is wrong with something learnt that was read, if anything.
    pub(crate) fn problem(&self, fitted: &FittedColumn) -> Option<&'static str> {
        const FOREIGN: &str = "what was fitted does not belong to the chain";
        let learns = |step: &&Step| matches!(step, Step::Impute(Impute::Fitted(_)) | Step::Frequent(_));
        let text: Vec<&Step> = self.text.iter().filter(learns).collect();
        let sound = text.len() == fitted.text.len()
            && text.iter().zip(&fitted.text).all(|(step, learnt)| match (step, learnt) {
                (Step::Impute(_), FittedText::Impute(_)) => true,
                (Step::Frequent(_), FittedText::Frequent(cells)) => sorted(cells),
                _ => false,
            });
        if !sound {
            return Some(FOREIGN);
        }
        match (&self.end, &fitted.fitted) {
            (End::Sequence(_), Fitted::Vocabulary(vocabulary)) => vocabulary.problem(),
            (End::Category, Fitted::Dictionary(values)) => {
                (!sorted(values)).then_some("the dictionary is not sorted")
            }
            (End::Hash(buckets), Fitted::Hash(stored)) if buckets == stored => None,
            (End::Number, Fitted::Number) | (End::Picture, Fitted::Picture) => None,
            (End::Subwords(..), Fitted::Subwords(subwords)) => subwords.problem(),
            (End::Block(head, tail), Fitted::Numbers(LearntSteps(learnt)))
                if learnt.len() == tail.len() + 1 =>
            {
                let first = match (head, &learnt[0]) {
                    (Head::Number(_), Learnt::Nothing) => Some(1),
                    (Head::Date(date, ..), Learnt::Nothing) => Some(date.parts.len()),
                    (Head::Ordinal, Learnt::Categories(cells)) if sorted(cells) => Some(1),
                    (Head::OneHot, Learnt::Categories(cells)) if sorted(cells) && !cells.is_empty() => {
                        Some(cells.len())
                    }
                    (Head::Target(_), Learnt::Means(means)) if means.sound() => Some(means.width()),
                    (Head::NaiveBayes { .. }, Learnt::Evidence(evidence)) if evidence.sound() => {
                        Some(evidence.width())
                    }
                    (Head::Terms { tf_idf, .. }, Learnt::Terms(terms))
                        if terms.sound(tf_idf.is_some_and(|tf_idf| tf_idf.idf)) =>
                    {
                        Some(terms.words().len())
                    }
                    _ => None,
                };
                let steps = tail.iter().zip(&learnt[1..]);
                let last = steps.fold(first, |before, (step, learnt)| width(step, learnt, before?));
                last.is_none().then_some(FOREIGN)
            }
            _ => Some(FOREIGN),
        }
    }

    /// What each number of a vector is; none where the chain makes no vector.
    pub(crate) fn names(&self, learnt: &[Learnt]) -> Option<Vec<String>> {
        let End::Block(head, tail) = &self.end else { return None };
        if self.makes_a_number() {
            return None;
        }
        let places = |count: usize| (0..count).map(|place| place.to_string()).collect();
        let mut names: Vec<String> = match (head, learnt.first()) {
            (Head::Date(date, ..), _) => date.parts.iter().map(|part| part.name().to_owned()).collect(),
            (_, Some(Learnt::Categories(cells))) if matches!(head, Head::OneHot) => cells.clone(),
            (_, Some(Learnt::Terms(terms))) => terms.words().to_vec(),
            (_, Some(Learnt::Means(means))) => places(means.width()),
            (_, Some(Learnt::Evidence(evidence))) => places(evidence.width()),
            _ => places(1),
        };
        for step in *tail {
            match step {
                Step::Impute(Impute::Fitted(impute)) if impute.indicator => {
                    let missing: Vec<String> = names.iter().map(|name| format!("{name} missing")).collect();
                    names.extend(missing);
                }
                Step::Pca(pca) => names = places(pca.components),
                _ => {}
            }
        }
        Some(names)
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

fn sorted(cells: &[String]) -> bool {
    cells.is_sorted_by(|left, right| left < right)
}

/// The indices of every row's tokens, as `encode` adds them; else the first row that it refuses, and why.
fn sequences(
    cells: Cells<'_>,
    encode: impl Fn(&str, &mut Vec<i32>) -> Result<(), String> + Sync,
) -> Result<Sequences, (usize, String)> {
    let rows = cells.len();
    let share = share(rows);
    let pieces: Vec<Result<_, _>> = (0..rows.div_ceil(share))
        .into_par_iter()
        .map(|piece| {
            let (mut values, mut ends) = (Vec::new(), Vec::with_capacity(share));
            for row in piece * share..rows.min((piece + 1) * share) {
                encode(&cells.text(row), &mut values).map_err(|reason| (row, reason))?;
                ends.push(values.len());
            }
            Ok((values, ends))
        })
        .collect();
    let pieces = pieces.into_iter().collect::<Result<Vec<_>, _>>()?;
    let mut values = Vec::with_capacity(pieces.iter().map(|(values, _)| values.len()).sum());
    let mut offsets = Vec::with_capacity(rows + 1);
    offsets.push(0);
    for (piece, ends) in pieces {
        offsets.extend(ends.into_iter().map(|end| (values.len() + end) as i64));
        values.extend(piece);
    }
    Ok(Sequences { values, offsets })
}

/// Rows that one task takes: a few tasks a thread, so that long rows spread out.
pub(crate) fn share(rows: usize) -> usize {
    rows.div_ceil(4 * rayon::current_num_threads()).max(1)
}
