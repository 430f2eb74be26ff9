//! Chains, IDX files and sheets.
#![expect(clippy::unwrap_used, reason = "a failure here fails the test")]

use images::{Chain, Idx, Limits, Picture, Sample, Shape, Tile, Transform, decode, sheet};
use serde_json::{Value, json};

fn transforms(chain: Value) -> Vec<Transform> {
    serde_json::from_value(chain).unwrap()
}

fn picture() -> Picture {
    let bytes = (0..40 * 30 * 3).map(|at| (at * 7 % 251) as u8).collect();
    Picture::new(40, 30, 3, bytes).unwrap()
}

const SAMPLE: Sample = Sample { seed: 5, epoch: 2, row: 9 };

fn augmentation() -> Value {
    json!([
        {"random-resized-crop": 24},
        {"horizontal-flip": 0.5}, {"vertical-flip": 0.3},
        {"rotate": 20}, {"zoom": [0.8, 1.2]}, {"shift": 0.1},
        {"brightness": 0.2}, {"contrast": 0.2}, {"saturation": 0.2}, {"hue": 0.1},
        {"random-grey": 0.1}, {"erase": 0.5},
        {"rescale": {"scale": 0.00784313725490196, "offset": -1.0}}
    ])
}

#[test]
fn a_draw_is_a_function_of_seed_epoch_and_row() {
    let chain = Chain::new(&transforms(augmentation())).unwrap();
    assert!(chain.is_random());
    let of = |sample| chain.apply(picture(), sample, "a", &Limits::default()).unwrap();
    let first = of(SAMPLE);
    assert_eq!(first, of(SAMPLE));
    for other in [Sample { seed: 6, ..SAMPLE }, Sample { epoch: 3, ..SAMPLE }, Sample { row: 10, ..SAMPLE }] {
        assert_ne!(first, of(other));
    }
    // -1 and 1 are the ends of 2 * level / 255 - 1
    let numbers = chain.numbers(&Picture::new(2, 1, 3, vec![0, 0, 0, 255, 255, 255]).unwrap());
    let expected = [-1.0, 1.0, -1.0, 1.0, -1.0, 1.0];
    assert!(numbers.iter().zip(expected).all(|(own, expected): (&f32, f32)| (own - expected).abs() < 1e-6));
}

#[test]
fn a_transform_added_at_the_end_leaves_the_draws_before_it() {
    let mut longer = transforms(augmentation());
    longer.truncate(2);
    let short = Chain::new(&longer).unwrap().apply(picture(), SAMPLE, "a", &Limits::default()).unwrap();
    longer.extend(transforms(json!([{"brightness": 0.0}, {"rotate": {"degrees": 0.0}}])));
    assert_eq!(
        short,
        Chain::new(&longer).unwrap().apply(picture(), SAMPLE, "a", &Limits::default()).unwrap()
    );
}

#[test]
fn what_cannot_be_is_said_with_its_place() {
    let check = |chain: Value, at: usize, reason: &str| {
        let problem = Chain::new(&transforms(chain)).unwrap_err();
        assert_eq!((problem.at, problem.reason.as_str()), (at, reason));
    };
    let sides = "resize takes either `shorter`, or `height` and `width`";
    check(json!([{"resize": {}}]), 0, sides);
    check(json!([{"resize": 0}]), 0, "a side has 1 to 16384 pixels");
    check(json!([{"resize": {"shorter": 9, "height": 9, "width": 9}}]), 0, sides);
    check(json!(["rgb", {"hue": 0.6}]), 1, "the change is 0.6, and must be 0 to 0.5");
    check(json!([{"zoom": [2.0, 1.0]}]), 0, "factor is [smallest, largest], both at least 0.01");
    check(
        json!([{"normalise": {"mean": [0.0, 0.0], "std": [1.0, 1.0]}}]),
        0,
        "mean and std have one number, or one a channel",
    );
    check(
        json!([{"normalise": {"mean": [0.0], "std": [0.0]}}]),
        0,
        "every mean is a number, and every std is above 0",
    );
    check(
        json!([{"normalise": "imagenet"}, {"center-crop": {"height": 2, "width": 2}}]),
        1,
        "transforms of pictures come before rescale and normalise",
    );
    check(
        json!([{"normalise": "imagenet"}, {"rescale": {"scale": 2.0}}]),
        1,
        "rescale comes once, and before normalise",
    );
    assert!(serde_json::from_value::<Transform>(json!({"rotate": {"degree": 3}})).is_err());
}

#[test]
fn shapes_are_known_before_a_picture_is_read() {
    let shape = |chain: Value, channels, size| {
        Chain::new(&transforms(chain)).unwrap().shape(Shape { channels, size })
    };
    let known = Shape { channels: Some(3), size: Some((224, 224)) };
    let usual = json!([{"resize": 256}, {"center-crop": 224}, "rgb"]);
    assert_eq!(shape(usual, None, None), Ok(known));
    let shorter = json!([{"resize": {"shorter": 256}}]);
    assert_eq!(shape(shorter.clone(), None, None), Ok(Shape { channels: None, size: None }));
    assert_eq!(
        shape(shorter, Some(1), Some((100, 333))),
        Ok(Shape { channels: Some(1), size: Some((256, 852)) })
    );
    let normalised = json!(["grey", {"normalise": "imagenet"}]);
    assert_eq!(shape(normalised, None, None), Err("normalise has 3 means for 1 channels".to_owned()));
}

#[test]
fn a_resize_that_makes_too_much_is_refused() {
    let thin = Picture::new(1, 60_000, 1, vec![0; 60_000]).unwrap();
    let chain = Chain::new(&transforms(json!([{"resize": {"shorter": 224}}]))).unwrap();
    let error = chain.apply(thin, SAMPLE, "thin.png", &Limits::default()).unwrap_err();
    assert_eq!(
        error.to_string(),
        "thin.png: 3010560000 pixels after resizing, more than the limit of 128000000"
    );
}

#[test]
fn idx_files_are_read_plain_and_packed() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("train-images-idx3-ubyte");
    let mut bytes = vec![0, 0, 8, 3, 0, 0, 0, 2, 0, 0, 0, 2, 0, 0, 0, 3];
    bytes.extend(0..12);
    let read = |content: &[u8], limits: &Limits| {
        std::fs::write(&path, content).unwrap();
        Idx::read(&path, limits)
            .map_err(|error| error.to_string().replace(&path.display().to_string(), "FILE"))
    };
    let limits = Limits::default();
    let idx = read(&bytes, &limits).unwrap();
    assert_eq!((idx.items(), idx.shape.as_slice()), (2, [2, 2, 3].as_slice()));
    assert_eq!(idx.picture(1), Picture::new(3, 2, 1, vec![6, 7, 8, 9, 10, 11]));
    assert_eq!(idx.picture(2), None);
    let mut packed = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
    std::io::Write::write_all(&mut packed, &bytes).unwrap();
    assert_eq!(read(&packed.finish().unwrap(), &limits), Ok(idx));
    let refused =
        |content: &[u8], expected: &str| assert_eq!(read(content, &limits), Err(expected.to_owned()));
    refused(&bytes[..20], "FILE: the IDX file says [2, 2, 3] and has 4 bytes");
    refused(&bytes[..9], "FILE: the IDX file ends within its header");
    refused(b"", "FILE: no IDX file: it does not start with two zeros, a type and a number of sides");
    refused(&[0, 0, 13, 1, 0, 0, 0, 1, 0], "FILE: an IDX file of type 0x0d; type 0x08 (bytes) is read");
    refused(
        &[0, 0, 8, 3, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 1],
        "FILE: the IDX file says [4294967295, 4294967295, 4294967295] and has 1 bytes",
    );
    let small = Limits { bytes: 20, ..limits };
    assert_eq!(read(&bytes, &small), Err("FILE: 21 bytes or more, more than the limit of 20".to_owned()));
}

#[test]
fn a_sheet_is_a_png_of_its_tiles() {
    let tile = |label: &str| Tile { label: label.to_owned(), picture: picture() };
    let labels = ["cat", "a label that is much too long for its tile", "", "Katze \u{1f431}", "dog"];
    let png = sheet(&labels.map(tile), 3, 64).unwrap();
    let drawn = decode(&png, "sheet.png", &Limits::default()).unwrap();
    assert_eq!((drawn.width(), drawn.height()), (8 + 3 * 72, 8 + 2 * 92));
    // the middle of the first tile is the middle of its picture; the margin is white
    let level = |x: usize, y: usize| &drawn.bytes()[(y * drawn.width() + x) * 3..][..3];
    assert_eq!(level(2, 2), [255; 3]);
    assert_ne!(level(40, 40), [255; 3]);
    // letters are black, or nearly so, below the tile
    let dark = |left: usize| {
        (left..left + 64)
            .flat_map(|x| (72..92).map(move |y| (x, y)))
            .filter(|&(x, y)| level(x, y)[0] < 64)
            .count()
    };
    assert!(dark(8) > 20 && dark(80) > 60 && dark(152) == 0);
    assert_eq!(png, sheet(&labels.map(tile), 3, 64).unwrap());
    assert!(sheet(&[], 3, 64).is_err());
    assert!(sheet(&labels.map(tile), 0, 64).is_err());
}
