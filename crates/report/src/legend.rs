//! The legend, in a column right of the plot.
//!
//! Invariant: it takes its own room, so it never covers data.

use crate::canvas::{Anchor, Canvas, Shape, TextStyle, centred};
use crate::palette::{INK, colour, dashes, mark};

const SIZE: f64 = 13.0;
const ROW: f64 = 22.0;
/// Widest name.
const NAME_ROOM: f64 = 220.0;
/// From the plot to the sample, the sample, and to the name.
const SAMPLE: f64 = 34.0;
const GAP: f64 = 18.0;

/// What stands before a name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Sample {
    Point,
    Line,
}

/// Width that the names need at the right of a plot; none for a single name.
pub(crate) fn room(canvas: &Canvas, names: &[&str]) -> f64 {
    if names.len() < 2 {
        return 0.0;
    }
    let widest = names.iter().map(|name| canvas.font.width(name, SIZE)).fold(0.0, f64::max);
    GAP + SAMPLE + widest.min(NAME_ROOM) + 8.0
}

/// Draws the names from the corner (right edge, top) of a plot; those below `bottom` are counted instead.
pub(crate) fn draw(
    canvas: &mut Canvas,
    (right, top): (f64, f64),
    bottom: f64,
    names: &[&str],
    sample: Sample,
) {
    if names.len() < 2 {
        return;
    }
    let fitting = (((bottom - top) / ROW) as usize).max(1);
    let shown = if names.len() > fitting { fitting - 1 } else { names.len() };
    let left = right + GAP;
    for (at, name) in names.iter().enumerate().take(shown) {
        let y = top + ROW * (at as f64 + 0.5);
        let text = canvas.font.fit(name, SIZE, NAME_ROOM);
        if sample == Sample::Line {
            let points = vec![(left, y), (left + SAMPLE - 8.0, y)];
            canvas.shapes.push(Shape::Line { points, colour: colour(at), width: 2.0, dashes: dashes(at) });
        }
        let middle = (left + (SAMPLE - 8.0) / 2.0, y);
        let radius = if sample == Sample::Line { 3.2 } else { 5.0 };
        canvas.shapes.push(Shape::Point { at: middle, radius, mark: mark(at), colour: colour(at) });
        let place = (left + SAMPLE, centred(y, SIZE));
        canvas.text(text, place, SIZE, Anchor::Start, TextStyle::plain(INK));
    }
    if shown < names.len() {
        let place = (left + SAMPLE, centred(top + ROW * (shown as f64 + 0.5), SIZE));
        let text = format!("and {} more", names.len() - shown);
        canvas.text(text, place, SIZE, Anchor::Start, TextStyle::plain(INK));
    }
}
