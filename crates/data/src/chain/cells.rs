//! The cells that a chain reads.

use std::borrow::Cow;
use std::collections::BTreeMap;

use crate::table::Table;
use crate::text::{TextStep, clean};

/// The cells of one column in some rows of a table, cleaned by text steps.
#[derive(Clone, Copy)]
pub(crate) struct Cells<'a> {
    pub(crate) table: &'a Table,
    pub(crate) column: usize,
    /// All rows where there are none.
    pub(crate) rows: Option<&'a [usize]>,
    pub(crate) steps: &'a [TextStep],
}

impl<'a> Cells<'a> {
    pub(crate) fn len(&self) -> usize {
        self.rows.map_or(self.table.rows(), <[usize]>::len)
    }

    /// The row of the table.
    pub(super) fn row(&self, at: usize) -> usize {
        self.rows.map_or(at, |rows| rows[at])
    }

    pub(crate) fn text(&self, at: usize) -> Cow<'a, str> {
        clean(self.steps, self.table.cell(self.row(at), self.column))
    }

    pub(super) fn counts(&self) -> BTreeMap<String, u64> {
        let mut counts = BTreeMap::new();
        for at in 0..self.len() {
            let cell = self.text(at);
            match counts.get_mut(&*cell) {
                Some(count) => *count += 1,
                None => drop(counts.insert(cell.into_owned(), 1)),
            }
        }
        counts
    }
}
