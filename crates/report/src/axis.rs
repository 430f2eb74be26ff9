//! Axes: round ticks, scales, the frame of a plot.
//!
//! Invariant: a scale maps its whole range into the frame, and a range without extent is widened.

use crate::canvas::{Anchor, Canvas, TextStyle, centred};
use crate::palette::{FRAME, GRID, INK, MUTED};

/// Size of the numbers at an axis.
pub(crate) const TICK_SIZE: f64 = 12.0;
/// Size of the name of an axis.
pub(crate) const NAME_SIZE: f64 = 13.0;

/// A range of values with round ticks.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Scale {
    pub(crate) low: f64,
    pub(crate) high: f64,
    pub(crate) step: f64,
}

impl Scale {
    /// The range of the finite values, with `margin` of its extent added at both ends, and steps of 1, 2 or
    /// 5 times a power of ten, about `ticks` of them.
    pub(crate) fn of(values: impl Iterator<Item = f64>, margin: f64, ticks: usize) -> Self {
        let (low, high) = values
            .filter(|value| value.is_finite())
            .fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), value| (low.min(value), high.max(value)));
        let (low, high) = if low > high { (0.0, 1.0) } else { (low, high) };
        // Halves, because the difference of two finite numbers may not be finite.
        let extent = (high / 2.0 - low / 2.0) * 2.0;
        let (low, high) = if extent > low.abs().max(high.abs()) * 1e-9 {
            let margin = extent.min(f64::MAX / 4.0) * margin;
            (low - margin, high + margin)
        } else {
            let around = if low == 0.0 { 1.0 } else { low.abs() * 0.1 };
            (low - around, high + around)
        };
        let (low, high) = (low.max(-f64::MAX / 4.0), high.min(f64::MAX / 4.0));
        let rough = (high - low) / ticks as f64;
        let power = 10f64.powf(rough.log10().floor()).max(f64::MIN_POSITIVE);
        let step = [1.0, 2.0, 5.0, 10.0]
            .into_iter()
            .map(|factor| factor * power)
            .find(|step| *step >= rough * 0.999)
            .unwrap_or(power * 10.0);
        Self { low, high, step }
    }

    /// The ends moved out to whole steps.
    pub(crate) fn rounded(self) -> Self {
        let (low, high) = ((self.low / self.step).floor(), (self.high / self.step).ceil());
        Self { low: low * self.step, high: high * self.step, ..self }
    }

    /// Where a value lies, from 0 at the low end to 1 at the high end; values too large for arithmetic lie
    /// at the ends.
    pub(crate) fn share(&self, value: f64) -> f64 {
        (value.clamp(self.low, self.high) - self.low) / (self.high - self.low)
    }

    /// The ticks, with their texts.
    pub(crate) fn ticks(&self) -> Vec<(f64, String)> {
        let slack = 1e-9;
        let first = (self.low / self.step - slack).ceil();
        let last = (self.high / self.step + slack).floor();
        let count = if last >= first { ((last - first) as usize).min(50) } else { 0 };
        (0..=count).map(|at| (first + at as f64) * self.step).map(|value| (value, self.text(value))).collect()
    }

    fn text(&self, value: f64) -> String {
        let largest = self.low.abs().max(self.high.abs());
        if largest >= 1e6 || self.step < 1e-5 {
            let value = if value.abs() < self.step / 2.0 { 0.0 } else { value };
            return shorten(&format!("{value:.3e}"));
        }
        let decimals = (-self.step.log10() - 1e-9).ceil().max(0.0) as usize;
        let text = format!("{value:.decimals$}");
        if text.trim_start_matches('-').chars().all(|letter| "0.".contains(letter)) {
            text.trim_start_matches('-').to_owned()
        } else {
            text
        }
    }
}

/// A number with four significant digits, as written beside a bar.
pub(crate) fn four_digits(value: f64) -> String {
    if !value.is_finite() {
        return "n/a".to_owned();
    }
    if value == 0.0 {
        return "0".to_owned();
    }
    let power = value.abs().log10().floor();
    if !(-4.0..6.0).contains(&power) {
        return shorten(&format!("{value:.3e}"));
    }
    let decimals = (3.0 - power).clamp(0.0, 7.0) as usize;
    let text = format!("{value:.decimals$}");
    if text.contains('.') { text.trim_end_matches('0').trim_end_matches('.').to_owned() } else { text }
}

/// `1.500e7` as `1.5e7`.
fn shorten(text: &str) -> String {
    match text.split_once('e') {
        Some((digits, "0")) => digits.trim_end_matches('0').trim_end_matches('.').to_owned(),
        Some((digits, power)) if digits.contains('.') => {
            format!("{}e{power}", digits.trim_end_matches('0').trim_end_matches('.'))
        }
        _ => text.to_owned(),
    }
}

/// The rectangle that data is drawn in.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Frame {
    pub(crate) left: f64,
    pub(crate) top: f64,
    pub(crate) right: f64,
    pub(crate) bottom: f64,
}

/// A frame with its two scales.
pub(crate) struct Plane {
    pub(crate) frame: Frame,
    pub(crate) x: Scale,
    pub(crate) y: Scale,
}

impl Plane {
    /// Where a point of the data lies on the canvas.
    pub(crate) fn place(&self, (x, y): (f64, f64)) -> (f64, f64) {
        let Frame { left, top, right, bottom } = self.frame;
        (left + self.x.share(x) * (right - left), bottom - self.y.share(y) * (bottom - top))
    }

    /// Width that the numbers of a y axis take.
    pub(crate) fn numbers_width(canvas: &Canvas, y: &Scale) -> f64 {
        y.ticks().iter().map(|(_, text)| canvas.font.width(text, TICK_SIZE)).fold(0.0, f64::max)
    }

    /// Draws grid, frame, numbers and names; an empty name draws none.
    pub(crate) fn draw(&self, canvas: &mut Canvas, x_name: &str, y_name: &str) {
        let Frame { left, top, right, bottom } = self.frame;
        let numbers = TextStyle::plain(MUTED);
        for (value, text) in self.x.ticks() {
            let (x, _) = self.place((value, self.y.low));
            canvas.line((x, top), (x, bottom), GRID, 1.0);
            canvas.text(text, (x, bottom + 18.0), TICK_SIZE, Anchor::Middle, numbers);
        }
        for (value, text) in self.y.ticks() {
            let (_, y) = self.place((self.x.low, value));
            canvas.line((left, y), (right, y), GRID, 1.0);
            canvas.text(text, (left - 8.0, centred(y, TICK_SIZE)), TICK_SIZE, Anchor::End, numbers);
        }
        for (from, to) in [
            ((left, top), (right, top)),
            ((right, top), (right, bottom)),
            ((right, bottom), (left, bottom)),
            ((left, bottom), (left, top)),
        ] {
            canvas.line(from, to, FRAME, 1.0);
        }
        let names = TextStyle::plain(INK);
        let x_shown = canvas.font.fit(x_name, NAME_SIZE, right - left);
        let y_shown = canvas.font.fit(y_name, NAME_SIZE, bottom - top);
        let middle = (left + right) / 2.0;
        canvas.text(x_shown, (middle, bottom + 42.0), NAME_SIZE, Anchor::Middle, names);
        let at = (left - 8.0 - Self::numbers_width(canvas, &self.y) - 14.0, (top + bottom) / 2.0);
        canvas.text(y_shown, at, NAME_SIZE, Anchor::Middle, TextStyle { upright: true, ..names });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn texts(low: f64, high: f64) -> Vec<String> {
        let scale = Scale::of([low, high].into_iter(), 0.0, 5);
        scale.ticks().into_iter().map(|(_, text)| text).collect()
    }

    #[test]
    fn ticks_are_round() {
        assert_eq!(texts(0.0, 1.0), ["0.0", "0.2", "0.4", "0.6", "0.8", "1.0"]);
        assert_eq!(texts(-3.0, 7.0), ["-2", "0", "2", "4", "6"]);
        assert_eq!(texts(0.12, 0.62), ["0.2", "0.3", "0.4", "0.5", "0.6"]);
        assert_eq!(texts(0.913, 0.928), ["0.915", "0.920", "0.925"]);
        assert_eq!(texts(0.0, 4e7), ["0", "1e7", "2e7", "3e7", "4e7"]);
    }

    #[test]
    fn no_extent_and_no_values_still_have_a_scale() {
        assert_eq!(texts(2.0, 2.0).len(), 5);
        for values in [vec![], vec![f64::NAN], vec![0.0], vec![f64::MAX, -f64::MAX], vec![1e-300, 2e-300]] {
            let scale = Scale::of(values.into_iter(), 0.05, 5);
            assert!(scale.low < scale.high && scale.high.is_finite(), "{scale:?}");
            assert!(!scale.ticks().is_empty());
        }
    }

    #[test]
    fn four_digits_are_four() {
        let texts = [0.98765, 0.9, 1.0, 1234.5, -0.012345, 1e-7, 123_456.0, f64::NAN, 0.0].map(four_digits);
        assert_eq!(texts, ["0.9877", "0.9", "1", "1234", "-0.01235", "1e-7", "123456", "n/a", "0"]);
    }
}
