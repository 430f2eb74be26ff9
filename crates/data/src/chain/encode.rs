//! A table's rows encoded by a chain and what it learnt.

use rayon::prelude::*;

use super::{Cells, Chain, End, OwnRows, share};
use crate::block::Block;
use crate::category::{bucket, place};
use crate::encoded::{EncodedColumn, Sequences};
use crate::error::Error;
use crate::label::parse_number;
use crate::numbers::apply;
use crate::step::Step;
use crate::table::Table;
use crate::tags::{Words, align, start, words};
use crate::transform::{Fitted, FittedColumn, LearntSteps};
use crate::vocabulary::{PAD, UNK};

impl Chain<'_> {
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
