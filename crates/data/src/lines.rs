//! Tables of JSON objects, one a line.

use std::borrow::Cow;
use std::fmt;
use std::path::Path;

use serde::de::{MapAccess, Visitor};
use serde::{Deserialize, Deserializer};
use serde_json::value::RawValue;

use crate::builder::Builder;
use crate::decode::{self, Undecodable};
use crate::delimited;
use crate::error::{Error, Place};
use crate::packed::Item;
use crate::source::{Format, Source};
use crate::table::unknown_column;

/// How many lines say which keys there are, where the source does not name them.
const LINES: usize = 200;

/// An object's keys in order, with their values as they are written.
struct Object<'a>(Vec<(Cow<'a, str>, &'a RawValue)>);

#[derive(Deserialize)]
struct Text<'a>(#[serde(borrow)] Cow<'a, str>);

/// The names of a file's columns: the declared ones, else the keys of the first lines.
pub(crate) fn header(item: &Item, source: &Source) -> Result<Vec<String>, Error> {
    if let Some(columns) = &source.columns {
        return Ok(columns.clone());
    }
    let mut wanted = 256 * 1024;
    loop {
        let bytes = item.start(source, wanted)?;
        let whole = (bytes.len() as u64) < wanted;
        let text = match decode::decode(bytes, source.encoding.as_deref(), whole) {
            Ok(text) => text,
            Err(Undecodable { before }) => return Err(delimited::undecodable(item, source, &before)),
        };
        if whole || lines(&text).nth(LINES).is_some() {
            return keys(&item.shown(), &text);
        }
        wanted *= 2;
    }
}

/// Tells `see` the cells of the first rows, each with its column. What is no row is told where the table is read.
pub(crate) fn first_rows(
    item: &Item,
    source: &Source,
    rows: usize,
    see: &mut dyn FnMut(&str, &str),
) -> Result<(), Error> {
    let text = delimited::start(item, source)?.0;
    for (_, line) in lines(&text).take(rows) {
        let Ok(object) = serde_json::from_str::<Object<'_>>(line) else { break };
        for (key, value) in object.0 {
            see(&key, source.known(&cell(value).unwrap_or_default()));
        }
    }
    Ok(())
}

/// Reads a whole file's rows into the table.
pub(crate) fn read(item: &Item, source: &Source, table: &mut Builder) -> Result<(), Error> {
    let (path, text) = (item.shown(), delimited::text(item, source)?);
    let names = match &source.columns {
        Some(columns) => columns.clone(),
        None => keys(&path, &text)?,
    };
    let order = table.file(item, Format::Jsonl, names.clone())?;
    let mut seen = vec![false; names.len()];
    let mut cells: Vec<Option<&RawValue>> = vec![None; names.len()];
    for (start, line) in lines(&text) {
        let object = object(&path, &text, start, line)?;
        cells.fill(None);
        for (at, (key, value)) in object.0.into_iter().enumerate() {
            // Keys mostly come in one order.
            let guess = names.get(at).filter(|name| **name == key).map(|_| at);
            let column = guess.or_else(|| names.iter().position(|name| *name == key));
            match column {
                Some(column) if cells[column].is_some() => {
                    let place = Place::of(&path, &text, start);
                    return Err(Error::DuplicateColumn { place, name: key.into_owned() });
                }
                Some(column) => cells[column] = Some(value),
                None if source.columns.is_some() => {}
                None => {
                    let place = Place::of(&path, &text, start);
                    return Err(Error::UnknownKey { place, key: key.into_owned(), lines: LINES });
                }
            }
        }
        table.row(start as u64);
        for (at, value) in cells.iter().enumerate() {
            seen[at] |= value.is_some();
            let cell = value.map_or(Ok(Cow::Borrowed("")), cell);
            let cell = cell.map_err(|error| bad(&path, &text, start, &error))?;
            table.cell(order[at], &cell);
        }
    }
    match seen.iter().position(|seen| !seen) {
        Some(never) if source.columns.is_some() => {
            Err(unknown_column(&path, &names[never], &keys(&path, &text)?))
        }
        _ => Ok(()),
    }
}

/// Where the rows are that start at some bytes.
pub(crate) fn places(item: &Item, source: &Source, starts: &[u64]) -> Result<Vec<Place>, Error> {
    let (text, path) = (delimited::text(item, source)?, item.shown());
    let place = |start: &u64| match usize::try_from(*start).ok().filter(|start| text.is_char_boundary(*start))
    {
        Some(start) => Ok(Place::of(&path, &text, start)),
        None => Err(Error::damaged(&path, "the file changed while it was in use")),
    };
    starts.iter().map(place).collect()
}

/// The lines that hold something, with their starts.
fn lines(text: &str) -> impl Iterator<Item = (usize, &str)> {
    let mark = if text.starts_with('\u{feff}') { 3 } else { 0 };
    let mut at = mark;
    text[mark..].split('\n').filter_map(move |line| {
        let start = at;
        at += line.len() + 1;
        (!line.trim().is_empty()).then_some((start, line))
    })
}

/// The keys of the first lines, in the order in which they first come.
fn keys(path: &Path, text: &str) -> Result<Vec<String>, Error> {
    let mut keys: Vec<String> = Vec::new();
    let mut any = false;
    for (start, line) in lines(text).take(LINES) {
        any = true;
        for (key, _) in object(path, text, start, line)?.0 {
            if !keys.iter().any(|known| *known == key) {
                keys.push(key.into_owned());
            }
        }
    }
    if any { Ok(keys) } else { Err(Error::Empty { path: path.into() }) }
}

fn object<'a>(path: &Path, text: &str, start: usize, line: &'a str) -> Result<Object<'a>, Error> {
    serde_json::from_str(line).map_err(|error| bad(path, text, start, &error))
}

fn bad(path: &Path, text: &str, start: usize, error: &serde_json::Error) -> Error {
    let line = text[start..].lines().next().unwrap_or_default();
    let offset = (error.column().saturating_sub(1)).min(line.len());
    let offset = (0..=offset).rev().find(|offset| line.is_char_boundary(*offset)).unwrap_or(0);
    let reason = error.to_string();
    // The place says where it is.
    let reason = reason.split(" at line ").next().unwrap_or_default().to_owned();
    Error::Json { place: Place::of(path, text, start + offset), reason }
}

/// A value as a cell: text without its quotes, null as nothing, a list of such values with a blank between two, all else as
/// JSON.
fn cell(value: &RawValue) -> Result<Cow<'_, str>, serde_json::Error> {
    match value.get().as_bytes().first() {
        Some(b'"') => Ok(serde_json::from_str::<Text<'_>>(value.get())?.0),
        Some(b'n') => Ok(Cow::Borrowed("")),
        Some(b'[') => {
            let values: Vec<&RawValue> = serde_json::from_str(value.get())?;
            if values.iter().any(|value| value.get().starts_with(['[', '{'])) {
                return Ok(Cow::Borrowed(value.get()));
            }
            let cells = values.into_iter().map(cell).collect::<Result<Vec<_>, _>>()?;
            Ok(Cow::Owned(cells.join(" ")))
        }
        _ => Ok(Cow::Borrowed(value.get())),
    }
}

impl<'de: 'a, 'a> Deserialize<'de> for Object<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Keys;

        impl<'de> Visitor<'de> for Keys {
            type Value = Object<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a JSON object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Object<'de>, A::Error> {
                let mut entries = Vec::with_capacity(map.size_hint().unwrap_or(8));
                while let Some(Text(key)) = map.next_key()? {
                    entries.push((key, map.next_value()?));
                }
                Ok(Object(entries))
            }
        }

        deserializer.deserialize_map(Keys)
    }
}
