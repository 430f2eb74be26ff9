//! Tables of sentences in the columns of CoNLL: a word a line with what is said of it, an empty line between sentences.
//!
//! A row is a sentence: its words with a space between, then its tags of each further column likewise. A line before the
//! first word of a sentence is a comment where it starts with a `#` that stands alone and cannot be that word.

use std::path::Path;

use crate::builder::Builder;
use crate::decode::{self, Undecodable};
use crate::delimited;
use crate::error::{Error, Place};
use crate::packed::Item;
use crate::source::{Format, Source};
use crate::text::is_space;

/// What starts a line between two documents (CoNLL 2003).
const DOCUMENT: &str = "-DOCSTART-";

/// What starts a comment, if it is no word.
const COMMENT: &str = "#";

/// What comments say: the names of CoNLL-U's, and MultiCoNER's.
const SAID: [&str; 5] = ["sent_id", "text", "newdoc", "newpar", "id"];

/// A word's line.
struct Line<'t> {
    /// Where it starts in the text.
    start: usize,
    /// The word, then what is said of it.
    fields: Vec<&'t str>,
}

/// The names of a file's columns: the declared ones, else `text`, and `tags` or `tags1`, `tags2` and so on.
pub(crate) fn header(item: &Item, source: &Source) -> Result<Vec<String>, Error> {
    let mut wanted = 64 * 1024;
    loop {
        let bytes = item.start(source, wanted)?;
        let whole = (bytes.len() as u64) < wanted;
        let (text, bad) = match decode::decode(bytes, source.encoding.as_deref(), whole) {
            Ok(text) => (text, false),
            Err(Undecodable { before }) => (before, true),
        };
        // A line that ends where the text ends may go on after it.
        let first = lines(&text).flatten().next();
        let known = first.is_some_and(|line| text[line.start..].contains(['\n', '\r']));
        if bad && !known {
            return Err(delimited::undecodable(item, source, &text));
        }
        if known || whole {
            return names(&item.shown(), &text, source);
        }
        wanted *= 2;
    }
}

/// Reads a whole file's sentences into the table.
pub(crate) fn read(item: &Item, source: &Source, table: &mut Builder) -> Result<(), Error> {
    let (path, text) = (item.shown(), delimited::text(item, source)?);
    let names = names(&path, &text, source)?;
    let order = table.file(item, Format::Conll, names.clone())?;
    let mut cells = vec![String::new(); names.len()];
    let mut first = None;
    for line in lines(&text).chain([None]) {
        let Some(line) = line else {
            if let Some(first) = first.take() {
                table.row(first as u64);
                cells.iter().zip(&order).for_each(|(cell, &column)| table.cell(column, cell));
                cells.iter_mut().for_each(String::clear);
            }
            continue;
        };
        check(&path, &text, &line, &names)?;
        first.get_or_insert(line.start);
        for (cell, field) in cells.iter_mut().zip(&line.fields) {
            if !cell.is_empty() {
                cell.push(' ');
            }
            cell.push_str(field);
        }
    }
    Ok(())
}

/// Tells `see` the cells of the first rows, each with its column: words and tags are text.
pub(crate) fn first_rows(item: &Item, source: &Source, see: &mut dyn FnMut(&str, &str)) -> Result<(), Error> {
    let text = delimited::start(item, source)?.0;
    let names = names(&item.shown(), &text, source)?;
    if let Some(line) = lines(&text).flatten().next() {
        names.iter().zip(&line.fields).for_each(|(name, field)| see(name, field));
    }
    Ok(())
}

impl Line<'_> {
    /// Whether this is a comment, where it stands before the first word of a sentence: it has another number of fields
    /// than the lines of words, names what it says, or is an assignment.
    fn is_comment(&self, columns: Option<usize>) -> bool {
        let says = |name: &&str| SAID.contains(name) || name.contains('=');
        self.fields[0] == COMMENT
            && (columns.is_some_and(|columns| columns != self.fields.len())
                || self.fields.get(1).is_some_and(says)
                || self.fields.get(2) == Some(&"="))
    }
}

/// Words by line, without comments; nothing where a sentence ends.
fn lines(text: &str) -> impl Iterator<Item = Option<Line<'_>>> {
    let word = all_lines(text).flatten().find(|line| line.fields[0] != COMMENT);
    let columns = word.map(|line| line.fields.len());
    let mut begins = true;
    all_lines(text).filter(move |line| {
        let comment = begins && line.as_ref().is_some_and(|line| line.is_comment(columns));
        begins = comment || line.is_none();
        !comment
    })
}

/// What lines hold; nothing where a sentence ends.
fn all_lines(text: &str) -> impl Iterator<Item = Option<Line<'_>>> {
    let mut at = if text.starts_with('\u{feff}') { 3 } else { 0 };
    // A carriage return ends a line where nothing else does, as in files of the first Macs.
    let end = if text.contains('\n') { '\n' } else { '\r' };
    text[at..].split(end).map(move |line| {
        let start = at;
        at += line.len() + 1;
        let fields: Vec<&str> = line.split([' ', '\t', '\r']).filter(|field| !field.is_empty()).collect();
        let ends = fields.first().is_none_or(|word| *word == DOCUMENT);
        (!ends).then_some(Line { start, fields })
    })
}

fn names(path: &Path, text: &str, source: &Source) -> Result<Vec<String>, Error> {
    let Some(first) = lines(text).flatten().next() else { return Err(Error::Empty { path: path.into() }) };
    let names = source.columns.clone().unwrap_or_else(|| {
        let tags =
            |nth: usize| if first.fields.len() == 2 { "tags".to_owned() } else { format!("tags{nth}") };
        std::iter::once("text".to_owned()).chain((1..first.fields.len()).map(tags)).collect()
    });
    if names.len() != first.fields.len() {
        let place = Place::of(path, text, first.start);
        return Err(Error::ColumnCount { place, named: names.len(), found: first.fields.len() });
    }
    Ok(names)
}

fn check(path: &Path, text: &str, line: &Line<'_>, names: &[String]) -> Result<(), Error> {
    let reason = if line.fields.len() != names.len() {
        let (found, columns) = (line.fields.len(), names.len());
        let parts = if found == 1 { "part" } else { "parts" };
        format!("the line of the word `{}` has {found} {parts}, those before it {columns}", line.fields[0])
    } else if let Some(field) = line.fields.iter().find(|field| field.contains(is_space)) {
        format!("`{}` holds white space that is neither a blank nor a tab", field.escape_debug())
    } else {
        return Ok(());
    };
    Err(Error::Conll { place: Place::of(path, text, line.start), reason })
}
