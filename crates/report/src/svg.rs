//! A canvas as SVG text.
//!
//! Invariant: texts are escaped, and numbers have at most two decimals and no locale.

use std::fmt::Write as _;

use crate::canvas::{Anchor, Canvas, Shape, Text, corners};
use crate::font::FAMILY;
use crate::palette::{Colour, Mark};

/// The document.
pub(crate) fn write(canvas: &Canvas) -> String {
    let (width, height) = (number(canvas.size.0), number(canvas.size.1));
    let mut out = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{width}\" height=\"{height}\" \
         viewBox=\"0 0 {width} {height}\" font-family=\"{FAMILY}\" role=\"img\">\n<title>{}</title>\n",
        escape(&canvas.title)
    );
    for shape in &canvas.shapes {
        out.push_str(&element(shape));
        out.push('\n');
    }
    out.push_str("</svg>\n");
    out
}

fn element(shape: &Shape) -> String {
    match shape {
        Shape::Rectangle { corner, size, colour } => format!(
            "<rect x=\"{}\" y=\"{}\" width=\"{}\" height=\"{}\" fill=\"{}\"/>",
            number(corner.0),
            number(corner.1),
            number(size.0),
            number(size.1),
            hex(*colour)
        ),
        Shape::Line { points, colour, width, dashes } => {
            let dashes: Vec<String> = dashes.iter().copied().map(number).collect();
            let dashes = if dashes.is_empty() {
                String::new()
            } else {
                format!(" stroke-dasharray=\"{}\"", dashes.join(" "))
            };
            format!(
                "<polyline points=\"{}\" fill=\"none\" stroke=\"{}\" stroke-width=\"{}\" \
                 stroke-linejoin=\"round\"{dashes}/>",
                list(points),
                hex(*colour),
                number(*width)
            )
        }
        Shape::Point { at, radius, mark: Mark::Circle, colour } => format!(
            "<circle cx=\"{}\" cy=\"{}\" r=\"{}\" fill=\"{}\"/>",
            number(at.0),
            number(at.1),
            number(*radius),
            hex(*colour)
        ),
        Shape::Point { at, radius, mark, colour } => {
            format!("<polygon points=\"{}\" fill=\"{}\"/>", list(&corners(*mark, *at, *radius)), hex(*colour))
        }
        Shape::Text(text) => text_element(text),
    }
}

fn text_element(text: &Text) -> String {
    let (x, y) = (number(text.at.0), number(text.at.1));
    let anchor = match text.anchor {
        Anchor::Start => "start",
        Anchor::Middle => "middle",
        Anchor::End => "end",
    };
    let mut attributes = String::new();
    if text.style.halo {
        attributes.push_str(
            " stroke=\"#ffffff\" stroke-width=\"3\" stroke-linejoin=\"round\" paint-order=\"stroke\"",
        );
    }
    if text.style.upright {
        let _ = write!(attributes, " transform=\"rotate(-90 {x} {y})\"");
    }
    format!(
        "<text x=\"{x}\" y=\"{y}\" font-size=\"{}\" text-anchor=\"{anchor}\" fill=\"{}\"{attributes}>{}</text>",
        number(text.size),
        hex(text.style.colour),
        escape(&text.text)
    )
}

fn list(points: &[(f64, f64)]) -> String {
    let points: Vec<String> = points.iter().map(|(x, y)| format!("{},{}", number(*x), number(*y))).collect();
    points.join(" ")
}

fn hex([red, green, blue]: Colour) -> String {
    format!("#{red:02x}{green:02x}{blue:02x}")
}

pub(crate) fn number(value: f64) -> String {
    let text = format!("{value:.2}");
    let text = text.trim_end_matches('0').trim_end_matches('.');
    if text == "-0" { "0".to_owned() } else { text.to_owned() }
}

/// Text as XML character data; characters that XML forbids become the replacement character.
pub(crate) fn escape(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for letter in text.chars() {
        match letter {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            '\t' | '\n' | '\r' => out.push(' '),
            '\u{0}'..='\u{1f}' | '\u{fffe}' | '\u{ffff}' => out.push('\u{fffd}'),
            _ => out.push(letter),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_short() {
        assert_eq!(
            [1.0, 0.1 + 0.2, -0.001, 1234.567, 100.0].map(number),
            ["1", "0.3", "0", "1234.57", "100"]
        );
    }

    #[test]
    fn markup_is_escaped() {
        assert_eq!(escape("<a b=\"c\">&'\u{1}\n"), "&lt;a b=&quot;c&quot;&gt;&amp;&#39;\u{fffd} ");
    }
}
