//! Colours changed as PIL's `ImageEnhance` and torchvision's `adjust_hue` change them, with their truncations.

use crate::picture::{Picture, luma};

/// Every level times `factor`.
pub(crate) fn brightness(picture: &mut Picture, factor: f64) {
    blend(picture, factor, |_| [0; 3]);
}

/// Away from the mean grey of the picture by `factor`.
pub(crate) fn contrast(picture: &mut Picture, factor: f64) {
    let grey = picture.to_grey();
    let sum: u64 = grey.bytes().iter().map(|&level| u64::from(level)).sum();
    let mean = (sum as f64 / grey.bytes().len() as f64 + 0.5) as u8;
    blend(picture, factor, |_| [mean; 3]);
}

/// Away from each pixel's own grey by `factor`.
pub(crate) fn saturation(picture: &mut Picture, factor: f64) {
    if picture.channels() == 3 {
        blend(picture, factor, |pixel| [luma(pixel); 3]);
    }
}

/// Every pixel its own grey; the channels stay as many.
pub(crate) fn grey(picture: &mut Picture) {
    saturation(picture, 0.0);
}

/// The hue turned by `part` of the circle (of -0.5 to 0.5).
pub(crate) fn hue(picture: &mut Picture, part: f64) {
    if picture.channels() != 3 {
        return;
    }
    let turn = (part * 255.0) as i32 as u8;
    for pixel in picture.bytes_mut().as_chunks_mut::<3>().0 {
        let [hue, saturation, value] = to_hsv(*pixel);
        *pixel = to_rgb([hue.wrapping_add(turn), saturation, value]);
    }
}

/// Each pixel is moved from what `base` makes of it by `factor`, in float32 and truncated as PIL's `Image.blend`.
fn blend(picture: &mut Picture, factor: f64, base: impl Fn(&[u8; 3]) -> [u8; 3]) {
    let factor = factor as f32;
    let mixed = |from: u8, to: u8| (f32::from(from) + factor * (f32::from(to) - f32::from(from))) as u8;
    if picture.channels() == 1 {
        for level in picture.bytes_mut() {
            *level = mixed(base(&[*level; 3])[0], *level);
        }
        return;
    }
    for pixel in picture.bytes_mut().as_chunks_mut::<3>().0 {
        let from = base(pixel);
        *pixel = [0, 1, 2].map(|channel| mixed(from[channel], pixel[channel]));
    }
}

/// Hue, saturation and value of 0 to 255 (Smith, 1978), in the precisions of PIL.
fn to_hsv([red, green, blue]: [u8; 3]) -> [u8; 3] {
    let (most, least) = (red.max(green).max(blue), red.min(green).min(blue));
    if most == least {
        return [0, 0, most];
    }
    let range = f32::from(most - least);
    let saturation = range / f32::from(most);
    let [r, g, b] = [red, green, blue].map(|level| f32::from(most - level) / range);
    let sector = if red == most {
        b - g
    } else if green == most {
        (2.0 + f64::from(r) - f64::from(b)) as f32
    } else {
        (4.0 + f64::from(g) - f64::from(r)) as f32
    };
    let hue = ((f64::from(sector) / 6.0 + 1.0) % 1.0) as f32;
    [(f64::from(hue) * 255.0) as u8, (f64::from(saturation) * 255.0) as u8, most]
}

fn to_rgb([hue, saturation, value]: [u8; 3]) -> [u8; 3] {
    if saturation == 0 {
        return [value; 3];
    }
    let turn = f64::from(hue) * 6.0 / 255.0;
    let sector = turn.floor();
    let rest = f64::from((turn - sector) as f32);
    let share = f64::from((f64::from(saturation) / 255.0) as f32);
    let level = |part: f64| (f64::from(value) * (1.0 - part)).round() as u8;
    let (p, q, t) = (level(share), level(share * rest), level(share * (1.0 - rest)));
    match sector as u8 % 6 {
        0 => [value, t, p],
        1 => [q, value, p],
        2 => [p, value, t],
        3 => [p, q, value],
        4 => [t, p, value],
        _ => [value, p, q],
    }
}
