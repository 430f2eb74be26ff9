//! What a label's cells mean: classes that the training rows name, any number of labels a row, or numbers.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::error::Error;
use crate::table::Table;
use crate::tags::{Tags, Words, tags};

/// What the only label of rows is called where labels are told apart by name.
pub const LABEL: &str = "label";

/// How a label is read.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum LabelKind {
    /// One of a few classes, those of the training rows.
    #[default]
    Class,
    /// Any number of labels a row. In recipes this follows from several columns or a separator.
    #[schemars(skip)]
    MultiLabel,
    /// A quantity.
    Number,
    /// One of a few tags for each word of a text, those of the training rows: a cell holds as many as its text has words,
    /// the pieces between white space.
    Tags,
}

impl LabelKind {
    /// What such a label is, for messages.
    pub fn in_words(self) -> &'static str {
        match self {
            LabelKind::Class => "a label of classes",
            LabelKind::MultiLabel => "a label of which a row may have several",
            LabelKind::Number => "a label that is a number",
            LabelKind::Tags => "a label of tags of words",
        }
    }
}

/// What is predicted: a column, columns of 0 and 1, or a column and how it is read.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(untagged)]
pub enum Label {
    /// A column.
    Column(String),
    /// Columns of 0 and 1, one a label, of which a row may have any number.
    Columns(#[schemars(length(min = 2))] Vec<String>),
    /// A column and how it is read.
    Read(LabelColumn),
}

/// A label's column and how it is read.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct LabelColumn {
    /// The column.
    pub column: String,
    /// Whether it names classes, is a number, or holds tags; by default classes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kind: Option<LabelKind>,
    /// What stands between the labels of a row, which may have any number: `";"` reads `news;sport`. The labels are those
    /// of the training rows; an empty cell has none. Of tags, what stands between two, by default white space.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1))]
    pub separator: Option<String>,
    /// Of tags: the encoded column of text whose words they are of.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub of: Option<String>,
    /// The classes, labels or tags in their order, where cells name them by their numbers from 0 or by these names; by default
    /// those of the training rows, sorted.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(min = 2))]
    pub classes: Vec<String>,
}

impl From<&str> for Label {
    fn from(column: &str) -> Self {
        Label::Column(column.into())
    }
}

impl Label {
    /// The columns that hold it.
    pub fn columns(&self) -> &[String] {
        match self {
            Label::Column(column) | Label::Read(LabelColumn { column, .. }) => std::slice::from_ref(column),
            Label::Columns(columns) => columns,
        }
    }

    /// How it is read; `kind` is that of a column that says no more.
    pub fn kind(&self, kind: LabelKind) -> LabelKind {
        match self {
            Label::Read(LabelColumn { kind: Some(LabelKind::Tags), .. }) => LabelKind::Tags,
            Label::Columns(_) | Label::Read(LabelColumn { separator: Some(_), .. }) => LabelKind::MultiLabel,
            Label::Read(LabelColumn { kind, .. }) => kind.unwrap_or_default(),
            Label::Column(_) => kind,
        }
    }

    /// The classes that it declares.
    pub fn classes(&self) -> &[String] {
        match self {
            Label::Read(LabelColumn { classes, .. }) => classes,
            _ => &[],
        }
    }

    /// Of tags: the column of text whose words they are of.
    pub fn of(&self) -> Option<&str> {
        match self {
            Label::Read(LabelColumn { of, .. }) => of.as_deref(),
            _ => None,
        }
    }
}

/// A label fitted on training rows.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct FittedLabel {
    /// The label's column; of several their names.
    pub column: String,
    /// How its cells are read.
    pub kind: LabelKind,
    /// The classes by index: in numeric order where all are numbers, else by their bytes. Of columns of 0 and 1 their
    /// names as they were where the label was fitted. Empty for a number.
    pub classes: Vec<String>,
    /// The columns of 0 and 1, where the label is such.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    columns: Vec<String>,
    /// What stands between the labels of a row, where a cell may name several.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    separator: Option<String>,
    /// Of tags: the encoded column of text whose words they are of.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub of: Option<String>,
    /// Names of classes by the numbers that cells may hold.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    numbered: Vec<String>,
}

/// More distinct labels than this are no classes.
const MOST_CLASSES: usize = 1000;

/// The label's values of all rows.
#[derive(Clone, Debug, PartialEq)]
pub enum Labels {
    /// Class indices.
    Class(Vec<i32>),
    /// Whether a row has a label, 0 or 1, `[rows, width]` row after row.
    MultiLabel {
        /// Labels a row.
        width: usize,
        /// Row after row.
        flags: Vec<u8>,
    },
    /// Quantities.
    Number(Vec<f32>),
    /// Tags of words.
    Tags(Tags),
}

impl Labels {
    /// The number of rows.
    pub fn len(&self) -> usize {
        match self {
            Labels::Class(classes) => classes.len(),
            Labels::MultiLabel { width, flags } => flags.len() / width.max(&1),
            Labels::Number(numbers) => numbers.len(),
            Labels::Tags(tags) => tags.words.rows(),
        }
    }

    /// What the label is.
    pub fn kind(&self) -> LabelKind {
        match self {
            Labels::Class(_) => LabelKind::Class,
            Labels::MultiLabel { .. } => LabelKind::MultiLabel,
            Labels::Number(_) => LabelKind::Number,
            Labels::Tags(_) => LabelKind::Tags,
        }
    }

    /// Whether there are no rows.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// How many of `rows` have each of `classes` classes or labels; of tags, how many of their words; empty for numbers.
    pub(crate) fn count(&self, classes: usize, rows: impl Iterator<Item = usize>) -> Vec<u64> {
        match self {
            Labels::Number(_) => vec![],
            Labels::Class(labels) => {
                let mut counts = vec![0; classes];
                rows.for_each(|row| counts[labels[row] as usize] += 1);
                counts
            }
            Labels::MultiLabel { width, flags } => {
                let mut counts = vec![0; classes];
                for row in rows {
                    let own = counts.iter_mut().zip(&flags[row * width..(row + 1) * width]);
                    own.for_each(|(count, flag)| *count += u64::from(*flag));
                }
                counts
            }
            Labels::Tags(Tags { words, tags }) => {
                let mut counts = vec![0; classes];
                for row in rows {
                    let own = &tags[words.offsets[row]..words.offsets[row + 1]];
                    own.iter().for_each(|tag| counts[*tag as usize] += 1);
                }
                counts
            }
        }
    }
}

impl FittedLabel {
    pub(crate) fn fit(table: &Table, rows: &[usize], label: &Label, kind: LabelKind) -> Result<Self, Error> {
        let kind = label.kind(kind);
        let mut fitted = Self {
            column: String::new(),
            kind,
            classes: vec![],
            columns: vec![],
            separator: None,
            of: None,
            numbered: vec![],
        };
        fitted.read_from(label);
        fitted.of = label.of().map(ToOwned::to_owned);
        fitted.classes = match label {
            Label::Columns(columns) => {
                columns.iter().try_for_each(|name| table.column(name).map(drop))?;
                columns.clone()
            }
            Label::Column(_) | Label::Read(_) if !label.classes().is_empty() => label.classes().to_vec(),
            Label::Column(name) | Label::Read(LabelColumn { column: name, .. }) => {
                fitted.learn(table, rows, name)?
            }
        };
        Ok(fitted)
    }

    /// The same label in other columns.
    pub(crate) fn read_from(&mut self, label: &Label) {
        self.column = label.columns().join(", ");
        if !label.classes().is_empty() {
            self.numbered = label.classes().to_vec();
        }
        match label {
            Label::Columns(columns) => self.columns.clone_from(columns),
            Label::Read(LabelColumn { separator: Some(separator), .. }) => {
                self.separator = Some(separator.clone());
            }
            Label::Column(_) | Label::Read(_) => {}
        }
    }

    /// The columns that hold it.
    pub fn columns(&self) -> &[String] {
        if self.columns.is_empty() { std::slice::from_ref(&self.column) } else { &self.columns }
    }

    /// The class that a cell names, perhaps by its number.
    fn meant<'a>(&'a self, cell: &'a str) -> &'a str {
        let number = cell.parse::<usize>().ok().filter(|_| !self.numbered.iter().any(|name| name == cell));
        number.and_then(|number| self.numbered.get(number)).map_or(cell, String::as_str)
    }

    /// The classes that the rows name.
    fn learn(&self, table: &Table, rows: &[usize], name: &str) -> Result<Vec<String>, Error> {
        let column = table.column(name)?;
        let mut classes = BTreeMap::new();
        for &row in rows {
            match (self.kind, &self.separator) {
                (LabelKind::Number, _) => drop(number(table, row, column, name)?),
                (LabelKind::Tags, separator) => {
                    let own = tags(table.cell(row, column), separator.as_deref());
                    classes.extend(own.into_iter().map(|tag| (tag, None)));
                }
                (_, Some(separator)) => {
                    let names = parts(table.cell(row, column), separator);
                    classes.extend(names.map(|name| (name, None)));
                }
                (_, None) => {
                    let cell = cell(table, row, column, name)?;
                    classes.insert(cell, finite(cell));
                }
            }
            if classes.len() > MOST_CLASSES {
                let (path, column) = (table.path().into(), name.into());
                return Err(Error::TooManyClasses { path, column, limit: MOST_CLASSES });
            }
        }
        let mut classes: Vec<(&str, Option<f64>)> = classes.into_iter().collect();
        if let (LabelKind::Class | LabelKind::Tags, [(class, _)]) = (self.kind, classes.as_slice()) {
            let (path, column) = (table.path().into(), name.into());
            return Err(Error::OneClass { path, column, class: (*class).to_owned() });
        }
        if classes.is_empty() && self.kind != LabelKind::Number {
            return Err(Error::NoLabels { path: table.path().into(), column: name.into() });
        }
        if classes.iter().all(|(_, number)| number.is_some()) {
            // The sort is stable: of several spellings of one number the first by bytes names the class.
            classes.sort_by(|left, right| left.1.partial_cmp(&right.1).unwrap_or(std::cmp::Ordering::Equal));
            classes.dedup_by_key(|(_, number)| *number);
        }
        Ok(classes.into_iter().map(|(class, _)| class.to_owned()).collect())
    }

    /// The label of every row; `words` are those of encoded columns of text, by column.
    pub(crate) fn apply(&self, table: &Table, words: &BTreeMap<String, Words>) -> Result<Labels, Error> {
        match (self.kind, &self.separator) {
            (LabelKind::Tags, separator) => self.tags_of(table, separator.as_deref(), words),
            (LabelKind::Number, _) => {
                let column = table.column(&self.column)?;
                let numbers = (0..table.rows()).map(|row| number(table, row, column, &self.column));
                Ok(Labels::Number(numbers.collect::<Result<_, _>>()?))
            }
            (LabelKind::Class, _) => self.classes_of(table),
            (LabelKind::MultiLabel, Some(separator)) => self.named(table, separator),
            (LabelKind::MultiLabel, None) => self.flagged(table),
        }
    }

    fn classes_of(&self, table: &Table) -> Result<Labels, Error> {
        let name = &self.column;
        let column = table.column(name)?;
        let by_name: BTreeMap<&str, i32> = self.classes.iter().map(String::as_str).zip(0..).collect();
        let numbers: Vec<Option<f64>> = self.classes.iter().map(|class| finite(class)).collect();
        let numeric = numbers.iter().all(Option::is_some);
        let mut indices = Vec::with_capacity(table.rows());
        for row in 0..table.rows() {
            let cell = cell(table, row, column, name)?;
            // `1` and `1.0` are one class where all classes are numbers.
            let by_number = || {
                let number = finite(cell).filter(|_| numeric);
                numbers.iter().position(|own| number.is_some() && *own == number).map(|at| at as i32)
            };
            let index = by_name.get(self.meant(cell)).copied().or_else(by_number);
            indices.push(index.ok_or_else(|| self.unknown(table, row, column, cell))?);
        }
        Ok(Labels::Class(indices))
    }

    /// Tags of the words of a column of text.
    fn tags_of(
        &self,
        table: &Table,
        separator: Option<&str>,
        words: &BTreeMap<String, Words>,
    ) -> Result<Labels, Error> {
        let column = table.column(&self.column)?;
        let of = self.of.as_deref().unwrap_or_default();
        let words =
            words.get(of).ok_or_else(|| Error::TagsOf { column: self.column.clone(), of: of.into() })?;
        let places: BTreeMap<&str, i32> = self.classes.iter().map(String::as_str).zip(0..).collect();
        let mut all = Vec::with_capacity(words.steps.len());
        for row in 0..table.rows() {
            let (own, count) = (tags(table.cell(row, column), separator), words.row(row).len());
            if own.len() != count {
                let (place, column) = (table.place(row, column)?, self.column.clone());
                return Err(Error::TagCount { place, column, tags: own.len(), words: count, of: of.into() });
            }
            for tag in own {
                let index = places.get(self.meant(tag)).copied();
                all.push(index.ok_or_else(|| self.unknown(table, row, column, tag))?);
            }
        }
        Ok(Labels::Tags(Tags { words: words.clone(), tags: all }))
    }

    /// Labels that a cell names.
    fn named(&self, table: &Table, separator: &str) -> Result<Labels, Error> {
        let column = table.column(&self.column)?;
        let places: BTreeMap<&str, usize> = self.classes.iter().map(String::as_str).zip(0..).collect();
        let width = self.classes.len();
        let mut flags = vec![0; table.rows() * width];
        for row in 0..table.rows() {
            for name in parts(table.cell(row, column), separator) {
                let Some(place) = places.get(self.meant(name)) else {
                    return Err(self.unknown(table, row, column, name));
                };
                flags[row * width + place] = 1;
            }
        }
        Ok(Labels::MultiLabel { width, flags })
    }

    /// Labels of columns of 0 and 1.
    fn flagged(&self, table: &Table) -> Result<Labels, Error> {
        let places = self.columns.iter().map(|name| table.column(name));
        let places = places.collect::<Result<Vec<_>, _>>()?;
        let mut flags = Vec::with_capacity(table.rows() * places.len());
        for row in 0..table.rows() {
            for (&column, name) in places.iter().zip(&self.columns) {
                let cell = cell(table, row, column, name)?;
                flags.push(flag(cell).ok_or_else(|| match table.place(row, column) {
                    Ok(place) => Error::NotAFlag { place, column: name.clone(), cell: cell.into() },
                    Err(error) => error,
                })?);
            }
        }
        Ok(Labels::MultiLabel { width: places.len(), flags })
    }

    fn unknown(&self, table: &Table, row: usize, column: usize, cell: &str) -> Error {
        match table.place(row, column) {
            Ok(place) => Error::UnknownLabel {
                place,
                column: self.column.clone(),
                cell: cell.into(),
                classes: self.classes.clone(),
            },
            Err(error) => error,
        }
    }
}

fn cell<'a>(table: &'a Table, row: usize, column: usize, name: &str) -> Result<&'a str, Error> {
    let cell = table.cell(row, column).trim();
    if cell.is_empty() {
        return Err(Error::EmptyLabel { place: table.place(row, column)?, column: name.into() });
    }
    Ok(cell)
}

/// The labels that a cell names.
fn parts<'a>(cell: &'a str, separator: &'a str) -> impl Iterator<Item = &'a str> {
    cell.split(separator).map(str::trim).filter(|name| !name.is_empty())
}

/// Whether a cell says yes or no.
fn flag(cell: &str) -> Option<u8> {
    match (finite(cell), cell.to_ascii_lowercase().as_str()) {
        (Some(0.0), _) | (_, "false" | "no") => Some(0),
        (Some(1.0), _) | (_, "true" | "yes") => Some(1),
        _ => None,
    }
}

fn number(table: &Table, row: usize, column: usize, name: &str) -> Result<f32, Error> {
    let cell = cell(table, row, column, name)?;
    match parse_number(cell) {
        Some(number) => Ok(number),
        None => Err(Error::NotANumber {
            place: table.place(row, column)?,
            column: name.into(),
            cell: cell.into(),
        }),
    }
}

fn finite(cell: &str) -> Option<f64> {
    cell.parse().ok().filter(|number: &f64| number.is_finite())
}

/// The finite number that a cell holds, with or without blanks around it.
pub(crate) fn parse_number(cell: &str) -> Option<f32> {
    cell.trim().parse().ok().filter(|number: &f32| number.is_finite())
}
