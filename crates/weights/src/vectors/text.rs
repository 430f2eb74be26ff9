//! A word and its numbers a line, with or without a header.
//!
//! A word may hold spaces (GloVe's 840B has such): the numbers are counted from the end of the line.

use super::input::Input;
use super::{Header, Hit, Table, VectorFormat, shown};
use crate::error::Reason;

/// The header at the start of `bytes`: a line of two whole numbers.
pub(super) fn header(bytes: &[u8]) -> Option<Header> {
    let end = bytes.iter().position(|&byte| byte == b'\n')?;
    let line = std::str::from_utf8(&bytes[..end]).ok()?;
    let mut fields = line.split_ascii_whitespace();
    // A number too large to be one is wrong as a header, and no word.
    let count = |field: &str| match field.bytes().all(|byte| byte.is_ascii_digit()) {
        true => Some(field.parse().unwrap_or(usize::MAX)),
        false => None,
    };
    let (words, width) = (count(fields.next()?)?, count(fields.next()?)?);
    fields.next().is_none().then_some(Header { words, width, length: end + 1 })
}

pub(super) fn read(input: &mut Input, header: Option<&Header>, table: &mut Table<'_>) -> Result<(), Reason> {
    let mut buffer = vec![];
    let mut line = 0usize;
    let mut width = header.map(|header| header.width);
    let mut checked = false;
    if header.is_some() {
        input.until(b'\n', &mut buffer).map_err(Reason::Io)?;
        line += 1;
    }
    while let Some(bytes) = input.until(b'\n', &mut buffer).map_err(Reason::Io)? {
        line += 1;
        let bytes = bytes.trim_ascii_end();
        let separators = separators(bytes);
        if bytes.is_empty() {
            continue;
        }
        let wide = match width {
            Some(width) => width,
            None => *width.insert(separators),
        };
        if !checked {
            check_first(bytes, line, wide, header)?;
            let format = if header.is_some() { VectorFormat::TextWithHeader } else { VectorFormat::Text };
            table.start(format, wide)?;
            checked = true;
        }
        let (word, numbers) = split(bytes, separators.saturating_sub(wide));
        // Words hold spaces, but none known ends in a number after one: the line has too many.
        let pieces = || word.rsplit(|byte| is_separator(*byte));
        let more = match separators > wide {
            true => pieces().take_while(|piece| number(piece).is_some()).count(),
            false => 0,
        };
        if separators < wide || more > 0 {
            let separators = separators.min(wide + more);
            let first = if header.is_some() { "the header says" } else { "the first line has" };
            let message = format!("line {line} has {separators} numbers, and {first} {wide}");
            return Err(Reason::damaged(message));
        }
        table.found.words += 1;
        if let Some(place) = table.place(word) {
            let row = table.row(place, Hit::Word);
            for (value, field) in row.iter_mut().zip(numbers.split(|byte| is_separator(*byte))) {
                *value = number(field).ok_or_else(|| {
                    let message = format!("line {line}: `{}` is no number", shown(field));
                    Reason::damaged(message)
                })?;
            }
        }
    }
    if !checked {
        return Err(Reason::damaged("it holds no word vectors"));
    }
    match header {
        Some(header) if header.words != table.found.words => {
            let (says, has) = (header.words, table.found.words);
            Err(Reason::damaged(format!("the header says {says} words, and there are {has}")))
        }
        _ => Ok(()),
    }
}

/// The width that the header says, else that of the first line.
pub(super) fn width(input: &mut Input, header: Option<&Header>) -> Result<usize, Reason> {
    if let Some(header) = header {
        return Ok(header.width);
    }
    let mut buffer = vec![];
    let mut line = 0;
    while let Some(bytes) = input.until(b'\n', &mut buffer).map_err(Reason::Io)? {
        line += 1;
        let bytes = bytes.trim_ascii_end();
        if !bytes.is_empty() {
            let width = separators(bytes);
            check_first(bytes, line, width, None)?;
            return Ok(width);
        }
    }
    Err(Reason::damaged("it holds no word vectors"))
}

fn is_separator(byte: u8) -> bool {
    byte == b' ' || byte == b'\t'
}

/// Not `filter`: a sum of bytes is what the compiler makes wide loops of.
fn separators(bytes: &[u8]) -> usize {
    bytes.iter().map(|byte| usize::from(is_separator(*byte))).sum()
}

/// The word and the rest behind it; `inside` separators belong to the word.
fn split(line: &[u8], inside: usize) -> (&[u8], &[u8]) {
    let mut ends = (0..line.len()).filter(|&at| is_separator(line[at]));
    let end = ends.nth(inside).unwrap_or(line.len());
    (&line[..end], line.get(end + 1..).unwrap_or_default())
}

fn number(field: &[u8]) -> Option<f32> {
    std::str::from_utf8(field).ok()?.parse().ok().filter(|value: &f32| value.is_finite())
}

/// Whether the first line is what a file of vectors starts with.
fn check_first(bytes: &[u8], line: usize, width: usize, header: Option<&Header>) -> Result<(), Reason> {
    let fields: Vec<&[u8]> = bytes.split(|byte| is_separator(*byte)).collect();
    let numbers = fields.iter().rev().take_while(|field| number(field).is_some()).count();
    match header {
        // The first field is the word, even one that reads as a number.
        Some(_) if numbers.min(fields.len() - 1) != width => {
            let has = numbers.min(fields.len() - 1);
            Err(Reason::damaged(format!("the header says {width} numbers a word, and line {line} has {has}")))
        }
        None if width == 0 || numbers < width => {
            let message = format!("it holds no word vectors: line {line} is not a word and its numbers");
            Err(Reason::damaged(message))
        }
        _ => Ok(()),
    }
}
