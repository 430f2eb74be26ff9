//! A canvas as pixels.
//!
//! Invariant: draws the same shapes as the SVG, in the same order.

use tiny_skia::{FillRule, LineJoin, Paint, Path, PathBuilder, Pixmap, Rect, Stroke, StrokeDash, Transform};

use crate::canvas::{Anchor, Canvas, Shape, Text, corners};
use crate::font::Font;
use crate::palette::{Colour, Mark, WHITE};

/// Pixels for each unit of the canvas.
const SCALE: f32 = 2.0;

/// The PNG file.
pub(crate) fn draw(canvas: &Canvas) -> Result<Vec<u8>, String> {
    let pixels = |length: f64| (length * f64::from(SCALE)).ceil() as u32;
    let mut pixmap = Pixmap::new(pixels(canvas.size.0), pixels(canvas.size.1))
        .ok_or_else(|| format!("{} by {} is no size", canvas.size.0, canvas.size.1))?;
    for shape in &canvas.shapes {
        draw_shape(&mut pixmap, &canvas.font, shape);
    }
    pixmap.encode_png().map_err(|error| error.to_string())
}

/// A shape without extent draws nothing.
fn draw_shape(pixmap: &mut Pixmap, font: &Font, shape: &Shape) {
    let transform = Transform::from_scale(SCALE, SCALE);
    match shape {
        Shape::Rectangle { corner, size, colour } => {
            let (x, y) = (corner.0 as f32, corner.1 as f32);
            if let Some(rectangle) = Rect::from_xywh(x, y, size.0 as f32, size.1 as f32) {
                pixmap.fill_rect(rectangle, &paint(*colour), transform, None);
            }
        }
        Shape::Line { points, colour, width, dashes } => {
            let dashes = dashes.iter().map(|length| *length as f32).collect();
            let stroke = Stroke {
                width: *width as f32,
                line_join: LineJoin::Round,
                dash: StrokeDash::new(dashes, 0.0),
                ..Stroke::default()
            };
            if let Some(path) = polygon(points, false) {
                pixmap.stroke_path(&path, &paint(*colour), &stroke, transform, None);
            }
        }
        Shape::Point { at, radius, mark, colour } => {
            let path = match mark {
                Mark::Circle => PathBuilder::from_circle(at.0 as f32, at.1 as f32, *radius as f32),
                _ => polygon(&corners(*mark, *at, *radius), true),
            };
            if let Some(path) = path {
                pixmap.fill_path(&path, &paint(*colour), FillRule::Winding, transform, None);
            }
        }
        Shape::Text(text) => draw_text(pixmap, font, text, transform),
    }
}

fn draw_text(pixmap: &mut Pixmap, font: &Font, text: &Text, transform: Transform) {
    let mut builder = PathBuilder::new();
    font.trace(&text.text, text.size, &mut builder);
    let Some(path) = builder.finish() else { return };
    let width = font.width(&text.text, text.size) as f32;
    let start = match text.anchor {
        Anchor::Start => 0.0,
        Anchor::Middle => -width / 2.0,
        Anchor::End => -width,
    };
    let transform = transform.pre_translate(text.at.0 as f32, text.at.1 as f32);
    let transform =
        if text.style.upright { transform.pre_concat(Transform::from_rotate(-90.0)) } else { transform };
    let transform = transform.pre_translate(start, 0.0);
    if text.style.halo {
        let stroke = Stroke { width: 3.0, line_join: LineJoin::Round, ..Stroke::default() };
        pixmap.stroke_path(&path, &paint(WHITE), &stroke, transform, None);
    }
    pixmap.fill_path(&path, &paint(text.style.colour), FillRule::Winding, transform, None);
}

fn polygon(points: &[(f64, f64)], closed: bool) -> Option<Path> {
    let mut builder = PathBuilder::new();
    for (at, (x, y)) in points.iter().enumerate() {
        if at == 0 {
            builder.move_to(*x as f32, *y as f32);
        } else {
            builder.line_to(*x as f32, *y as f32);
        }
    }
    if closed {
        builder.close();
    }
    builder.finish()
}

fn paint([red, green, blue]: Colour) -> Paint<'static> {
    let mut paint = Paint { anti_alias: true, ..Paint::default() };
    paint.set_color_rgba8(red, green, blue, 255);
    paint
}
