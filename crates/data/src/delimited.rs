//! Tables of delimited text: csv, tsv and their dialects.

use std::collections::BTreeSet;
use std::path::Path;

use rayon::prelude::*;

use crate::builder::{Builder, Rows};
use crate::decode::{self, Undecodable};
use crate::error::{Error, Place};
use crate::packed::Item;
use crate::scan::{Dialect, Scanner, Unclosed};
use crate::source::{Format, Source};

/// How the source's text is delimited.
pub(crate) fn dialect(source: &Source, format: Format) -> Dialect {
    let own = source.delimiter.as_ref().and_then(|delimiter| delimiter.bytes().next());
    let of_format = if format == Format::Tsv { b'\t' } else { b',' };
    Dialect { delimiter: own.unwrap_or(of_format), quote: source.quote.unwrap_or(true) }
}

/// The names of a file's columns; reads no more of it than its first record.
pub(crate) fn header(item: &Item, source: &Source, format: Format) -> Result<Vec<String>, Error> {
    let (dialect, path) = (dialect(source, format), item.shown());
    let mut wanted = 64 * 1024;
    loop {
        let bytes = item.start(source, wanted)?;
        let whole = (bytes.len() as u64) < wanted;
        let (text, error) = match decode::decode(bytes, source.encoding.as_deref(), whole) {
            Ok(text) => (text, None),
            Err(Undecodable { before }) => (before, Some(())),
        };
        let whole = whole && error.is_none();
        match record(&mut Scanner::new(&text, 0, dialect)) {
            // A record that ends where the text ends may go on after it.
            Ok((fields, end)) if end < text.len() || whole => return names(&path, &text, source, fields),
            Err(error) if whole => return Err(unclosed(&path, &text, &error)),
            _ if error.is_some() => return Err(undecodable(item, source, &text)),
            _ => wanted *= 2,
        }
    }
}

/// As much of a file's start as its first rows are looked for in.
const START: u64 = 1 << 20;

/// A file's start as text, and whether it is the whole file.
pub(crate) fn start(item: &Item, source: &Source) -> Result<(String, bool), Error> {
    let bytes = item.start(source, START)?;
    let whole = (bytes.len() as u64) < START;
    Ok(match decode::decode(bytes, source.encoding.as_deref(), whole) {
        Ok(text) => (text, whole),
        Err(Undecodable { before }) => (before, false),
    })
}

/// Tells `see` the cells of the first rows, each with its column. What is no row is told where the table is read.
pub(crate) fn first_rows(
    item: &Item,
    source: &Source,
    format: Format,
    rows: usize,
    see: &mut dyn FnMut(&str, &str),
) -> Result<(), Error> {
    let (dialect, path) = (dialect(source, format), item.shown());
    let (text, whole) = start(item, source)?;
    let mut scanner = Scanner::new(&text, 0, dialect);
    let fields = record(&mut scanner).map_err(|error| unclosed(&path, &text, &error))?.0;
    let names = names(&path, &text, source, fields)?;
    if source.header == Some(false) {
        scanner = Scanner::new(&text, 0, dialect);
    }
    for _ in 0..rows {
        // A record that ends where the text ends may go on after it.
        match record(&mut scanner) {
            Ok((fields, end)) if !fields.is_empty() && (whole || end < text.len()) => {
                names.iter().zip(&fields).for_each(|(name, (cell, _))| see(name, source.known(cell)));
            }
            _ => break,
        }
    }
    Ok(())
}

/// Reads a whole file's rows into the table, its parts at the same time.
pub(crate) fn read(item: &Item, source: &Source, format: Format, table: &mut Builder) -> Result<(), Error> {
    let (dialect, path) = (dialect(source, format), item.shown());
    let text = text(item, source)?;
    let mut scanner = Scanner::new(&text, 0, dialect);
    let fields = record(&mut scanner).map_err(|error| unclosed(&path, &text, &error))?.0;
    let names = names(&path, &text, source, fields)?;
    if source.header == Some(false) {
        scanner = Scanner::new(&text, 0, dialect);
    }
    let width = names.len();
    let order = table.file(item, format, names)?;
    let reader = Reader { source, dialect, text: &text, width };
    let bounds = reader.bounds(scanner.record());
    let parts: Vec<Part> = bounds.par_windows(2).map(|bounds| reader.rows(bounds[0], bounds[1])).collect();
    let mut at = bounds[0];
    for (part, end) in parts.into_iter().zip(&bounds[1..]) {
        // A guess that fell into a quoted field is dropped, and its rows are read from where they start.
        let part = if part.from == at { part } else { reader.rows(at, *end) };
        at = part.to;
        table.append(part.rows, &order);
        match part.stop {
            None => {}
            Some(Stop::Unclosed(error)) => return Err(unclosed(&path, &text, &error)),
            Some(Stop::Ragged { offset, found }) => {
                let place = Place::of(&path, &text, offset);
                let header = source.header != Some(false);
                return Err(Error::Ragged { place, expected: width, found, header });
            }
        }
    }
    Ok(())
}

/// A part of a file is worth a thread of its own from this size on.
const PART: usize = 4 << 20;

/// Reads rows of one text.
struct Reader<'a> {
    source: &'a Source,
    dialect: Dialect,
    text: &'a str,
    width: usize,
}

/// The rows from one record to another.
struct Part {
    from: usize,
    /// The record after the last row.
    to: usize,
    rows: Rows,
    stop: Option<Stop>,
}

/// Why there are no rows after the last one.
enum Stop {
    Unclosed(Unclosed),
    Ragged { offset: usize, found: usize },
}

impl Reader<'_> {
    /// Where parts start, as far as line ends tell, and the text's end. How many there are does not show in the
    /// table.
    fn bounds(&self, from: usize) -> Vec<usize> {
        let parts = (self.text.len() - from).div_ceil(PART).clamp(1, rayon::current_num_threads());
        let size = (self.text.len() - from) / parts;
        let mut bounds = vec![from];
        for part in 1..parts {
            let at = from + part * size;
            let line = memchr::memchr2(b'\n', b'\r', &self.text.as_bytes()[at..]);
            let start = Scanner::new(self.text, line.map_or(self.text.len(), |line| at + line), self.dialect)
                .record();
            if bounds.last().is_some_and(|last| *last < start) {
                bounds.push(start);
            }
        }
        bounds.push(self.text.len().max(from));
        bounds
    }

    /// The rows of the records that start from `from` on and before `end`.
    fn rows(&self, from: usize, end: usize) -> Part {
        let mut rows = Rows::new(self.width);
        let mut scanner = Scanner::new(self.text, from, self.dialect);
        let stop = loop {
            let start = scanner.record();
            if start >= end {
                break None;
            }
            match self.row(&mut scanner, &mut rows) {
                Ok(None) => {}
                Ok(Some((offset, found))) => break Some(Stop::Ragged { offset, found }),
                Err(error) => break Some(Stop::Unclosed(error)),
            }
        };
        Part { from, to: scanner.record(), rows, stop }
    }

    /// Adds the next record; if it has not as many fields as there are columns, says where and how many it has.
    fn row(&self, scanner: &mut Scanner<'_>, rows: &mut Rows) -> Result<Option<(usize, usize)>, Unclosed> {
        let mut at = 0;
        while let Some(field) = scanner.field()? {
            if at == 0 {
                rows.row(field.start as u64);
            }
            if at < self.width {
                rows.cell(self.source, at, &field.text);
            }
            at += 1;
            if at > self.width || (field.last && at < self.width) {
                let offset = if at > self.width { field.start } else { field.end };
                let rest = if field.last { 0 } else { record(scanner).map_or(0, |(fields, _)| fields.len()) };
                return Ok(Some((offset, at + rest)));
            }
            if field.last {
                break;
            }
        }
        Ok(None)
    }
}

/// Where a field is of each of the rows that start at some bytes.
pub(crate) fn places(
    item: &Item,
    source: &Source,
    format: Format,
    starts: &[u64],
    field: usize,
) -> Result<Vec<Place>, Error> {
    let (text, path) = (text(item, source)?, item.shown());
    let changed = || Error::damaged(&path, "the file changed while it was in use");
    let place = |start: &u64| {
        let start = usize::try_from(*start).map_err(|_| changed())?;
        if !text.is_char_boundary(start) {
            return Err(changed());
        }
        let mut scanner = Scanner::new(&text, start, dialect(source, format));
        let mut found = None;
        for _ in 0..=field {
            found = scanner.field().map_err(|_| changed())?;
        }
        Ok(Place::of(&path, &text, found.ok_or_else(changed)?.start))
    };
    starts.iter().map(place).collect()
}

/// The whole file as text.
pub(crate) fn text(item: &Item, source: &Source) -> Result<String, Error> {
    let bytes = item.bytes(source)?;
    decode::decode(bytes, source.encoding.as_deref(), true)
        .map_err(|Undecodable { before }| undecodable(item, source, &before))
}

/// The error for a file whose text ends, undecodable, after `before`.
pub(crate) fn undecodable(item: &Item, source: &Source, before: &str) -> Error {
    let place = Place::of(&item.shown(), before, before.len());
    match &source.encoding {
        Some(label) if !decode::is_utf8(Some(label)) => Error::Encoding { place, encoding: label.clone() },
        _ => {
            let start = item.start(source, 4).unwrap_or_default();
            Error::NotUtf8 { place, looks_like: decode::announced(&start) }
        }
    }
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

/// The columns' names: declared ones, else those of the first record.
fn names(
    path: &Path,
    text: &str,
    source: &Source,
    fields: Vec<(String, usize)>,
) -> Result<Vec<String>, Error> {
    if fields.is_empty() {
        return Err(Error::Empty { path: path.into() });
    }
    if let Some(columns) = &source.columns {
        if columns.len() != fields.len() {
            let place = Place::of(path, text, fields[0].1);
            return Err(Error::ColumnCount { place, named: columns.len(), found: fields.len() });
        }
        return Ok(columns.clone());
    }
    let mut seen = BTreeSet::new();
    for (name, start) in &fields {
        if !seen.insert(name) {
            return Err(Error::DuplicateColumn { place: Place::of(path, text, *start), name: name.clone() });
        }
    }
    Ok(fields.into_iter().map(|(name, _)| name).collect())
}
