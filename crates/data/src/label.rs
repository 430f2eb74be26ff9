//! What a label's cells mean: classes that the training rows name, or numbers.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::error::Error;
use crate::table::Table;

/// How a label is read.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum LabelKind {
    /// One of a few classes, those of the training rows.
    #[default]
    Class,
    /// A quantity.
    Number,
}

/// A label fitted on training rows.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct FittedLabel {
    /// The label's column.
    pub column: String,
    /// How its cells are read.
    pub kind: LabelKind,
    /// The classes by index: in numeric order where all are numbers, else by their bytes. Empty for a number.
    pub classes: Vec<String>,
}

/// More distinct labels than this are no classes.
const MOST_CLASSES: usize = 1000;

/// The label's values of all rows.
#[derive(Clone, Debug, PartialEq)]
pub enum Labels {
    /// Class indices.
    Class(Vec<i32>),
    /// Quantities.
    Number(Vec<f32>),
}

impl FittedLabel {
    pub(crate) fn fit(table: &Table, rows: &[usize], name: &str, kind: LabelKind) -> Result<Self, Error> {
        let column = table.column(name)?;
        let mut classes = BTreeMap::new();
        for &row in rows {
            let cell = cell(table, row, column, name)?;
            match kind {
                LabelKind::Number => drop(number(table, row, column, name)?),
                LabelKind::Class => drop(classes.insert(cell, finite(cell))),
            }
            if classes.len() > MOST_CLASSES {
                let (path, column) = (table.path().into(), name.into());
                return Err(Error::TooManyClasses { path, column, limit: MOST_CLASSES });
            }
        }
        let mut classes: Vec<(&str, Option<f64>)> = classes.into_iter().collect();
        if let (LabelKind::Class, [(class, _)]) = (kind, classes.as_slice()) {
            let (path, column) = (table.path().into(), name.into());
            return Err(Error::OneClass { path, column, class: (*class).to_owned() });
        }
        if classes.iter().all(|(_, number)| number.is_some()) {
            // The sort is stable: of several spellings of one number the first by bytes names the class.
            classes.sort_by(|left, right| left.1.partial_cmp(&right.1).unwrap_or(std::cmp::Ordering::Equal));
            classes.dedup_by_key(|(_, number)| *number);
        }
        let classes = classes.into_iter().map(|(class, _)| class.to_owned()).collect();
        Ok(Self { column: name.into(), kind, classes })
    }

    pub(crate) fn apply(&self, table: &Table) -> Result<Labels, Error> {
        let name = &self.column;
        let column = table.column(name)?;
        if self.kind == LabelKind::Number {
            let numbers = (0..table.rows()).map(|row| number(table, row, column, name));
            return Ok(Labels::Number(numbers.collect::<Result<_, _>>()?));
        }
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
            let Some(index) = by_name.get(cell).copied().or_else(by_number) else {
                return Err(Error::UnknownLabel {
                    place: table.place(row, column)?,
                    column: name.clone(),
                    cell: cell.into(),
                    classes: self.classes.clone(),
                });
            };
            indices.push(index);
        }
        Ok(Labels::Class(indices))
    }
}

fn cell<'a>(table: &'a Table, row: usize, column: usize, name: &str) -> Result<&'a str, Error> {
    let cell = table.cell(row, column).trim();
    if cell.is_empty() {
        return Err(Error::EmptyLabel { place: table.place(row, column)?, column: name.into() });
    }
    Ok(cell)
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
