//! Tables of numeric and categorical columns.
//!
//! Invariant: a `Table`'s two halves have the same number of rows, and every row has every column.

use crate::Error;

/// Numeric columns, row-major `[rows, columns]`; NaN is a missing value.
#[derive(Debug, Clone, PartialEq)]
pub struct Matrix {
    rows: usize,
    names: Vec<String>,
    values: Vec<f64>,
}

impl Matrix {
    /// A matrix from row-major values.
    ///
    /// # Errors
    /// [`Error::Shape`] unless there are `rows * names.len()` values.
    pub fn new(rows: usize, names: Vec<String>, values: Vec<f64>) -> Result<Self, Error> {
        check_cells("numeric values", rows, names.len(), values.len())?;
        Ok(Self { rows, names, values })
    }

    /// A matrix from row-major single-precision values, such as a network's features.
    ///
    /// # Errors
    /// As [`Matrix::new`].
    pub fn from_f32(rows: usize, names: Vec<String>, values: &[f32]) -> Result<Self, Error> {
        Self::new(rows, names, values.iter().copied().map(f64::from).collect())
    }

    /// A matrix of no columns.
    pub fn none(rows: usize) -> Self {
        Self { rows, names: Vec::new(), values: Vec::new() }
    }
}

/// Categorical columns, row-major `[rows, columns]` of codes; every negative code is a missing value.
#[derive(Debug, Clone, PartialEq)]
pub struct Categories {
    rows: usize,
    names: Vec<String>,
    codes: Vec<i32>,
}

impl Categories {
    /// Categories from row-major codes.
    ///
    /// # Errors
    /// [`Error::Shape`] unless there are `rows * names.len()` codes.
    pub fn new(rows: usize, names: Vec<String>, codes: Vec<i32>) -> Result<Self, Error> {
        check_cells("category codes", rows, names.len(), codes.len())?;
        Ok(Self { rows, names, codes })
    }

    /// Categories of no columns.
    pub fn none(rows: usize) -> Self {
        Self { rows, names: Vec::new(), codes: Vec::new() }
    }
}

fn check_cells(what: &str, rows: usize, columns: usize, found: usize) -> Result<(), Error> {
    let expected = rows.saturating_mul(columns);
    if found == expected { Ok(()) } else { Err(Error::Shape { what: what.to_owned(), expected, found }) }
}

/// Rows of numeric and categorical columns.
#[derive(Debug, Clone, PartialEq)]
pub struct Table {
    numeric: Matrix,
    categories: Categories,
}

impl Table {
    /// Puts the two halves side by side.
    ///
    /// # Errors
    /// [`Error::Shape`] when they differ in rows.
    pub fn new(numeric: Matrix, categories: Categories) -> Result<Self, Error> {
        if numeric.rows == categories.rows {
            Ok(Self { numeric, categories })
        } else {
            let what = "rows of the categorical columns".to_owned();
            Err(Error::Shape { what, expected: numeric.rows, found: categories.rows })
        }
    }

    /// A table of numeric columns alone.
    pub fn numeric(numeric: Matrix) -> Self {
        let categories = Categories::none(numeric.rows);
        Self { numeric, categories }
    }

    /// Number of rows.
    pub fn rows(&self) -> usize {
        self.numeric.rows
    }

    /// Names of the numeric columns.
    pub fn numeric_names(&self) -> &[String] {
        &self.numeric.names
    }

    /// Names of the categorical columns.
    pub fn category_names(&self) -> &[String] {
        &self.categories.names
    }

    /// The numeric values of a row.
    pub(crate) fn numbers(&self, row: usize) -> &[f64] {
        let width = self.numeric.names.len();
        &self.numeric.values[row * width..(row + 1) * width]
    }

    /// The codes of a categorical column, top to bottom.
    pub(crate) fn codes(&self, column: usize) -> impl Iterator<Item = i32> + '_ {
        self.categories.codes.iter().skip(column).step_by(self.categories.names.len().max(1)).copied()
    }
}
