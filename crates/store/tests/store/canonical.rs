//! Canonical JSON and digests against texts from outside: Python's `json.dumps(sort_keys=True)` where the two
//! agree, hand-written ones for floats with exponents, and BLAKE3's published test vectors.

use std::collections::BTreeMap;

use serde::Serialize;
use serde_json::json;
use store::{Artifact, Digest, Error, FileEntry, canonical_json};

#[track_caller]
fn check(value: impl Serialize, expected: &str) {
    assert_eq!(canonical_json(&value).expect("canonical"), expected);
}

#[track_caller]
fn refused(value: impl Serialize, expected: &str) {
    let error = canonical_json(&value).expect_err("no canonical form");
    assert!(matches!(error, Error::NotCanonical { .. }), "{error:?}");
    assert_eq!(error.to_string(), expected);
}

#[test]
fn keys_are_sorted_at_every_level_and_arrays_are_not() {
    check(
        json!({"b": {"z": 1, "a": [3, 1, {"y": null, "x": true}]}, "a": 2}),
        r#"{"a":2,"b":{"a":[3,1,{"x":true,"y":null}],"z":1}}"#,
    );
    // Code points, not UTF-16 units: U+FF5E comes before U+1F600.
    check(
        json!({"😀": 1, "～": 2, "é": 3, "z": 4, "Z": 5, "": 6}),
        r#"{"":6,"Z":5,"z":4,"é":3,"～":2,"😀":1}"#,
    );
    check(BTreeMap::from([(10_u8, "ten"), (9, "nine")]), r#"{"10":"ten","9":"nine"}"#);
}

#[test]
fn texts_are_escaped_as_little_as_json_allows() {
    check("a\"b\\c/\u{8}\u{c}\n\r\t\u{1}\u{7f}é漢😀", "\"a\\\"b\\\\c/\\b\\f\\n\\r\\t\\u0001\u{7f}é漢😀\"");
}

#[test]
fn numbers_are_shortest_and_exact() {
    for (value, expected) in [
        (0.0, "0.0"),
        (-0.0, "-0.0"),
        (1.0, "1.0"),
        (0.1, "0.1"),
        (0.1 + 0.2, "0.30000000000000004"),
        (1e-5, "0.00001"),
        (1e-7, "1e-7"),
        (1e15, "1000000000000000.0"),
        (1e22, "1e+22"),
        (1.0 / 3.0, "0.3333333333333333"),
        (f64::MAX, "1.7976931348623157e+308"),
        (5e-324, "5e-324"),
        (std::f64::consts::PI, "3.141592653589793"),
    ] {
        check(value, expected);
        assert_eq!(expected.parse::<f64>().map(f64::to_bits), Ok(value.to_bits()), "{expected}");
    }
    check([0.1_f32, 1e-5, 16_777_216.0, 1e15], "[0.1,0.00001,16777216.0,1000000000000000.0]");
    check((u64::MAX, i64::MIN, 7_u8), "[18446744073709551615,-9223372036854775808,7]");
}

#[test]
fn what_was_read_back_is_written_the_same() {
    let text = r#"{"a":[1,1.0,-0.0,0.1,1e+300,9007199254740993,"\u0001"],"b":{"":null}}"#;
    let value: serde_json::Value = serde_json::from_str(text).unwrap();
    check(value, text);
}

#[derive(Serialize)]
#[serde(rename_all = "kebab-case")]
enum Shape {
    Unit,
    New(u8),
    Pair(u8, u8),
    Named { width: f32, height: Option<char> },
}

#[test]
fn structs_and_variants_are_as_in_serde_json() {
    let shapes =
        [Shape::Unit, Shape::New(1), Shape::Pair(1, 2), Shape::Named { width: 0.5, height: Some('x') }];
    check(shapes, r#"["unit",{"new":1},{"pair":[1,2]},{"named":{"height":"x","width":0.5}}]"#);
    check(Shape::Named { width: 1.0, height: None }, r#"{"named":{"height":null,"width":1.0}}"#);
}

#[derive(Serialize)]
struct Twice {
    name: u8,
    #[serde(flatten)]
    rest: BTreeMap<String, u8>,
}

#[test]
fn what_json_cannot_hold_is_refused_with_its_place() {
    refused(f64::NAN, "NaN is not a number that JSON can hold");
    refused(f32::NEG_INFINITY, "-inf is not a number that JSON can hold");
    refused(
        BTreeMap::from([("losses", vec![0.5, f64::INFINITY])]),
        "`losses.1`: inf is not a number that JSON can hold",
    );
    refused(BTreeMap::from([(vec![1], 2)]), "[1] cannot be a key");
    refused(u128::MAX, "u128 is not supported");
    refused(Twice { name: 1, rest: BTreeMap::from([("name".into(), 2)]) }, "the key `name` occurs twice");
}

#[test]
fn digests_are_blake3() {
    for (content, expected) in [
        (&b""[..], "af1349b9f5f9a1a6a0404dea36dcc9499bcb25c9adc112b7cc9a93cae41f3262"),
        (b"\0", "2d3adedff11b61f14c886e35afa036736dcd87a74d27b5c1510225d0f592e213"),
        (b"abc", "6437b3ac38465133ffb63b75273a8db548c558465d79db03fd359c6cd5bd9d85"),
    ] {
        let digest = Digest::of_bytes(content);
        assert_eq!(digest.to_string(), expected);
        assert_eq!(expected.parse::<Digest>().unwrap(), digest);
        assert_eq!(serde_json::to_string(&digest).unwrap(), format!("\"{expected}\""));
        assert_eq!(serde_json::from_str::<Digest>(&format!("\"{expected}\"")).unwrap(), digest);
    }
    for text in ["", "af13", &"AF".repeat(32), &"zz".repeat(32), &"é".repeat(32)] {
        assert!(matches!(text.parse::<Digest>(), Err(Error::BadDigest { .. })), "{text}");
    }
}

#[test]
fn files_hash_as_their_bytes_in_any_size() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("file");
    for size in [0, 1, 4095, 4096, 4097, 300_000, 4 << 20, (9 << 20) + 17] {
        let bytes: Vec<u8> = (0..size).map(|i| (i % 251) as u8).collect();
        std::fs::write(&path, &bytes).unwrap();
        assert_eq!(Digest::of_file(&path).unwrap(), Digest::of_bytes(&bytes), "{size} bytes");
    }
    assert!(Digest::of_file(&dir.path().join("none")).unwrap_err().is_not_found());
}

#[test]
fn an_artifact_is_the_digest_of_its_manifest() {
    let entry = FileEntry { digest: Digest::of_bytes(b"abc"), size: 3 };
    let artifact = Artifact {
        kind: "text".into(),
        files: BTreeMap::from([("a/b".into(), entry)]),
        meta: json!({"rows": 1}),
    };
    let manifest = concat!(
        r#"{"files":{"a/b":{"digest":"6437b3ac38465133ffb63b75273a8db548c558465d79db03fd359c6cd5bd9d85","size":3}},"#,
        r#""kind":"text","meta":{"rows":1}}"#
    );
    check(&artifact, manifest);
    assert_eq!(artifact.digest().unwrap(), Digest::of_bytes(manifest.as_bytes()));
    assert_eq!(artifact.bytes(), 3);
}
