//! Resizing as Pillow does it (its `Resample.c`): a filter that widens where the picture shrinks, weights of 22 bits,
//! 8 bits between two passes. The rows' pass always comes first; Pillow 13 swaps the passes for some sizes, which may
//! change a level by one, and agrees to the bit for all others.

use crate::picture::Picture;
use crate::transform::Interpolation;

/// Bits behind the point: 32 for a sum, 8 for a level, 2 for weights below 0 and sums above 1.
const BITS: u32 = 32 - 8 - 2;

/// What a place of the result is made of.
struct Taps {
    /// The first place.
    start: usize,
    /// Weights of the places from there on.
    weights: Vec<i32>,
}

/// The picture in another size, neither side of which is 0.
pub(crate) fn resize(picture: &Picture, width: usize, height: usize, filter: Interpolation) -> Picture {
    let mut resized = picture.clone();
    if width != resized.width() {
        resized = if picture.channels() == 1 {
            across::<1>(&resized, width, filter)
        } else {
            across::<3>(&resized, width, filter)
        };
    }
    if height == resized.height() { resized } else { down(&resized, height, filter) }
}

/// Each row in another width.
fn across<const N: usize>(picture: &Picture, width: usize, filter: Interpolation) -> Picture {
    let taps = taps(picture.width(), width, filter);
    let mut bytes = Vec::with_capacity(width * picture.height() * N);
    for row in picture.rows() {
        let pixels = row.as_chunks::<N>().0;
        for Taps { start, weights } in &taps {
            let mut sums = [1i32 << (BITS - 1); N];
            for (pixel, weight) in pixels[*start..].iter().zip(weights) {
                for (sum, level) in sums.iter_mut().zip(pixel) {
                    *sum += i32::from(*level) * weight;
                }
            }
            bytes.extend(sums.map(level));
        }
    }
    Picture::made(width, picture.height(), N, bytes)
}

/// Each column in another height.
fn down(picture: &Picture, height: usize, filter: Interpolation) -> Picture {
    let line = picture.width() * picture.channels();
    let mut bytes = Vec::with_capacity(line * height);
    let mut sums = vec![0i32; line];
    for Taps { start, weights } in taps(picture.height(), height, filter) {
        sums.fill(1 << (BITS - 1));
        for (row, weight) in picture.bytes()[start * line..].chunks_exact(line).zip(weights) {
            for (sum, level) in sums.iter_mut().zip(row) {
                *sum += i32::from(*level) * weight;
            }
        }
        bytes.extend(sums.iter().copied().map(level));
    }
    Picture::made(picture.width(), height, picture.channels(), bytes)
}

fn level(sum: i32) -> u8 {
    (sum >> BITS).clamp(0, 255) as u8
}

/// What each of `out` places is made of, of `side` places.
fn taps(side: usize, out: usize, filter: Interpolation) -> Vec<Taps> {
    let scale = side as f64 / out as f64;
    let wide = scale.max(1.0);
    let support = reach(filter) * wide;
    let place = |at: usize| {
        let center = (at as f64 + 0.5) * scale;
        // a cast of a number below 0 is 0
        let start = (center - support + 0.5) as usize;
        let end = ((center + support + 0.5) as usize).min(side);
        let shares: Vec<f64> =
            (start..end).map(|from| value(filter, (from as f64 - center + 0.5) / wide)).collect();
        let sum: f64 = shares.iter().sum();
        let fixed = |share: f64| {
            let exact = if sum == 0.0 { share } else { share / sum } * f64::from(1u32 << BITS);
            (if exact < 0.0 { exact - 0.5 } else { exact + 0.5 }) as i32
        };
        Taps { start, weights: shares.into_iter().map(fixed).collect() }
    };
    (0..out).map(place).collect()
}

/// How far the filter reaches, in places.
fn reach(filter: Interpolation) -> f64 {
    match filter {
        Interpolation::Bilinear => 1.0,
        Interpolation::Bicubic => 2.0,
    }
}

fn value(filter: Interpolation, x: f64) -> f64 {
    const A: f64 = -0.5;
    let x = x.abs();
    match filter {
        Interpolation::Bilinear => (1.0 - x).max(0.0),
        Interpolation::Bicubic if x < 1.0 => ((A + 2.0) * x - (A + 3.0)) * x * x + 1.0,
        Interpolation::Bicubic if x < 2.0 => (((x - 5.0) * x + 8.0) * x - 4.0) * A,
        Interpolation::Bicubic => 0.0,
    }
}
