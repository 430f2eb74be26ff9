//! Pictures in a grid with labels, as a PNG.

use tiny_skia::{Color, FillRule, Paint, PathBuilder, Pixmap, PremultipliedColorU8, Transform};
use ttf_parser::{Face, GlyphId, OutlineBuilder};

use crate::error::Error;
use crate::picture::Picture;
use crate::resample;
use crate::transform::Interpolation;

/// The font that the report's pictures are set in.
static FONT: &[u8] = include_bytes!("../../report/assets/DejaVuSans.ttf");

/// Pixels between tiles, and around them.
const GAP: usize = 8;
/// Pixels of a letter's square.
const LETTER: f32 = 13.0;
/// Pixels of a line of text.
const LINE: usize = 20;
/// Pixels of a plane's side.
const PLANE: usize = 1200;
/// Tiles on a sheet.
const TILES: usize = 4096;

/// A picture of a sheet.
#[derive(Clone, Debug)]
pub struct Tile {
    /// What stands below it; cut where it is too long.
    pub label: String,
    /// The picture, fitted into the tile's square.
    pub picture: Picture,
}

/// A PNG of `tiles` in `columns` columns, each picture within a square of `side` pixels and its label below.
///
/// # Errors
/// [`Error::Sheet`] for no tiles, more than 4096, or sides that make no picture.
pub fn sheet(tiles: &[Tile], columns: usize, side: usize) -> Result<Vec<u8>, Error> {
    let fail = |reason: &str| Error::Sheet(reason.to_owned());
    if tiles.is_empty() || tiles.len() > TILES || columns == 0 || !(8..=1024).contains(&side) {
        return Err(fail("it takes 1 to 4096 pictures, a column, and tiles of 8 to 1024 pixels"));
    }
    let columns = columns.min(tiles.len());
    let rows = tiles.len().div_ceil(columns);
    let (width, height) = (GAP + columns * (side + GAP), GAP + rows * (side + LINE + GAP));
    let mut pixmap = u32::try_from(width)
        .ok()
        .zip(u32::try_from(height).ok())
        .and_then(|(width, height)| Pixmap::new(width, height))
        .ok_or_else(|| fail("it is too large"))?;
    pixmap.fill(Color::WHITE);
    let face = Face::parse(FONT, 0).map_err(|error| Error::Sheet(error.to_string()))?;
    for (at, tile) in tiles.iter().enumerate() {
        let corner = (GAP + at % columns * (side + GAP), GAP + at / columns * (side + LINE + GAP));
        place(&mut pixmap, &tile.picture, corner, side);
        write(&mut pixmap, &face, &tile.label, (corner.0, corner.1 + side), side);
    }
    pixmap.encode_png().map_err(|error| Error::Sheet(error.to_string()))
}

/// A PNG of pictures at places of a plane, `(x, y)` with y upwards, each within a square of `side` pixels; later ones
/// lie above.
///
/// # Errors
/// [`Error::Sheet`] for no pictures, and for sides that make no picture.
pub fn plane(pictures: &[((f64, f64), Picture)], side: usize) -> Result<Vec<u8>, Error> {
    let fail = |reason: &str| Error::Sheet(reason.to_owned());
    if pictures.is_empty() || !(8..=256).contains(&side) {
        return Err(fail("it takes at least one picture, and squares of 8 to 256 pixels"));
    }
    let range = |of: fn(&(f64, f64)) -> f64| {
        let finite = pictures.iter().map(|(place, _)| of(place)).filter(|at| at.is_finite());
        finite.fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), at| (low.min(at), high.max(at)))
    };
    let (across, up) = (range(|place| place.0), range(|place| place.1));
    let mut pixmap = Pixmap::new(PLANE as u32, PLANE as u32).ok_or_else(|| fail("it is too large"))?;
    pixmap.fill(Color::WHITE);
    let room = (PLANE - side - 2 * GAP) as f64;
    let pixel = |at: f64, (low, high): (f64, f64)| {
        let share = if high > low && at.is_finite() { (at - low) / (high - low) } else { 0.5 };
        GAP + (share * room).round() as usize
    };
    for ((x, y), picture) in pictures {
        let corner = (pixel(*x, across), PLANE - side - pixel(*y, up));
        place(&mut pixmap, picture, corner, side);
    }
    pixmap.encode_png().map_err(|error| Error::Sheet(error.to_string()))
}

/// The picture in the middle of its square.
fn place(pixmap: &mut Pixmap, picture: &Picture, corner: (usize, usize), side: usize) {
    let longer = picture.width().max(picture.height());
    let fitted = |own: usize| (own * side / longer).max(1);
    let (width, height) = (fitted(picture.width()), fitted(picture.height()));
    let picture = resample::resize(&picture.to_rgb(), width, height, Interpolation::Bilinear);
    let (left, top) = (corner.0 + (side - width) / 2, corner.1 + (side - height) / 2);
    let stride = pixmap.width() as usize;
    let pixels = pixmap.pixels_mut();
    for (row, line) in picture.rows().enumerate() {
        let start = (top + row) * stride + left;
        for (pixel, &[red, green, blue]) in pixels[start..].iter_mut().zip(line.as_chunks::<3>().0) {
            if let Some(colour) = PremultipliedColorU8::from_rgba(red, green, blue, 255) {
                *pixel = colour;
            }
        }
    }
}

/// The label, as much of it as fits, in the middle below its square.
fn write(pixmap: &mut Pixmap, face: &Face<'_>, label: &str, (left, top): (usize, usize), side: usize) {
    let scale = LETTER / f32::from(face.units_per_em());
    let glyph = |letter: char| face.glyph_index(letter).unwrap_or(GlyphId(0));
    let advance = |letter: char| f32::from(face.glyph_hor_advance(glyph(letter)).unwrap_or(0)) * scale;
    let width = |text: &str| text.chars().map(advance).sum::<f32>();
    let text = fit(label, side as f32, width);
    let mut pen = Pen {
        path: PathBuilder::new(),
        x: left as f32 + (side as f32 - width(&text)) / 2.0,
        y: top as f32 + 14.0,
        scale,
    };
    for letter in text.chars() {
        face.outline_glyph(glyph(letter), &mut pen);
        pen.x += advance(letter);
    }
    if let Some(path) = pen.path.finish() {
        let paint = Paint { anti_alias: true, ..Paint::default() };
        pixmap.fill_path(&path, &paint, FillRule::Winding, Transform::identity(), None);
    }
}

/// The label, or as much of it as fits with an ellipsis.
fn fit(label: &str, room: f32, width: impl Fn(&str) -> f32) -> String {
    if width(label) <= room {
        return label.to_owned();
    }
    let mut short = label.to_owned();
    while short.pop().is_some() {
        let candidate = short.trim_end().to_owned() + "\u{2026}";
        if width(&candidate) <= room {
            return candidate;
        }
    }
    String::new()
}

/// Draws outlines of letters at a place; a font's y goes up.
struct Pen {
    path: PathBuilder,
    x: f32,
    y: f32,
    scale: f32,
}

impl Pen {
    fn at(&self, x: f32, y: f32) -> (f32, f32) {
        (self.x + x * self.scale, self.y - y * self.scale)
    }
}

impl OutlineBuilder for Pen {
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
