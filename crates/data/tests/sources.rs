//! Sources beyond one plain csv file: dialects, several files, other formats, archives, filters, derived columns.
#![expect(clippy::unwrap_used, reason = "a test that cannot set itself up has failed")]

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};

use data::{CellType, Error, Source, Table, cell_types, header_of};
use serde_json::{Value, json};
use tempfile::TempDir;

struct Folder(TempDir);

impl Folder {
    fn new(files: &[(&str, &[u8])]) -> Self {
        let folder = Self(tempfile::tempdir().unwrap());
        for (name, bytes) in files {
            let path = folder.0.path().join(name);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, bytes).unwrap();
        }
        folder
    }

    /// Reads a declared source; paths are below the folder.
    fn read(&self, source: Value) -> Result<Table, Error> {
        let mut source: Source = serde_json::from_value(source).unwrap();
        let problems = source.problems();
        assert!(problems.is_empty(), "{problems:?}");
        if let Some(files) = &mut source.files {
            files.folder = self.0.path().join(&files.folder).to_string_lossy().into_owned();
        }
        let paths: Vec<PathBuf> = source.path.iter().map(|path| self.0.path().join(path)).collect();
        let names = header_of(&paths, &source);
        let table = Table::read_all(&paths, &source)?;
        // What a check says of the columns is what there is.
        assert_eq!(names.unwrap(), table.names());
        Ok(table)
    }

    /// Columns of numbers, then columns of text.
    fn types(&self, source: Value) -> [Vec<String>; 2] {
        let source: Source = serde_json::from_value(source).unwrap();
        let paths: Vec<PathBuf> = source.path.iter().map(|path| self.0.path().join(path)).collect();
        let types = cell_types(&paths, &source).unwrap();
        [CellType::Number, CellType::Text].map(|wanted| {
            types.iter().filter(|(_, found)| **found == wanted).map(|(name, _)| name.clone()).collect()
        })
    }

    fn rows(&self, source: Value) -> Vec<Vec<String>> {
        let table = self.read(source).unwrap();
        let columns = table.names().len();
        let row = |row| (0..columns).map(|column| table.cell(row, column).to_owned()).collect();
        (0..table.rows()).map(row).collect()
    }

    /// The error's message without the folder's name, and its hint.
    fn error(&self, source: Value) -> String {
        let error = self.read(source).unwrap_err();
        let folder = format!("{}/", self.0.path().display());
        let hint = error.hint().unwrap_or_default();
        format!("{error} = {hint}").replace(&folder, "")
    }
}

#[test]
fn dialects() {
    let folder = Folder::new(&[
        ("a.txt", b"good\t1\nsaid \"so\"\t0\n"),
        ("b.csv", b"\"open;NA\nx;-\n"),
        ("c.csv", b"num,name,size\n1,caf\xe9,2\n"),
        ("d.csv", b"\xff\xfea\0,\0b\0\n\0\xac\x20,\0x\0"),
    ]);
    let rows =
        folder.rows(json!({"path": "a.txt", "format": "tsv", "header": false, "columns": ["text", "label"]}));
    assert_eq!(rows, [["good", "1"], ["said \"so\"", "0"]]);
    let rows = folder.rows(json!({
        "path": "b.csv", "header": false, "columns": ["a", "b"], "delimiter": ";", "quote": false, "na": ["NA", "-"],
    }));
    assert_eq!(rows, [["\"open", ""], ["x", ""]]);
    let source = json!({"path": "c.csv", "columns": ["id", "what", "size"], "encoding": "latin-1"});
    assert_eq!(folder.rows(source.clone()), [["1", "café", "2"]]);
    assert_eq!(folder.read(source).unwrap().place(0, 2).unwrap().column, 8);
    assert_eq!(folder.rows(json!({"path": "d.csv", "encoding": "utf-16"})), [["€", "x"]]);

    assert_eq!(
        folder.error(json!({"path": "c.csv", "columns": ["id", "what"], "encoding": "latin-1"})),
        "c.csv:1:1: the file has 3 columns, `columns` names 2 = name every column of the file, in order"
    );
    assert_eq!(
        folder.error(json!({"path": "c.csv"})),
        "c.csv:2:6: the text is not UTF-8 = say its encoding, such as encoding = \"windows-1252\", \
         or save it as UTF-8"
    );
    assert_eq!(
        folder.error(json!({"path": "c.csv", "encoding": "shift_jis"})),
        "c.csv:2:6: the text is not shift_jis = leave `encoding` out where the file is UTF-8"
    );
}

#[test]
fn several_files_are_one_table() {
    let folder = Folder::new(&[
        ("a.csv", b"x,y\n1,2\n"),
        ("b.csv", b"y,x\n4,3\nbad,5\n"),
        ("c.csv", b"x,z\n1,2\n"),
        ("d.csv", b"x\n1\n"),
        ("none.csv", b"x,y\n"),
    ]);
    let source = json!({"path": ["a.csv", "none.csv", "b.csv"]});
    assert_eq!(folder.rows(source.clone()), [["1", "2"], ["3", "4"], ["5", "bad"]]);
    let place = folder.read(source).unwrap().place(2, 1).unwrap();
    assert_eq!((place.path.file_name().unwrap().to_str(), place.line, place.column), (Some("b.csv"), 3, 1));
    let hint = "name the columns alike with `columns`, or declare the file as a source of its own";
    assert_eq!(
        folder.error(json!({"path": ["a.csv", "c.csv"]})),
        format!("c.csv: the file has `z` and lacks `y`, unlike `a.csv` = {hint}")
    );
    assert_eq!(
        folder.error(json!({"path": ["a.csv", "d.csv"]})),
        format!("d.csv: the file lacks `y`, which `a.csv` has = {hint}")
    );
    let renamed = json!({"path": ["a.csv", "c.csv"], "columns": ["x", "y"]});
    assert_eq!(folder.rows(renamed), [["1", "2"], ["1", "2"]]);
}

#[test]
fn lines_of_json() {
    let text = "\u{feff}{\"a\": \"x\\n\\u00e9\", \"b\": 1.50, \"c\": {\"d\": [1, 2]}}\r\n\n\
                {\"b\": null, \"a\": true}\n{}\n";
    let folder = Folder::new(&[
        ("a.jsonl", text.as_bytes()),
        ("bad.jsonl", b"{\"a\": 1}\n{\"a\": }\n"),
        ("list.jsonl", b"[1]\n"),
        ("twice.jsonl", b"{\"a\": 1, \"a\": 2}\n"),
        ("late.jsonl", format!("{}{{\"a\":1,\"z\":2}}\n", "{\"a\":1}\n".repeat(300)).as_bytes()),
        ("empty.jsonl", b"\n"),
    ]);
    let rows = folder.rows(json!({"path": "a.jsonl"}));
    assert_eq!(rows, [["x\né", "1.50", "{\"d\": [1, 2]}"], ["true", "", ""], ["", "", ""]]);
    assert_eq!(folder.rows(json!({"path": "a.jsonl", "columns": ["b"], "na": ["1.50"]})), [[""], [""], [""]]);
    let place = folder.read(json!({"path": "a.jsonl"})).unwrap().place(1, 0).unwrap();
    assert_eq!((place.line, place.column), (3, 1));
    let says = |path: &str| folder.error(json!({"path": path}));
    assert_eq!(says("bad.jsonl"), "bad.jsonl:2:7: expected value = every line is one JSON object");
    assert_eq!(
        says("list.jsonl"),
        "list.jsonl:1:1: invalid type: sequence, expected a JSON object = every line is one JSON object"
    );
    assert_eq!(says("twice.jsonl"), "twice.jsonl:1:1: the column `a` is there twice = rename one of the two");
    assert_eq!(
        says("late.jsonl"),
        "late.jsonl:301:1: the key `z` is in none of the first 200 lines = name the keys to read: columns = [...]"
    );
    assert_eq!(says("empty.jsonl"), "empty.jsonl: the file is empty = ");
    let source: Source = serde_json::from_value(json!({"path": "a.jsonl", "columns": ["bb"]})).unwrap();
    let error = Table::read(&folder.0.path().join("a.jsonl"), &source).unwrap_err();
    assert_eq!(error.hint().unwrap(), "did you mean `b`?");
}

fn tar(files: &[(&str, &[u8])]) -> Vec<u8> {
    let mut archive = tar::Builder::new(Vec::new());
    for (name, bytes) in files {
        let mut header = tar::Header::new_gnu();
        // The crate refuses to write what a hostile archive holds, so the name is put there by hand.
        header.as_mut_bytes()[..name.len()].copy_from_slice(name.as_bytes());
        header.set_size(bytes.len() as u64);
        header.set_mode(0o644);
        header.set_entry_type(tar::EntryType::Regular);
        header.set_cksum();
        archive.append(&header, *bytes).unwrap();
    }
    archive.into_inner().unwrap()
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

fn zip(files: &[(&str, &[u8])]) -> Vec<u8> {
    let mut archive = zip::ZipWriter::new(std::io::Cursor::new(Vec::new()));
    for (name, bytes) in files {
        archive.start_file(*name, zip::write::SimpleFileOptions::default()).unwrap();
        archive.write_all(bytes).unwrap();
    }
    archive.finish().unwrap().into_inner()
}

#[test]
fn compressed_files_and_archives() {
    let (one, two): (&[u8], &[u8]) = (b"x,y\n1,2\n", b"x,y\n3,4\n");
    let files: [(&str, &[u8]); 3] = [("data/b.csv", two), ("data/a.csv", one), ("README.md", b"words")];
    let folder = Folder::new(&[
        ("a.csv.zst", &zstd::encode_all(one, 3).unwrap()),
        ("a.csv.zip", &zip(&[("a.csv", one), ("__MACOSX/a.csv", b"?")])),
        ("all.zip", &zip(&files)),
        ("all.tar.gz", &gzip(&tar(&files))),
        ("all.tgz", &gzip(&tar(&files))),
        ("all.tar.zst", &zstd::encode_all(tar(&files).as_slice(), 3).unwrap()),
        ("all.tar", &tar(&files)),
    ]);
    for path in ["a.csv.zst", "a.csv.zip"] {
        assert_eq!(folder.rows(json!({"path": path})), [["1", "2"]]);
    }
    for path in ["all.zip", "all.tar.gz", "all.tgz", "all.tar.zst", "all.tar"] {
        assert_eq!(folder.rows(json!({"path": path, "member": "data/*.csv"})), [["1", "2"], ["3", "4"]]);
        assert_eq!(folder.rows(json!({"path": path, "member": "data/b.csv"})), [["3", "4"]]);
        let several = folder.error(json!({"path": path}));
        let hint = "say member = \"...\": it has `data/a.csv`, `data/b.csv`";
        assert_eq!(several, format!("{path}: the archive has several tables = {hint}"));
        let none = folder.error(json!({"path": path, "member": "c.csv"}));
        let hint = "say member = \"...\": it has `README.md`, `data/a.csv`, `data/b.csv`";
        assert_eq!(none, format!("{path}: the archive has no file `c.csv` = {hint}"));
    }
}

#[test]
fn hostile_archives() {
    let zeros = vec![b'\n'; 100_000];
    let bomb = [b"x\n".as_slice(), &zeros].concat();
    let flipped = {
        let mut bytes = zip(&[("a.csv", b"x\n1\n")]);
        bytes[40] ^= 1;
        bytes
    };
    let folder = Folder::new(&[
        ("bomb.csv.gz", &gzip(&bomb)),
        ("bomb.csv.zst", &zstd::encode_all(bomb.as_slice(), 3).unwrap()),
        ("bomb.csv.zip", &zip(&[("bomb.csv", &bomb)])),
        ("bomb.tar.gz", &gzip(&tar(&[("bomb.csv", &bomb)]))),
        ("out.zip", &zip(&[("../a.csv", b"x\n1\n")])),
        ("out.tar", &tar(&[("../../a.csv", b"x\n1\n")])),
        ("root.tar", &tar(&[("/etc/a.csv", b"x\n1\n")])),
        ("flipped.zip", &flipped),
        ("cut.zip", &zip(&[("a.csv", b"x\n1\n")])[..60]),
        ("cut.csv.zst", &zstd::encode_all(bomb.as_slice(), 3).unwrap()[..15]),
        ("not.csv.zst", b"x\n1\n"),
    ]);
    let hint = "where it may, set unpacked-limit above 1000";
    for path in ["bomb.csv.gz", "bomb.csv.zst", "bomb.csv.zip", "bomb.tar.gz"] {
        let error = folder.error(json!({"path": path, "unpacked-limit": 1000}));
        assert_eq!(error, format!("{path}: the file unpacks to more than 1000 bytes = {hint}"));
        let error = folder.error(json!({"path": path, "unpacked-limit": 200_000}));
        assert!(error.contains("no rows"), "{error}");
    }
    for (path, name) in [("out.zip", "../a.csv"), ("out.tar", "../../a.csv"), ("root.tar", "/etc/a.csv")] {
        let error = folder.error(json!({"path": path}));
        assert!(error.starts_with(&format!("{path}: the file `{name}` leads out of the archive")), "{error}");
    }
    for (path, says) in [
        ("flipped.zip", "flipped.zip: the"),
        ("cut.zip", "cut.zip: the archive is damaged"),
        ("cut.csv.zst", "cut.csv.zst: the compressed file is cut off"),
        ("not.csv.zst", "not.csv.zst: the file is not Zstandard, though its name says so"),
    ] {
        let error = folder.error(json!({"path": path}));
        assert!(error.starts_with(says), "{error}");
    }
}

#[test]
fn texts_by_class() {
    let files: [(&str, &[u8]); 6] = [
        ("t/pos/b.txt", b"\xef\xbb\xbfgood, \"very\"\n"),
        ("t/pos/a.txt", b"fine"),
        ("t/neg/deep/c.txt", b"bad"),
        ("t/neg/.hidden", b"?"),
        ("t/README", b"?"),
        ("bad/neg/x.txt", b"a\nb\xff"),
    ];
    let folder = Folder::new(&files);
    let expected = [
        ["bad", "neg", "neg/deep/c.txt"],
        ["fine", "pos", "pos/a.txt"],
        ["good, \"very\"\n", "pos", "pos/b.txt"],
    ];
    let source = json!({"path": "t", "format": "texts"});
    let table = folder.read(source.clone()).unwrap();
    assert_eq!(table.names(), ["text", "label", "file"]);
    assert!(table.place(1, 0).unwrap().path.ends_with("t/pos/a.txt"));
    assert_eq!(folder.rows(source), expected);
    let packed: Vec<(&str, &[u8])> =
        files[..5].iter().map(|(name, bytes)| (name.strip_prefix("t/").unwrap(), *bytes)).collect();
    let archive = Folder::new(&[("t.tar.gz", &gzip(&tar(&packed)))]);
    assert_eq!(archive.rows(json!({"path": "t.tar.gz", "format": "texts"})), expected);
    let error = folder.error(json!({"path": "bad", "format": "texts"}));
    assert!(error.starts_with("bad/neg/x.txt:2:2: the text is not UTF-8"), "{error}");
    fs::create_dir(folder.0.path().join("empty")).unwrap();
    let error = folder.error(json!({"path": "empty", "format": "texts"}));
    assert_eq!(error, "empty: no class folder in it holds a text file = ");
}

#[test]
fn a_column_names_files() {
    let folder = Folder::new(&[
        ("a.csv", b"file,y\na.txt,1\nsub/b.txt,0\n"),
        ("gone.csv", b"file,y\na.txt,1\nc.txt,0\n"),
        ("out.csv", b"file,y\n../a.csv,1\n"),
        ("link.csv", b"file,y\nlink,1\n"),
        ("texts/a.txt", b"one\ntwo"),
        ("texts/sub/b.txt", b"three"),
    ]);
    std::os::unix::fs::symlink("../a.csv", folder.0.path().join("texts/link")).unwrap();
    let source = |path: &str| json!({"path": path, "files": {"column": "file", "folder": "texts"}});
    assert_eq!(folder.rows(source("a.csv")), [["one\ntwo", "1"], ["three", "0"]]);
    let says = |path: &str| folder.error(source(path));
    assert_eq!(says("gone.csv"), "gone.csv:3:1: `c.txt`: there is no such file = ");
    assert_eq!(says("out.csv"), "out.csv:2:1: `../a.csv`: the name leads out of the folder = ");
    assert_eq!(says("link.csv"), "link.csv:2:1: `link`: the name leads out of the folder = ");
}

#[test]
fn filters_and_derived_columns() {
    let folder = Folder::new(&[
        ("a.csv", b"rating,kind\n9,x\n3,x\n,y\n7,y\n"),
        ("b.csv", b"rating,kind\n1,y\nmany,y\n6,z\n"),
    ]);
    let derived = json!({"positive": {"column": "rating", "above": 5}});
    let rows = folder.rows(json!({"path": "a.csv", "derive": derived}));
    assert_eq!(rows, [["9", "x", "1"], ["3", "x", "0"], ["", "y", ""], ["7", "y", "1"]]);
    let source = json!({
        "path": ["a.csv", "b.csv"],
        "na": ["many"],
        "derive": derived,
        "where": [{"column": "positive", "one-of": ["1"]}, {"column": "kind", "none-of": ["x"]}],
    });
    assert_eq!(folder.rows(source.clone()), [["7", "y", "1"], ["6", "z", "1"]]);
    let place = folder.read(source).unwrap().place(1, 2).unwrap();
    assert_eq!((place.path.file_name().unwrap().to_str(), place.line, place.column), (Some("b.csv"), 4, 1));
    assert_eq!(
        folder.error(json!({"path": "b.csv", "where": [{"column": "rating", "below": 5}]})),
        "b.csv:3:1: `many` in column `rating` is compared with a number, and is none = \
         `na = [...]` says which cells are empty"
    );
    assert_eq!(
        folder.error(json!({"path": "a.csv", "where": [{"column": "rating", "below": 0}]})),
        "a.csv: none of the 4 rows passes `where` = make the conditions wider"
    );
    assert_eq!(
        folder.error(json!({"path": "a.csv", "derive": {"kind": {"column": "rating", "above": 5}}})),
        "a.csv: there is a column `kind` already = give the one that is made here another name"
    );
}

#[test]
fn joined_columns() {
    let folder = Folder::new(&[
        ("a.csv", b"title,text,note\nGood,very good,\n,bad,x\n,,\n"),
        ("b.csv", b"title,text,note\nA,b,d.txt\n"),
    ]);
    let rows = folder.rows(json!({"path": "a.csv", "join": {"all": ["title", "text"], "copy": ["text"]}}));
    assert_eq!(
        rows,
        [
            ["Good", "very good", "", "Good very good", "very good"],
            ["", "bad", "x", "bad", "bad"],
            ["", "", "", "", ""]
        ]
    );
    // A mistake in a joined cell is shown where its first part stands.
    let table = folder.read(json!({"path": "a.csv", "join": {"all": ["text", "title"]}})).unwrap();
    let place = table.place(1, 3).unwrap();
    assert_eq!((place.line, place.column), (3, 2));
    // Texts of named files are there when columns are joined.
    std::fs::create_dir(folder.0.path().join("texts")).unwrap();
    std::fs::write(folder.0.path().join("texts/d.txt"), "deep").unwrap();
    let named = json!({"column": "note", "folder": "texts"});
    let rows = folder.rows(json!({"path": "b.csv", "files": named, "join": {"all": ["title", "note"]}}));
    assert_eq!(rows, [["A", "b", "deep", "A deep"]]);
    let says = |join: serde_json::Value| folder.error(json!({"path": "a.csv", "join": join}));
    assert_eq!(
        says(json!({"text": ["title"]})),
        "a.csv: there is a column `text` already = give the one that is made here another name"
    );
    assert!(says(json!({"all": ["titel"]})).contains("no column `titel`"));
}

#[test]
fn types_of_cells() {
    let late = "1,1\n".repeat(99) + "2,2\nx,3\n";
    let folder = Folder::new(&[
        ("a.csv", b"size,name,none,mixed\n1,a,,1\n -2e3 ,5,,x\n?,,,2\n"),
        ("late.csv", format!("late,n\n{late}").as_bytes()),
        ("a.jsonl", b"{\"n\": 1, \"s\": \"x\", \"yes\": true}\n{\"n\": null, \"of\": \"3\", \"s\": 2}\n"),
    ]);
    let types = folder.types(json!({"path": "a.csv", "na": ["?"]}));
    assert_eq!(types, [vec!["size"], vec!["mixed", "name"]]);
    // The row that is no number comes after the hundred that are looked at.
    assert_eq!(
        folder.types(json!({"path": ["late.csv", "a.csv"]})),
        [vec!["late", "n"], vec![]] as [Vec<&str>; 2]
    );
    let source = json!({"path": "late.csv", "header": false, "columns": ["a", "b"]});
    assert_eq!(folder.types(source), [vec![], vec!["a", "b"]] as [Vec<&str>; 2]);
    assert_eq!(folder.types(json!({"path": "a.jsonl"})), [vec!["n", "of"], vec!["s", "yes"]]);
    assert_eq!(folder.types(json!({"path": ".", "format": "texts"})), [const { Vec::<String>::new() }; 2]);
}

/// `tests/columns` was written by pyarrow 26: from one table of every type that has a text, `lists.parquet` of lists.
#[test]
fn typed_columns() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/columns");
    let columns = ["text", "n", "x", "f", "yes", "kind", "day", "at", "price", "list"];
    let moment = "2024-05-31T18:30:00.25Z";
    let expected = [
        ["good, \"very\"", "1", "0.1", "0.1", "true", "a", "2024-05-31", moment, "12.50", "1"],
        ["", "", "", "2", "false", "b", "", "", "", "2 3"],
        [
            "café",
            "-3",
            "1000000000000000000000",
            "",
            "",
            "",
            "1960-02-29",
            "1969-12-31T23:59:59Z",
            "-0.05",
            "",
        ],
    ];
    for name in
        ["snappy.parquet", "zstd.parquet", "gzip.parquet", "lz4.parquet", "plain.feather", "stream.arrows"]
    {
        let bytes = fs::read(folder.join(name)).unwrap();
        let copies =
            Folder::new(&[(name, &bytes), (&format!("{name}.gz"), &gzip(&bytes)), ("cut", &bytes[..600])]);
        assert_eq!(copies.rows(json!({"path": name, "columns": columns})), expected, "{name}");
        assert_eq!(
            copies.rows(json!({"path": format!("{name}.gz"), "columns": ["n"]})),
            [["1"], [""], ["-3"]]
        );
        let twice =
            copies.rows(json!({"path": [name, format!("{name}.gz")], "columns": ["kind"], "na": ["b"]}));
        assert_eq!(twice, [["a"], [""], [""], ["a"], [""], [""]]);
        assert_eq!(
            copies.types(json!({"path": name, "columns": columns})),
            [vec!["f", "n", "price", "x"], vec!["at", "day", "kind", "list", "text", "yes"]]
        );
        let place = copies.read(json!({"path": name, "columns": ["n", "x"]})).unwrap().place(2, 1).unwrap();
        assert_eq!((place.line, place.column), (3, 2));
        let format = if name.ends_with("parquet") { "parquet" } else { "arrow" };
        let error = copies.error(json!({"path": "cut", "format": format, "columns": ["n"]}));
        assert!(error.starts_with("cut: the file is damaged"), "{error}");
    }
    let folder =
        Folder::new(&[("empty.parquet", b""), ("a.parquet", b"a,b\n1,2\n"), ("a.arrow", b"a,b\n1,2\n")]);
    assert_eq!(folder.error(json!({"path": "empty.parquet"})), "empty.parquet: the file is empty = ");
    let packed = fs::read(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/columns/lz4.feather")).unwrap();
    assert_eq!(
        Folder::new(&[("lz4.feather", &packed)]).error(json!({"path": "lz4.feather"})),
        "lz4.feather: the Arrow file is compressed inside = write it uncompressed (and pack the file itself, \
         as .arrow.zst), or as Parquet"
    );
    for path in ["a.parquet", "a.arrow"] {
        let error = folder.error(json!({"path": path}));
        assert!(error.starts_with(&format!("{path}: the file is damaged")), "{error}");
    }
}

#[test]
fn lists_are_values_with_blanks_between() {
    let bytes = fs::read(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/columns/lists.parquet")).unwrap();
    let lines = r#"{"tokens": ["EU", "rejects", "German"], "ner_tags": [3, 0, 7], "nested": [[1]]}
{"tokens": [], "ner_tags": [], "nested": null}
{"tokens": ["a", null], "ner_tags": [1, 0], "nested": {"a": [1]}}
"#;
    let folder = Folder::new(&[("a.parquet", &bytes), ("a.jsonl", lines.as_bytes())]);
    let columns = ["tokens", "large", "ner_tags", "pair"];
    assert_eq!(
        folder.rows(json!({"path": "a.parquet", "columns": columns, "na": ["NA"]})),
        [
            ["EU rejects German", "x", "3 0 7", "1.5 2"],
            ["", "NA y", "", ""],
            ["", "", "", "0.25 -1"],
            ["a ", "", "1 0", "0 3"]
        ]
    );
    let error = folder.error(json!({"path": "a.parquet"}));
    assert!(error.starts_with("a.parquet: the column `nested` holds List("), "{error}");
    assert!(error.ends_with("= name the columns to read: columns = [...]"), "{error}");
    // What holds lists or objects stays JSON.
    assert_eq!(
        folder.rows(json!({"path": "a.jsonl"})),
        [["EU rejects German", "3 0 7", "[[1]]"], ["", "", ""], ["a ", "1 0", r#"{"a": [1]}"#]]
    );
}

#[test]
fn damaged_columns_are_errors() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/columns");
    for name in ["snappy.parquet", "zstd.parquet", "plain.feather", "stream.arrows"] {
        let bytes = fs::read(folder.join(name)).unwrap();
        let copies = Folder::new(&[]);
        let path = copies.0.path().join(name);
        let columns = ["text", "n", "kind", "day", "at", "price"].map(ToOwned::to_owned).to_vec();
        let source = Source { columns: Some(columns), ..Source::new(name) };
        for at in (0..bytes.len()).step_by(5) {
            let mut damaged = bytes.clone();
            damaged[at] ^= 0x55;
            fs::write(&path, &damaged).unwrap();
            // Some bytes are values: what matters is that there is an answer.
            drop(Table::read(&path, &source));
        }
    }
}
