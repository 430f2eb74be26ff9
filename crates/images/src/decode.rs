//! Files to pictures.
//!
//! The content says what a file is, not its name. JPEG is decoded by zune-jpeg, which rounds otherwise than
//! libjpeg-turbo: `tests/decode.rs` says how far the levels are apart; all else is Pillow's to the bit. As in torchvision's loader, transparency is dropped and
//! 16 bits keep their upper 8; unlike there, a JPEG's EXIF orientation is applied.

use std::io::Cursor;
use std::panic::{self, AssertUnwindSafe};
use std::path::Path;

use image::error::ImageError;
use image::{DynamicImage, ImageDecoder, ImageFormat, ImageReader};

use crate::error::Error;
use crate::picture::Picture;

/// What a file may ask for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Pixels of a picture, before and after each transform.
    pub pixels: u64,
    /// Bytes of a file.
    pub bytes: u64,
}

impl Default for Limits {
    /// 128 million pixels, 256 MiB.
    fn default() -> Self {
        Self { pixels: 128_000_000, bytes: 256 << 20 }
    }
}

/// Room for what a decoder needs besides its pixels.
const SLACK: u64 = 64 << 20;

/// Formats that are read, with the endings of their names.
const FORMATS: [(ImageFormat, &str, &[&str]); 5] = [
    (ImageFormat::Jpeg, "JPEG", &["jpg", "jpeg", "jpe", "jfif"]),
    (ImageFormat::Png, "PNG", &["png", "apng"]),
    (ImageFormat::Gif, "GIF", &["gif"]),
    (ImageFormat::Bmp, "BMP", &["bmp", "dib"]),
    (ImageFormat::WebP, "WebP", &["webp"]),
];

/// Endings of pictures in formats that are not read: a file so called is a picture that cannot be read, not another thing.
const OTHER_ENDINGS: [&str; 7] = ["tif", "tiff", "avif", "heic", "heif", "jp2", "jxl"];

/// Whether a file is called as pictures are, by its ending.
pub fn is_picture(name: &str) -> bool {
    let ending = Path::new(name).extension().and_then(|ending| ending.to_str()).unwrap_or_default();
    let known = FORMATS.iter().flat_map(|row| row.2).chain(&OTHER_ENDINGS);
    known.into_iter().any(|own| own.eq_ignore_ascii_case(ending))
}

/// How other content starts (at a byte), for the message.
const OTHERS: [(usize, &[u8], &str); 10] = [
    (0, b"II*\0", "TIFF"),
    (0, b"MM\0*", "TIFF"),
    (4, b"ftypavif", "AVIF"),
    (4, b"ftypheic", "HEIC"),
    (4, b"ftypmif1", "HEIC"),
    (0, b"%PDF", "PDF"),
    (0, b"PK\x03\x04", "a zip archive"),
    (0, b"<svg", "SVG"),
    (0, b"<!DOCTYPE", "a web page"),
    (0, b"<html", "a web page"),
];

/// Reads the picture at `path`; a name for messages is made of it.
///
/// # Errors
/// As [`decode`], and [`Error::Io`].
pub fn read(path: &Path, limits: &Limits) -> Result<Picture, Error> {
    let name = path.display().to_string();
    let io = |source| Error::Io { name: name.clone(), source };
    let size = std::fs::metadata(path).map_err(io)?.len();
    if size > limits.bytes {
        return Err(Error::Limit { name, found: size, unit: "bytes", limit: limits.bytes });
    }
    decode(&std::fs::read(path).map_err(io)?, &name, limits)
}

/// The picture of `bytes`, grey or RGB as it was written; of several frames the first. `name` is for messages, and
/// tells when content and name disagree.
///
/// # Errors
/// [`Error::Format`] for other content, [`Error::Damaged`] where decoding fails, [`Error::Limit`] for more bytes or
/// pixels than `limits` allow.
pub fn decode(bytes: &[u8], name: &str, limits: &Limits) -> Result<Picture, Error> {
    if bytes.len() as u64 > limits.bytes {
        let (found, limit) = (bytes.len() as u64, limits.bytes);
        return Err(Error::Limit { name: name.to_owned(), found, unit: "bytes", limit });
    }
    let guessed = image::guess_format(bytes).ok();
    let Some(&(format, label, endings)) = FORMATS.iter().find(|row| guessed == Some(row.0)) else {
        let is_other = |&&(at, start, _): &&(usize, &[u8], &str)| {
            bytes.get(at..).is_some_and(|rest| rest.starts_with(start))
        };
        let other = OTHERS.iter().find(is_other).map(|row| row.2);
        let found = other.or(bytes.is_empty().then_some("an empty file"));
        return Err(Error::Format { name: name.to_owned(), found });
    };
    let damaged = |reason: String| {
        let ending = Path::new(name).extension().and_then(|ending| ending.to_str()).unwrap_or_default();
        let agrees = ending.is_empty() || endings.iter().any(|own| own.eq_ignore_ascii_case(ending));
        let note =
            if agrees { String::new() } else { format!(" (the content is {label}, whatever the name says)") };
        Error::Damaged { name: name.to_owned(), reason: reason + &note }
    };
    if format == ImageFormat::Jpeg && is_cut(bytes) {
        return Err(damaged("the JPEG ends before its end mark".to_owned()));
    }
    // decoders of foreign files may panic on what they did not foresee
    let decoded = panic::catch_unwind(AssertUnwindSafe(|| whole(bytes, format, name, limits)));
    match decoded {
        Ok(Ok(image)) => levels(image).ok_or_else(|| damaged("it has no pixels".to_owned())),
        Ok(Err(Refusal::Limit(error))) => Err(error),
        Ok(Err(Refusal::Image(error))) => Err(damaged(error.to_string())),
        Err(_) => Err(damaged("its decoder gave up".to_owned())),
    }
}

enum Refusal {
    Limit(Error),
    Image(ImageError),
}

fn whole(bytes: &[u8], format: ImageFormat, name: &str, limits: &Limits) -> Result<DynamicImage, Refusal> {
    let mut reader = ImageReader::with_format(Cursor::new(bytes), format);
    let mut bounds = image::Limits::no_limits();
    bounds.max_alloc = Some(limits.pixels.saturating_mul(8).saturating_add(SLACK));
    reader.limits(bounds);
    let mut decoder = reader.into_decoder().map_err(Refusal::Image)?;
    let (width, height) = decoder.dimensions();
    let found = u64::from(width) * u64::from(height);
    if found > limits.pixels {
        let name = name.to_owned();
        return Err(Refusal::Limit(Error::Limit { name, found, unit: "pixels", limit: limits.pixels }));
    }
    let orientation = decoder.orientation().map_err(Refusal::Image)?;
    let mut image = DynamicImage::from_decoder(decoder).map_err(Refusal::Image)?;
    image.apply_orientation(orientation);
    Ok(image)
}

/// Whether a JPEG lacks the end of its last scan: the decoder would fill up with grey. A mark of an end before the
/// last scan is a thumbnail's.
fn is_cut(bytes: &[u8]) -> bool {
    let scan = memchr::memmem::rfind(bytes, b"\xff\xda");
    let end = memchr::memmem::rfind(bytes, b"\xff\xd9");
    scan.is_none_or(|scan| end.is_none_or(|end| end < scan))
}

/// The decoded levels in 8 bits, grey or RGB.
fn levels(image: DynamicImage) -> Option<Picture> {
    let (width, height) = (image.width() as usize, image.height() as usize);
    let upper = |levels: &[u16], step: usize, keep: usize| -> Vec<u8> {
        levels
            .chunks_exact(step)
            .flat_map(|pixel| pixel[..keep].iter().map(|level| (level >> 8) as u8))
            .collect()
    };
    let opaque = |levels: &[u8], step: usize| -> Vec<u8> {
        levels.chunks_exact(step).flat_map(|pixel| &pixel[..step - 1]).copied().collect()
    };
    let (channels, bytes) = match image {
        DynamicImage::ImageLuma8(image) => (1, image.into_raw()),
        DynamicImage::ImageLumaA8(image) => (1, opaque(image.as_raw(), 2)),
        DynamicImage::ImageRgba8(image) => (3, opaque(image.as_raw(), 4)),
        DynamicImage::ImageLuma16(image) => (1, upper(image.as_raw(), 1, 1)),
        DynamicImage::ImageLumaA16(image) => (1, upper(image.as_raw(), 2, 1)),
        DynamicImage::ImageRgb16(image) => (3, upper(image.as_raw(), 3, 3)),
        DynamicImage::ImageRgba16(image) => (3, upper(image.as_raw(), 4, 3)),
        other => (3, other.into_rgb8().into_raw()),
    };
    Picture::new(width, height, channels, bytes)
}
