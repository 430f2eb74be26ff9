//! The bundled font: widths of texts and outlines of letters.
//!
//! Invariant: widths are those of the pixels; an SVG reader with another font may differ by a little.

use ttf_parser::{Face, GlyphId, OutlineBuilder};

/// DejaVu Sans, cut to the scripts named in the crate's documentation.
static BYTES: &[u8] = include_bytes!("../assets/DejaVuSans.ttf");

/// What SVG readers are asked for.
pub(crate) const FAMILY: &str = "DejaVu Sans, Verdana, Arial, sans-serif";

/// Height of a capital letter, in units of the size.
pub(crate) const CAP_HEIGHT: f64 = 0.73;

/// The parsed font.
pub(crate) struct Font(Face<'static>);

impl Font {
    pub(crate) fn load() -> Self {
        Self(Face::parse(BYTES, 0).expect("the bundled font is a valid TrueType file"))
    }

    /// A letter's glyph; an empty box for a letter that the font lacks.
    fn glyph(&self, letter: char) -> GlyphId {
        self.0.glyph_index(letter).unwrap_or(GlyphId(0))
    }

    fn advance(&self, glyph: GlyphId) -> f64 {
        f64::from(self.0.glyph_hor_advance(glyph).unwrap_or(0)) / f64::from(self.0.units_per_em())
    }

    /// Width of a text of a size.
    pub(crate) fn width(&self, text: &str, size: f64) -> f64 {
        text.chars().map(|letter| self.advance(self.glyph(letter))).sum::<f64>() * size
    }

    /// The text, or as much of it as fits with an ellipsis.
    pub(crate) fn fit(&self, text: &str, size: f64, room: f64) -> String {
        if self.width(text, size) <= room {
            return text.to_owned();
        }
        let mut short: Vec<char> = text.chars().collect();
        while short.pop().is_some() {
            let candidate: String = short.iter().collect::<String>().trim_end().to_owned() + "\u{2026}";
            if self.width(&candidate, size) <= room {
                return candidate;
            }
        }
        String::new()
    }

    /// Traces a text of a size from its baseline's start at the origin, y downwards.
    pub(crate) fn trace(&self, text: &str, size: f64, path: &mut tiny_skia::PathBuilder) {
        let scale = size / f64::from(self.0.units_per_em());
        let mut x = 0.0;
        for letter in text.chars() {
            let glyph = self.glyph(letter);
            self.0.outline_glyph(glyph, &mut Outline { path, x: x as f32, scale: scale as f32 });
            x += self.advance(glyph) * size;
        }
    }
}

struct Outline<'a> {
    path: &'a mut tiny_skia::PathBuilder,
    x: f32,
    scale: f32,
}

impl Outline<'_> {
    fn at(&self, x: f32, y: f32) -> (f32, f32) {
        (self.x + x * self.scale, -y * self.scale)
    }
}

impl OutlineBuilder for Outline<'_> {
    fn move_to(&mut self, x: f32, y: f32) {
        let (x, y) = self.at(x, y);
        self.path.move_to(x, y);
    }

    fn line_to(&mut self, x: f32, y: f32) {
        let (x, y) = self.at(x, y);
        self.path.line_to(x, y);
    }

    fn quad_to(&mut self, x1: f32, y1: f32, x: f32, y: f32) {
        let ((x1, y1), (x, y)) = (self.at(x1, y1), self.at(x, y));
        self.path.quad_to(x1, y1, x, y);
    }

    fn curve_to(&mut self, x1: f32, y1: f32, x2: f32, y2: f32, x: f32, y: f32) {
        let ((x1, y1), (x2, y2), (x, y)) = (self.at(x1, y1), self.at(x2, y2), self.at(x, y));
        self.path.cubic_to(x1, y1, x2, y2, x, y);
    }

    fn close(&mut self) {
        self.path.close();
    }
}
