//! What a recipe made, as one HTML page that needs nothing but itself.
//!
//! Invariants: every text is escaped, by the template or where SVG is written; the page's own policy forbids it to
//! load anything; the same content gives the same bytes.

mod figures;
mod graph;
mod layered;
mod plot;

use askama::Template;

pub use graph::{Graph, Node, State};

use crate::axis::four_digits;
use crate::{Scores, Series};

/// Rows with mistakes that are shown of each evaluation.
pub const MISTAKES: usize = 8;

/// What a page shows.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Page {
    /// The recipe's name.
    pub name: String,
    /// What is said below it, a line each.
    pub notes: Vec<String>,
    /// Tables of approaches.
    pub comparisons: Vec<Comparison>,
    /// The stages.
    pub graph: Graph,
    /// Training curves.
    pub histories: Vec<History>,
    /// Evaluations, in the order of the recipe.
    pub evaluations: Vec<Evaluation>,
    /// Boosted heads.
    pub importances: Vec<Importances>,
    /// Points in the plane.
    pub projections: Vec<Projection>,
    /// The recipe's texts, each with its file's name.
    pub texts: Vec<(String, String)>,
    /// Versions, device, seed: names and values.
    pub environment: Vec<(String, String)>,
}

/// A table of approaches.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Comparison {
    /// The stage.
    pub stage: String,
    /// Names of metrics; the first decides.
    pub metrics: Vec<String>,
    /// The approaches, each with a value a metric where it has one.
    pub rows: Vec<(String, Vec<Option<Measured>>)>,
    /// The best approach's name.
    pub best: String,
}

/// A value, and the ends of its confidence interval where it has one.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Measured {
    /// The value.
    pub value: f64,
    /// Lower and upper end.
    pub interval: Option<(f64, f64)>,
}

impl From<f64> for Measured {
    fn from(value: f64) -> Self {
        Measured { value, interval: None }
    }
}

/// How a network was trained.
#[derive(Debug, Clone, PartialEq)]
pub struct History {
    /// The stage.
    pub stage: String,
    /// The epoch whose weights were kept.
    pub kept: Option<f64>,
    /// Metrics, each with a series a part: values by epoch.
    pub metrics: Vec<(String, Vec<Series>)>,
    /// Of a range test: the learning rate that it found, and smoothed losses by rate.
    pub range_test: Option<(f64, Series)>,
}

/// An evaluation.
#[derive(Debug, Clone, PartialEq)]
pub struct Evaluation {
    /// What it is called.
    pub name: String,
    /// The stage.
    pub stage: String,
    /// What was measured, in order.
    pub metrics: Vec<(String, Measured)>,
    /// How it was measured: intervals, threshold, calibration.
    pub notes: Vec<String>,
    /// What the model said of each row.
    pub scores: Option<Scores>,
    /// The worst mistakes, worst first.
    pub mistakes: Vec<Mistake>,
    /// Of pictures, the sheet of the worst mistakes: a PNG.
    pub sheet: Option<Vec<u8>>,
}

impl Evaluation {
    /// The sheet in the form that a page has within itself.
    fn embedded(&self) -> Option<String> {
        Some(format!("data:image/png;base64,{}", base64(self.sheet.as_ref()?)))
    }
}

/// Bytes as text (RFC 4648).
fn base64(bytes: &[u8]) -> String {
    const LETTERS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut text = String::with_capacity(bytes.len().div_ceil(3) * 4);
    for three in bytes.chunks(3) {
        let byte = |at: usize| u32::from(three.get(at).copied().unwrap_or(0));
        let word = byte(0) << 16 | byte(1) << 8 | byte(2);
        for at in 0..4 {
            let letter = LETTERS[(word >> (18 - 6 * at)) as usize & 63];
            text.push(if at <= three.len() { char::from(letter) } else { '=' });
        }
    }
    text
}

/// A row that a model was wrong about.
#[derive(Debug, Clone, PartialEq)]
pub struct Mistake {
    /// The row's id.
    pub id: String,
    /// What it is.
    pub label: String,
    /// What the model said.
    pub said: String,
    /// How sure it was, or how far off.
    pub how: String,
    /// The row's columns and what stands in them.
    pub cells: Vec<(String, String)>,
}

/// Columns by how much a boosted head makes of them.
#[derive(Debug, Clone, PartialEq)]
pub struct Importances {
    /// The stage.
    pub stage: String,
    /// Columns and their gain, largest first.
    pub columns: Vec<(String, f64)>,
}

/// Points in the plane.
#[derive(Debug, Clone, PartialEq)]
pub struct Projection {
    /// The stage.
    pub stage: String,
    /// Each point's name, position of its group, and place.
    pub points: Vec<(String, usize, (f64, f64))>,
    /// Names of the groups.
    pub groups: Vec<String>,
}

/// The page cannot be written.
#[derive(Debug, thiserror::Error)]
#[error("the page cannot be written: {0}")]
pub struct PageError(#[from] askama::Error);

impl Page {
    /// The HTML document.
    ///
    /// # Errors
    /// Those of the template engine; none is known.
    pub fn render(&self) -> Result<String, PageError> {
        Ok(Document {
            page: self,
            graph: graph::svg(&self.graph),
            tables: self.comparisons.iter().map(table).collect(),
            histories: figures::histories(&self.histories),
            rates: figures::rates(&self.evaluations),
            matrices: figures::matrices(&self.evaluations),
            bars: self.importances.iter().map(figures::bars).collect(),
            projections: self.projections.iter().filter_map(figures::projection).collect(),
            noted: self.evaluations.iter().filter(|evaluation| !evaluation.notes.is_empty()).collect(),
            wrong: self.evaluations.iter().filter(|evaluation| !evaluation.mistakes.is_empty()).collect(),
            style: include_str!("../templates/report.css"),
            script: include_str!("../templates/report.js"),
        }
        .render()?)
    }
}

/// A line of a legend.
struct Key {
    series: usize,
    dashed: bool,
    name: String,
    note: String,
}

/// A plot with its title and legend.
struct Figure {
    title: String,
    svg: String,
    keys: Vec<Key>,
}

/// The plots of one stage.
struct Group {
    title: String,
    figures: Vec<Figure>,
}

/// A table of texts; the best row is marked.
struct Table {
    title: String,
    head: Vec<String>,
    rows: Vec<(bool, String, Vec<String>)>,
}

/// Rows by class and by chosen class; of tags words. Without rows where there are more than can be read.
struct Matrix {
    title: String,
    classes: Vec<String>,
    rows: Vec<(String, Vec<Cell>)>,
    /// What is scored one by one, and what is counted of it.
    heads: [&'static str; 2],
    /// Class, rows, precision, recall and F1.
    scores: Vec<(String, [String; 4])>,
}

/// Rows of one class for which one class was chosen.
struct Cell {
    count: u64,
    /// Share of the class's rows in percent.
    share: usize,
    right: bool,
}

/// Horizontal bars.
struct Bars {
    title: String,
    /// Name, width in percent, value.
    rows: Vec<(String, f64, String)>,
    more: usize,
}

#[derive(Template)]
#[template(path = "report.html")]
struct Document<'a> {
    page: &'a Page,
    graph: String,
    tables: Vec<Table>,
    histories: Vec<Group>,
    rates: Vec<Group>,
    matrices: Vec<Matrix>,
    bars: Vec<Bars>,
    projections: Vec<Figure>,
    noted: Vec<&'a Evaluation>,
    wrong: Vec<&'a Evaluation>,
    style: &'static str,
    script: &'static str,
}

fn table(comparison: &Comparison) -> Table {
    let mut head = vec!["approach".to_owned()];
    head.extend(comparison.metrics.iter().cloned());
    let cell = |value: &Option<Measured>| value.map_or_else(|| "–".to_owned(), measured_text);
    let rows = comparison
        .rows
        .iter()
        .map(|(name, values)| (*name == comparison.best, name.clone(), values.iter().map(cell).collect()));
    Table { title: comparison.stage.clone(), head, rows: rows.collect() }
}

/// A value and its interval.
fn measured_text(measured: Measured) -> String {
    let value = value_text(measured.value);
    match measured.interval {
        Some((low, high)) => format!("{value} [{}, {}]", value_text(low), value_text(high)),
        None => value,
    }
}

/// Whole numbers as such, others with four digits after the point where they are not too large or small.
fn value_text(value: f64) -> String {
    let whole = value.fract() == 0.0 && value.abs() < 1e15;
    match value.abs() {
        _ if whole => format!("{value:.0}"),
        0.001..1000.0 => format!("{value:.4}"),
        _ => four_digits(value),
    }
}

#[cfg(test)]
mod tests {
    #[test]
    fn bytes_become_text_as_rfc_4648_has_it() {
        for (bytes, text) in
            [("", ""), ("f", "Zg=="), ("fo", "Zm8="), ("foo", "Zm9v"), ("foobar", "Zm9vYmFy")]
        {
            assert_eq!(super::base64(bytes.as_bytes()), text);
        }
    }
}
