//! Points in a plane, in groups, with labels: embeddings after t-SNE, say.
//!
//! Invariant: every point and every label is drawn.

use crate::axis::{Frame, Plane, Scale};
use crate::canvas::{Anchor, Canvas, Shape, TITLE_ROOM, TextStyle};
use crate::font::CAP_HEIGHT;
use crate::legend::{self, Sample};
use crate::palette::{FRAME, INK, colour, mark};
use crate::{Error, Picture, check_length, labels};

const SIZE: (f64, f64) = (1400.0, 1000.0);
const LABEL_SIZE: f64 = 11.5;
/// Longest label, in SVG units.
const LABEL_ROOM: f64 = 180.0;

/// Which points belong together.
#[derive(Debug, Clone, Copy)]
pub struct Groups<'a> {
    /// For each point, the position of its group's name.
    pub of: &'a [usize],
    /// The names, in the order of the legend.
    pub names: &'a [String],
}

/// Draws points `(x, y)`, coloured by group, each with its label when there are any. Labels move around
/// their points so as not to cover each other; one that had to go far has a line to its point.
///
/// # Errors
/// [`Error::Empty`] without points, [`Error::NotFinite`], and [`Error::Length`] when the lists differ in
/// length or a group has no name.
pub fn scatter(
    points: &[(f64, f64)],
    groups: Option<Groups<'_>>,
    labels: Option<&[String]>,
    title: &str,
) -> Result<Picture, Error> {
    if points.is_empty() {
        return Err(Error::Empty { title: title.to_owned(), what: "points" });
    }
    if let Some(point) = points.iter().position(|(x, y)| !x.is_finite() || !y.is_finite()) {
        return Err(Error::NotFinite { title: title.to_owned(), point });
    }
    if let Some(labels) = labels {
        check_length(title, "labels", points.len(), labels.len())?;
    }
    let names: Vec<&str> = groups.iter().flat_map(|groups| groups.names).map(String::as_str).collect();
    let group_of: Vec<usize> = groups.map_or_else(|| vec![0; points.len()], |groups| groups.of.to_vec());
    check_length(title, "group numbers", points.len(), group_of.len())?;
    if groups.is_some()
        && let Some(largest) = group_of.iter().max()
        && *largest >= names.len()
    {
        check_length(title, "group names", largest.saturating_add(1), names.len())?;
    }

    let mut canvas = Canvas::new(title, SIZE);
    let x = Scale::of(points.iter().map(|(x, _)| *x), 0.05, 8);
    let y = Scale::of(points.iter().map(|(_, y)| *y), 0.05, 7);
    let frame = Frame {
        left: 28.0 + Plane::numbers_width(&canvas, &y),
        top: TITLE_ROOM,
        right: SIZE.0 - 24.0 - legend::room(&canvas, &names),
        bottom: SIZE.1 - 40.0,
    };
    let plane = Plane { frame, x, y };
    plane.draw(&mut canvas, "", "");
    let at: Vec<(f64, f64)> = points.iter().map(|point| plane.place(*point)).collect();
    let radius = match points.len() {
        0..=300 => 4.5,
        301..=3000 => 3.0,
        _ => 1.8,
    };
    let texts: Vec<String> = labels
        .iter()
        .flat_map(|labels| *labels)
        .map(|label| canvas.font.fit(label, LABEL_SIZE, LABEL_ROOM))
        .collect();
    let sizes: Vec<(f64, f64)> =
        texts.iter().map(|text| (canvas.font.width(text, LABEL_SIZE), LABEL_SIZE)).collect();
    let places = if texts.is_empty() { Vec::new() } else { labels::arrange(&at, &sizes, radius, frame) };
    for (place, (x, y)) in places.iter().zip(&at).filter(|(place, _)| place.far) {
        let nearest = (x.clamp(place.left, place.right), y.clamp(place.top, place.bottom));
        canvas.line((*x, *y), nearest, FRAME, 0.8);
    }
    for (at, group) in at.iter().zip(&group_of) {
        canvas.shapes.push(Shape::Point { at: *at, radius, mark: mark(*group), colour: colour(*group) });
    }
    let style = TextStyle { halo: true, ..TextStyle::plain(INK) };
    for (place, text) in places.iter().zip(texts) {
        let baseline = place.top + LABEL_SIZE * (0.5 + CAP_HEIGHT / 2.0);
        canvas.text(text, (place.left, baseline), LABEL_SIZE, Anchor::Start, style);
    }
    legend::draw(&mut canvas, (frame.right, frame.top), frame.bottom, &names, Sample::Point);
    canvas.finish()
}
