//! A whole table in memory: columns of text cells, each column one buffer and the ends of its cells.
//!
//! Invariant: every column has as many cells as the table has rows, and there is at least one row.

use std::collections::BTreeMap;
use std::collections::BTreeSet;
use std::fs::File;
use std::io::{BufRead, BufReader, Read};
use std::path::{Path, PathBuf};

use flate2::bufread::MultiGzDecoder;

use crate::error::{Error, Place};
use crate::scan::{Scanner, Unclosed};
use crate::source::{Format, Source};

/// A table of text cells.
#[derive(Clone, Debug)]
pub struct Table {
    path: PathBuf,
    delimiter: u8,
    names: Vec<String>,
    columns: Vec<Column>,
    /// Where each row starts in the decompressed file, to find the place of a cell that proves bad.
    starts: Vec<u64>,
}

#[derive(Clone, Debug, Default)]
struct Column {
    text: String,
    ends: Vec<usize>,
}

/// The names of the columns of the file at `path`; reads no more of it than its first record.
pub fn header(path: &Path, source: &Source) -> Result<Vec<String>, Error> {
    let delimiter = delimiter(path, source)?;
    let mut reader = open(path)?;
    let mut bytes = Vec::new();
    let mut chunk = 64 * 1024;
    loop {
        let read =
            reader.by_ref().take(chunk).read_to_end(&mut bytes).map_err(|error| damage(path, error))?;
        let at_end = (read as u64) < chunk;
        let valid = match std::str::from_utf8(&bytes) {
            Ok(text) => text,
            Err(error) => {
                let (text, _) = bytes.split_at(error.valid_up_to());
                std::str::from_utf8(text).expect("the prefix was found to be valid")
            }
        };
        let whole = at_end && valid.len() == bytes.len();
        match record(&mut Scanner::new(valid, 0, delimiter)) {
            // A record that ends where the valid text ends may go on after it.
            Ok((fields, end)) if end < valid.len() || whole => return names(path, valid, fields),
            Err(error) if whole => return Err(unclosed(path, valid, &error)),
            _ if at_end => return Err(not_utf8(path, &bytes, valid.len())),
            // More than an unfinished character is bad text, wherever the record ends.
            _ if bytes.len() - valid.len() > 3 => return Err(not_utf8(path, &bytes, valid.len())),
            _ => chunk *= 2,
        }
    }
}

impl Table {
    /// Reads the whole file. Peak memory is about twice its (decompressed) size.
    pub fn read(path: &Path, source: &Source) -> Result<Self, Error> {
        let delimiter = delimiter(path, source)?;
        let text = text(path)?;
        let mut scanner = Scanner::new(&text, 0, delimiter);
        let (fields, _) = record(&mut scanner).map_err(|error| unclosed(path, &text, &error))?;
        let names = names(path, &text, fields)?;
        let mut columns: Vec<Column> = names.iter().map(|_| Column::default()).collect();
        let mut starts = Vec::new();
        let mut at = 0;
        while let Some(field) = scanner.field().map_err(|error| unclosed(path, &text, &error))? {
            if at == 0 {
                starts.push(field.start as u64);
            }
            let (start, end, last) = (field.start, field.end, field.last);
            if let Some(column) = columns.get_mut(at) {
                column.text.push_str(&field.text);
                column.ends.push(column.text.len());
            }
            at += 1;
            if at > names.len() || (last && at < names.len()) {
                let offset = if at > names.len() { start } else { end };
                let rest = if last { 0 } else { record(&mut scanner).map_or(0, |(fields, _)| fields.len()) };
                let place = Place::of(path, &text, offset);
                return Err(Error::Ragged { place, expected: names.len(), found: at + rest });
            }
            if last {
                at = 0;
            }
        }
        if starts.is_empty() {
            return Err(Error::HeaderOnly { path: path.into() });
        }
        Ok(Self { path: path.into(), delimiter, names, columns, starts })
    }

    /// The table with some columns under other names, `old` to `new`.
    ///
    /// # Errors
    /// When there is no such column, or two would have one name.
    pub fn renamed(mut self, names: &BTreeMap<String, String>) -> Result<Self, Error> {
        let columns = names.keys().map(|old| self.column(old)).collect::<Result<Vec<usize>, Error>>()?;
        for (column, new) in columns.into_iter().zip(names.values()) {
            self.names[column].clone_from(new);
        }
        for (column, name) in self.names.iter().enumerate() {
            if self.names[..column].contains(name) {
                let place = Place { path: self.path.clone(), line: 1, column: 1 };
                return Err(Error::DuplicateColumn { place, name: name.clone() });
            }
        }
        Ok(self)
    }

    /// The file that the table was read from.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The names of the columns, in the file's order.
    pub fn names(&self) -> &[String] {
        &self.names
    }

    /// The number of rows, the header not among them.
    pub fn rows(&self) -> usize {
        self.starts.len()
    }

    /// The index of the column of that name; where there is none, the error names the nearest.
    pub fn column(&self, name: &str) -> Result<usize, Error> {
        self.names
            .iter()
            .position(|own| own == name)
            .ok_or_else(|| unknown_column(&self.path, name, &self.names))
    }

    /// The cell at a row (below `rows`) and a column (below the number of names).
    pub fn cell(&self, row: usize, column: usize) -> &str {
        let column = &self.columns[column];
        let start = if row == 0 { 0 } else { column.ends[row - 1] };
        &column.text[start..column.ends[row]]
    }

    /// Where a cell is in the file, which is read once more: this serves error messages.
    pub fn place(&self, row: usize, column: usize) -> Result<Place, Error> {
        let text = text(&self.path)?;
        let changed = || Error::damaged(&self.path, "the file changed while it was in use");
        let start = usize::try_from(self.starts[row]).map_err(|_| changed())?;
        if !text.is_char_boundary(start) {
            return Err(changed());
        }
        let mut scanner = Scanner::new(&text, start, self.delimiter);
        let mut field = None;
        for _ in 0..=column {
            field = scanner.field().map_err(|_| changed())?;
        }
        Ok(Place::of(&self.path, &text, field.ok_or_else(changed)?.start))
    }
}

/// The error for a column that the file at `path` lacks, with the names nearest to it.
pub fn unknown_column(path: &Path, name: &str, names: &[String]) -> Error {
    let lower = name.to_lowercase();
    let mut near: Vec<_> = names
        .iter()
        .map(|own| (strsim::normalized_damerau_levenshtein(&lower, &own.to_lowercase()), own))
        .filter(|(likeness, _)| *likeness >= 0.5)
        .collect();
    near.sort_by(|left, right| right.0.total_cmp(&left.0));
    let mut nearest: Vec<_> = near.into_iter().take(3).map(|(_, own)| own.clone()).collect();
    if nearest.is_empty() {
        nearest = names.iter().take(12).cloned().collect();
    }
    Error::UnknownColumn { path: path.into(), column: name.into(), nearest }
}

fn delimiter(path: &Path, source: &Source) -> Result<u8, Error> {
    let format = source.format.or_else(|| Format::of(path));
    Ok(format.ok_or_else(|| Error::Format { path: path.into() })?.delimiter())
}

/// The file's bytes, decompressed where it starts as gzip does or its name says so.
fn open(path: &Path) -> Result<Box<dyn Read>, Error> {
    let file = File::open(path).map_err(|error| Error::io(path, error))?;
    let mut reader = BufReader::with_capacity(256 * 1024, file);
    let start = reader.fill_buf().map_err(|error| Error::io(path, error))?;
    if start.starts_with(&[0x1f, 0x8b]) {
        return Ok(Box::new(MultiGzDecoder::new(reader)));
    }
    if path.extension().is_some_and(|extension| extension.eq_ignore_ascii_case("gz")) && !start.is_empty() {
        return Err(Error::Gzip {
            path: path.into(),
            reason: "the file is not gzip, though its name says so".into(),
        });
    }
    Ok(Box::new(reader))
}

/// The whole file as text.
fn text(path: &Path) -> Result<String, Error> {
    let mut bytes = Vec::new();
    let size = std::fs::metadata(path).map_err(|error| Error::io(path, error))?.len();
    bytes.reserve_exact(usize::try_from(size).unwrap_or(0) + 1);
    open(path)?.read_to_end(&mut bytes).map_err(|error| damage(path, error))?;
    String::from_utf8(bytes).map_err(|error| {
        let valid = error.utf8_error().valid_up_to();
        not_utf8(path, error.as_bytes(), valid)
    })
}

/// An error while reading: of the decompressor, or of the system.
fn damage(path: &Path, error: std::io::Error) -> Error {
    match error.kind() {
        std::io::ErrorKind::UnexpectedEof => {
            Error::Gzip { path: path.into(), reason: "the compressed file is cut off".into() }
        }
        std::io::ErrorKind::InvalidData | std::io::ErrorKind::InvalidInput => {
            Error::Gzip { path: path.into(), reason: format!("the compressed file is damaged: {error}") }
        }
        _ => Error::io(path, error),
    }
}

fn not_utf8(path: &Path, bytes: &[u8], valid: usize) -> Error {
    let looks_like = match bytes {
        [0xff, 0xfe, ..] | [0xfe, 0xff, ..] => Some("UTF-16"),
        _ => None,
    };
    let text = std::str::from_utf8(&bytes[..valid]).unwrap_or_default();
    Error::NotUtf8 { place: Place::of(path, text, text.len()), looks_like }
}

fn unclosed(path: &Path, text: &str, error: &Unclosed) -> Error {
    Error::UnclosedQuote { place: Place::of(path, text, error.start) }
}

/// The fields of the next record with their starts, and where it ends; no fields at the end of the text.
fn record(scanner: &mut Scanner<'_>) -> Result<(Vec<(String, usize)>, usize), Unclosed> {
    let (mut fields, mut end) = (Vec::new(), 0);
    while let Some(field) = scanner.field()? {
        end = field.end;
        fields.push((field.text.into_owned(), field.start));
        if field.last {
            break;
        }
    }
    Ok((fields, end))
}

/// A header's names out of its fields.
fn names(path: &Path, text: &str, fields: Vec<(String, usize)>) -> Result<Vec<String>, Error> {
    if fields.is_empty() {
        return Err(Error::Empty { path: path.into() });
    }
    let mut seen = BTreeSet::new();
    for (name, start) in &fields {
        if !seen.insert(name) {
            return Err(Error::DuplicateColumn { place: Place::of(path, text, *start), name: name.clone() });
        }
    }
    Ok(fields.into_iter().map(|(name, _)| name).collect())
}
