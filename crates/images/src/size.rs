//! Transforms that change a picture's size, and where random rectangles lie.

use draws::Draws;

use crate::picture::Picture;
use crate::resample::resize;
use crate::transform::{Erase, RandomResizedCrop, Resize};

/// A rectangle of pixels.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Part {
    pub(crate) left: usize,
    pub(crate) top: usize,
    pub(crate) width: usize,
    pub(crate) height: usize,
}

/// Width and height that `resize` makes of a picture's; both at least 1.
pub(crate) fn resized(resize: &Resize, width: usize, height: usize) -> (usize, usize) {
    let side = |declared: Option<u32>| declared.map_or(1, |side| side as usize);
    let Some(shorter) = resize.shorter else {
        return (side(resize.width), side(resize.height));
    };
    let shorter = shorter as usize;
    let long = |long: usize, short: usize| (shorter.saturating_mul(long) / short).max(1);
    if width <= height { (shorter, long(height, width)) } else { (long(width, height), shorter) }
}

/// A part of the picture.
pub(crate) fn crop(picture: &Picture, part: Part) -> Picture {
    let channels = picture.channels();
    let rows = picture.rows().skip(part.top).take(part.height);
    let line = part.left * channels..(part.left + part.width) * channels;
    let bytes = rows.flat_map(|row| &row[line.clone()]).copied().collect();
    Picture::made(part.width, part.height, channels, bytes)
}

/// The middle of the picture; where it is smaller than that, it gets a black border first.
pub(crate) fn center_crop(picture: &Picture, width: usize, height: usize) -> Picture {
    let padded;
    let mut picture = picture;
    if picture.width() < width || picture.height() < height {
        padded = pad(picture, width, height);
        picture = &padded;
    }
    let middle = |side: usize, part: usize| ((side - part) as f64 / 2.0).round_ties_even() as usize;
    let (left, top) = (middle(picture.width(), width), middle(picture.height(), height));
    crop(picture, Part { left, top, width, height })
}

fn pad(picture: &Picture, width: usize, height: usize) -> Picture {
    let (inner, channels) = (picture.width(), picture.channels());
    let (width, height) = (width.max(inner), height.max(picture.height()));
    let (left, top) = ((width - inner) / 2, (height - picture.height()) / 2);
    let mut bytes = vec![0; width * height * channels];
    for (row, line) in picture.rows().zip(bytes.chunks_exact_mut(width * channels).skip(top)) {
        line[left * channels..(left + inner) * channels].copy_from_slice(row);
    }
    Picture::made(width, height, channels, bytes)
}

/// A drawn part, resized.
pub(crate) fn random_resized_crop(picture: &Picture, crop: &RandomResizedCrop, draws: &mut Draws) -> Picture {
    let part = random_part(crop, picture.width(), picture.height(), draws);
    let part = self::crop(picture, part);
    resize(&part, crop.width as usize, crop.height as usize, crop.interpolation)
}

/// The part that torchvision's `RandomResizedCrop.get_params` has the distribution of: ten tries, then the middle.
pub(crate) fn random_part(crop: &RandomResizedCrop, width: usize, height: usize, draws: &mut Draws) -> Part {
    let area = (width * height) as f64;
    for _ in 0..10 {
        let part = area * between(draws, crop.scale);
        let ratio = between(draws, crop.ratio.map(f64::ln)).exp();
        let w = (part * ratio).sqrt().round_ties_even() as usize;
        let h = (part / ratio).sqrt().round_ties_even() as usize;
        if (1..=width).contains(&w) && (1..=height).contains(&h) {
            let top = draws.below((height - h + 1) as u64) as usize;
            let left = draws.below((width - w + 1) as u64) as usize;
            return Part { left, top, width: w, height: h };
        }
    }
    let ratio = width as f64 / height as f64;
    let round = |side: f64| (side.round_ties_even() as usize).max(1);
    let (w, h) = if ratio < crop.ratio[0] {
        (width, round(width as f64 / crop.ratio[0]).min(height))
    } else if ratio > crop.ratio[1] {
        (round(height as f64 * crop.ratio[1]).min(width), height)
    } else {
        (width, height)
    };
    Part { left: (width - w) / 2, top: (height - h) / 2, width: w, height: h }
}

/// Fills a drawn rectangle.
pub(crate) fn erase(picture: &mut Picture, erasing: &Erase, draws: &mut Draws) {
    let (width, height, channels) = (picture.width(), picture.height(), picture.channels());
    let Some(part) = erased(erasing, width, height, draws) else { return };
    for line in picture.bytes_mut().chunks_exact_mut(width * channels).skip(part.top).take(part.height) {
        line[part.left * channels..(part.left + part.width) * channels].fill(erasing.fill);
    }
}

/// The rectangle that torchvision's `RandomErasing.get_params` has the distribution of; `None` where ten tries found
/// none that is smaller than the picture.
pub(crate) fn erased(erasing: &Erase, width: usize, height: usize, draws: &mut Draws) -> Option<Part> {
    let area = (width * height) as f64;
    for _ in 0..10 {
        let part = area * between(draws, erasing.scale);
        let ratio = between(draws, erasing.ratio.map(f64::ln)).exp();
        let h = (part * ratio).sqrt().round_ties_even() as usize;
        let w = (part / ratio).sqrt().round_ties_even() as usize;
        if h < height && w < width {
            let top = draws.below((height - h + 1) as u64) as usize;
            let left = draws.below((width - w + 1) as u64) as usize;
            return Some(Part { left, top, width: w, height: h });
        }
    }
    None
}

/// A uniform number of a range.
pub(crate) fn between(draws: &mut Draws, [low, high]: [f64; 2]) -> f64 {
    low + (high - low) * draws.unit()
}
