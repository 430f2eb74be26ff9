//! What can go wrong with data, each with the place in the file where there is one.

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};

use crate::check::ChainProblem;
use crate::part::Part;
use crate::source::Problem;

/// A place in a text file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    /// The file.
    pub path: PathBuf,
    /// The physical line, from 1.
    pub line: u64,
    /// The character in that line, from 1.
    pub column: u64,
}

impl Place {
    /// The place of the byte at `offset` of `text`, which is what the file at `path` holds.
    pub(crate) fn of(path: &Path, text: &str, offset: usize) -> Self {
        let before = &text[..offset];
        let bytes = before.as_bytes();
        let (mut line, mut start) = (1, if text.starts_with('\u{feff}') { 3.min(offset) } else { 0 });
        for at in memchr::memchr2_iter(b'\n', b'\r', bytes) {
            let in_pair = bytes[at] == b'\r' && text.as_bytes().get(at + 1) == Some(&b'\n');
            if !in_pair {
                line += 1;
                start = at + 1;
            }
        }
        Self { path: path.into(), line, column: before[start..].chars().count() as u64 + 1 }
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}:{}", self.path.display(), self.line, self.column)
    }
}

/// What can go wrong with data.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// There is no such file.
    #[error("{}: no such file", path.display())]
    Missing {
        /// The file.
        path: PathBuf,
    },
    /// The system refused to read or write.
    #[error("{}: {source}", path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// Neither the declaration nor the name says the format.
    #[error("{}: the name does not say the format", path.display())]
    Format {
        /// The file.
        path: PathBuf,
    },
    /// The file holds nothing.
    #[error("{}: the file is empty", path.display())]
    Empty {
        /// The file.
        path: PathBuf,
    },
    /// The file ends after its header.
    #[error("{}: the file has a header and no rows", path.display())]
    HeaderOnly {
        /// The file.
        path: PathBuf,
    },
    /// The folder holds no files by class.
    #[error("{}: no class folder in it holds a {kind}", path.display())]
    NoFiles {
        /// The folder.
        path: PathBuf,
        /// What it should hold.
        kind: &'static str,
    },
    /// A file that should be a picture is not called so.
    #[error("{}: the file's name is not that of a picture", path.display())]
    NotAPicture {
        /// The file.
        path: PathBuf,
    },
    /// The folder of a class holds no picture.
    #[error("{}: the class's folder holds no picture", path.display())]
    EmptyClass {
        /// The class's folder.
        path: PathBuf,
    },
    /// The pattern of labels finds none in a name.
    #[error("{}: `label-pattern` finds no label in `{name}`", path.display())]
    NoLabelInName {
        /// The folder.
        path: PathBuf,
        /// The picture.
        name: String,
    },
    /// A chain of pictures is for a column that stands for none.
    #[error("{}: the column `{column}` holds no pictures", path.display())]
    NoPictures {
        /// The data.
        path: PathBuf,
        /// The column.
        column: String,
    },
    /// An IDX file cannot be read.
    #[error("{}: {reason}", path.display())]
    Idx {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// IDX files do not come as pairs.
    #[error("{}: files of pictures and of labels do not come in turn", path.display())]
    IdxOrder {
        /// The file that has no other.
        path: PathBuf,
    },
    /// The columns of pixels are not as many as a picture has.
    #[error("{}: {found} columns match `{pattern}`, and a picture has {expected} numbers", path.display())]
    PixelColumns {
        /// The file.
        path: PathBuf,
        /// The pattern.
        pattern: String,
        /// How many columns match.
        found: usize,
        /// How many a picture has.
        expected: usize,
    },
    /// A cell is not a level of a pixel.
    #[error("{place}: `{cell}` in column `{column}` is not a level of 0 to 255")]
    NotALevel {
        /// Where the cell is.
        place: Place,
        /// The column.
        column: String,
        /// The cell.
        cell: String,
    },
    /// A picture cannot be read.
    #[error("{}{reason}", place.as_ref().map(|place| format!("{place}: ")).unwrap_or_default())]
    Picture {
        /// Where a table names it.
        place: Option<Place>,
        /// Which one, and what is wrong with it.
        reason: String,
    },
    /// No picture can be read.
    #[error("{}: none of the {count} pictures can be read; the first: {first}", path.display())]
    AllBroken {
        /// The data.
        path: PathBuf,
        /// How many there are.
        count: usize,
        /// What is wrong with the first.
        first: String,
    },
    /// Pictures of a column end in different shapes.
    #[error("column `{column}`: {name} becomes {shape:?}, {other} {other_shape:?} (channels, height, width)")]
    PictureShapes {
        /// The column.
        column: String,
        /// The picture.
        name: String,
        /// What it becomes: channels, height, width.
        shape: [usize; 3],
        /// The first picture.
        other: String,
        /// What that becomes.
        other_shape: [usize; 3],
    },
    /// Augmentation leaves a picture in another shape than the column's.
    #[error(
        "column `{column}`: augmentation makes {shape:?} of a picture, and the network reads {expected:?} (channels, height, width)"
    )]
    AugmentedShape {
        /// The column.
        column: String,
        /// What it makes: channels, height, width.
        shape: [usize; 3],
        /// What the column has.
        expected: [usize; 3],
    },
    /// A chain cannot be applied to the pictures that there are.
    #[error("column `{column}`: {reason}")]
    PictureChain {
        /// The column.
        column: String,
        /// Why not.
        reason: String,
    },
    /// All training rows have one label.
    #[error("{}: every training row has the label `{class}` in column `{column}`", path.display())]
    OneClass {
        /// The data.
        path: PathBuf,
        /// The column.
        column: String,
        /// The class.
        class: String,
    },
    /// No training row has a tag, or a label of those that it may have.
    #[error("{}: no training row has a label in column `{column}`", path.display())]
    NoLabels {
        /// The data.
        path: PathBuf,
        /// The column.
        column: String,
    },
    /// No training row counts.
    #[error("{place}: every training row weighs 0 in column `{column}`, this is the first")]
    NoWeight {
        /// Where the first weight is.
        place: Place,
        /// The column.
        column: String,
    },
    /// Two columns have one name.
    #[error("{place}: the column `{name}` is there twice")]
    DuplicateColumn {
        /// Where the second is.
        place: Place,
        /// Its name.
        name: String,
    },
    /// The file is not UTF-8.
    #[error("{place}: the text is not UTF-8")]
    NotUtf8 {
        /// Where the first bad byte is.
        place: Place,
        /// The encoding that the file's first bytes announce.
        looks_like: Option<&'static str>,
    },
    /// The file is not in the encoding that was declared.
    #[error("{place}: the text is not {encoding}")]
    Encoding {
        /// Where the first bad byte is.
        place: Place,
        /// The declared encoding.
        encoding: String,
    },
    /// A row has more or fewer fields than the header, or than the source names columns.
    #[error(
        "{place}: the row has {found} field{}, {} {expected}",
        if *found == 1 { "" } else { "s" },
        if *header { "the header" } else { "`columns`" }
    )]
    Ragged {
        /// Where the first field too many is, or where the row ends.
        place: Place,
        /// Fields of the header.
        expected: usize,
        /// Fields of the row.
        found: usize,
        /// Whether the file has a header.
        header: bool,
    },
    /// The source names more or fewer columns than the file has.
    #[error("{place}: the file has {found} column{}, `columns` names {named}", if *found == 1 { "" } else { "s" })]
    ColumnCount {
        /// Where the file's first record is.
        place: Place,
        /// How many are named.
        named: usize,
        /// How many there are.
        found: usize,
    },
    /// A file has not the columns of the files before it.
    #[error("{}: {}", path.display(), difference(first, lacks, adds))]
    OtherColumns {
        /// The file.
        path: PathBuf,
        /// The first file.
        first: PathBuf,
        /// Columns of the first that it has not.
        lacks: Vec<String>,
        /// Columns that the first has not.
        adds: Vec<String>,
    },
    /// A column that is made of others has the name of another.
    #[error("{}: there is a column `{name}` already", path.display())]
    MadeTwice {
        /// The file.
        path: PathBuf,
        /// The field of the source that declares it.
        field: &'static str,
        /// The column.
        name: String,
    },
    /// An Arrow file whose buffers are compressed one by one.
    #[error("{}: the Arrow file is compressed inside", path.display())]
    PackedInside {
        /// The file.
        path: PathBuf,
    },
    /// A column holds what has no text.
    #[error("{}: the column `{column}` holds {kind}, which is no text, number or date", path.display())]
    ColumnKind {
        /// The file.
        path: PathBuf,
        /// The column.
        column: String,
        /// Arrow's name of its type.
        kind: String,
    },
    /// A line is no JSON object.
    #[error("{place}: {reason}")]
    Json {
        /// Where it goes wrong.
        place: Place,
        /// What is wrong.
        reason: String,
    },
    /// A line has a key that the first lines have not.
    #[error("{place}: the key `{key}` is in none of the first {lines} lines")]
    UnknownKey {
        /// Where the line is.
        place: Place,
        /// The key.
        key: String,
        /// How many lines say the keys.
        lines: usize,
    },
    /// An archive holds no table, several, or not the wanted one.
    #[error("{}: {}", path.display(), match wanted {
        Some(wanted) => format!("the archive has no file `{wanted}`"),
        None if has.len() > 1 => "the archive has several tables".to_owned(),
        None => "the archive has no table".to_owned(),
    })]
    Member {
        /// The archive.
        path: PathBuf,
        /// The wanted file.
        wanted: Option<String>,
        /// What there is, or the first of it.
        has: Vec<String>,
    },
    /// A file of an archive would lie outside the folder that it is unpacked to.
    #[error("{}: the file `{name}` leads out of the archive", path.display())]
    Outside {
        /// The archive.
        path: PathBuf,
        /// The file.
        name: String,
    },
    /// A compressed file is larger than it may be.
    #[error("{}: the file unpacks to more than {limit} bytes", path.display())]
    TooMuch {
        /// The file.
        path: PathBuf,
        /// The limit.
        limit: u64,
    },
    /// The name of a file is not UTF-8.
    #[error("{}: the file's name is not UTF-8", path.display())]
    FileName {
        /// The file.
        path: PathBuf,
    },
    /// The file that a cell names cannot be read.
    #[error("{place}: `{name}`: {reason}")]
    NamedFile {
        /// Where the cell is.
        place: Place,
        /// The cell.
        name: String,
        /// Why not.
        reason: String,
    },
    /// A condition cannot be tested.
    #[error("{}: {}", path.display(), problems.first().map_or("bad condition", |problem| &problem.message))]
    Condition {
        /// The data.
        path: PathBuf,
        /// All that is wrong.
        problems: Vec<Problem>,
    },
    /// A cell that is compared with a number is none.
    #[error("{place}: `{cell}` in column `{column}` is compared with a number, and is none")]
    NotComparable {
        /// Where the cell is.
        place: Place,
        /// The column.
        column: String,
        /// The cell.
        cell: String,
    },
    /// The filter leaves no row.
    #[error("{}: none of the {rows} rows passes `where`", path.display())]
    NoRowPasses {
        /// The data.
        path: PathBuf,
        /// How many rows there are.
        rows: usize,
    },
    /// A cell that rows are ordered by in time is neither a number nor a date, unlike the first.
    #[error("{place}: `{cell}` in column `{column}` is no {kind}")]
    NotATime {
        /// Where the cell is.
        place: Place,
        /// The column.
        column: String,
        /// The cell.
        cell: String,
        /// What the column holds: numbers or dates.
        kind: &'static str,
    },
    /// A part that the split declares has no rows.
    #[error("{}: the split leaves no row for {}", path.display(), part.name())]
    EmptyPart {
        /// The data.
        path: PathBuf,
        /// The part.
        part: Part,
        /// The column that keeps rows together, and how many values it has.
        kept_together: (String, usize),
    },
    /// The file ends within a quoted field.
    #[error("{place}: the quoted field that starts here never ends")]
    UnclosedQuote {
        /// Where the field starts.
        place: Place,
    },
    /// A compressed file or an archive is damaged or cut off.
    #[error("{}: {reason}", path.display())]
    Packed {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// The split cannot be carried out.
    #[error("{}: {}", path.display(), problems.first().map_or("bad split", |problem| &problem.message))]
    Split {
        /// The data.
        path: PathBuf,
        /// All that is wrong.
        problems: Vec<Problem>,
    },
    /// A cell of the split column names no part.
    #[error("{place}: `{cell}` in column `{column}` names no part")]
    SplitCell {
        /// Where the cell is.
        place: Place,
        /// The split column.
        column: String,
        /// The cell.
        cell: String,
    },
    /// The table lacks a column.
    #[error("{}: no column `{column}`", path.display())]
    UnknownColumn {
        /// The file.
        path: PathBuf,
        /// The wanted column.
        column: String,
        /// The nearest names first; all names where none is near.
        nearest: Vec<String>,
    },
    /// A column's chain does not type-check.
    #[error("column `{column}`: {}", problems.first().map_or("bad chain", |problem| &problem.message))]
    Chain {
        /// The column.
        column: String,
        /// All that is wrong.
        problems: Vec<ChainProblem>,
    },
    /// No column was declared.
    #[error("no column to encode")]
    NoColumns,
    /// The label is also an input.
    #[error("the label `{column}` is also an input column")]
    LabelIsInput {
        /// The column.
        column: String,
    },
    /// The split leaves no row to fit on.
    #[error("{}: no training rows to fit on", path.display())]
    NoTrainingRows {
        /// The file.
        path: PathBuf,
    },
    /// A cell is not a number.
    #[error("{place}: `{cell}` in column `{column}` is not a finite number")]
    NotANumber {
        /// Where the cell is.
        place: Place,
        /// The column.
        column: String,
        /// The cell.
        cell: String,
    },
    /// A cell is not a date of the declared forms.
    #[error("{place}: `{cell}` in column `{column}` is not a date like {}", formats.join(" or "))]
    NotADate {
        /// Where the cell is.
        place: Place,
        /// The column.
        column: String,
        /// The cell.
        cell: String,
        /// The forms.
        formats: Vec<String>,
    },
    /// A file is no tokenizer.
    #[error("{}: {reason}", path.display())]
    Tokenizer {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// A tokenizer of others refuses a text.
    #[error("{place}: the tokenizer refuses the text in column `{column}`: {reason}")]
    NoTokens {
        /// Where the cell is.
        place: Place,
        /// The column.
        column: String,
        /// What it says.
        reason: String,
    },
    /// A step has no finite result for a number.
    #[error("{place}: `{step}` makes no finite number of `{cell}` in column `{column}`")]
    NoResult {
        /// Where the cell is.
        place: Place,
        /// The column.
        column: String,
        /// The cell.
        cell: String,
        /// The step.
        step: &'static str,
    },
    /// The training rows have nothing that a step could learn from.
    #[error("column `{column}`: the training rows leave nothing for `{step}` to learn from")]
    NothingToLearn {
        /// The column.
        column: String,
        /// The step.
        step: &'static str,
    },
    /// A block has too few rows or numbers for as many directions, or too many numbers.
    #[error("column `{column}`: `pca` cannot find that many directions in {rows} rows of {width} numbers")]
    Directions {
        /// The column.
        column: String,
        /// The training rows.
        rows: usize,
        /// The numbers of a row.
        width: usize,
    },
    /// A label's cell is empty.
    #[error("{place}: the label in column `{column}` is empty")]
    EmptyLabel {
        /// Where the cell is.
        place: Place,
        /// The column.
        column: String,
    },
    /// A cell does not say whether a row has a label.
    #[error("{place}: `{cell}` in column `{column}` does not say whether the row has this label")]
    NotAFlag {
        /// Where the cell is.
        place: Place,
        /// The column.
        column: String,
        /// The cell.
        cell: String,
    },
    /// A cell says no weight of a row.
    #[error("{place}: `{cell}` in column `{column}` is not a weight")]
    NotAWeight {
        /// Where the cell is.
        place: Place,
        /// The column.
        column: String,
        /// The cell.
        cell: String,
    },
    /// A label that training never saw.
    #[error("{place}: the label `{cell}` in column `{column}` is none of the classes {}", classes.join(", "))]
    UnknownLabel {
        /// Where the cell is.
        place: Place,
        /// The column.
        column: String,
        /// The cell.
        cell: String,
        /// The classes of the training rows.
        classes: Vec<String>,
    },
    /// A row has another number of tags than of words.
    #[error(
        "{place}: the row has {} in column `{column}` and {} in `{of}`", count(*tags, "tag"), count(*words, "word")
    )]
    TagCount {
        /// Where the tags are.
        place: Place,
        /// The column of the tags.
        column: String,
        /// How many there are.
        tags: usize,
        /// How many words the text has.
        words: usize,
        /// The column of the text.
        of: String,
    },
    /// Tags are of the words of a column that is not encoded, or has no words.
    #[error("the tags in column `{column}` are of the words of `{of}`, which is no encoded column of tokens")]
    TagsOf {
        /// The column of the tags.
        column: String,
        /// The column of the text.
        of: String,
    },
    /// A chain makes more or fewer words of a text whose words have tags.
    #[error(
        "{place}: the text in column `{column}` has {}, and {now} after the steps before its tokens",
        count(*words, "word")
    )]
    WordsChange {
        /// Where the text is.
        place: Place,
        /// The column.
        column: String,
        /// Words of the text as it is.
        words: usize,
        /// Words of what the steps make of it.
        now: usize,
    },
    /// A line of a file in CoNLL's columns is none.
    #[error("{place}: {reason}")]
    Conll {
        /// Where the line is.
        place: Place,
        /// What is wrong with it.
        reason: String,
    },
    /// A label with too many classes.
    #[error("{}: the label `{column}` has more than {limit} classes", path.display())]
    TooManyClasses {
        /// The file.
        path: PathBuf,
        /// The column.
        column: String,
        /// The most that are taken for classes.
        limit: usize,
    },
    /// A label was asked of a transform that was fitted without one.
    #[error("the transform was fitted without a label")]
    NoLabel,
    /// A step that learns from one class or number a row.
    #[error("`{step}` learns from one class or number a row, and a row may have several labels")]
    SeveralLabels {
        /// The step.
        step: &'static str,
    },
    /// An index does not fit in the 32 bits of its tensor.
    #[error("column `{column}`: more than 2147483647 different values")]
    TooManyValues {
        /// The column.
        column: String,
    },
    /// A stored transform or data set is not what was written.
    #[error("{}: {reason}", path.display())]
    Damaged {
        /// The file, or the document's name.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
}

impl Error {
    /// The place in the user's file, where the error has one.
    pub fn place(&self) -> Option<&Place> {
        match self {
            Self::DuplicateColumn { place, .. }
            | Self::NotUtf8 { place, .. }
            | Self::Encoding { place, .. }
            | Self::Ragged { place, .. }
            | Self::ColumnCount { place, .. }
            | Self::Json { place, .. }
            | Self::UnknownKey { place, .. }
            | Self::NamedFile { place, .. }
            | Self::NotComparable { place, .. }
            | Self::NotATime { place, .. }
            | Self::UnclosedQuote { place }
            | Self::SplitCell { place, .. }
            | Self::NotANumber { place, .. }
            | Self::NotADate { place, .. }
            | Self::NoResult { place, .. }
            | Self::NoTokens { place, .. }
            | Self::EmptyLabel { place, .. }
            | Self::NotALevel { place, .. }
            | Self::NotAWeight { place, .. }
            | Self::NoWeight { place, .. }
            | Self::NotAFlag { place, .. }
            | Self::TagCount { place, .. }
            | Self::WordsChange { place, .. }
            | Self::Conll { place, .. }
            | Self::UnknownLabel { place, .. } => Some(place),
            Self::Picture { place, .. } => place.as_ref(),
            _ => None,
        }
    }

    /// The field of the source's declaration that is to blame, as in [`Problem::field`].
    pub fn field(&self) -> String {
        match self {
            Self::MadeTwice { field, name, .. } => format!("{field}.{name}"),
            Self::ColumnCount { .. } => "columns".into(),
            Self::PixelColumns { .. } => "pixels".into(),
            Self::Encoding { .. } => "encoding".into(),
            Self::Member { wanted: Some(_), .. } => "member".into(),
            _ => "path".into(),
        }
    }

    /// What would put it right, where that is known.
    pub fn hint(&self) -> Option<String> {
        Some(match self {
            Self::Format { .. } => "add format = \"csv\" or format = \"tsv\"".into(),
            Self::DuplicateColumn { .. } => "rename one of the two".into(),
            Self::NotUtf8 { looks_like: Some(encoding), .. } => {
                format!("the file looks like {encoding}: say encoding = \"{encoding}\"")
            }
            Self::NotUtf8 { .. } => {
                "say its encoding, such as encoding = \"windows-1252\", or save it as UTF-8".into()
            }
            Self::Encoding { .. } => "leave `encoding` out where the file is UTF-8".into(),
            Self::Ragged { expected, found, .. } if found > expected => {
                "a field that holds the separator needs quotes".into()
            }
            Self::Ragged { .. } => "the row may be cut off".into(),
            Self::Packed { .. } => "make or fetch the file again".into(),
            Self::UnclosedQuote { .. } => {
                "the file may be cut off, or a quote is not doubled; where quotes mean nothing, say quote = false"
                    .into()
            }
            Self::ColumnCount { .. } => "name every column of the file, in order".into(),
            Self::OtherColumns { .. } => {
                "name the columns alike with `columns`, or declare the file as a source of its own".into()
            }
            Self::MadeTwice { .. } => "give the one that is made here another name".into(),
            Self::Json { .. } => "every line is one JSON object".into(),
            Self::PackedInside { .. } => {
                "write it uncompressed (and pack the file itself, as .arrow.zst), or as Parquet".into()
            }
            Self::ColumnKind { .. } => "name the columns to read: columns = [...]".into(),
            Self::UnknownKey { .. } => "name the keys to read: columns = [...]".into(),
            Self::Member { has, .. } if has.is_empty() => "it holds no files".into(),
            Self::Member { has, .. } => format!("say member = \"...\": it has {}", quoted(has)),
            Self::TooMuch { limit, .. } => format!("where it may, set unpacked-limit above {limit}"),
            Self::Condition { problems, .. } => problems.first()?.hint.clone()?,
            Self::NotComparable { .. } => "`na = [...]` says which cells are empty".into(),
            Self::NoRowPasses { .. } => "make the conditions wider".into(),
            Self::NotATime { .. } => {
                "times are numbers, or dates such as 2024-05-31 and 2024-05-31T18:30:00Z".into()
            }
            Self::EmptyPart { kept_together: (column, values), .. } => {
                format!("`{column}` has only {values} different values, whose rows stay together")
            }
            Self::Split { problems, .. } => problems.first()?.hint.clone()?,
            Self::SplitCell { .. } => "the parts are train, valid and test".into(),
            Self::UnknownColumn { nearest, .. } => format!("did you mean {}?", quoted(nearest)),
            Self::Chain { problems, .. } => problems.first()?.hint.clone()?,
            Self::NoTrainingRows { .. } => "give the split a training part".into(),
            Self::NotANumber { cell, .. } if cell.is_empty() => {
                "put { impute = { with = \"median\" } } after `number` to fill empty cells, or { impute = \"0\" } before it".into()
            }
            Self::NotADate { cell, .. } if cell.trim().is_empty() => {
                "put { impute = { with = \"median\" } } after `date` to fill empty cells".into()
            }
            Self::Tokenizer { .. } => {
                "it takes a tokenizer.json, the vocab.txt of a WordPiece, or the vocab.json and merges.txt of a byte-level BPE".into()
            }
            Self::NotADate { .. } => "say its form: formats = [\"%d.%m.%Y\"]".into(),
            Self::NoResult { step: "log", .. } => "`log` is of 1 + x: numbers must be above -1".into(),
            Self::NothingToLearn { step: "count" | "tf-idf", .. } => {
                "no word is within `min-df` and `max-df`: loosen them".into()
            }
            Self::NothingToLearn { .. } => "every cell of them is empty: drop the column".into(),
            Self::Directions { .. } => "keep fewer components, or fewer words by `max-features`".into(),
            Self::NotAFlag { .. } => "a column of a label holds 1 or 0, true or false, yes or no".into(),
            Self::TagCount { .. } => {
                "a cell holds a tag for each word, the pieces of its text between white space".into()
            }
            Self::WordsChange { .. } => {
                "leave out steps that join, part or remove words, or do it before the words are tagged".into()
            }
            Self::TagsOf { .. } => "encode it with `tokenize` and `index`, or with `tokenizer`".into(),
            Self::Conll { .. } => "a word a line, the same number of columns in each, and an empty line between sentences".into(),
            Self::NoLabels { .. } => {
                "there is nothing to learn: is it the right column, and do its rows train?".into()
            }
            Self::NoWeight { .. } => {
                "a row that weighs 0 is left out of the loss: give some a weight, or remove `weights`".into()
            }
            Self::NotAWeight { .. } => "a weight is a number, 0 or more; 0 leaves the row out of the loss".into(),
            Self::TooManyClasses { .. } => "for a quantity, say label-kind = \"number\"".into(),
            Self::Picture { .. } => "on-error = \"skip\" in the source leaves such rows out".into(),
            Self::PixelColumns { .. } => "a picture has height x width x channels columns".into(),
            Self::NotALevel { .. } => "pixels are whole numbers of 0 to 255".into(),
            Self::IdxOrder { .. } => {
                "name each file of pictures, and after it that of its labels: path = [\"train-images-idx3-ubyte\", \"train-labels-idx1-ubyte\"]".into()
            }
            Self::NotAPicture { .. } => {
                "a folder of pictures, an archive of one, or a .jpg, .png, .gif, .bmp or .webp is read".into()
            }
            Self::EmptyClass { .. } => "put pictures into it (JPEG, PNG, GIF, BMP, WebP), or remove it".into(),
            Self::NoLabelInName { .. } => "make the pattern match every picture, or keep others elsewhere".into(),
            Self::NoPictures { .. } => {
                "pictures come from format = \"pictures\", or from `files` with content = \"picture\"".into()
            }
            Self::PictureShapes { shape, other_shape, .. } if shape[0] != other_shape[0] => {
                "put \"rgb\" or \"grey\" into the chain, so that all have as many channels".into()
            }
            Self::PictureShapes { .. } => {
                "a batch has one size: end with { center-crop = 224 }, or resize = { height = 224, width = 224 }"
                    .into()
            }
            Self::AugmentedShape { .. } => {
                "end the column's chain with a center-crop, or crop to the column's size in `augment`".into()
            }
            Self::OneClass { .. } => "there is nothing to tell apart: a label needs two classes or more".into(),
            Self::UnknownLabel { .. } => "classes come from the training rows, or are declared: classes = [...]".into(),
            _ => return None,
        })
    }

    pub(crate) fn io(path: &Path, source: io::Error) -> Self {
        if source.kind() == io::ErrorKind::NotFound {
            return Self::Missing { path: path.into() };
        }
        Self::Io { path: path.into(), source }
    }

    pub(crate) fn damaged(path: &Path, reason: impl ToString) -> Self {
        Self::Damaged { path: path.into(), reason: reason.to_string() }
    }
}

fn difference(first: &Path, lacks: &[String], adds: &[String]) -> String {
    let first = first.file_name().unwrap_or(first.as_os_str()).to_string_lossy();
    match (lacks, adds) {
        (lacks, []) => format!("the file lacks {}, which `{first}` has", quoted(lacks)),
        ([], adds) => format!("the file has {}, which `{first}` lacks", quoted(adds)),
        (lacks, adds) => {
            format!("the file has {} and lacks {}, unlike `{first}`", quoted(adds), quoted(lacks))
        }
    }
}

fn count(number: usize, what: &str) -> String {
    format!("{number} {what}{}", if number == 1 { "" } else { "s" })
}

fn quoted(names: &[String]) -> String {
    names.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_count_lines_and_characters() {
        let at = |text: &str, offset: usize| {
            let place = Place::of(Path::new("f"), text, offset);
            (place.line, place.column)
        };
        assert_eq!(at("ab\ncd", 0), (1, 1));
        assert_eq!(at("ab\ncd", 4), (2, 2));
        assert_eq!(at("a\r\nb\rc", 3), (2, 1));
        assert_eq!(at("a\r\nb\rc", 5), (3, 1));
        assert_eq!(at("\u{feff}äb", 5), (1, 2));
    }
}
