//! Tokenizers of others, run by the `tokenizers` library of Hugging Face.
//!
//! Invariant: a text has the same tokens whatever came before it and on however many threads: what would draw at
//! random (the dropout of BPE) is off.

mod file;

use std::path::Path;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use tokenizers::{PostProcessor, TruncationParams};

use crate::error::Error;
use crate::fence::fenced;

/// A tokenizer of others, as the `tokenizers` library of Hugging Face runs it.
///
/// Its file is a `tokenizer.json` (of WordPiece, BPE, SentencePiece's unigram or words), the `vocab.txt` of a WordPiece,
/// or the `vocab.json` of a byte-level BPE. Padding and truncation that a file asks for are left out: `length` and `pad`
/// say them.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Tokenizer {
    /// The file, relative to the recipe or to a data folder.
    pub path: String,
    /// The `merges.txt` beside the `vocab.json` of a byte-level BPE, as of GPT-2 and RoBERTa.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub merges: Option<String>,
    /// The most tokens of a row, those that start and end a text counted; the rest of a longer text is left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1))]
    pub length: Option<usize>,
    /// Whether a text gets the tokens that start and end it, such as `[CLS]` and `[SEP]`.
    #[serde(default = "yes")]
    pub special_tokens: bool,
    /// Whether the WordPiece of a `vocab.txt` takes text in lower case and without accents, as BERT's uncased models do;
    /// true by default. Other files say it themselves.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lowercase: Option<bool>,
}

fn yes() -> bool {
    true
}

impl Tokenizer {
    /// Paths of its files with the keys that they stand under.
    pub fn files(&self) -> impl Iterator<Item = (&'static str, &str)> {
        let merges = self.merges.iter().map(|path| ("merges", path.as_str()));
        std::iter::once(("path", self.path.as_str())).chain(merges)
    }

    /// The same tokenizer with its files elsewhere.
    #[must_use]
    pub fn located(&self, path: &str, merges: Option<&str>) -> Self {
        let merges = self.merges.as_ref().and(merges).map(ToOwned::to_owned);
        Self { path: path.to_owned(), merges, ..self.clone() }
    }
}

/// What a tokenizer's file holds, whatever its format.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Subwords {
    /// One more than the highest index.
    vocabulary: usize,
    /// The index of padding; 0 where the file has none.
    pad: i32,
    /// A `tokenizer.json`.
    document: Value,
}

/// A tokenizer that is ready to run.
#[derive(Debug)]
pub struct Encoder {
    tokenizer: tokenizers::Tokenizer,
    special_tokens: bool,
    /// The index that stands for a text without tokens.
    nothing: i32,
}

/// A token of a text, and where it lies there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TokenSpan {
    /// The index.
    pub index: i32,
    /// The token as the vocabulary spells it.
    pub token: String,
    /// Its first character in the text and the one behind its last, counted from 0; both 0 where it stands for none.
    pub characters: (usize, usize),
    /// Which of the pieces that the tokenizer first cuts the text into it is of, from 0; none for tokens that start or
    /// end a text.
    pub word: Option<u32>,
}

impl Subwords {
    /// Reads the files of a tokenizer.
    ///
    /// # Errors
    /// When they cannot be read, are no tokenizer that the library runs, or leave no room within `length`.
    pub fn read(tokenizer: &Tokenizer) -> Result<Self, Error> {
        let path = Path::new(&tokenizer.path);
        let wrong = |reason| Error::Tokenizer { path: path.into(), reason };
        let (document, pad) = file::read(tokenizer)?;
        let ready = ready(&document).map_err(wrong)?;
        let vocabulary = ready.get_vocab(true);
        let highest = vocabulary.values().max().ok_or_else(|| wrong("its vocabulary is empty".to_owned()))?;
        let too_many = || wrong("it has more tokens than 32 bits count".to_owned());
        let size = i32::try_from(*highest).ok().and_then(|highest| highest.checked_add(1));
        let pad = pad.or_else(|| file::PADS.iter().find_map(|token| vocabulary.get(*token).copied()));
        let subwords = Self {
            vocabulary: size.ok_or_else(too_many)? as usize,
            pad: pad.and_then(|pad| i32::try_from(pad).ok()).unwrap_or_default(),
            document,
        };
        if let Some(problem) = subwords.problem() {
            return Err(wrong(problem.to_owned()));
        }
        Encoder::new(ready, tokenizer, subwords.pad).map_err(wrong)?;
        Ok(subwords)
    }

    /// One more than the highest index.
    pub fn vocabulary(&self) -> usize {
        self.vocabulary
    }

    /// The index of padding.
    pub fn pad(&self) -> i32 {
        self.pad
    }

    /// The tokenizer, ready to run as the step says.
    ///
    /// # Errors
    /// When the document is damaged.
    pub fn encoder(&self, step: &Tokenizer) -> Result<Encoder, Error> {
        let encoder = ready(&self.document).and_then(|ready| Encoder::new(ready, step, self.pad));
        encoder
            .map_err(|reason| Error::damaged(Path::new("transform.json"), format!("a tokenizer: {reason}")))
    }

    /// What is wrong with a tokenizer that was read.
    pub(crate) fn problem(&self) -> Option<&'static str> {
        (usize::try_from(self.pad).is_ok_and(|pad| pad >= self.vocabulary) || self.pad < 0)
            .then_some("its padding is no token of its vocabulary")
    }
}

/// The library's tokenizer of a document. What it says of foreign documents may be a panic.
fn ready(document: &Value) -> Result<tokenizers::Tokenizer, String> {
    let read = || tokenizers::Tokenizer::deserialize(document).map_err(|error| error.to_string());
    fenced(read).and_then(|result| result)
}

impl Encoder {
    fn new(mut tokenizer: tokenizers::Tokenizer, step: &Tokenizer, pad: i32) -> Result<Self, String> {
        if let Some(length) = step.length {
            let special = tokenizer.get_post_processor().map_or(0, |post| post.added_tokens(false));
            let special = if step.special_tokens { special } else { 0 };
            if length <= special {
                return Err(format!(
                    "`length = {length}` has no room for text beside {special} special tokens"
                ));
            }
            let truncation = TruncationParams { max_length: length, ..TruncationParams::default() };
            tokenizer.with_truncation(Some(truncation)).map_err(|error| error.to_string())?;
        }
        let unknown = file::UNKNOWNS.iter().find_map(|token| tokenizer.token_to_id(token));
        let nothing = unknown.and_then(|id| i32::try_from(id).ok()).unwrap_or(pad);
        Ok(Self { tokenizer, special_tokens: step.special_tokens, nothing })
    }

    /// Adds the indices of a text's tokens, at least one.
    pub(crate) fn encode(&self, text: &str, indices: &mut Vec<i32>) -> Result<(), String> {
        let encode =
            || self.tokenizer.encode_fast(text, self.special_tokens).map_err(|error| error.to_string());
        let encoding = fenced(encode).and_then(|result| result)?;
        match encoding.get_ids() {
            [] => indices.push(self.nothing),
            ids => indices.extend(ids.iter().map(|id| *id as i32)),
        }
        Ok(())
    }

    /// The bytes of a text that each of its tokens is of; none of them for tokens that start or end a text.
    pub(crate) fn places(&self, text: &str) -> Result<Vec<(usize, usize)>, String> {
        let encode = || self.tokenizer.encode(text, self.special_tokens).map_err(|error| error.to_string());
        let encoding = fenced(encode).and_then(|result| result)?;
        Ok(encoding.get_offsets().to_vec())
    }

    /// The tokens of a text with their places in it, cut at `length`.
    ///
    /// # Errors
    /// What the tokenizer says of a text that it refuses.
    pub fn spans(&self, text: &str) -> Result<Vec<TokenSpan>, String> {
        let encode = || {
            self.tokenizer.encode_char_offsets(text, self.special_tokens).map_err(|error| error.to_string())
        };
        let encoding = fenced(encode).and_then(|result| result)?;
        let spans = (0..encoding.len()).map(|at| TokenSpan {
            index: encoding.get_ids()[at] as i32,
            token: encoding.get_tokens()[at].clone(),
            characters: encoding.get_offsets()[at],
            word: encoding.get_word_ids()[at],
        });
        Ok(spans.collect())
    }
}
