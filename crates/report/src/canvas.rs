//! A picture as a list of marks, before it is SVG or pixels.
//!
//! Invariant: later shapes lie above earlier ones; x runs right and y down, in SVG units.

use crate::font::{CAP_HEIGHT, Font};
use crate::palette::{Colour, INK, Mark, WHITE};
use crate::{Error, Picture, png, svg};

/// Which end of a text its x is at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Anchor {
    Start,
    Middle,
    End,
}

/// A text on its baseline.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Text {
    pub(crate) text: String,
    pub(crate) at: (f64, f64),
    pub(crate) size: f64,
    pub(crate) anchor: Anchor,
    pub(crate) style: TextStyle,
}

/// How a text is drawn.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct TextStyle {
    pub(crate) colour: Colour,
    /// A white edge keeps it readable above other marks.
    pub(crate) halo: bool,
    /// Reads upwards.
    pub(crate) upright: bool,
}

impl TextStyle {
    pub(crate) const fn plain(colour: Colour) -> Self {
        Self { colour, halo: false, upright: false }
    }
}

/// One thing drawn.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Shape {
    Rectangle { corner: (f64, f64), size: (f64, f64), colour: Colour },
    Line { points: Vec<(f64, f64)>, colour: Colour, width: f64, dashes: &'static [f64] },
    Point { at: (f64, f64), radius: f64, mark: Mark, colour: Colour },
    Text(Text),
}

/// The outline of a mark around a centre; a circle has none.
pub(crate) fn corners(mark: Mark, (x, y): (f64, f64), radius: f64) -> Vec<(f64, f64)> {
    let around = |offsets: &[(f64, f64)]| {
        offsets.iter().map(|(dx, dy)| (x + dx * radius, y + dy * radius)).collect::<Vec<_>>()
    };
    match mark {
        Mark::Circle => Vec::new(),
        Mark::Square => around(&[(-0.9, -0.9), (0.9, -0.9), (0.9, 0.9), (-0.9, 0.9)]),
        Mark::Triangle => around(&[(0.0, -1.2), (1.1, 0.8), (-1.1, 0.8)]),
        Mark::Diamond => around(&[(0.0, -1.25), (1.25, 0.0), (0.0, 1.25), (-1.25, 0.0)]),
        Mark::Cross => {
            const ARM: f64 = 0.36;
            const END: f64 = 1.15;
            around(&[
                (-ARM, -END),
                (ARM, -END),
                (ARM, -ARM),
                (END, -ARM),
                (END, ARM),
                (ARM, ARM),
                (ARM, END),
                (-ARM, END),
                (-ARM, ARM),
                (-END, ARM),
                (-END, -ARM),
                (-ARM, -ARM),
            ])
        }
    }
}

/// A picture being laid out.
pub(crate) struct Canvas {
    pub(crate) title: String,
    pub(crate) size: (f64, f64),
    pub(crate) shapes: Vec<Shape>,
    pub(crate) font: Font,
}

/// Room that a title takes from the top.
pub(crate) const TITLE_ROOM: f64 = 48.0;
const TITLE_SIZE: f64 = 18.0;

impl Canvas {
    /// A white canvas with its title.
    pub(crate) fn new(title: &str, size: (f64, f64)) -> Self {
        let font = Font::load();
        let mut canvas = Self { title: title.to_owned(), size, shapes: Vec::new(), font };
        canvas.rectangle((0.0, 0.0), size, WHITE);
        let shown = canvas.font.fit(title, TITLE_SIZE, size.0 - 40.0);
        canvas.text(shown, (size.0 / 2.0, 31.0), TITLE_SIZE, Anchor::Middle, TextStyle::plain(INK));
        canvas
    }

    pub(crate) fn rectangle(&mut self, corner: (f64, f64), size: (f64, f64), colour: Colour) {
        self.shapes.push(Shape::Rectangle { corner, size, colour });
    }

    pub(crate) fn line(&mut self, from: (f64, f64), to: (f64, f64), colour: Colour, width: f64) {
        self.shapes.push(Shape::Line { points: vec![from, to], colour, width, dashes: &[] });
    }

    pub(crate) fn text(&mut self, text: String, at: (f64, f64), size: f64, anchor: Anchor, style: TextStyle) {
        self.shapes.push(Shape::Text(Text { text, at, size, anchor, style }));
    }

    /// Draws the picture both ways.
    pub(crate) fn finish(self) -> Result<Picture, Error> {
        let svg = svg::write(&self);
        let png = png::draw(&self).map_err(|why| Error::Png { title: self.title.clone(), why })?;
        Ok(Picture { svg, png })
    }
}

/// The baseline that centres capital letters of a size on a height.
pub(crate) fn centred(y: f64, size: f64) -> f64 {
    y + size * CAP_HEIGHT / 2.0
}
