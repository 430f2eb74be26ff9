//! Warnings about sources whose first row is skipped as a header and looks like one of data.

use std::collections::BTreeMap;

use data::{CellType, Format, Source};
use plan::{Diagnostic, Place};
use stages::SourceFact;

/// A warning for each source that names its columns, and whose first row has a number where the others have one too.
/// `planned` has the files.
pub(crate) fn first_rows(
    planned: &BTreeMap<String, plan::Source>,
    facts: &BTreeMap<String, SourceFact>,
) -> Vec<Diagnostic> {
    let warning = |(name, fact): (&String, &SourceFact)| {
        let path = planned.get(name)?.paths.first()?;
        let named = fact.source.columns.as_ref().filter(|_| fact.source.header != Some(false))?;
        let format = fact.source.format.or_else(|| Format::of(path));
        if !matches!(format, Some(Format::Csv | Format::Tsv)) {
            return None;
        }
        // As though the first row said the names. Where it cannot, two of its cells are equal or one is empty.
        let source = Source { columns: None, derive: [].into(), join: [].into(), ..fact.source.clone() };
        let first = data::header(path, &source).ok()?;
        let is_number = |cell: &str| cell.trim().parse::<f64>().is_ok_and(f64::is_finite);
        let numbers = |name: &String| fact.types.get(name) == Some(&CellType::Number);
        if first.iter().any(|cell| named.contains(cell)) {
            return None;
        }
        let (cell, column) = first.iter().zip(named).find(|(cell, name)| is_number(cell) && numbers(name))?;
        let message = format!(
            "the first row is taken for a header, and `{cell}` stands in it where `{column}` has numbers"
        );
        let place = Place::source(name).join("columns");
        Some(
            Diagnostic::new("header-of-data", place, message)
                .hint("if it is a row like the others: header = false"),
        )
    };
    facts.iter().filter_map(warning).collect()
}
