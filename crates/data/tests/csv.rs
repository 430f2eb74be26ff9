//! Reading tables: tricky files, damaged files, and the `csv` crate as oracle.
#![expect(clippy::unwrap_used, reason = "a test that cannot set itself up has failed")]

use std::fs;
use std::io::Write;
use std::path::PathBuf;

use data::{Error, Format, Source, Table, header};
use flate2::Compression;
use flate2::write::GzEncoder;
use proptest::prelude::*;
use tempfile::TempDir;

struct File {
    folder: TempDir,
    path: PathBuf,
}

fn file(name: &str, bytes: impl AsRef<[u8]>) -> File {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join(name);
    fs::write(&path, bytes).unwrap();
    File { folder, path }
}

impl File {
    fn source(&self) -> Source {
        Source::new(self.path.to_str().unwrap())
    }

    fn read(&self) -> Result<Table, Error> {
        Table::read(&self.path, &self.source())
    }

    /// The error's message without the folder's name.
    fn error(&self) -> String {
        let folder = format!("{}/", self.folder.path().display());
        self.read().unwrap_err().to_string().replace(&folder, "")
    }
}

fn rows(table: &Table) -> Vec<Vec<&str>> {
    let columns = table.names().len();
    (0..table.rows()).map(|row| (0..columns).map(|column| table.cell(row, column)).collect()).collect()
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

const TRICKY: &str = "\u{feff}name,text\r\n\"a, b\",\"line one\r\nline \"\"two\"\"\"\r\n,\r\n\r\ncafé,\"\"";

#[test]
fn tricky_cells() {
    let expected = [["a, b", "line one\r\nline \"two\""], ["", ""], ["café", ""]];
    for file in [
        file("t.csv", TRICKY),
        file("t.csv.gz", gzip(TRICKY.as_bytes())),
        file("t.csv", gzip(TRICKY.as_bytes())),
    ] {
        let table = file.read().unwrap();
        assert_eq!(table.names(), ["name", "text"]);
        assert_eq!(rows(&table), expected);
        assert_eq!(header(&file.path, &file.source()).unwrap(), ["name", "text"]);
        let place = table.place(2, 1).unwrap();
        assert_eq!((place.line, place.column), (6, 6));
    }
    let two_members = [gzip(b"a,b\n1,"), gzip(b"2\n")].concat();
    assert_eq!(rows(&file("t.csv.gz", two_members).read().unwrap()), [["1", "2"]]);
}

#[test]
fn tabs_and_declared_formats() {
    assert_eq!(rows(&file("t.tsv", "a\tb\n1,2\t\"x\ty\"\n").read().unwrap()), [["1,2", "x\ty"]]);
    let text = file("t.txt", "a,b\n1,2");
    assert_eq!(text.error(), "t.txt: the name does not say the format");
    let source = Source { format: Some(Format::Csv), ..text.source() };
    assert_eq!(rows(&Table::read(&text.path, &source).unwrap()), [["1", "2"]]);
}

#[test]
fn damaged_files_say_where() {
    let whole = gzip(TRICKY.repeat(50).as_bytes());
    let mut flipped = gzip(b"a,b\n1,2\n");
    let end = flipped.len() - 6;
    flipped[end] ^= 1;
    let cases: [(&str, &[u8], &str); 15] = [
        ("t.csv", b"", "t.csv: the file is empty"),
        ("t.csv", b"\n\n", "t.csv: the file is empty"),
        ("t.csv.gz", b"", "t.csv.gz: the file is empty"),
        ("t.csv", b"a,b\n\n", "t.csv: the file has a header and no rows"),
        ("t.csv", b"a,b,a\n1,2,3", "t.csv:1:5: the column `a` is there twice"),
        ("t.csv", b"a,b\n1,2\n1,\"x\ny\",3,4\n", "t.csv:4:4: the row has 4 fields, the header 2"),
        ("t.csv", b"a,b\n\"x\ny\"\n", "t.csv:3:3: the row has 1 field, the header 2"),
        (
            "t.csv",
            b"a,b\n1,2\n\xc3\xa4,\"cut off\n",
            "t.csv:3:3: the quoted field that starts here never ends",
        ),
        ("t.csv", b"a,\"b", "t.csv:1:3: the quoted field that starts here never ends"),
        ("t.csv", b"a,b\n\xc3\xa4\xff,2\n", "t.csv:2:2: the text is not UTF-8"),
        ("t.csv", b"a,b\n1,\xc3", "t.csv:2:3: the text is not UTF-8"),
        ("t.csv", b"\xff\xfea\0,\0b\0", "t.csv:1:1: the text is not UTF-8"),
        ("t.csv.gz", b"a,b\n1,2\n", "t.csv.gz: the file is not gzip, though its name says so"),
        ("t.csv.gz", &whole[..whole.len() - 20], "t.csv.gz: the compressed file is cut off"),
        (
            "t.csv.gz",
            &flipped,
            "t.csv.gz: the compressed file is damaged: corrupt gzip stream does not have a matching checksum",
        ),
    ];
    for (name, bytes, expected) in cases {
        assert_eq!(file(name, bytes).error(), expected);
    }
    let hint = file("t.csv", b"\xff\xfea\0").read().unwrap_err().hint();
    assert_eq!(hint.as_deref(), Some("the file looks like utf-16: say encoding = \"utf-16\""));
    let gone = file("t.csv", "");
    fs::remove_file(&gone.path).unwrap();
    assert_eq!(gone.error(), "t.csv: no such file");
}

#[test]
fn a_missing_column_names_the_nearest() {
    let table = file("t.csv", "Review Text,Rating,review_id\n1,2,3\n").read().unwrap();
    let hint = |name| table.column(name).unwrap_err().hint().unwrap();
    assert_eq!(hint("review text"), "did you mean `Review Text`, `review_id`?");
    assert_eq!(hint("zzz"), "did you mean `Review Text`, `Rating`, `review_id`?");
}

#[test]
fn a_header_alone_is_enough_and_may_be_long() {
    let read = |bytes: &[u8]| {
        let file = file("t.csv", bytes);
        header(&file.path, &file.source()).map_err(|error| {
            let folder = format!("{}/", file.folder.path().display());
            error.to_string().replace(&folder, "")
        })
    };
    assert_eq!(read(b"a,b").unwrap(), ["a", "b"]);
    assert_eq!(read(b"a,b\n\xff\xff\xff\xff\xff").unwrap(), ["a", "b"]);
    assert_eq!(read(b"").unwrap_err(), "t.csv: the file is empty");
    assert_eq!(read(b"a,\"b\n").unwrap_err(), "t.csv:1:3: the quoted field that starts here never ends");
    assert_eq!(read(b"a,\xffb,c,d,e\n").unwrap_err(), "t.csv:1:3: the text is not UTF-8");
    assert_eq!(read(b"a,b\xc3").unwrap_err(), "t.csv:1:4: the text is not UTF-8");
    // Longer than what is read at once, with a character of two bytes on every boundary that may be.
    let names: Vec<String> = (0..60_000).map(|at| format!("é{at}")).collect();
    assert_eq!(read(format!("{}\n1", names.join(",")).as_bytes()).unwrap(), names);
    assert_eq!(read(format!("x{}\n1", names.join(",")).as_bytes()).unwrap()[1..], names[1..]);
}

#[test]
fn large_files_are_read_in_parts() {
    // Quoted line breaks and quotes everywhere, so that guesses where a part starts go wrong; over 8 MB.
    let row = |at: usize| match at % 3 {
        0 => format!("{at},\"line\n{at},\"\"x\n,\"\r\n"),
        1 => format!("{at},plain 5\" {}\n", "é".repeat(at % 50)),
        _ => format!("\"{at}\",\"{}\"\n\n", "a\n".repeat(at % 300)),
    };
    let text: String = (0..120_000).map(row).collect();
    let text = format!("a,b\n{text}");
    assert!(text.len() > 8 << 20);
    let expected = oracle(&text);
    let whole = file("t.csv", &text);
    let table = whole.read().unwrap();
    assert_eq!(table.rows(), expected.len() - 1);
    assert!(rows(&table).into_iter().zip(&expected[1..]).all(|(own, wanted)| own == *wanted));
    let bad = file("t.csv", format!("{text}1,2,3\n1,\"2\n"));
    let lines = text.replace("\r\n", "\n").matches('\n').count() + 1;
    assert_eq!(bad.error(), format!("t.csv:{lines}:5: the row has 3 fields, the header 2"));
}

/// What the `csv` crate reads, ragged rows included.
fn oracle(text: &str) -> Vec<Vec<String>> {
    let mut reader = csv::ReaderBuilder::new().has_headers(false).flexible(true).from_reader(text.as_bytes());
    reader.records().map(|record| record.unwrap().iter().map(str::to_owned).collect()).collect()
}

fn cells() -> impl Strategy<Value = Vec<Vec<String>>> {
    (1usize..5, 1usize..8).prop_flat_map(move |(columns, rows)| {
        prop::collection::vec(prop::collection::vec("[ab\"\",\n\r é]{0,6}", columns), rows)
    })
}

proptest! {
    #[test]
    fn what_is_written_is_read(cells in cells(), windows: bool) {
        let terminator = if windows { csv::Terminator::CRLF } else { csv::Terminator::Any(b'\n') };
        let mut writer = csv::WriterBuilder::new().terminator(terminator).from_writer(Vec::new());
        writer.write_record((0..cells[0].len()).map(|at| at.to_string())).unwrap();
        cells.iter().for_each(|row| writer.write_record(row).unwrap());
        let file = file("t.csv", writer.into_inner().unwrap());
        let table = file.read().unwrap();
        prop_assert_eq!(rows(&table), cells);
    }

    #[test]
    fn any_text_is_read_as_the_oracle_reads_it(text in "[ab\"\",,,\n\r é]{0,40}") {
        let file = file("t.csv", format!("h\u{e4},i\n{text}"));
        let expected = oracle(&text);
        let read = file.read();
        match &read {
            Ok(table) => prop_assert_eq!(rows(table), expected),
            Err(Error::HeaderOnly { .. }) => prop_assert!(expected.is_empty()),
            Err(Error::Ragged { found, .. }) => {
                let ragged = expected.iter().find(|row| row.len() != 2).map(Vec::len);
                // A quote that is opened in the first bad row and never closed hides how long that row is.
                let hidden = text.contains('"') && ragged.is_some_and(|ragged| ragged > *found);
                prop_assert!(ragged == Some(*found) || hidden);
            }
            Err(Error::UnclosedQuote { place }) => {
                let line = format!("h\u{e4},i\n{text}").replace("\r\n", "\n").replace('\r', "\n");
                let line = line.split('\n').nth(place.line as usize - 1).unwrap().to_owned();
                prop_assert_eq!(line.chars().nth(place.column as usize - 1), Some('"'));
            }
            Err(error) => prop_assert!(false, "{error}"),
        }
    }
}
