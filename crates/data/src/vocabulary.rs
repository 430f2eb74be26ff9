//! A vocabulary: words by falling count, and the index of a word.
//!
//! Invariant: word 0 is `<pad>`, word 1 is `<unk>`, no word is there twice.

use std::sync::OnceLock;

use serde::{Deserialize, Serialize};

use crate::step::{Index, Ties};
use crate::words::Words;

/// The padding's index.
pub const PAD: i32 = 0;
/// The index of every word that is not in the vocabulary.
pub const UNK: i32 = 1;

const RESERVED: [&str; 2] = ["<pad>", "<unk>"];

/// Words by index, with how often training saw them.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Vocabulary {
    words: Vec<String>,
    counts: Vec<u64>,
    #[serde(skip)]
    indices: OnceLock<Words<i32>>,
}

impl PartialEq for Vocabulary {
    fn eq(&self, other: &Self) -> bool {
        self.words == other.words && self.counts == other.counts
    }
}

impl Eq for Vocabulary {}

impl Vocabulary {
    /// The vocabulary of counted words within the limits of `index`. The count of `<unk>` is that of all words
    /// left out. Text that spells a reserved word is unknown. None where the words do not fit in 32 bits.
    pub(crate) fn new(counts: Words<u64>, index: &Index) -> Option<Self> {
        let mut words = counts.into_sorted();
        if index.ties == Ties::Falling {
            words.sort_unstable_by(|left, right| right.1.cmp(&left.1).then_with(|| right.0.cmp(&left.0)));
        }
        let all: u64 = words.iter().map(|(_, count)| count).sum();
        words.retain(|(word, count)| *count >= index.min_count && !RESERVED.contains(&&**word));
        words.truncate(index.max_size.unwrap_or(usize::MAX));
        i32::try_from(words.len() + RESERVED.len()).ok()?;
        let kept: u64 = words.iter().map(|(_, count)| count).sum();
        let reserved = RESERVED.iter().map(|word| (Box::from(*word), 0));
        let (words, mut counts): (Vec<String>, Vec<u64>) =
            reserved.chain(words).map(|(word, count): (Box<str>, u64)| (word.into(), count)).unzip();
        counts[UNK as usize] = all - kept;
        Some(Self { words, counts, indices: OnceLock::new() })
    }

    /// The number of words, `<pad>` and `<unk>` among them.
    pub fn len(&self) -> usize {
        self.words.len()
    }

    /// Never: the reserved words are always there.
    pub fn is_empty(&self) -> bool {
        self.words.is_empty()
    }

    /// The words by index.
    pub fn words(&self) -> &[String] {
        &self.words
    }

    /// How often the training rows hold each word, by index; `<unk>` stands for all that were left out.
    pub fn counts(&self) -> &[u64] {
        &self.counts
    }

    /// The index of a word; none where the vocabulary lacks it.
    pub fn index(&self, word: &str) -> Option<i32> {
        self.indices().get(word)
    }

    /// The index of a token of text, `UNK` where the vocabulary lacks it.
    pub(crate) fn token(&self, token: &str) -> i32 {
        match self.index(token) {
            Some(index) if index > UNK => index,
            _ => UNK,
        }
    }

    fn indices(&self) -> &Words<i32> {
        self.indices
            .get_or_init(|| self.words.iter().zip(0..).map(|(word, at)| (word.as_str().into(), at)).collect())
    }

    /// What is wrong with a vocabulary that was read.
    pub(crate) fn problem(&self) -> Option<&'static str> {
        if !self.words.iter().map(String::as_str).take(2).eq(RESERVED) {
            return Some("the vocabulary does not start with <pad> and <unk>");
        }
        if self.words.len() != self.counts.len() {
            return Some("the vocabulary has not one count a word");
        }
        if i32::try_from(self.words.len()).is_err() || self.indices().len() != self.words.len() {
            return Some("the vocabulary has a word twice");
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn counted(text: &str) -> Words<u64> {
        let mut words = Words::default();
        text.split(' ').for_each(|word| words.count(word));
        words
    }

    #[test]
    fn words_by_falling_count_then_bytes() {
        let counts = || counted("b a b c a Z <unk> d d d");
        let all = Vocabulary::new(counts(), &Index::default()).unwrap();
        assert_eq!(all.words(), ["<pad>", "<unk>", "d", "a", "b", "Z", "c"]);
        assert_eq!(all.counts(), [0, 1, 3, 2, 2, 1, 1]);
        assert_eq!((all.token("a"), all.token("x"), all.token("<pad>")), (3, UNK, UNK));
        assert_eq!((all.index("<pad>"), all.index("x")), (Some(PAD), None));
        let few = Vocabulary::new(counts(), &Index { min_count: 2, max_size: Some(2), ..Index::default() })
            .unwrap();
        assert_eq!(few.words(), ["<pad>", "<unk>", "d", "a"]);
        assert_eq!(few.counts(), [0, 5, 3, 2]);
    }
}
