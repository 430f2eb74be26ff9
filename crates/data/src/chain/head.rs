//! The numbers that the first step on them makes of cells.

use rayon::prelude::*;

use super::{Cells, Chain, Head, OwnRows, share};
use crate::block::{Block, Dense, Pieces, Sparse};
use crate::category::place;
use crate::error::Error;
use crate::numbers::Learnt;
use crate::terms::Cutter;

impl Chain<'_> {
    /// The numbers that the first step on them makes of cells; `own` are those that the fit gave some of the rows.
    pub(super) fn head(
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
}
