//! Pictures that Pillow wrote (`reference.py`), against what Pillow reads.
#![expect(clippy::unwrap_used, reason = "a failure here fails the test")]

use std::collections::BTreeMap;
use std::io::Read;
use std::path::{Path, PathBuf};

use images::{Error, Limits, Picture, decode, read};
use proptest::prelude::*;
use serde_json::Value;

fn tests() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests")
}

fn file(name: &str) -> Result<Picture, Error> {
    read(&tests().join("files").join(name), &Limits::default())
}

/// Largest and mean difference of the levels.
fn difference(picture: &Picture, expected: &[u8]) -> (u8, f64) {
    let apart = picture.bytes().iter().zip(expected).map(|(own, other)| own.abs_diff(*other));
    let sum: u64 = apart.clone().map(u64::from).sum();
    (apart.max().unwrap(), sum as f64 / expected.len() as f64)
}

/// How far zune-jpeg may be from libjpeg-turbo: largest and mean difference of 255 levels. Measured by hand: of the levels
/// of 500 CIFAR-10 pictures of 32 x 32 with halved chroma 78% were equal, 99.94% within 2 and none beyond 4, with means of
/// the channels off by up to 0.35; of those of 20 photographs and 50 such pictures together 98.7% were equal.
fn tolerance(name: &str) -> (u8, f64) {
    if name.contains("jp") { (3, 0.45) } else { (0, 0.0) }
}

#[test]
fn pictures_are_those_that_pillow_reads() {
    let reference: Value = serde_json::from_str(include_str!("reference.json")).unwrap();
    let shapes: BTreeMap<String, [usize; 3]> = serde_json::from_value(reference["decoded"].clone()).unwrap();
    assert_eq!(shapes.len(), 30);
    let mut far = Vec::new();
    for (name, shape) in shapes {
        let picture = file(&name).unwrap_or_else(|error| panic!("{error}"));
        assert_eq!([picture.height(), picture.width(), picture.channels()], shape, "{name}");
        let packed = std::fs::File::open(tests().join("decoded").join(format!("{name}.z"))).unwrap();
        let mut expected = Vec::new();
        flate2::read::ZlibDecoder::new(packed).read_to_end(&mut expected).unwrap();
        let (most, mean) = difference(&picture, &expected);
        let allowed = tolerance(&name);
        if most > allowed.0 || mean > allowed.1 {
            far.push(format!("{name}: at most {most}, on average {mean:.2}"));
        }
    }
    assert!(far.is_empty(), "{far:#?}");
}

fn refused(name: &str, expected: &str) {
    let error = file(name).unwrap_err().to_string();
    assert!(error.contains(name) && error.contains(expected), "{error}");
}

#[test]
fn what_is_no_picture_or_half_a_picture_is_named() {
    refused("cut.jpg", "the picture is damaged: the JPEG ends before its end mark");
    refused("cut.png", "the picture is damaged: ");
    refused("page.jpg", "no picture: JPEG, PNG, GIF, BMP and WebP are read, this is a web page");
    refused("tiff.jpg", "no picture: JPEG, PNG, GIF, BMP and WebP are read, this is TIFF");
    refused("a-cut-jpeg-named.png", "(the content is JPEG, whatever the name says)");
    refused("bomb.png", "3600000000 pixels, more than the limit of 128000000");
    refused("none.jpg", "No such file");
}

#[test]
fn limits_are_said() {
    let path = tests().join("files/jpeg.jpg");
    let error = |limits| read(&path, &limits).unwrap_err().to_string();
    let default = Limits::default();
    assert!(error(Limits { pixels: 2000, ..default }).ends_with("2014 pixels, more than the limit of 2000"));
    assert!(error(Limits { bytes: 100, ..default }).ends_with("bytes, more than the limit of 100"));
    assert!(
        decode(&[], "x.png", &default).unwrap_err().to_string().ends_with("are read, this is an empty file")
    );
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn mangled_files_give_an_error_or_a_picture(
        which in prop::sample::select(vec!["jpeg.jpg", "jpeg-progressive.jpg", "jpeg-cmyk.jpg", "jpeg-exif-6.jpg",
            "png-palette.png", "png-rgba.png", "png-grey-16.png", "gif-frames.gif", "bmp-palette.bmp", "webp.webp",
            "webp-alpha.webp"]),
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..5),
        end in prop::option::of(any::<prop::sample::Index>()),
    ) {
        let mut bytes = std::fs::read(tests().join("files").join(which)).unwrap();
        for (at, value) in changes {
            let at = at.index(bytes.len());
            bytes[at] = value;
        }
        if let Some(end) = end {
            bytes.truncate(end.index(bytes.len()));
        }
        let limits = Limits { pixels: 1 << 20, ..Limits::default() };
        match decode(&bytes, which, &limits) {
            Ok(picture) => prop_assert!(picture.bytes().len() <= 3 << 20),
            Err(error) => prop_assert!(error.to_string().starts_with(which), "{}", error),
        }
    }
}
