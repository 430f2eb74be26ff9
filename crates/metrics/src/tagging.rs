//! Tags that a model chose for the words of texts beside those that they have.

use data::{Tags, Words};

use crate::confusion::{Confusion, Counts};
use crate::entities::{Entity, TagSet};
use crate::mean_defined;
use crate::probabilities::log_loss_of_class;
use crate::weights::Weights;

/// Tags of the words of texts: a row is a text.
#[derive(Debug, Clone, PartialEq)]
pub struct Tagging {
    set: TagSet,
    /// The first word of each row, and the end of the last row's.
    offsets: Vec<usize>,
    truth: Vec<u32>,
    chosen: Vec<u32>,
    /// The cross-entropy of each word; none where no token stands for it.
    losses: Vec<Option<f64>>,
}

/// The entities of a text beside those that a model finds in it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Compared {
    /// Found.
    pub right: Vec<Entity>,
    /// Missed.
    pub missed: Vec<Entity>,
    /// Found where there are none.
    pub wrong: Vec<Entity>,
}

impl Tagging {
    /// Logits `[words that a token stands for, tags]`, row-major, beside what is true of all words. A word that no token
    /// stands for is taken to be chosen as outside of everything: `O`, in a set without it the first tag.
    pub fn new(logits: &[f32], width: usize, set: TagSet, truth: &Tags) -> Self {
        let chosen = choose(logits, width, &set, &truth.words);
        let mut losses = vec![None; truth.tags.len()];
        let truth_of = |word: usize| truth.tags[word].cast_unsigned();
        for ((_, word, _), logits) in truth.words.standing().zip(logits.chunks_exact(width.max(1))) {
            let logits = logits.iter().map(|&logit| f64::from(logit));
            losses[word] = Some(log_loss_of_class(logits, truth_of(word)));
        }
        let words = (0..truth.tags.len()).map(truth_of).collect();
        Self { set, offsets: truth.words.offsets.clone(), truth: words, chosen, losses }
    }

    /// Tags that were chosen for words beside those that they have; `offsets` are the first word of each row, and the end of
    /// the last row's. Losses are not known.
    pub fn chosen(set: TagSet, offsets: Vec<usize>, truth: Vec<u32>, chosen: Vec<u32>) -> Self {
        let losses = vec![None; truth.len()];
        Self { set, offsets, truth, chosen, losses }
    }

    /// Some of the rows, in the order given.
    #[must_use]
    pub fn only(&self, rows: &[u32]) -> Tagging {
        let mut only =
            Self { offsets: vec![0], truth: vec![], chosen: vec![], losses: vec![], ..self.clone() };
        for &row in rows {
            let words = self.offsets[row as usize]..self.offsets[row as usize + 1];
            only.truth.extend(&self.truth[words.clone()]);
            only.chosen.extend(&self.chosen[words.clone()]);
            only.losses.extend(&self.losses[words]);
            only.offsets.push(only.truth.len());
        }
        only
    }

    /// The tags.
    pub fn set(&self) -> &TagSet {
        &self.set
    }

    /// Whether a score is not a number, so that nothing is defined.
    pub(crate) fn is_unknown(&self) -> bool {
        self.losses.iter().flatten().any(|loss| loss.is_nan())
    }

    /// Share of words whose tag is right.
    pub(crate) fn accuracy(&self, weights: &Weights<'_>) -> Option<f64> {
        let words = self.words().map(|(row, word)| {
            let right = self.truth[word] == self.chosen[word];
            (Some(f64::from(u8::from(right))), weights.of(row))
        });
        mean_defined(words)
    }

    /// Mean cross-entropy of the words that a token stands for.
    pub(crate) fn loss(&self, weights: &Weights<'_>) -> Option<f64> {
        mean_defined(self.words().map(|(row, word)| (self.losses[word], weights.of(row))))
    }

    /// Counts by type of entities, or by tag where tags spell none: an entity is right where one of the same type has the
    /// same words.
    pub fn counts(&self, weights: &Weights<'_>) -> Vec<Counts> {
        let mut counts = vec![Counts::default(); self.set.names().len()];
        for row in 0..self.rows() {
            let Compared { right, missed, wrong } = self.compared(row);
            let mut count = |entities: &[Entity], of: fn(&mut Counts) -> &mut f64| {
                for entity in entities {
                    if let Some(counts) = counts.get_mut(entity.kind) {
                        *of(counts) += weights.of(row);
                    }
                }
            };
            count(&right, |of| &mut of.right);
            count(&missed, |of| &mut of.missed);
            count(&wrong, |of| &mut of.wrong);
        }
        counts
    }

    /// The entities of a row that were found, missed, and found where there are none.
    pub fn compared(&self, row: usize) -> Compared {
        let words = self.offsets[row]..self.offsets[row + 1];
        let truth = self.set.entities(&self.truth[words.clone()]);
        let chosen = self.set.entities(&self.chosen[words]);
        // They come in the order of their first words.
        let has = |all: &[Entity], entity: &Entity| {
            let found = all.binary_search_by_key(&entity.words.start, |other| other.words.start);
            found.is_ok_and(|at| all[at] == *entity)
        };
        let wrong = chosen.iter().filter(|entity| !has(&truth, entity)).cloned().collect();
        let (right, missed) = truth.into_iter().partition(|entity| has(&chosen, entity));
        Compared { right, missed, wrong }
    }

    /// The number of rows.
    pub fn rows(&self) -> usize {
        self.offsets.len().saturating_sub(1)
    }

    /// Words by tag and by chosen tag.
    pub fn confusion(&self, tags: usize) -> Confusion {
        Confusion::new(tags, &self.truth, &self.chosen, &Weights::default())
    }

    /// Words with their rows.
    fn words(&self) -> impl Iterator<Item = (usize, usize)> {
        let rows = self.offsets.windows(2).enumerate();
        rows.flat_map(|(row, ends)| (ends[0]..ends[1]).map(move |word| (row, word)))
    }
}

/// The tag chosen for each word, the first of the most likely, given logits `[words that a token stands for, tags]`; for
/// other words the tag outside of everything.
pub fn choose(logits: &[f32], width: usize, set: &TagSet, words: &Words) -> Vec<u32> {
    let width = width.max(1);
    let mut chosen = vec![set.outside(); words.steps.len()];
    for ((_, word, _), row) in words.standing().zip(logits.chunks_exact(width)) {
        chosen[word] = (1..width).fold(0, |best, at| if row[at] > row[best] { at } else { best }) as u32;
    }
    chosen
}
