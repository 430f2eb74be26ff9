//! Horizontal bars with their values: a panel for each metric, a row for each name.
//!
//! Invariant: bars start at zero, every panel has its own scale, and every value is written.

use crate::axis::{Frame, Scale, TICK_SIZE, four_digits};
use crate::canvas::{Anchor, Canvas, TITLE_ROOM, TextStyle, centred};
use crate::palette::{FRAME, GRID, INK, MUTED, colour};
use crate::{Error, Picture, check_length};

const WIDTH: f64 = 1100.0;
const ROW: f64 = 30.0;
const NAME_SIZE: f64 = 13.0;
const VALUE_SIZE: f64 = 12.0;
/// Widest name.
const NAME_ROOM: f64 = 300.0;
/// Above a panel for its metric's name, below it for the numbers of its axis.
const PANEL_HEAD: f64 = 30.0;
const PANEL_FOOT: f64 = 36.0;
const PANEL_GAP: f64 = 28.0;
/// Most panels side by side.
const ACROSS: usize = 3;
/// Most columns that a picture of importances shows.
const TOP: usize = 20;

/// A metric with a value for each name.
#[derive(Debug, Clone, Copy)]
pub struct Bars<'a> {
    /// The metric.
    pub name: &'a str,
    /// The values; one that is not finite is written as `n/a`.
    pub values: &'a [f64],
    /// Their standard deviations, drawn as a line to both sides of a bar's end; not finite where there is none. May be
    /// left empty.
    pub deviations: &'a [f64],
}

/// Compares names (approaches, say) by metrics, one panel a metric.
///
/// # Errors
/// [`Error::Empty`] without names or series; [`Error::Length`] when a series has not a value a name.
pub fn bars(names: &[String], series: &[Bars<'_>], title: &str) -> Result<Picture, Error> {
    let panels: Vec<Panel<'_>> =
        series.iter().enumerate().map(|(at, bars)| Panel { bars: *bars, colour: colour(at) }).collect();
    draw(names, &panels, title)
}

/// Draws the 20 largest of the values, by falling value and then by name.
///
/// # Errors
/// [`Error::Empty`] without names; [`Error::Length`] when there is not a value a name.
pub fn importances(names: &[String], values: &[f64], title: &str) -> Result<Picture, Error> {
    check_length(title, "values", names.len(), values.len())?;
    let mut order: Vec<usize> = (0..names.len()).collect();
    // NaN sorts last: it is no importance.
    let key = |at: usize| if values[at].is_nan() { f64::NEG_INFINITY } else { values[at] };
    order.sort_by(|a, b| key(*b).total_cmp(&key(*a)).then_with(|| names[*a].cmp(&names[*b])));
    order.truncate(TOP);
    let top: Vec<String> = order.iter().map(|at| names[*at].clone()).collect();
    let values: Vec<f64> = order.iter().map(|at| values[*at]).collect();
    let panel = Panel { bars: Bars { name: "", values: &values, deviations: &[] }, colour: colour(0) };
    draw(&top, &[panel], title)
}

struct Panel<'a> {
    bars: Bars<'a>,
    colour: crate::palette::Colour,
}

impl Panel<'_> {
    /// How far the line at a bar's end goes to both sides; zero where there is none.
    fn deviation(&self, row: usize) -> f64 {
        self.bars.deviations.get(row).copied().filter(|deviation| deviation.is_finite()).unwrap_or(0.0)
    }
}

fn draw(names: &[String], panels: &[Panel<'_>], title: &str) -> Result<Picture, Error> {
    let missing = if names.is_empty() { Some("names") } else { None };
    if let Some(what) = missing.or(panels.is_empty().then_some("series")) {
        return Err(Error::Empty { title: title.to_owned(), what });
    }
    for panel in panels {
        check_length(title, "values", names.len(), panel.bars.values.len())?;
    }
    let across = panels.len().min(ACROSS);
    let rows_height = names.len() as f64 * ROW;
    // Without metric names the title is head enough.
    let named = panels.iter().any(|panel| !panel.bars.name.is_empty());
    let head = if named { PANEL_HEAD } else { 4.0 };
    let line_height = head + rows_height + PANEL_FOOT;
    let lines = panels.len().div_ceil(across);
    let mut canvas = Canvas::new(title, (WIDTH, TITLE_ROOM + lines as f64 * line_height + 6.0));
    let widest = names.iter().map(|name| canvas.font.width(name, NAME_SIZE)).fold(0.0, f64::max);
    let left = 20.0 + widest.min(NAME_ROOM) + 12.0;
    let width = (WIDTH - 24.0 - left - (across - 1) as f64 * PANEL_GAP) / across as f64;
    for (at, panel) in panels.iter().enumerate() {
        let top = TITLE_ROOM + (at / across) as f64 * line_height + head;
        let left_edge = left + (at % across) as f64 * (width + PANEL_GAP);
        let frame = Frame { left: left_edge, top, right: left_edge + width, bottom: top + rows_height };
        if at % across == 0 {
            draw_names(&mut canvas, names, frame);
        }
        draw_panel(&mut canvas, panel, frame);
    }
    canvas.finish()
}

fn draw_names(canvas: &mut Canvas, names: &[String], frame: Frame) {
    for (row, name) in names.iter().enumerate() {
        let y = frame.top + (row as f64 + 0.5) * ROW;
        let text = canvas.font.fit(name, NAME_SIZE, NAME_ROOM);
        let at = (frame.left - 12.0, centred(y, NAME_SIZE));
        canvas.text(text, at, NAME_SIZE, Anchor::End, TextStyle::plain(INK));
    }
}

fn draw_panel(canvas: &mut Canvas, panel: &Panel<'_>, frame: Frame) {
    let width = frame.right - frame.left;
    let values = panel.bars.values;
    let texts: Vec<String> = (values.iter().enumerate())
        .map(|(row, value)| match panel.deviation(row) {
            0.0 => four_digits(*value),
            deviation => format!("{} ± {}", four_digits(*value), four_digits(deviation)),
        })
        .collect();
    // Room for the values beside the bars, on each side that has any.
    let room = texts.iter().map(|text| canvas.font.width(text, VALUE_SIZE)).fold(0.0, f64::max) + 14.0;
    let ends = |row: usize| {
        let deviation = panel.deviation(row);
        (values[row] - deviation, values[row] + deviation)
    };
    let negative = (0..values.len()).any(|row| ends(row).0 < 0.0);
    let (left, right) = (frame.left + if negative { room } else { 0.0 }, frame.right - room);
    let ticks = ((right - left) / 55.0).clamp(2.0, 8.0) as usize;
    let all = (0..values.len()).flat_map(|row| [ends(row).0, ends(row).1]);
    let scale = Scale::of(all.chain([0.0]), 0.0, ticks);
    let scale = if negative { scale } else { Scale { low: 0.0, ..scale } }.rounded();
    let place = |value: f64| left + scale.share(value) * (right - left);

    for (value, text) in scale.ticks() {
        let x = place(value);
        canvas.line((x, frame.top), (x, frame.bottom), GRID, 1.0);
        let at = (x, frame.bottom + 17.0);
        canvas.text(text, at, TICK_SIZE, Anchor::Middle, TextStyle::plain(MUTED));
    }
    let written = TextStyle { halo: true, ..TextStyle::plain(INK) };
    for (row, (value, text)) in values.iter().zip(texts).enumerate() {
        let y = frame.top + (row as f64 + 0.5) * ROW;
        let shown = if value.is_finite() { *value } else { 0.0 };
        let (from, to) = (place(shown.min(0.0)), place(shown.max(0.0)));
        canvas.rectangle((from, y - ROW * 0.34), (to - from, ROW * 0.68), panel.colour);
        let deviation = if value.is_finite() { panel.deviation(row) } else { 0.0 };
        let (low, high) = (place(shown - deviation), place(shown + deviation));
        if deviation > 0.0 {
            canvas.line((low, y), (high, y), INK, 1.4);
            for end in [low, high] {
                canvas.line((end, y - ROW * 0.16), (end, y + ROW * 0.16), INK, 1.4);
            }
        }
        let (left_of, right_of) = (from.min(low) - 6.0, to.max(high) + 6.0);
        let (x, anchor) = if shown < 0.0 { (left_of, Anchor::End) } else { (right_of, Anchor::Start) };
        canvas.text(text, (x, centred(y, VALUE_SIZE)), VALUE_SIZE, anchor, written);
    }
    canvas.line((place(0.0), frame.top), (place(0.0), frame.bottom), FRAME, 1.2);
    let name = canvas.font.fit(panel.bars.name, NAME_SIZE, width);
    canvas.text(name, (frame.left, frame.top - 10.0), NAME_SIZE, Anchor::Start, TextStyle::plain(INK));
}
