//! Vectors of word counts, plain or weighted by rarity, with scikit-learn's formulas and defaults.
//!
//! Invariant: the words are sorted by their bytes, and a word's place in the vector is its place among them.

use std::ops::Range;
use std::sync::OnceLock;

use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use crate::block::{Pieces, Sparse};
use crate::chain::{Cells, share};
use crate::numbers::Trouble;
use crate::step::{Count, Norm, TfIdf};
use crate::text::Tokenizer;
use crate::words::Words;

/// The words of a vector, and their weights.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub(crate) struct Terms {
    words: Vec<String>,
    /// One a word; none where words are not weighted.
    idf: Option<Vec<f64>>,
    #[serde(skip)]
    places: OnceLock<Words<u32>>,
}

impl PartialEq for Terms {
    fn eq(&self, other: &Self) -> bool {
        self.words == other.words && self.idf == other.idf
    }
}

/// What training rows say of a word.
#[derive(Clone, Copy, Debug, Default)]
struct Tally {
    count: u64,
    rows: u64,
}

/// The words of some rows, numbered as they come.
#[derive(Debug, Default)]
struct Bags {
    /// One more than each word's number.
    numbers: Words<u32>,
    tallies: Vec<Tally>,
    /// Each row's words and how often it has them.
    found: Vec<(u32, u32)>,
    /// Where each row ends.
    ends: Vec<usize>,
}

/// Rows whose vectors are known already: their numbers, which rise, and their vectors.
pub(crate) type Known<'a> = Option<(&'a [usize], &'a Sparse)>;

/// How cells become words.
pub(crate) struct Cutter<'a> {
    pub(crate) tokenizer: &'a Tokenizer,
    /// Tokens that are taken of one row.
    pub(crate) limit: usize,
    pub(crate) n_grams: [usize; 2],
}

/// Room that one row after the other uses.
#[derive(Default)]
struct Room {
    /// The tokens with a space between each two: an n-gram is a slice of it.
    text: String,
    bounds: Vec<(usize, usize)>,
    /// How often the row has each word.
    times: Vec<u32>,
}

impl Cutter<'_> {
    /// Adds the words of a cell, each once and with how often it is there; words without a number are left out.
    fn bag(
        &self,
        cell: &str,
        room: &mut Room,
        mut number: impl FnMut(&str) -> Option<u32>,
        found: &mut Vec<(u32, u32)>,
    ) {
        let start = found.len();
        let mut times = std::mem::take(&mut room.times);
        self.words(cell, room, |word| {
            let Some(number) = number(word) else { return };
            let at = number as usize;
            if at >= times.len() {
                times.resize(at + 1, 0);
            }
            if times[at] == 0 {
                found.push((number, 0));
            }
            times[at] += 1;
        });
        found[start..]
            .iter_mut()
            .for_each(|(number, own)| *own = std::mem::take(&mut times[*number as usize]));
        room.times = times;
    }

    fn words(&self, cell: &str, room: &mut Room, mut each: impl FnMut(&str)) {
        if self.n_grams == [1, 1] {
            return self.tokenizer.tokens(cell, self.limit, each);
        }
        room.text.clear();
        room.bounds.clear();
        self.tokenizer.tokens(cell, self.limit, |token| {
            if !room.text.is_empty() {
                room.text.push(' ');
            }
            let start = room.text.len();
            room.text.push_str(token);
            room.bounds.push((start, room.text.len()));
        });
        let [least, most] = self.n_grams;
        for n in least..=most.min(room.bounds.len()) {
            for run in room.bounds.windows(n) {
                each(&room.text[run[0].0..run[n - 1].1]);
            }
        }
    }
}

impl Bags {
    fn of(cutter: &Cutter<'_>, cells: &Cells<'_>, rows: Range<usize>) -> Self {
        let (mut bags, mut room) = (Self::default(), Room::default());
        for row in rows {
            let start = bags.found.len();
            let (numbers, tallies) = (&mut bags.numbers, &mut bags.tallies);
            let number = |word: &str| {
                let number = numbers.slot(word);
                if *number == 0 {
                    tallies.push(Tally::default());
                    *number = tallies.len() as u32;
                }
                Some(*number - 1)
            };
            cutter.bag(&cells.text(row), &mut room, number, &mut bags.found);
            for (number, times) in &bags.found[start..] {
                let tally = &mut bags.tallies[*number as usize];
                tally.count += u64::from(*times);
                tally.rows += 1;
            }
            bags.ends.push(bags.found.len());
        }
        bags
    }

    /// The words with their tallies.
    fn tallied(&self) -> Words<Tally> {
        self.numbers.map(|number| self.tallies[number as usize - 1])
    }
}

impl Terms {
    /// Learns the words of some rows, and gives the rows' vectors.
    pub(crate) fn learn(
        count: &Count,
        tf_idf: Option<&TfIdf>,
        cutter: &Cutter<'_>,
        cells: &Cells<'_>,
    ) -> Result<(Self, Sparse), Trouble> {
        let rows = cells.len();
        let share = share(rows);
        let bags: Vec<Bags> = (0..rows.div_ceil(share))
            .into_par_iter()
            .map(|piece| Bags::of(cutter, cells, piece * share..rows.min((piece + 1) * share)))
            .collect();
        let tallies = bags.par_iter().map(Bags::tallied).reduce(Words::default, |one, other| {
            one.merge(other, |into, from| {
                into.count += from.count;
                into.rows += from.rows;
            })
        });
        let most = count.max_df * rows as f64;
        let mut words: Vec<(Box<str>, Tally)> = tallies
            .into_items()
            .filter(|(_, tally)| tally.rows >= count.min_df && tally.rows as f64 <= most)
            .collect();
        words.par_sort_unstable_by(|left, right| left.0.cmp(&right.0));
        if let Some(limit) = count.max_features.filter(|limit| *limit < words.len()) {
            words.sort_by_key(|(_, tally)| std::cmp::Reverse(tally.count));
            words.truncate(limit);
            words.par_sort_unstable_by(|left, right| left.0.cmp(&right.0));
        }
        if words.is_empty() || i32::try_from(words.len()).is_err() {
            return Err(Trouble::NoWords);
        }
        let idf = tf_idf.filter(|tf_idf| tf_idf.idf).map(|tf_idf| {
            let more = if tf_idf.smooth_idf { 1.0 } else { 0.0 };
            let of = |tally: &Tally| ((rows as f64 + more) / (tally.rows as f64 + more)).ln() + 1.0;
            words.iter().map(|(_, tally)| of(tally)).collect()
        });
        let words = words.into_iter().map(|(word, _)| word.into()).collect();
        let terms = Self { words, idf, places: OnceLock::new() };
        let places = terms.places();
        let vectors = bags.into_par_iter().map(|bags| {
            let mut own = vec![None; bags.tallies.len()];
            for (number, place) in bags.numbers.beside(places) {
                own[number as usize - 1] = place;
            }
            let (mut pieces, mut row, mut start) = (Pieces::default(), Vec::new(), 0);
            for end in bags.ends {
                row.clear();
                let known = bags.found[start..end].iter();
                row.extend(known.filter_map(|(number, times)| Some((own[*number as usize]?, *times))));
                terms.weigh(count, tf_idf, &mut row, &mut pieces);
                start = end;
            }
            pieces
        });
        let vectors = Sparse::join(terms.words.len(), vectors.collect());
        Ok((terms, vectors))
    }

    /// The words in the order of the vector.
    pub(crate) fn words(&self) -> &[String] {
        &self.words
    }

    /// Whether terms that were read can be used.
    pub(crate) fn sound(&self, weighted: bool) -> bool {
        !self.words.is_empty()
            && i32::try_from(self.words.len()).is_ok()
            && self.words.is_sorted_by(|left, right| left < right)
            && self.idf.is_some() == weighted
            && self.idf.as_ref().is_none_or(|idf| idf.len() == self.words.len())
    }

    fn places(&self) -> &Words<u32> {
        self.places
            .get_or_init(|| self.words.iter().zip(0..).map(|(word, at)| (word.as_str().into(), at)).collect())
    }

    /// The vectors of rows; those that are known are copied.
    pub(crate) fn apply(
        &self,
        count: &Count,
        tf_idf: Option<&TfIdf>,
        cutter: &Cutter<'_>,
        cells: &Cells<'_>,
        known: Known<'_>,
    ) -> Sparse {
        let rows = cells.len();
        let share = share(rows);
        let places = self.places();
        let pieces = (0..rows.div_ceil(share))
            .into_par_iter()
            .map(|piece| {
                let own = piece * share..rows.min((piece + 1) * share);
                let (mut pieces, mut room, mut found) = (Pieces::default(), Room::default(), Vec::new());
                let mut next = known.map_or(0, |(known, _)| known.partition_point(|row| *row < own.start));
                for row in own {
                    match known {
                        Some((rows, vectors)) if rows.get(next) == Some(&row) => {
                            pieces.push(vectors.slices(next));
                            next += 1;
                        }
                        _ => {
                            found.clear();
                            cutter.bag(&cells.text(row), &mut room, |word| places.get(word), &mut found);
                            self.weigh(count, tf_idf, &mut found, &mut pieces);
                        }
                    }
                }
                pieces
            })
            .collect();
        Sparse::join(self.words.len(), pieces)
    }

    /// Adds the vector of a row with these words.
    fn weigh(&self, count: &Count, tf_idf: Option<&TfIdf>, row: &mut [(u32, u32)], pieces: &mut Pieces) {
        row.sort_unstable_by_key(|(place, _)| *place);
        let sublinear = tf_idf.is_some_and(|tf_idf| tf_idf.sublinear);
        let weight = |(place, times): &(u32, u32)| {
            let times = if count.binary { 1.0 } else { f64::from(*times) };
            let times = if sublinear { times.ln() + 1.0 } else { times };
            self.idf.as_ref().map_or(times, |idf| times * idf[*place as usize])
        };
        let weights: Vec<f64> = row.iter().map(weight).collect();
        let length = match tf_idf.map_or(Norm::None, |tf_idf| tf_idf.norm) {
            Norm::L2 => weights.iter().map(|x| x * x).sum::<f64>().sqrt(),
            Norm::L1 => weights.iter().map(|x| x.abs()).sum(),
            Norm::None => 1.0,
        };
        pieces.indices.extend(row.iter().map(|(place, _)| *place as i32));
        pieces.values.extend(weights.iter().map(|x| (x / length) as f32));
        pieces.ends.push(pieces.values.len());
    }
}
