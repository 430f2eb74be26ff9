//! What the cells of a column hold, for chains that columns of a type share.

use std::collections::BTreeMap;
use std::path::PathBuf;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::error::Error;
use crate::label::parse_number;
use crate::source::{Format, Source};
use crate::table::format;
use crate::{columnar, conll, delimited, lines, packed};

/// Rows that are looked at where a file does not say the types of its columns.
const ROWS: usize = 100;

/// What the cells of a column hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum CellType {
    /// Numbers, in all cells that are not empty.
    Number,
    /// Anything else.
    Text,
}

impl CellType {
    /// What such a column holds, in words.
    pub fn in_words(self) -> &'static str {
        match self {
            CellType::Number => "numbers",
            CellType::Text => "text",
        }
    }
}

/// The types of the columns of a source's first file: in Parquet and Arrow those of its schema, elsewhere what its first
/// hundred rows hold. Columns that are empty there have none, nor have those that the source itself makes.
///
/// # Errors
/// When the file cannot be read.
pub fn cell_types(paths: &[PathBuf], source: &Source) -> Result<BTreeMap<String, CellType>, Error> {
    let mut types = BTreeMap::new();
    let folders = matches!(source.format, Some(Format::Texts | Format::Pictures | Format::Idx));
    let Some(path) = paths.first().filter(|_| !folders) else { return Ok(types) };
    let Some(item) = packed::items(path, source)?.into_iter().next() else { return Ok(types) };
    let mut see = |name: &str, cell: &str| {
        if cell.is_empty() {
            return;
        }
        if parse_number(cell).is_none() {
            types.insert(name.to_owned(), CellType::Text);
        } else {
            types.entry(name.to_owned()).or_insert(CellType::Number);
        }
    };
    match format(&item, source)? {
        Format::Jsonl => lines::first_rows(&item, source, ROWS, &mut see)?,
        Format::Conll => conll::first_rows(&item, source, &mut see)?,
        format @ (Format::Parquet | Format::Arrow) => return columnar::types(&item, source, format),
        format => delimited::first_rows(&item, source, format, ROWS, &mut see)?,
    }
    Ok(types)
}
