//! Why a file of vectors has few of a column's words.

use plan::StageError;
use weights::{Hit, WordVectors};

/// A file that has this share of the words, or more, is taken to be the right one.
const ENOUGH: f64 = 0.5;
/// One that has less is not, however the words are written.
const ALMOST_NONE: f64 = 0.1;
/// Words that are named.
const NAMED: usize = 3;

/// A way to write words otherwise.
struct Way {
    /// What they are then.
    then: &'static str,
    /// What makes the column's words so.
    advice: &'static str,
    write: fn(&str) -> String,
}

const WAYS: [Way; 4] = [
    Way { then: "in lower case", advice: "put \"lowercase\" into the chain of", write: str::to_lowercase },
    Way { then: "with a capital", advice: "leave \"lowercase\" out of the chain of", write: capitalised },
    Way { then: "in capitals", advice: "leave \"lowercase\" out of the chain of", write: str::to_uppercase },
    Way {
        then: "without the marks of word pieces",
        advice: "these are vectors of words: cut texts by `tokenize`, not by a tokenizer of pieces, in the chain of",
        write: unmarked,
    },
];

/// A warning where a file has few of the words (`<pad>` and `<unk>` apart): how many it has, and how many more if they
/// were written otherwise. `read` looks other words up.
pub(super) fn other(
    words: &[&str],
    found: &WordVectors,
    column: &str,
    read: impl Fn(&[&str]) -> Result<WordVectors, StageError>,
) -> Result<Option<String>, StageError> {
    let own = data::UNK as usize + 1..words.len();
    let all = own.len();
    let missing: Vec<&str> = own.filter(|&at| found.hits[at] == Hit::Missing).map(|at| words[at]).collect();
    let has = all - missing.len();
    if all == 0 || has as f64 >= ENOUGH * all as f64 {
        return Ok(None);
    }
    let count = |way: &Way| -> Result<usize, StageError> {
        let written: Vec<String> = missing
            .iter()
            .map(|word| (way.write)(word))
            .zip(&missing)
            .filter(|(new, old)| new != *old)
            .map(|(new, _)| new)
            .collect();
        let written: Vec<&str> = written.iter().map(String::as_str).collect();
        let hits = if written.is_empty() { vec![] } else { read(&written)?.hits };
        Ok(hits.iter().filter(|hit| **hit == Hit::Word).count())
    };
    let mut best = (0, &WAYS[0]);
    for way in &WAYS {
        let more = count(way)?;
        if more > best.0 {
            best = (more, way);
        }
    }
    let (more, way) = best;
    let few = format!("the file has vectors for {has} of the {all} words of `{column}`");
    if more > has || more as f64 >= ALMOST_NONE * all as f64 {
        return Ok(Some(format!("{few}, and for {more} more {}: {} `{column}`", way.then, way.advice)));
    }
    if has as f64 >= ALMOST_NONE * all as f64 {
        return Ok(None);
    }
    let named: Vec<String> = missing.iter().take(NAMED).map(|word| format!("`{word}`")).collect();
    Ok(Some(format!(
        "{few}, in whatever case: are they of another language, or are texts cut otherwise? It lacks {}",
        named.join(", ")
    )))
}

/// The first letter in upper case.
fn capitalised(word: &str) -> String {
    let mut chars = word.chars();
    chars.next().map_or_else(String::new, |first| first.to_uppercase().chain(chars).collect())
}

/// Without what WordPiece, SentencePiece and byte-level BPE put before or behind a piece.
fn unmarked(word: &str) -> String {
    let before = ["##", "\u{2581}", "\u{120}"].iter().find_map(|mark| word.strip_prefix(mark));
    before.unwrap_or(word).trim_end_matches("</w>").to_owned()
}
