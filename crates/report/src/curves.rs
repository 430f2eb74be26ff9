//! Lines over a common axis: loss or a metric by epoch, for each split.
//!
//! Invariant: a value that is not finite interrupts its line and is never bridged.

use crate::axis::{Frame, Plane, Scale};
use crate::canvas::{Canvas, Shape, TITLE_ROOM};
use crate::legend::{self, Sample};
use crate::palette::{colour, dashes, mark};
use crate::{Error, Picture, check_length};

const SIZE: (f64, f64) = (1000.0, 600.0);
/// Lines of more points than this get no marks.
const MARKED: usize = 60;

/// One line.
#[derive(Debug, Clone, PartialEq)]
pub struct Series {
    /// Its name in the legend.
    pub name: String,
    /// Where its values were taken.
    pub xs: Vec<f64>,
    /// Its values.
    pub ys: Vec<f64>,
}

/// Draws lines with marks, colours and dashes of their own, and a legend when there are several.
///
/// # Errors
/// [`Error::Empty`] without series, [`Error::Length`] when a series' lists differ in length.
pub fn curves(series: &[Series], x_name: &str, y_name: &str, title: &str) -> Result<Picture, Error> {
    if series.is_empty() {
        return Err(Error::Empty { title: title.to_owned(), what: "series" });
    }
    for line in series {
        check_length(title, "values", line.xs.len(), line.ys.len())?;
    }
    let mut canvas = Canvas::new(title, SIZE);
    let names: Vec<&str> = series.iter().map(|line| line.name.as_str()).collect();
    let x = Scale::of(series.iter().flat_map(|line| line.xs.iter().copied()), 0.02, 10);
    let y = Scale::of(series.iter().flat_map(|line| line.ys.iter().copied()), 0.03, 7);
    let frame = Frame {
        left: 52.0 + Plane::numbers_width(&canvas, &y),
        top: TITLE_ROOM,
        right: SIZE.0 - 24.0 - legend::room(&canvas, &names),
        bottom: SIZE.1 - 60.0,
    };
    let plane = Plane { frame, x, y };
    plane.draw(&mut canvas, x_name, y_name);
    for (at, line) in series.iter().enumerate() {
        let pairs: Vec<(f64, f64)> = line.xs.iter().copied().zip(line.ys.iter().copied()).collect();
        for run in pairs.split(|(x, y)| !x.is_finite() || !y.is_finite()) {
            let points: Vec<(f64, f64)> = run.iter().map(|pair| plane.place(*pair)).collect();
            // A lone value shows as a mark whatever the length of its line.
            if pairs.len() <= MARKED || points.len() == 1 {
                for point in &points {
                    let (mark, colour) = (mark(at), colour(at));
                    canvas.shapes.push(Shape::Point { at: *point, radius: 3.2, mark, colour });
                }
            }
            if points.len() > 1 {
                canvas.shapes.push(Shape::Line {
                    points,
                    colour: colour(at),
                    width: 2.0,
                    dashes: dashes(at),
                });
            }
        }
    }
    legend::draw(&mut canvas, (frame.right, frame.top), frame.bottom, &names, Sample::Line);
    canvas.finish()
}
