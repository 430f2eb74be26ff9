//! Words of texts, the steps of encoded sequences that stand for them, and the tags that they have.
//!
//! A word is a piece of a text between white space, as Python's `str.split()` parts it. It stands at the step of the
//! first token that starts in it, however many follow.

use crate::text::is_space;

/// A piece of a text between white space.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Word<'t> {
    /// The word itself.
    pub text: &'t str,
    /// Its first character in the text and the one behind its last, counted from 0 as Python counts: in Unicode scalar
    /// values.
    pub characters: (usize, usize),
}

/// The words of texts, row after row.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Words {
    /// The first word of each row, and the end of the last row's: `[rows + 1]`.
    pub offsets: Vec<usize>,
    /// The step of each word's first token; none where no token stands for the word.
    pub steps: Vec<Option<u32>>,
}

/// The tags of the words of texts.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Tags {
    /// The words.
    pub words: Words,
    /// The tag of each word, by index.
    pub tags: Vec<i32>,
}

impl Words {
    /// The number of rows.
    pub fn rows(&self) -> usize {
        self.offsets.len().saturating_sub(1)
    }

    /// The steps of the words of a row.
    pub fn row(&self, row: usize) -> &[Option<u32>] {
        &self.steps[self.offsets[row]..self.offsets[row + 1]]
    }

    /// Words that a token stands for, in order: their rows, their places among all words, their steps.
    pub fn standing(&self) -> impl Iterator<Item = (usize, usize, u32)> {
        (0..self.rows()).flat_map(move |row| {
            let places = self.offsets[row]..self.offsets[row + 1];
            places.filter_map(move |word| Some((row, word, self.steps[word]?)))
        })
    }

    pub(crate) fn push(&mut self, row: &[Option<u32>]) {
        self.steps.extend_from_slice(row);
        self.offsets.push(self.steps.len());
    }
}

/// The words of a text.
pub fn words(text: &str) -> Vec<Word<'_>> {
    let mut characters = 0;
    let mut words = vec![];
    for piece in text.split(is_space) {
        let length = piece.chars().count();
        if length > 0 {
            words.push(Word { text: piece, characters: (characters, characters + length) });
        }
        characters += length + 1;
    }
    words
}

/// Where a piece of a text starts in it, in bytes. `piece` is a slice of `text`.
pub(crate) fn start(text: &str, piece: &str) -> usize {
    piece.as_ptr() as usize - text.as_ptr() as usize
}

/// For each word of a text the first of the tokens that starts in it. `tokens` are the bytes of each token, which rise. White
/// space that a token starts with, or is alone, is of the word behind it, as SentencePiece has it; a token of no bytes
/// stands for nothing.
pub(crate) fn align(text: &str, tokens: impl Iterator<Item = (usize, usize)>) -> Vec<Option<u32>> {
    let words = words(text);
    let ends: Vec<usize> = words.iter().map(|word| start(text, word.text) + word.text.len()).collect();
    let mut steps = vec![None; words.len()];
    for (step, (from, to)) in (0..).zip(tokens) {
        let own = text.get(from..to).unwrap_or_default();
        let spaces = own.len() - own.trim_start_matches(is_space).len();
        if !own.is_empty()
            && let Some(found) = steps.get_mut(ends.partition_point(|end| *end <= from + spaces))
        {
            found.get_or_insert(step);
        }
    }
    steps
}

/// The tags that a cell names: parted by `separator`, else by white space.
pub(crate) fn tags<'c>(cell: &'c str, separator: Option<&str>) -> Vec<&'c str> {
    let pieces: Vec<&str> = match separator {
        Some(separator) => cell.split(separator).map(str::trim).collect(),
        None => cell.split(is_space).collect(),
    };
    pieces.into_iter().filter(|tag| !tag.is_empty()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Spans made by CPython 3.11: `[(m.start(), m.end()) for m in re.finditer(r"\S+", text)]`, whose pieces are those of
    /// `text.split()`.
    #[test]
    fn words_are_those_of_python() {
        let spans = |text| words(text).into_iter().map(|word| word.characters).collect::<Vec<_>>();
        assert_eq!(spans("The U.S.  of\tA."), [(0, 3), (4, 8), (10, 12), (13, 15)]);
        assert_eq!(spans(" 👍🏽 e\u{301}a שלום\u{a0}עולם\n"), [(1, 3), (4, 7), (8, 12), (13, 17)]);
        assert_eq!(spans(" \n"), []);
        assert_eq!(words("a 👩‍👧 b")[1].text, "👩‍👧");
    }

    #[test]
    fn the_first_token_of_a_word_stands_for_it() {
        // "U.S. wins" as "U", ".", "S", ".", "wins" between two tokens of no bytes.
        let tokens = [(0, 0), (0, 1), (1, 2), (2, 3), (3, 4), (5, 9), (0, 0)];
        assert_eq!(align("U.S. wins", tokens.into_iter()), [Some(1), Some(5)]);
        // As SentencePiece has them: " wins" is the second word's; the first word's token is cut off.
        assert_eq!(align("U.S. wins", [(4, 9)].into_iter()), [None, Some(0)]);
        // A token of both words is the first one's.
        assert_eq!(align("U.S. wins", [(0, 9)].into_iter()), [Some(0), None]);
        assert_eq!(align("é b", [(0, 2), (3, 4)].into_iter()), [Some(0), Some(1)]);
        assert_eq!(align("é b", [(0, 2), (2, 3), (3, 4)].into_iter()), [Some(0), Some(1)]);
        assert_eq!(align(" ", [(0, 1)].into_iter()), []);
    }

    #[test]
    fn cells_name_tags() {
        assert_eq!(tags(" O  B-PER\tO ", None), ["O", "B-PER", "O"]);
        assert_eq!(tags("O; B-PER;", Some(";")), ["O", "B-PER"]);
    }
}
