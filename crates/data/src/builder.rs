//! A table while its files are read into it, one after the other.
//!
//! Invariant: between two rows every column has as many cells as there are rows.

use std::path::{Path, PathBuf};

use crate::error::{Error, Place};
use crate::packed::Item;
use crate::source::{Format, Source};
use crate::{delimited, lines};

/// The cells of one column, one after the other.
#[derive(Clone, Debug, Default)]
pub(crate) struct Column {
    text: String,
    ends: Vec<usize>,
}

impl Column {
    /// The cell at a row.
    pub(crate) fn cell(&self, row: usize) -> &str {
        let start = if row == 0 { 0 } else { self.ends[row - 1] };
        &self.text[start..self.ends[row]]
    }

    /// Adds a cell below the others.
    pub(crate) fn push(&mut self, cell: &str) {
        self.text.push_str(cell);
        self.ends.push(self.text.len());
    }

    /// Adds all cells of another column.
    pub(crate) fn append(&mut self, more: Self) {
        if self.ends.is_empty() {
            *self = more;
            return;
        }
        let before = self.text.len();
        self.text.push_str(&more.text);
        self.ends.extend(more.ends.iter().map(|end| before + end));
    }
}

/// Rows that were read: where each starts in its unpacked, decoded file, and its cells.
#[derive(Clone, Debug, Default)]
pub(crate) struct Rows {
    pub(crate) columns: Vec<Column>,
    pub(crate) starts: Vec<u64>,
}

impl Rows {
    /// No rows, of so many columns.
    pub(crate) fn new(width: usize) -> Self {
        Self { columns: vec![Column::default(); width], starts: vec![] }
    }

    /// Starts a row, whose cells follow.
    pub(crate) fn row(&mut self, start: u64) {
        self.starts.push(start);
    }

    /// Adds a cell to a column; one that the source says to be unknown is empty.
    pub(crate) fn cell(&mut self, source: &Source, column: usize, cell: &str) {
        self.columns[column].push(source.known(cell));
    }
}

/// A file that rows came from.
#[derive(Clone, Debug)]
pub(crate) struct TableFile {
    origin: Origin,
    /// The first of its rows in the table.
    pub(crate) first: usize,
    /// The column of each of the file's fields.
    order: Vec<usize>,
}

#[derive(Clone, Debug)]
enum Origin {
    Item(Item, Format),
    Folder(PathBuf),
}

impl TableFile {
    /// The folder, or the archive of one, that rows of whole files came from.
    pub(crate) fn folder(&self) -> Option<&Path> {
        match &self.origin {
            Origin::Folder(folder) => Some(folder),
            Origin::Item(..) => None,
        }
    }

    /// Where the cells of a column are, given their rows' starts and, of a folder of files, the names of their files. The
    /// file is read once more.
    pub(crate) fn places(
        &self,
        source: &Source,
        starts: &[u64],
        column: usize,
        names: &[&str],
    ) -> Result<Vec<Place>, Error> {
        let field = self.order.iter().position(|own| *own == column).unwrap_or(0);
        match &self.origin {
            Origin::Folder(root) => {
                let path = |name: &&str| if name.is_empty() { root.clone() } else { root.join(name) };
                Ok(names.iter().map(|name| Place { path: path(name), line: 1, column: 1 }).collect())
            }
            Origin::Item(item, Format::Jsonl | Format::Conll) => lines::places(item, source, starts),
            // There are no lines: the row and the column, from 1.
            Origin::Item(item, Format::Parquet | Format::Arrow) => {
                let (path, column) = (item.shown(), field as u64 + 1);
                let place = |start: &u64| Place { path: path.clone(), line: start + 1, column };
                Ok(starts.iter().map(place).collect())
            }
            Origin::Item(item, format) => delimited::places(item, source, *format, starts, field),
        }
    }
}

/// A table that grows.
pub(crate) struct Builder<'s> {
    source: &'s Source,
    pub(crate) names: Vec<String>,
    pub(crate) rows: Rows,
    pub(crate) files: Vec<TableFile>,
    /// The first file, with which later ones must agree.
    first: PathBuf,
}

impl<'s> Builder<'s> {
    pub(crate) fn new(source: &'s Source) -> Self {
        Self { source, names: vec![], rows: Rows::default(), files: vec![], first: PathBuf::new() }
    }

    /// Starts a file with fields of these names, and says which column each field belongs to.
    ///
    /// # Errors
    /// When it has not the columns of the files before it; their order does not matter.
    pub(crate) fn file(
        &mut self,
        item: &Item,
        format: Format,
        names: Vec<String>,
    ) -> Result<Vec<usize>, Error> {
        self.start(Origin::Item(item.clone(), format), &item.shown(), names)
    }

    /// Starts a folder of files.
    pub(crate) fn folder(&mut self, folder: &Path, columns: &[&str]) -> Result<(), Error> {
        let names = columns.iter().map(|&name| name.to_owned()).collect();
        self.start(Origin::Folder(folder.into()), folder, names).map(drop)
    }

    fn start(&mut self, origin: Origin, path: &Path, names: Vec<String>) -> Result<Vec<usize>, Error> {
        if self.files.is_empty() {
            self.rows = Rows::new(names.len());
            self.names = names.clone();
            self.first = path.into();
        }
        let order = agree(&self.first, &self.names, path, &names)?;
        self.files.push(TableFile { origin, first: self.rows.starts.len(), order: order.clone() });
        Ok(order)
    }

    /// Starts a row, whose cells follow.
    pub(crate) fn row(&mut self, start: u64) {
        self.rows.row(start);
    }

    /// Adds a cell to a column.
    pub(crate) fn cell(&mut self, column: usize, cell: &str) {
        self.rows.cell(self.source, column, cell);
    }

    /// Adds rows of the file that was started last.
    pub(crate) fn append_last(&mut self, rows: Rows) {
        let order = self.files.last().map(|file| file.order.clone()).unwrap_or_default();
        self.append(rows, &order);
    }

    /// Adds rows whose fields belong to these columns.
    pub(crate) fn append(&mut self, rows: Rows, order: &[usize]) {
        for (column, more) in order.iter().zip(rows.columns) {
            self.rows.columns[*column].append(more);
        }
        self.rows.starts.extend(rows.starts);
    }
}

/// The column of each of a file's fields, where it has the columns of the first file.
pub(crate) fn agree(
    first: &Path,
    names: &[String],
    path: &Path,
    own: &[String],
) -> Result<Vec<usize>, Error> {
    let lacks: Vec<String> = names.iter().filter(|name| !own.contains(name)).cloned().collect();
    let order: Option<Vec<usize>> =
        own.iter().map(|name| names.iter().position(|known| known == name)).collect();
    match order {
        Some(order) if lacks.is_empty() => Ok(order),
        _ => {
            let adds = own.iter().filter(|name| !names.contains(name)).cloned().collect();
            Err(Error::OtherColumns { path: path.into(), first: first.into(), lacks, adds })
        }
    }
}
