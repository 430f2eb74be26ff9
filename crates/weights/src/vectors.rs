//! Word vectors of others: GloVe's text, word2vec's text and binary, fastText's `.vec` and `.bin`, gzipped or not.
//!
//! Invariant: a file is read once from start to end, whatever its size, and only the rows of wanted words are kept.

mod binary;
mod fasttext;
mod input;
mod text;

use std::fs::File;
use std::path::Path;

use rustc_hash::FxHashMap;

use crate::error::{Error, Reason};
use crate::limits::Limits;
use input::Input;

/// How a word came to its vector.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Hit {
    /// The file has no vector for it.
    Missing,
    /// The file has the word.
    Word,
    /// The mean of the word's character n-grams, which fastText's `.bin` has.
    Subwords,
}

/// The formats that are read; the content tells which a file is of, not its name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum VectorFormat {
    /// A word and its numbers a line (GloVe).
    Text,
    /// The same after a line with the number of words and the width (word2vec, fastText's `.vec`).
    TextWithHeader,
    /// That line, then words and little-endian numbers (word2vec).
    Word2VecBinary,
    /// fastText's `.bin`, with the vectors of character n-grams.
    FastText,
}

/// Vectors of wanted words.
#[derive(Clone, Debug, PartialEq)]
pub struct WordVectors {
    /// Numbers in a vector.
    pub width: usize,
    /// `[words, width]`, in the order of the wanted words; zeros where the file has none.
    pub values: Vec<f32>,
    /// By wanted word.
    pub hits: Vec<Hit>,
    /// Words in the file.
    pub words: usize,
    /// What the file is.
    pub format: VectorFormat,
}

impl WordVectors {
    /// Reads the vectors of `wanted` words from the file at `path`. Of a word that the file has twice, the first counts,
    /// as with gensim.
    ///
    /// # Errors
    /// An [`Error`] with the path: the file cannot be read, holds no word vectors, has a line of another width or a
    /// header that is not true of it, a wanted word's numbers are none, or the vectors take more than `limits` allow.
    pub fn read(path: &Path, wanted: &[&str], limits: &Limits) -> Result<Self, Error> {
        let read = || {
            let mut table = Table::new(wanted, limits);
            match Start::of(path)? {
                Start::FastText(mut input) => fasttext::read(&mut input, &mut table)?,
                Start::Binary(mut input, header) => binary::read(&mut input, &header, &mut table)?,
                Start::Text(mut input, header) => text::read(&mut input, header.as_ref(), &mut table)?,
            }
            Ok(table.finish())
        };
        read().map_err(|reason| Error { path: path.into(), reason })
    }

    /// Numbers in a vector, by the start of the file alone.
    ///
    /// # Errors
    /// As [`WordVectors::read`], as far as the start shows it.
    pub fn width_of(path: &Path) -> Result<usize, Error> {
        let width = || match Start::of(path)? {
            Start::FastText(mut input) => fasttext::width(&mut input),
            Start::Binary(_, header) => Ok(header.width),
            Start::Text(mut input, header) => text::width(&mut input, header.as_ref()),
        };
        width().map_err(|reason| Error { path: path.into(), reason })
    }
}

/// A file at its first byte, and what it is.
enum Start {
    FastText(Input),
    Binary(Input, Header),
    Text(Input, Option<Header>),
}

impl Start {
    fn of(path: &Path) -> Result<Start, Reason> {
        let mut input = File::open(path).and_then(Input::open).map_err(Reason::Io)?;
        let first = input.peek(1 << 16).map_err(Reason::Io)?;
        if fasttext::is_one(first) {
            return Ok(Start::FastText(input));
        }
        Ok(match text::header(first) {
            Some(header) if binary::is_one(&first[header.length..], &header) => Start::Binary(input, header),
            header => Start::Text(input, header),
        })
    }
}

/// The first line of a file that says what follows.
struct Header {
    words: usize,
    width: usize,
    /// Bytes of the line, its end included.
    length: usize,
}

/// Vectors on their way from the file to the wanted words.
struct Table<'w> {
    wanted: &'w [&'w str],
    places: FxHashMap<&'w [u8], usize>,
    limit: usize,
    found: WordVectors,
}

impl<'w> Table<'w> {
    fn new(wanted: &'w [&'w str], limits: &Limits) -> Self {
        let mut places = FxHashMap::default();
        for (place, word) in wanted.iter().enumerate() {
            places.entry(word.as_bytes()).or_insert(place);
        }
        let hits = vec![Hit::Missing; wanted.len()];
        let found = WordVectors { width: 0, values: vec![], hits, words: 0, format: VectorFormat::Text };
        Table { wanted, places, limit: limits.copied, found }
    }

    /// Must be called before the first row.
    fn start(&mut self, format: VectorFormat, width: usize) -> Result<(), Reason> {
        let bytes = width.checked_mul(self.wanted.len()).and_then(|values| values.checked_mul(4));
        if width == 0 {
            return Err(Reason::damaged("its vectors have no numbers"));
        }
        if bytes.is_none_or(|bytes| bytes > self.limit) {
            return Err(Reason::Limit { what: "bytes of vectors", limit: self.limit });
        }
        self.found.format = format;
        self.found.width = width;
        self.found.values = vec![0.0; width * self.wanted.len()];
        Ok(())
    }

    /// The place of a wanted word that has no vector yet.
    fn place(&self, word: &[u8]) -> Option<usize> {
        self.places.get(word).copied().filter(|&place| self.found.hits[place] == Hit::Missing)
    }

    /// The row of a word, which now counts as found.
    fn row(&mut self, place: usize, hit: Hit) -> &mut [f32] {
        self.found.hits[place] = hit;
        let width = self.found.width;
        &mut self.found.values[place * width..(place + 1) * width]
    }

    /// Words that stand twice among the wanted ones get the same vector.
    fn finish(mut self) -> WordVectors {
        for (at, word) in self.wanted.iter().enumerate() {
            let first = self.places[word.as_bytes()];
            if first != at {
                let width = self.found.width;
                self.found.values.copy_within(first * width..(first + 1) * width, at * width);
                self.found.hits[at] = self.found.hits[first];
            }
        }
        self.found
    }
}

/// Bytes of a word as an error shows them.
fn shown(word: &[u8]) -> String {
    let text = String::from_utf8_lossy(word);
    let short: String = text.chars().take(40).collect();
    if short.len() < text.len() { format!("{short}…") } else { short }
}
