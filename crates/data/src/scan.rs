//! Fields out of delimited text, in one pass.
//!
//! The grammar is that of the `csv` crate and of pandas: a field is quoted when it starts with `"`; a doubled
//! quote is one quote; text after a closing quote is kept; a record ends at LF, CRLF or CR; blank lines are
//! no records.

use std::borrow::Cow;

/// One field of a record.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Field<'a> {
    /// What the field holds, without its quotes.
    pub(crate) text: Cow<'a, str>,
    /// Where it starts in the text, its quote included.
    pub(crate) start: usize,
    /// Where it ends in the text: at its delimiter, its line's end or the text's end.
    pub(crate) end: usize,
    /// Whether the record ends with it.
    pub(crate) last: bool,
}

/// The text ended within a quoted field, which starts at this byte.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Unclosed {
    pub(crate) start: usize,
}

/// What separates fields, and whether quotes mean anything.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Dialect {
    /// The byte between two fields.
    pub(crate) delimiter: u8,
    /// Whether a field that starts with a quote is quoted.
    pub(crate) quote: bool,
}

/// Walks over text field by field.
pub(crate) struct Scanner<'a> {
    text: &'a str,
    at: usize,
    dialect: Dialect,
    within_record: bool,
}

impl<'a> Scanner<'a> {
    /// A scanner that starts at byte `at`, where a record or the text starts. A byte-order mark is no text.
    pub(crate) fn new(text: &'a str, at: usize, dialect: Dialect) -> Self {
        let mark = if at == 0 && text.starts_with('\u{feff}') { 3 } else { 0 };
        Self { text, at: at + mark, dialect, within_record: false }
    }

    /// Where the next record starts, or the text ends; between records only.
    pub(crate) fn record(&mut self) -> usize {
        while let Some(b'\n' | b'\r') = self.text.as_bytes().get(self.at) {
            self.at += 1;
        }
        self.at
    }

    /// The next field; none at the end of the text.
    pub(crate) fn field(&mut self) -> Result<Option<Field<'a>>, Unclosed> {
        let bytes = self.text.as_bytes();
        if !self.within_record && self.record() == bytes.len() {
            return Ok(None);
        }
        let start = self.at;
        let (text, end) = if self.dialect.quote && bytes.get(start) == Some(&b'"') {
            self.quoted(start)?
        } else {
            let end = self.plain_end(start);
            (Cow::Borrowed(&self.text[start..end]), end)
        };
        let last = bytes.get(end) != Some(&self.dialect.delimiter);
        // The LF of a CRLF is left: before a record, line ends are skipped.
        self.at = (end + 1).min(bytes.len());
        self.within_record = !last;
        Ok(Some(Field { text, start, end, last }))
    }

    fn plain_end(&self, from: usize) -> usize {
        let rest = &self.text.as_bytes()[from..];
        memchr::memchr3(self.dialect.delimiter, b'\n', b'\r', rest).map_or(self.text.len(), |at| from + at)
    }

    fn quoted(&self, start: usize) -> Result<(Cow<'a, str>, usize), Unclosed> {
        let bytes = self.text.as_bytes();
        let mut text = Cow::Borrowed("");
        let mut from = start + 1;
        loop {
            let quote = memchr::memchr(b'"', &bytes[from..]).ok_or(Unclosed { start })? + from;
            if bytes.get(quote + 1) == Some(&b'"') {
                text.to_mut().push_str(&self.text[from..=quote]);
                from = quote + 2;
                continue;
            }
            append(&mut text, &self.text[from..quote]);
            let end = self.plain_end(quote + 1);
            append(&mut text, &self.text[quote + 1..end]);
            return Ok((text, end));
        }
    }
}

fn append<'a>(text: &mut Cow<'a, str>, more: &'a str) {
    if text.is_empty() {
        *text = Cow::Borrowed(more);
    } else if !more.is_empty() {
        text.to_mut().push_str(more);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const CSV: Dialect = Dialect { delimiter: b',', quote: true };

    fn records(text: &str) -> Vec<Vec<String>> {
        records_of(text, CSV)
    }

    fn records_of(text: &str, dialect: Dialect) -> Vec<Vec<String>> {
        let mut scanner = Scanner::new(text, 0, dialect);
        let (mut records, mut record) = (Vec::new(), Vec::new());
        while let Some(field) = scanner.field().unwrap() {
            record.push(field.text.into_owned());
            if field.last {
                records.push(std::mem::take(&mut record));
            }
        }
        assert!(record.is_empty());
        records
    }

    #[test]
    fn tricky_fields() {
        assert_eq!(
            records("a,b\r\n\r\n1,\n\"x\n\"\"y\"\"\",\"\""),
            [["a", "b"], ["1", ""], ["x\n\"y\"", ""]]
        );
        assert_eq!(records("\u{feff}\"a\",b\rc\"d,e\" "), [["a", "b"], ["c\"d", "e\" "]]);
        assert_eq!(records("\"a\"b\"c,d"), [["ab\"c", "d"]]);
        assert_eq!(records("\"\"\"\",x"), [["\"", "x"]]);
        assert!(records("\n\r\n").is_empty());
        let plain = Dialect { delimiter: b';', quote: false };
        assert_eq!(records_of("\"a;b\"\n,;", plain), [["\"a", "b\""], [",", ""]]);
    }

    #[test]
    fn an_open_quote_says_where_it_starts() {
        let mut scanner = Scanner::new("a,\"b", 0, CSV);
        scanner.field().unwrap();
        assert_eq!(scanner.field(), Err(Unclosed { start: 2 }));
    }
}
