//! Flips, and affine warps with bilinear sampling, as PIL's `Image.transform` computes them.

use crate::picture::Picture;

/// From a place in the result to the place in the picture: x' = m0 x + m1 y + m2, y' = m3 x + m4 y + m5, in pixels.
pub(crate) type Matrix = [f64; 6];

/// Left and right swapped.
pub(crate) fn flip_horizontally(picture: &Picture) -> Picture {
    let channels = picture.channels();
    let bytes = picture.rows().flat_map(|row| row.rchunks_exact(channels).flatten()).copied().collect();
    Picture::made(picture.width(), picture.height(), channels, bytes)
}

/// Top and bottom swapped.
pub(crate) fn flip_vertically(picture: &Picture) -> Picture {
    let bytes = picture.rows().rev().flatten().copied().collect();
    Picture::made(picture.width(), picture.height(), picture.channels(), bytes)
}

/// Counter-clockwise by `degrees` about the middle of `[height, width]`, as PIL's `Image.rotate`.
pub(crate) fn rotation(degrees: f64, width: usize, height: usize) -> Matrix {
    let angle = -degrees.rem_euclid(360.0).to_radians();
    // PIL rounds to 15 digits, so that quarter turns are exact
    let round = |number: f64| (number * 1e15).round_ties_even() / 1e15;
    let (sine, cosine) = (round(angle.sin()), round(angle.cos()));
    let (x, y) = (width as f64 / 2.0, height as f64 / 2.0);
    [cosine, sine, -cosine * x - sine * y + x, -sine, cosine, sine * x - cosine * y + y]
}

/// Larger by `factor` about the middle, then moved right and down, as torchvision's `affine`.
pub(crate) fn scaled(factor: f64, (right, down): (f64, f64), width: usize, height: usize) -> Matrix {
    let (x, y) = (width as f64 * 0.5, height as f64 * 0.5);
    let part = 1.0 / factor;
    [part, 0.0, part * (-x - right) + x, 0.0, part, part * (-y - down) + y]
}

/// The picture seen through `matrix`; places outside have the level `fill`.
pub(crate) fn warp(picture: &Picture, matrix: &Matrix, fill: u8) -> Picture {
    let (width, height, channels) = (picture.width(), picture.height(), picture.channels());
    let bytes = picture.bytes();
    let mut out = vec![fill; bytes.len()];
    for (row, line) in out.chunks_exact_mut(width * channels).enumerate() {
        for (column, pixel) in line.chunks_exact_mut(channels).enumerate() {
            let (x, y) = (column as f64 + 0.5, row as f64 + 0.5);
            let from_x = matrix[0] * x + matrix[1] * y + matrix[2];
            let from_y = matrix[3] * x + matrix[4] * y + matrix[5];
            let is_inside = |place: f64, side: usize| (0.0..side as f64).contains(&place);
            if !is_inside(from_x, width) || !is_inside(from_y, height) {
                continue;
            }
            let (left, right, dx) = neighbours(from_x, width);
            let (top, bottom, dy) = neighbours(from_y, height);
            let level =
                |x: usize, y: usize, channel: usize| f64::from(bytes[(y * width + x) * channels + channel]);
            for (channel, out) in pixel.iter_mut().enumerate() {
                let between = |y| {
                    let (a, b) = (level(left, y, channel), level(right, y, channel));
                    a + (b - a) * dx
                };
                let (above, below) = (between(top), between(bottom));
                *out = (above + (below - above) * dy) as u8;
            }
        }
    }
    Picture::made(width, height, channels, out)
}

/// The two pixels that a place lies between, clamped to the picture, and how far it is from the first.
fn neighbours(place: f64, side: usize) -> (usize, usize, f64) {
    let place = place - 0.5;
    let before = place.floor();
    let clamped = |at: f64| at.clamp(0.0, (side - 1) as f64) as usize;
    (clamped(before), clamped(before + 1.0), place - before)
}
