//! How a recipe declares a data source: its files, their format and dialect, and which rows are wanted.
//!
//! Declarations only: nothing here opens a file. `problems` says everything that is wrong with a declaration
//! that decoded, so that a check reports it before anything is read.

mod problems;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

pub use problems::Problem;

use crate::condition::Condition;
use crate::levels;
use crate::part::Split;
use crate::paths::Paths;
use crate::pictures;

/// The most bytes that compressed files unpack to where a source says nothing else: 4 GiB.
pub const UNPACKED_LIMIT: u64 = 4 << 30;

/// A table on disk.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Source {
    /// The file, relative to the recipe or to a data folder; or several, also by pattern (`part-*.csv`), whose rows
    /// follow one another. May be compressed (`.gz`, `.zst`) or lie in an archive (`.zip`, `.tar`, `.tar.gz`,
    /// `.tar.zst`).
    #[serde(default, skip_serializing_if = "Paths::is_absent")]
    pub path: Paths,
    /// Where the file is fetched from, `https://`, `http://` or `file://`, instead of a `path`: unless a file of its name
    /// and `sha256` lies beside the recipe or in a data folder. It is kept in the store, once for all recipes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub url: Option<String>,
    /// The SHA-256 of the file at `url`, in hexadecimal as `sha256sum` prints it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sha256: Option<String>,
    /// How the file is laid out; where absent, the name's extension says it (`.csv`, also `.csv.gz`).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub format: Option<Format>,
    /// Which rows train, validate and test; where absent, the rows belong to no part and all are used.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub split: Option<Split>,
    /// The column that names a row in predictions; where absent, rows are numbered from 0.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub id: Option<String>,
    /// Whether the first record of csv and tsv names the columns; where absent, it does.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub header: Option<bool>,
    /// Names of the columns in order, instead of the header's; of conll the first is of the words; of jsonl, parquet
    /// and arrow, those to read.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1))]
    pub columns: Option<Vec<String>>,
    /// The one ASCII character between two fields, instead of the format's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub delimiter: Option<String>,
    /// Whether a field that starts with `"` is quoted; where absent, it is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub quote: Option<bool>,
    /// Cells that mean that nothing is known, such as `NA`: they are read as empty.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub na: Option<Vec<String>>,
    /// How characters are stored: `latin-1`, `windows-1252`, `utf-16` or another label of the Encoding Standard;
    /// where absent, UTF-8.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub encoding: Option<String>,
    /// The file in the archive, or a pattern for several; where absent, the archive holds one table.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub member: Option<String>,
    /// The most bytes that compressed files may unpack to; where absent, 4 GiB.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1))]
    pub unpacked_limit: Option<u64>,
    /// A column that names files, of texts or of pictures.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub files: Option<NamedFiles>,
    /// Of a folder of pictures: a regular expression whose first group is a picture's label, matched against its path
    /// from the folder on: `"(\\w+)\\.\\d+\\.jpg$"`. Where absent, the label is the first folder's name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub label_pattern: Option<String>,
    /// What a picture that cannot be read does.
    #[serde(default, skip_serializing_if = "OnError::is_default")]
    pub on_error: OnError,
    /// Columns that hold the pixels of a picture; the column `image` stands for it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pixels: Option<Pixels>,
    /// Columns made from others: 1 where the condition holds, 0 where it does not, empty where its cell is.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub derive: BTreeMap<String, Condition>,
    /// Columns that put others together: their cells in this order with a space between, empty ones left out. A list
    /// of one column copies it, so that it can have a second chain of steps.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    #[schemars(extend("additionalProperties" = { "type": "array", "items": { "type": "string" }, "minItems": 1 }))]
    pub join: BTreeMap<String, Vec<String>>,
    /// Which rows are used: those for which every condition holds. It sees derived columns.
    #[serde(default, rename = "where", skip_serializing_if = "Vec::is_empty")]
    pub filter: Vec<Condition>,
}

/// A column that names files of a folder.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct NamedFiles {
    /// The column.
    pub column: String,
    /// The folder that the names are relative to; no name leads out of it.
    pub folder: String,
    /// What the files are.
    #[serde(default, skip_serializing_if = "FileContent::is_default")]
    pub content: FileContent,
}

/// Columns of pixels: levels of 0 to 255, from left to right and from top to bottom, the channels of a pixel together.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Pixels {
    /// A regular expression that matches the columns' names as a whole: `"pixel\\d+"`.
    pub columns: String,
    /// Pixels from top to bottom.
    #[schemars(range(min = 1, max = 4096))]
    pub height: u32,
    /// Pixels from left to right.
    #[schemars(range(min = 1, max = 4096))]
    pub width: u32,
    /// 1 (grey) or 3 (RGB).
    #[serde(default = "grey")]
    #[schemars(range(min = 1, max = 3))]
    pub channels: u32,
}

fn grey() -> u32 {
    1
}

impl Pixels {
    /// Height, width and channels.
    pub(crate) fn size(&self) -> [usize; 3] {
        [self.height, self.width, self.channels].map(|side| side as usize)
    }
}

/// What named files hold.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum FileContent {
    /// Each cell is replaced by the text of the file that it names.
    #[default]
    Text,
    /// Each cell stands for the picture that it names.
    Picture,
}

impl FileContent {
    fn is_default(&self) -> bool {
        *self == Self::default()
    }
}

/// What a picture that cannot be read does.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum OnError {
    /// It stops the stage, which names it.
    #[default]
    Fail,
    /// Its row is left out, after the split; the stage names and counts such rows.
    Skip,
}

impl OnError {
    fn is_default(&self) -> bool {
        *self == Self::default()
    }
}

/// The layout of a table's file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Format {
    /// Fields separated by commas (RFC 4180), with a header, and quoted fields with doubled quotes.
    Csv,
    /// Fields separated by tabs, else like csv.
    Tsv,
    /// One JSON object a line. What is nested in it becomes a cell of JSON text, null an empty cell.
    Jsonl,
    /// Apache Parquet. Values become text: dates in ISO 8601, null and not-a-number an empty cell.
    Parquet,
    /// Apache Arrow IPC, a file (Feather) or a stream; values become text as those of Parquet.
    Arrow,
    /// A folder with a folder of text files for each class. The columns are `text`, `label` (the folder's name) and
    /// `file` (the path from the folder on).
    Texts,
    /// A folder with a folder of pictures for each class: JPEG, PNG, GIF (the first frame), BMP and WebP, told by
    /// their content. The columns are `image`, `label` (the folder's name) and `file` (the path from the folder on).
    Pictures,
    /// Sentences in the columns of CoNLL 2003: a word a line, then its tags, parted by blanks or tabs; an empty line
    /// between sentences, `-DOCSTART-` lines left out. A row is a sentence. The columns are `text`, the words with a
    /// blank between, and `tags`, or `tags1`, `tags2` and so on, a tag a word likewise; `columns` names them otherwise.
    Conll,
    /// IDX files as those of MNIST: one of pictures and after it, where there is one, that of its labels. The columns
    /// are `image` and `label`.
    Idx,
}

impl Source {
    /// A source as a plan has it: its declaration without `path`, and the files that were found, the folder of a
    /// column's files after the tables. Gives the whole declaration and the tables.
    ///
    /// # Errors
    /// Serde's, when `reading` is no declaration.
    pub fn planned(
        mut reading: serde_json::Value,
        mut paths: Vec<PathBuf>,
    ) -> serde_json::Result<(Self, Vec<PathBuf>)> {
        if let Some(table) = reading.as_object_mut() {
            let names = paths.iter().map(|path| path.to_string_lossy().into_owned().into());
            table.insert("path".into(), serde_json::Value::Array(names.collect()));
        }
        let mut source: Self = serde_json::from_value(reading)?;
        if let Some(files) = &mut source.files {
            files.folder = paths.pop().unwrap_or_default().to_string_lossy().into_owned();
        }
        Ok((source, paths))
    }

    /// A source of the file at `path` with everything else left at its default.
    pub fn new(path: impl Into<Paths>) -> Self {
        Self { path: path.into(), ..Self::default() }
    }

    /// Gives a source by address the file's name as its path. A path beside an address stays, and is a problem.
    pub fn name_by_url(&mut self) {
        if self.path.is_absent()
            && let Some(name) = self.url.as_deref().and_then(file_name)
        {
            self.path = name.into();
        }
    }

    /// Columns that are made of others, in the order in which they follow the file's: the field that declares each,
    /// and its name.
    pub fn made(&self) -> impl Iterator<Item = (&'static str, &str)> {
        let pixels = self.pixels.iter().map(|_| ("pixels", levels::IMAGE));
        let derived = self.derive.keys().map(|name| ("derive", name.as_str()));
        pixels.chain(derived).chain(self.join.keys().map(|name| ("join", name.as_str())))
    }

    /// The format where declaration or names say it; archives without `member` say it by what they hold.
    pub fn declared_format(&self) -> Option<Format> {
        let member = self.member.as_deref().and_then(|member| Format::of(Path::new(member)));
        self.format.or(member).or_else(|| self.path.iter().find_map(|path| Format::of(Path::new(path))))
    }

    /// The column that holds pictures, as the source calls it.
    pub fn picture_column(&self) -> Option<&str> {
        match (&self.files, self.format) {
            (Some(files), _) if files.content == FileContent::Picture => Some(&files.column),
            (_, Some(Format::Pictures)) => Some(pictures::COLUMNS[0]),
            (_, Some(Format::Idx)) => Some(levels::IMAGE),
            _ if self.pixels.is_some() => Some(levels::IMAGE),
            _ => None,
        }
    }

    /// The cell, empty where it is one that means that nothing is known.
    pub(crate) fn known<'c>(&self, cell: &'c str) -> &'c str {
        if self.na.iter().flatten().any(|na| na == cell) { "" } else { cell }
    }

    /// Whether a path of this source is a folder.
    pub fn is_folder(&self, path: &str) -> bool {
        matches!(self.format, Some(Format::Texts | Format::Pictures)) && !is_archive(path)
    }
}

impl Format {
    /// The format that a file's name says, with or without `.gz` or `.zst`; none where the extension is another.
    pub fn of(path: &Path) -> Option<Self> {
        let name = path.file_name()?.to_str()?.to_ascii_lowercase();
        let packed = [".gz", ".zst", ".zip"].into_iter().find_map(|end| name.strip_suffix(end));
        match packed.unwrap_or(&name).rsplit_once('.')?.1 {
            "csv" => Some(Self::Csv),
            "tsv" | "tab" => Some(Self::Tsv),
            "jsonl" | "ndjson" => Some(Self::Jsonl),
            "parquet" => Some(Self::Parquet),
            "arrow" | "arrows" | "feather" => Some(Self::Arrow),
            "conll" => Some(Self::Conll),
            _ => None,
        }
    }

    /// The format's name in recipes.
    pub fn name(self) -> &'static str {
        match self {
            Self::Csv => "csv",
            Self::Tsv => "tsv",
            Self::Jsonl => "jsonl",
            Self::Parquet => "parquet",
            Self::Arrow => "arrow",
            Self::Texts => "texts",
            Self::Pictures => "pictures",
            Self::Conll => "conll",
            Self::Idx => "idx",
        }
    }
}

/// The file's name at the end of an address.
fn file_name(url: &str) -> Option<&str> {
    let rest = ["https://", "http://", "file://"].into_iter().find_map(|scheme| url.strip_prefix(scheme))?;
    let path = rest.split(['?', '#']).next()?;
    let name = path.rsplit_once('/')?.1;
    let plain = |char: char| !char.is_control() && char != '\\';
    (!name.is_empty() && name != "." && name != ".." && name.chars().all(plain)).then_some(name)
}

/// Whether a file's name says that it holds other files.
pub(crate) fn is_archive(path: &str) -> bool {
    let name = path.to_ascii_lowercase();
    [".zip", ".tar", ".tar.gz", ".tgz", ".tar.zst"].iter().any(|end| name.ends_with(end))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn formats_come_from_the_name() {
        assert_eq!(Format::of(Path::new("a/b.CSV.gz")), Some(Format::Csv));
        assert_eq!(Format::of(Path::new("b.tsv")), Some(Format::Tsv));
        assert_eq!(Format::of(Path::new("b.ndjson.zst")), Some(Format::Jsonl));
        assert_eq!(Format::of(Path::new("b.txt")), None);
        assert_eq!(Source::new("b.txt").problems()[0].field, "path");
        assert!(Source { format: Some(Format::Tsv), ..Source::new("b.txt") }.problems().is_empty());
    }

    #[test]
    fn an_address_gives_the_name() {
        let named = |text: &str| {
            let mut source: Source = serde_json::from_str(text).unwrap();
            source.name_by_url();
            (source.path.to_string(), source.problems().into_iter().map(|p| p.field).collect::<Vec<_>>())
        };
        let digest = "0123456789abcdefABCDEF".repeat(3)[..64].to_owned();
        let good = format!(r#"{{"url":"https://example.org/a/b.csv.gz?x=/c#d","sha256":"{digest}"}}"#);
        assert_eq!(named(&good), ("b.csv.gz".to_owned(), vec![]));
        let both = good.replace("{", r#"{"path":"a.csv","#);
        assert_eq!(named(&both).1, ["path"]);
        assert_eq!(named(r#"{"url":"https://example.org/b.csv"}"#).1, ["url"]);
        assert_eq!(named(r#"{"url":"https://example.org/b.csv","sha256":"12"}"#).1, ["sha256"]);
        for url in ["ftp://a/b.csv", "https://example.org/", "http://b.csv", "https://a/..", "b.csv"] {
            assert_eq!(named(&format!(r#"{{"url":"{url}","sha256":"{digest}"}}"#)).1, ["url"], "{url}");
        }
        assert_eq!(named(r#"{"path":"a.csv","sha256":"12"}"#).1, ["sha256"]);
        assert_eq!(named("{}").1, ["path"]);
    }

    #[test]
    fn what_is_absent_is_not_written() {
        let text = r#"{"path":"a.csv","split":{"train":1.0},"id":"i"}"#;
        let source: Source = serde_json::from_str(text).unwrap();
        assert_eq!(serde_json::to_string(&source).unwrap(), text);
    }

    #[test]
    fn unknown_fields_are_errors() {
        assert!(serde_json::from_str::<Split>(r#"{"trian":0.5}"#).is_err());
        assert!(serde_json::from_str::<Source>(r#"{"path":"a.csv","formt":"csv"}"#).is_err());
    }
}
