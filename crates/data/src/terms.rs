//! Vectors of word counts, plain or weighted by rarity, with scikit-learn's formulas and defaults.
//!
//! Invariant: the words are sorted by their bytes, and a word's place in the vector is its place among them.

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
    places: OnceLock<Words<i32>>,
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
    /// The last row that had it, plus 1.
    last: usize,
}

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
}

impl Cutter<'_> {
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

impl Terms {
    pub(crate) fn learn(
        count: &Count,
        tf_idf: Option<&TfIdf>,
        cutter: &Cutter<'_>,
        cells: &Cells<'_>,
    ) -> Result<Self, Trouble> {
        let rows = cells.len();
        let share = share(rows);
        let tallies = (0..rows.div_ceil(share))
            .into_par_iter()
            .map(|piece| {
                let (mut tallies, mut room) = (Words::<Tally>::default(), Room::default());
                for row in piece * share..rows.min((piece + 1) * share) {
                    cutter.words(&cells.text(row), &mut room, |word| {
                        let tally = tallies.slot(word);
                        tally.count += 1;
                        tally.rows += u64::from(tally.last != row + 1);
                        tally.last = row + 1;
                    });
                }
                tallies
            })
            .reduce(Words::default, |one, other| {
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
        Ok(Self { words, idf, places: OnceLock::new() })
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

    fn places(&self) -> &Words<i32> {
        self.places
            .get_or_init(|| self.words.iter().zip(0..).map(|(word, at)| (word.as_str().into(), at)).collect())
    }

    pub(crate) fn apply(
        &self,
        count: &Count,
        tf_idf: Option<&TfIdf>,
        cutter: &Cutter<'_>,
        cells: &Cells<'_>,
    ) -> Sparse {
        let rows = cells.len();
        let share = share(rows);
        let places = self.places();
        let pieces = (0..rows.div_ceil(share))
            .into_par_iter()
            .map(|piece| {
                let mut pieces = Pieces::default();
                let (mut room, mut found, mut numbers) = (Room::default(), Vec::new(), Vec::new());
                let mut counts = vec![0u32; self.words.len()];
                for row in piece * share..rows.min((piece + 1) * share) {
                    found.clear();
                    numbers.clear();
                    cutter.words(&cells.text(row), &mut room, |word| {
                        let Some(place) = places.get(word) else { return };
                        let count = &mut counts[place as usize];
                        if *count == 0 {
                            found.push(place);
                        }
                        *count += 1;
                    });
                    found.sort_unstable();
                    for place in &found {
                        let times = std::mem::take(&mut counts[*place as usize]);
                        let times = if count.binary { 1.0 } else { f64::from(times) };
                        numbers.push(self.weigh(tf_idf, *place, times));
                    }
                    pieces.indices.extend_from_slice(&found);
                    let length = match tf_idf.map_or(Norm::None, |tf_idf| tf_idf.norm) {
                        Norm::L2 => numbers.iter().map(|x| x * x).sum::<f64>().sqrt(),
                        Norm::L1 => numbers.iter().map(|x| x.abs()).sum(),
                        Norm::None => 1.0,
                    };
                    pieces.values.extend(numbers.iter().map(|x| (x / length) as f32));
                    pieces.ends.push(pieces.values.len());
                }
                pieces
            })
            .collect();
        Sparse::join(self.words.len(), pieces)
    }

    fn weigh(&self, tf_idf: Option<&TfIdf>, place: i32, times: f64) -> f64 {
        let sublinear = tf_idf.is_some_and(|tf_idf| tf_idf.sublinear);
        let times = if sublinear { times.ln() + 1.0 } else { times };
        self.idf.as_ref().map_or(times, |idf| times * idf[place as usize])
    }
}
