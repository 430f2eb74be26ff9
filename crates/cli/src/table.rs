//! Tables for a terminal. Invariant: columns are as wide as their widest cell, and no line ends in a space.

use std::fmt;

use console::{Alignment, measure_text_width, pad_str};

/// Rows of cells under a head. Cells may hold colour codes.
pub(crate) struct Table {
    head: Vec<String>,
    rows: Vec<Vec<String>>,
    /// Columns whose cells end at the same place.
    right: Vec<usize>,
}

impl Table {
    pub(crate) fn new(head: &[&str]) -> Self {
        Table { head: head.iter().map(|text| (*text).to_owned()).collect(), rows: vec![], right: vec![] }
    }

    /// Aligns columns of numbers.
    pub(crate) fn right(mut self, columns: &[usize]) -> Self {
        self.right = columns.to_vec();
        self
    }

    pub(crate) fn row(&mut self, cells: impl IntoIterator<Item = String>) {
        self.rows.push(cells.into_iter().collect());
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }
}

impl fmt::Display for Table {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let head: Vec<String> =
            self.head.iter().map(|text| console::style(text).bold().to_string()).collect();
        let mut widths = vec![0; self.head.len()];
        for row in std::iter::once(&head).chain(&self.rows) {
            for (width, cell) in widths.iter_mut().zip(row) {
                *width = (*width).max(measure_text_width(cell));
            }
        }
        for row in std::iter::once(&head).chain(&self.rows) {
            let mut line = String::new();
            for (column, (cell, width)) in row.iter().zip(&widths).enumerate() {
                let alignment = if self.right.contains(&column) { Alignment::Right } else { Alignment::Left };
                line += &pad_str(cell, *width, alignment, None);
                line += "  ";
            }
            writeln!(f, "{}", line.trim_end())?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_are_aligned() {
        console::set_colors_enabled(false);
        let mut table = Table::new(&["stage", "rows", ""]).right(&[1]);
        table.row(["a".into(), "10".into(), "x".into()]);
        table.row(["longer".into(), "5".into(), String::new()]);
        assert_eq!(table.to_string(), "stage   rows\na         10  x\nlonger     5\n");
    }
}
