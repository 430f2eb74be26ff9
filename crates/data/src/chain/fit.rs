//! What a chain learns of the training rows.

use std::collections::BTreeSet;

use rayon::prelude::*;

use super::{Cells, Chain, End, Head, Label, OwnRows, share};
use crate::block::Block;
use crate::category::{Means, frequent, most_frequent, place};
use crate::error::Error;
use crate::evidence::Evidence;
use crate::numbers::{Learnt, apply, learn};
use crate::step::Step;
use crate::subwords::Subwords;
use crate::table::Table;
use crate::terms::{Cutter, Terms};
use crate::transform::{Fitted, FittedText, LearntSteps};
use crate::vocabulary::Vocabulary;

impl Chain<'_> {
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
}
