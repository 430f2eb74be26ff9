//! word2vec's binary format: a header line, then each word, a space, and its numbers as little-endian `f32`; Mikolov's
//! own program ends each with a line feed, gensim does not.

use super::input::Input;
use super::{Header, Hit, Table, VectorFormat, shown};
use crate::error::Reason;

/// The longest word that is believed.
const LONGEST: usize = 1 << 16;

/// Whether what follows the header is binary: where the first vector would lie, there is no text.
pub(super) fn is_one(bytes: &[u8], header: &Header) -> bool {
    let Some(end) = bytes.iter().position(|&byte| byte == b' ' || byte == b'\t') else { return false };
    let size = header.width.saturating_mul(4).min(bytes.len() - end);
    let vector = &bytes[end..end + size];
    match std::str::from_utf8(vector) {
        Ok(text) => text.chars().any(|char| char.is_control() && !char.is_ascii_whitespace()),
        // A character that the end cuts off may well be text.
        Err(error) => error.error_len().is_some(),
    }
}

pub(super) fn read(input: &mut Input, header: &Header, table: &mut Table<'_>) -> Result<(), Reason> {
    let mut buffer = vec![];
    input.until(b'\n', &mut buffer).map_err(Reason::Io)?;
    table.start(VectorFormat::Word2VecBinary, header.width)?;
    let size = header.width as u64 * 4;
    for nth in 0..header.words {
        let ends = || Reason::damaged(format!("the header says {} words, and there are {nth}", header.words));
        let word = input.until(b' ', &mut buffer).map_err(Reason::Io)?.ok_or_else(ends)?;
        let word = word.strip_prefix(b"\n").unwrap_or(word);
        if word.len() > LONGEST {
            return Err(Reason::damaged(format!("word {} is longer than {LONGEST} bytes", nth + 1)));
        }
        match table.place(word) {
            None => input.skip(size).map_err(|error| cut(error, nth))?,
            Some(place) => {
                let text = shown(word);
                let mut bytes = vec![0; header.width * 4];
                input.exactly(&mut bytes).map_err(|error| cut(error, nth))?;
                let row = table.row(place, Hit::Word);
                for (value, bytes) in row.iter_mut().zip(bytes.as_chunks::<4>().0) {
                    *value = f32::from_le_bytes(*bytes);
                }
                if !row.iter().all(|value| value.is_finite()) {
                    return Err(Reason::damaged(format!("the vector of `{text}` has numbers that are none")));
                }
            }
        }
        table.found.words += 1;
    }
    let rest = input.until(b'\0', &mut buffer).map_err(Reason::Io)?.unwrap_or_default();
    if rest.trim_ascii().is_empty() {
        return Ok(());
    }
    Err(Reason::damaged(format!("the header says {} words, and more follows", header.words)))
}

fn cut(error: std::io::Error, nth: usize) -> Reason {
    match error.kind() {
        std::io::ErrorKind::UnexpectedEof => {
            Reason::damaged(format!("it ends inside the vector of word {}", nth + 1))
        }
        _ => Reason::Io(error),
    }
}
