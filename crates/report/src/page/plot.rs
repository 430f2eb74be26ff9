//! Plots of the page: SVG whose colours are the page's, with the numbers that its script shows.
//!
//! Invariant: text is escaped; a plot without a finite point is no plot.

use std::fmt::Write as _;

use super::Key;
use crate::axis::{Frame, Scale, four_digits};
use crate::font::{CAP_HEIGHT, Font};
use crate::labels;
use crate::svg::{escape, number};

/// Colours of series before they repeat.
pub(crate) const COLOURS: usize = 8;
/// Lines with more points than this have no dots.
const DOTS: usize = 40;
/// More labels than this cannot be read.
const LABELS: usize = 150;
const LABEL_SIZE: f64 = 11.0;

/// A line of a plot.
pub(crate) struct Line {
    pub(crate) name: String,
    /// What the legend adds to the name.
    pub(crate) note: String,
    pub(crate) points: Vec<(f64, f64)>,
    /// A third number of every point, only shown under the pointer; may be empty.
    pub(crate) extra: Vec<f64>,
    /// Where in the series of colours it stands.
    pub(crate) series: usize,
}

/// A named point.
pub(crate) struct Dot {
    pub(crate) at: (f64, f64),
    pub(crate) name: String,
    pub(crate) group: usize,
}

/// A plane that lines and dots are drawn in.
#[derive(Default)]
pub(crate) struct Plot {
    pub(crate) size: (f64, f64),
    /// What x, y and the third number are called.
    pub(crate) names: [String; 3],
    /// Both axes go from 0 to 1.
    pub(crate) unit: bool,
    /// A thin line between two points.
    pub(crate) guide: Option<((f64, f64), (f64, f64))>,
    /// A vertical line at an x, with a word.
    pub(crate) mark: Option<(f64, &'static str)>,
    pub(crate) lines: Vec<Line>,
    pub(crate) dots: Vec<Dot>,
    /// Names of dots are only shown under the pointer, however few there are.
    pub(crate) unnamed: bool,
    /// Names of the dots' groups.
    pub(crate) groups: Vec<String>,
}

impl Plot {
    /// The legend.
    pub(crate) fn keys(&self) -> Vec<Key> {
        let lines = self.lines.iter().map(|line| Key {
            series: line.series % COLOURS,
            dashed: line.series >= COLOURS,
            name: line.name.clone(),
            note: line.note.clone(),
        });
        let groups = self.groups.iter().enumerate().map(|(group, name)| Key {
            series: group % COLOURS,
            dashed: false,
            name: name.clone(),
            note: String::new(),
        });
        lines.chain(groups).collect()
    }

    /// The SVG element.
    pub(crate) fn svg(&self) -> Option<String> {
        let font = Font::load();
        let (x, y) = self.scales()?;
        let widest = y.ticks().iter().map(|(_, text)| font.width(text, 12.0)).fold(0.0, f64::max);
        let named = |name: &str, room: f64| if name.is_empty() { 0.0 } else { room };
        let frame = Frame {
            left: widest + 10.0 + named(&self.names[1], 18.0),
            top: 10.0,
            right: self.size.0 - 12.0,
            bottom: self.size.1 - 24.0 - named(&self.names[0], 18.0),
        };
        let place = |(px, py): (f64, f64)| {
            (
                frame.left + x.share(px) * (frame.right - frame.left),
                frame.bottom - y.share(py) * (frame.bottom - frame.top),
            )
        };
        let (width, height) = (number(self.size.0), number(self.size.1));
        let [x_name, y_name, extra] = self.names.each_ref().map(|name| escape(name));
        let mut out = format!(
            "<svg class=\"plot\" viewBox=\"0 0 {width} {height}\" role=\"img\" data-x=\"{x_name}\" \
             data-y=\"{y_name}\" data-z=\"{extra}\">"
        );
        axes(&mut out, frame, (&x, &y), &place);
        if !x_name.is_empty() {
            let (at, below) = ((frame.left + frame.right) / 2.0, self.size.1 - 6.0);
            text(&mut out, "name", (at, below), "middle", &self.names[0]);
        }
        if !y_name.is_empty() {
            let middle = number((frame.top + frame.bottom) / 2.0);
            let _ = write!(
                out,
                "<text class=\"name\" x=\"12\" y=\"{middle}\" text-anchor=\"middle\" \
                 transform=\"rotate(-90 12 {middle})\">{y_name}</text>"
            );
        }
        if let Some((from, to)) = self.guide {
            line(&mut out, "guide", place(from), place(to));
        }
        if let Some((at, word)) = self.mark.filter(|(at, _)| (x.low..=x.high).contains(at)) {
            let (px, _) = place((at, y.low));
            line(&mut out, "guide", (px, frame.top), (px, frame.bottom));
            let left = px > (frame.left + frame.right) / 2.0;
            let (px, anchor) = if left { (px - 4.0, "end") } else { (px + 4.0, "start") };
            text(&mut out, "tick", (px, frame.top + 12.0), anchor, word);
        }
        for line in &self.lines {
            self.line(&mut out, line, &place);
        }
        self.scatter(&mut out, &font, frame, &place);
        out.push_str("</svg>");
        Some(out)
    }

    fn scales(&self) -> Option<(Scale, Scale)> {
        let points = || {
            let of_lines = self.lines.iter().flat_map(|line| line.points.iter().copied());
            of_lines.chain(self.dots.iter().map(|dot| dot.at)).filter(|(x, y)| x.is_finite() && y.is_finite())
        };
        points().next()?;
        if self.unit {
            let unit = || Scale { low: 0.0, high: 1.0, step: 0.2 };
            return Some((unit(), unit()));
        }
        let margin = if self.dots.is_empty() { 0.0 } else { 0.05 };
        let ticks = (self.size.0 / 70.0) as usize;
        let mut x = Scale::of(points().map(|point| point.0), margin, ticks);
        if self.dots.is_empty() {
            // Epochs are whole.
            x.step = x.step.max(1.0);
        }
        let guide = self.guide.iter().flat_map(|(from, to)| [from.1, to.1]);
        Some((x, Scale::of(points().map(|point| point.1).chain(guide), 0.05, 6)))
    }

    fn line(&self, out: &mut String, line: &Line, place: &impl Fn((f64, f64)) -> (f64, f64)) {
        let finite = |(x, y): &(f64, f64)| x.is_finite() && y.is_finite();
        let shown: Vec<usize> = (0..line.points.len()).filter(|&at| finite(&line.points[at])).collect();
        let at = |&at: &usize| {
            let (x, y) = place(line.points[at]);
            format!("{},{}", number(x), number(y))
        };
        let values = |&at: &usize| {
            let (x, y) = line.points[at];
            let extra =
                line.extra.get(at).map_or_else(String::new, |value| format!(" {}", four_digits(*value)));
            format!("{} {}{extra}", four_digits(x), four_digits(y))
        };
        let join = |texts: Vec<String>, by: &str| texts.join(by);
        let dashed = if line.series >= COLOURS { " dashed" } else { "" };
        let _ = write!(
            out,
            "<polyline class=\"line s{}{dashed}\" points=\"{}\" data-name=\"{}\" data-v=\"{}\"/>",
            line.series % COLOURS,
            join(shown.iter().map(at).collect(), " "),
            escape(&line.name),
            join(shown.iter().map(values).collect(), ",")
        );
        if shown.len() <= DOTS {
            for &at in &shown {
                let (x, y) = place(line.points[at]);
                let series = line.series % COLOURS;
                let _ = write!(
                    out,
                    "<circle class=\"f{series}\" cx=\"{}\" cy=\"{}\" r=\"2.5\"/>",
                    number(x),
                    number(y)
                );
            }
        }
    }

    fn scatter(
        &self,
        out: &mut String,
        font: &Font,
        frame: Frame,
        place: &impl Fn((f64, f64)) -> (f64, f64),
    ) {
        let dots: Vec<&Dot> =
            self.dots.iter().filter(|dot| dot.at.0.is_finite() && dot.at.1.is_finite()).collect();
        let radius = match dots.len() {
            0..=300 => 4.0,
            301..=3000 => 2.5,
            _ => 1.5,
        };
        let at: Vec<(f64, f64)> = dots.iter().map(|dot| place(dot.at)).collect();
        for (dot, (x, y)) in dots.iter().zip(&at) {
            let group = self.groups.get(dot.group).map_or_else(String::new, |group| format!(" · {group}"));
            let _ = write!(
                out,
                "<circle class=\"f{}\" cx=\"{}\" cy=\"{}\" r=\"{}\" data-tip=\"{}\"/>",
                dot.group % COLOURS,
                number(*x),
                number(*y),
                number(radius),
                escape(&format!("{}{group}", dot.name))
            );
        }
        if self.unnamed || dots.len() > LABELS {
            return;
        }
        let names: Vec<String> = dots.iter().map(|dot| font.fit(&dot.name, LABEL_SIZE, 140.0)).collect();
        let sizes: Vec<(f64, f64)> =
            names.iter().map(|name| (font.width(name, LABEL_SIZE), LABEL_SIZE)).collect();
        let places = labels::arrange(&at, &sizes, radius, frame);
        for ((label, name), point) in places.iter().zip(&names).zip(&at) {
            if label.far {
                let near = (point.0.clamp(label.left, label.right), point.1.clamp(label.top, label.bottom));
                line(out, "guide", *point, near);
            }
            let baseline = label.top + LABEL_SIZE * (0.5 + CAP_HEIGHT / 2.0);
            text(out, "label", (label.left, baseline), "start", name);
        }
    }
}

fn axes(out: &mut String, frame: Frame, (x, y): (&Scale, &Scale), place: &impl Fn((f64, f64)) -> (f64, f64)) {
    for (value, tick) in x.ticks() {
        let (at, _) = place((value, y.low));
        line(out, "grid", (at, frame.top), (at, frame.bottom));
        text(out, "tick", (at, frame.bottom + 16.0), "middle", &tick);
    }
    for (value, tick) in y.ticks() {
        let (_, at) = place((x.low, value));
        line(out, "grid", (frame.left, at), (frame.right, at));
        text(out, "tick", (frame.left - 6.0, at + 4.0), "end", &tick);
    }
}

fn line(out: &mut String, class: &str, from: (f64, f64), to: (f64, f64)) {
    let [x1, y1, x2, y2] = [from.0, from.1, to.0, to.1].map(number);
    let _ = write!(out, "<line class=\"{class}\" x1=\"{x1}\" y1=\"{y1}\" x2=\"{x2}\" y2=\"{y2}\"/>");
}

pub(crate) fn text(out: &mut String, class: &str, at: (f64, f64), anchor: &str, text: &str) {
    let (x, y) = (number(at.0), number(at.1));
    let text = escape(text);
    let _ = write!(out, "<text class=\"{class}\" x=\"{x}\" y=\"{y}\" text-anchor=\"{anchor}\">{text}</text>");
}
