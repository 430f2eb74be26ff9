//! A whole table in memory: columns of text cells, each column one buffer and the ends of its cells.
//!
//! Invariant: every column has as many cells as the table has rows, and there is at least one row.

use std::collections::BTreeMap;
use std::ops::Range;
use std::path::{Path, PathBuf};

use images::Picture;
use rayon::prelude::*;

use crate::builder::{Builder, Column, Rows, TableFile, agree};
use crate::condition::{Condition, NotANumber};
use crate::error::{Error, Place};
use crate::levels::Levels;
use crate::packed::{self, Item};
use crate::source::{FileContent, Format, Pixels, Source};
use crate::{columnar, conll, delimited, levels, lines, pictures, texts};

/// A table of text cells.
#[derive(Clone, Debug)]
pub struct Table {
    path: PathBuf,
    source: Source,
    names: Vec<String>,
    columns: Vec<Column>,
    starts: Vec<u64>,
    files: Vec<TableFile>,
    /// The column of the files that each column made of others, after theirs, was made of.
    bases: Vec<usize>,
    /// The column that stands for pictures, then copies of it.
    pictures: Vec<usize>,
    /// The pictures themselves, where the table has them.
    levels: Option<Levels>,
}

/// The names of the columns of the file at `path`; reads no more of it than says them.
pub fn header(path: &Path, source: &Source) -> Result<Vec<String>, Error> {
    header_of(&[path.to_owned()], source)
}

/// The names of the columns of all the files of a source, those made of others last.
///
/// # Errors
/// When one cannot be read, or has not the columns of the first.
pub fn header_of(paths: &[PathBuf], source: &Source) -> Result<Vec<String>, Error> {
    let mut first: Option<(PathBuf, Vec<String>)> = None;
    if source.format == Some(Format::Idx) {
        first = Some((paths.first().cloned().unwrap_or_default(), levels::idx_header(paths)?));
    }
    for path in paths.iter().filter(|_| source.format != Some(Format::Idx)) {
        let columns = match source.format {
            Some(Format::Texts) => Some(texts::COLUMNS.as_slice()),
            Some(Format::Pictures) => Some(pictures::columns(path, source)?),
            _ => None,
        };
        if let Some(columns) = columns {
            let names = || columns.iter().map(|&name| name.to_owned()).collect();
            first.get_or_insert_with(|| (path.clone(), names()));
            continue;
        }
        for item in packed::items(path, source)? {
            let shown = item.shown();
            let own = match format(&item, source)? {
                Format::Jsonl => lines::header(&item, source)?,
                Format::Conll => conll::header(&item, source)?,
                format @ (Format::Parquet | Format::Arrow) => columnar::header(&item, source, format)?,
                format => delimited::header(&item, source, format)?,
            };
            match &first {
                Some((first, names)) => drop(agree(first, names, &shown, &own)?),
                None => first = Some((shown, own)),
            }
        }
    }
    let (path, mut names) = first.unwrap_or_default();
    if let Some(pixels) = &source.pixels {
        levels::pixel_columns(&path, pixels, &names)?;
    }
    for (field, name) in source.made() {
        if names.iter().any(|own| own == name) {
            return Err(Error::MadeTwice { path, field, name: name.to_owned() });
        }
        names.push(name.to_owned());
    }
    Ok(names)
}

impl Table {
    /// Reads the whole file. Peak memory is about twice its (unpacked) size.
    pub fn read(path: &Path, source: &Source) -> Result<Self, Error> {
        Self::read_all(&[path.to_owned()], source)
    }

    /// Reads files of the same columns, one after the other, and carries out what the source says about its rows:
    /// derived columns, then the filter, then files that a column names, then joined columns.
    pub fn read_all(paths: &[PathBuf], source: &Source) -> Result<Self, Error> {
        let mut builder = Builder::new(source);
        let idx = source.format == Some(Format::Idx);
        let levels = if idx { Some(levels::read_idx(paths, &mut builder)?) } else { None };
        for path in paths.iter().filter(|_| !idx) {
            match source.format {
                Some(Format::Texts) => {
                    texts::read(path, source, &mut builder)?;
                    continue;
                }
                Some(Format::Pictures) => {
                    pictures::read(path, source, &mut builder)?;
                    continue;
                }
                _ => {}
            }
            for item in packed::items(path, source)? {
                match format(&item, source)? {
                    Format::Jsonl => lines::read(&item, source, &mut builder)?,
                    Format::Conll => conll::read(&item, source, &mut builder)?,
                    format @ (Format::Parquet | Format::Arrow) => {
                        columnar::read(&item, source, format, &mut builder)?;
                    }
                    format => delimited::read(&item, source, format, &mut builder)?,
                }
            }
        }
        let path = paths.first().cloned().unwrap_or_default();
        let Builder { names, rows, files, .. } = builder;
        let Rows { columns, starts } = rows;
        if starts.is_empty() {
            return Err(match source.format {
                Some(Format::Texts) => Error::NoFiles { path, kind: "text file" },
                Some(Format::Pictures) => Error::NoFiles { path, kind: "picture" },
                _ => Error::HeaderOnly { path },
            });
        }
        let pictures = (0..names.len()).filter(|&at| source.picture_column() == Some(&names[at])).collect();
        let (reading, bases) = (source.clone(), vec![]);
        let mut table =
            Self { path, source: reading, names, columns, starts, files, bases, pictures, levels };
        if let Some(pixels) = &source.pixels {
            table.pixels(pixels)?;
        }
        for (name, condition) in &source.derive {
            table.derive(name, condition)?;
        }
        table.filter(&source.filter)?;
        table.texts()?;
        for (name, columns) in &source.join {
            table.join(name, columns)?;
        }
        Ok(table)
    }

    /// Adds the column of the pictures that columns of pixels hold.
    fn pixels(&mut self, pixels: &Pixels) -> Result<(), Error> {
        let columns = levels::pixel_columns(&self.path, pixels, &self.names)?;
        self.levels = Some(levels::of_columns(self, pixels, &columns)?);
        let mut column = Column::default();
        (0..self.rows()).for_each(|row| column.push(&row.to_string()));
        let at = self.names.len();
        self.add("pixels", levels::IMAGE, columns.first().copied().unwrap_or_default(), column)?;
        self.pictures.push(at);
        Ok(())
    }

    /// Adds a column of what a condition says.
    fn derive(&mut self, name: &str, condition: &Condition) -> Result<(), Error> {
        let base = self.column(&condition.column)?;
        let mut column = Column::default();
        for holds in self.test(condition)? {
            column.push(match holds {
                Some(true) => "1",
                Some(false) => "0",
                None => "",
            });
        }
        self.add("derive", name, base, column)
    }

    /// Adds a column of other columns' cells.
    fn join(&mut self, name: &str, parts: &[String]) -> Result<(), Error> {
        let parts = parts.iter().map(|part| self.column(part)).collect::<Result<Vec<usize>, Error>>()?;
        let mut column = Column::default();
        for row in 0..self.rows() {
            let cells: Vec<&str> =
                parts.iter().map(|part| self.cell(row, *part)).filter(|cell| !cell.is_empty()).collect();
            column.push(&cells.join(" "));
        }
        if matches!(parts.as_slice(), [only] if self.holds_pictures(*only)) {
            self.pictures.push(self.names.len());
        }
        self.add("join", name, parts.first().copied().unwrap_or_default(), column)
    }

    /// Adds a column made of others, `base` the first of them, as `field` of the source declares.
    fn add(&mut self, field: &'static str, name: &str, base: usize, column: Column) -> Result<(), Error> {
        if self.names.iter().any(|own| own == name) {
            return Err(Error::MadeTwice { path: self.path.clone(), field, name: name.into() });
        }
        self.bases.push(self.base(base));
        self.names.push(name.into());
        self.columns.push(column);
        Ok(())
    }

    /// What a condition says of each row.
    fn test(&self, condition: &Condition) -> Result<Vec<Option<bool>>, Error> {
        let column = self.column(&condition.column)?;
        let test = condition
            .test()
            .ok_or_else(|| Error::Condition { path: self.path.clone(), problems: condition.problems() })?;
        let result: Result<Vec<_>, usize> = (0..self.rows())
            .map(|row| test.holds(self.cell(row, column)).map_err(|NotANumber| row))
            .collect();
        result.or_else(|row| {
            let place = self.place(row, column)?;
            let cell = self.cell(row, column).to_owned();
            Err(Error::NotComparable { place, column: condition.column.clone(), cell })
        })
    }

    /// Leaves the rows for which every condition holds.
    fn filter(&mut self, conditions: &[Condition]) -> Result<(), Error> {
        if conditions.is_empty() {
            return Ok(());
        }
        let mut kept = vec![true; self.rows()];
        for condition in conditions {
            let holds = self.test(condition)?;
            kept.iter_mut().zip(holds).for_each(|(kept, holds)| *kept &= holds == Some(true));
        }
        let rows: Vec<usize> = (0..self.rows()).filter(|row| kept[*row]).collect();
        if rows.is_empty() {
            return Err(Error::NoRowPasses { path: self.path.clone(), rows: kept.len() });
        }
        self.keep(&rows);
        Ok(())
    }

    /// Leaves these rows, which rise.
    pub fn keep(&mut self, rows: &[usize]) {
        self.columns.par_iter_mut().for_each(|column| {
            let mut of_kept = Column::default();
            rows.iter().for_each(|row| of_kept.push(column.cell(*row)));
            *column = of_kept;
        });
        self.starts = rows.iter().map(|row| self.starts[*row]).collect();
        for file in &mut self.files {
            file.first = rows.partition_point(|row| *row < file.first);
        }
    }

    /// The column that stands for pictures.
    pub(crate) fn pictures(&self) -> Option<usize> {
        self.pictures.first().copied()
    }

    /// Whether a column's cells stand for pictures.
    pub(crate) fn holds_pictures(&self, column: usize) -> bool {
        self.pictures.contains(&column)
    }

    /// The picture that a row of the table itself has; none where it lies in a file.
    pub(crate) fn level_picture(&self, row: usize) -> Option<Picture> {
        self.levels.as_ref()?.picture(self.cell(row, self.pictures()?))
    }

    /// Whether the pictures are in the table itself.
    pub(crate) fn has_levels(&self) -> bool {
        self.levels.is_some()
    }

    /// How the table was read.
    pub(crate) fn source(&self) -> &Source {
        &self.source
    }

    /// The folders, or archives of one, that rows of whole files came from, with their rows.
    pub(crate) fn folders(&self) -> impl Iterator<Item = (&Path, Range<usize>)> {
        let ends = self.files.iter().skip(1).map(|file| file.first).chain([self.rows()]);
        self.files.iter().zip(ends).filter_map(|(file, end)| Some((file.folder()?, file.first..end)))
    }

    /// Replaces names of files by their texts.
    fn texts(&mut self) -> Result<(), Error> {
        let Some(files) = self.source.files.as_ref().filter(|files| files.content == FileContent::Text)
        else {
            return Ok(());
        };
        let (at, folder) = (self.column(&files.column)?, Path::new(&files.folder));
        let texts: Result<Vec<String>, (usize, String)> = (0..self.rows())
            .into_par_iter()
            .map(|row| texts::named(folder, self.cell(row, at), &self.source).map_err(|reason| (row, reason)))
            .collect();
        let texts = texts.or_else(|(row, reason)| {
            let (place, name) = (self.place(row, at)?, self.cell(row, at).to_owned());
            Err(Error::NamedFile { place, name, reason })
        })?;
        let mut column = Column::default();
        texts.iter().for_each(|text| column.push(text));
        self.columns[at] = column;
        Ok(())
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

    /// The file that the table was read from, the first of several.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The names of the columns, in the file's order; derived ones after them.
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
        self.columns[column].cell(row)
    }

    /// Where a cell is in its file, which is read once more: this serves error messages.
    ///
    /// A derived cell is where the cell is that it was made of.
    pub fn place(&self, row: usize, column: usize) -> Result<Place, Error> {
        self.places(&[row], column).map(|mut places| places.swap_remove(0))
    }

    /// Where the cells of a column are, in the order of `rows`; each of their files is read once more.
    pub fn places(&self, rows: &[usize], column: usize) -> Result<Vec<Place>, Error> {
        let file_of = |row: usize| self.files.partition_point(|file| file.first <= row).saturating_sub(1);
        let mut of_file = BTreeMap::<usize, Vec<usize>>::new();
        for (at, row) in rows.iter().enumerate() {
            of_file.entry(file_of(*row)).or_default().push(at);
        }
        // The file of a row of whole files: of pictures it is what stands for them.
        let name = self.columns.get(if self.pictures.contains(&0) { 0 } else { 2 });
        let mut places = BTreeMap::new();
        for (file, at) in of_file {
            let starts: Vec<u64> = at.iter().map(|at| self.starts[rows[*at]]).collect();
            let names: Vec<&str> = at.iter().map(|at| name.map_or("", |name| name.cell(rows[*at]))).collect();
            let found = self.files[file].places(&self.source, &starts, self.base(column), &names)?;
            places.extend(at.into_iter().zip(found));
        }
        Ok(places.into_values().collect())
    }

    /// The column of the files that a column is, or was made of.
    fn base(&self, column: usize) -> usize {
        let own = self.names.len() - self.bases.len();
        if column < own { column } else { self.bases[column - own] }
    }
}

pub(crate) fn format(item: &Item, source: &Source) -> Result<Format, Error> {
    let path = item.shown();
    source.format.or_else(|| Format::of(&path)).ok_or(Error::Format { path })
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
