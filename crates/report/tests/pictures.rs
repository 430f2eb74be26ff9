//! Pictures: the same bytes twice, everything written, nothing that becomes markup, clear errors.
#![expect(clippy::unwrap_used, reason = "a failure here fails the test")]

use report::{Bars, Error, Groups, Picture, Series, bars, curves, importances, scatter};

const PNG: &[u8] = b"\x89PNG\r\n\x1a\n";

fn strings(texts: &[&str]) -> Vec<String> {
    texts.iter().copied().map(String::from).collect()
}

fn words() -> Picture {
    let points: Vec<(f64, f64)> =
        (0..100).map(|at| (f64::from(at * 37 % 101), f64::from(at * 53 % 97) / 10.0)).collect();
    let of: Vec<usize> = (0..100).map(|at| at % 3).collect();
    let labels: Vec<String> = (0..100).map(|at| format!("word{at}")).collect();
    let names = strings(&["good", "bad", "neither"]);
    scatter(&points, Some(Groups { of: &of, names: &names }), Some(&labels), "words").unwrap()
}

fn of<'a>(name: &'a str, values: &'a [f64]) -> Bars<'a> {
    Bars { name, values, deviations: &[] }
}

fn comparison() -> Picture {
    let names = strings(&["from scratch", "pretrained", "boosted"]);
    let metrics = [
        Bars { name: "AUC", values: &[0.91234, 0.95, f64::NAN], deviations: &[0.03, f64::NAN, 0.1] },
        Bars { name: "gain", values: &[-1.5, 0.0, 2.0], deviations: &[] },
    ];
    bars(&names, &metrics, "comparison").unwrap()
}

fn losses() -> Picture {
    let line = |name: &str, shift: f64| Series {
        name: name.into(),
        xs: (1..=9).map(f64::from).collect(),
        ys: (1..=9).map(|epoch| 1.0 / f64::from(epoch) + shift).collect(),
    };
    curves(&[line("train", 0.0), line("valid", 0.1)], "epoch", "loss", "loss by epoch").unwrap()
}

fn columns() -> Picture {
    let names: Vec<String> = (0..25).map(|at| format!("column{at:02}")).collect();
    let values: Vec<f64> = (0..25).map(f64::from).collect();
    importances(&names, &values, "importance").unwrap()
}

/// Width and height in a PNG's header, which must hold twice the SVG's.
fn check(picture: &Picture, width: u32, height: u32) {
    assert!(picture.png.starts_with(PNG));
    let side = |at: usize| u32::from_be_bytes(picture.png[at..at + 4].try_into().unwrap());
    assert_eq!((side(16), side(20)), (2 * width, 2 * height));
    assert!(picture.svg.contains(&format!("width=\"{width}\" height=\"{height}\"")));
    assert!(!picture.svg.contains("NaN") && !picture.svg.contains("inf"));
}

#[test]
fn the_same_numbers_give_the_same_bytes() {
    assert_eq!(words(), words());
    assert_eq!(comparison(), comparison());
    assert_eq!(losses(), losses());
    assert_eq!(columns(), columns());
}

#[test]
fn every_point_and_label_is_drawn() {
    let picture = words();
    check(&picture, 1400, 1000);
    for at in 0..100 {
        assert!(picture.svg.contains(&format!(">word{at}</text>")), "word{at}");
    }
    // 100 points and 3 samples in the legend.
    let marks = picture.svg.matches("<circle").count() + picture.svg.matches("<polygon").count();
    assert_eq!(marks, 103);
}

#[test]
fn every_value_is_written() {
    let picture = comparison();
    check(&picture, 1100, 48 + 30 + 3 * 30 + 36 + 6);
    for text in ["0.9123", "0.95", "n/a", "-1.5", ">0<", ">2<", "AUC", "from scratch"] {
        assert!(picture.svg.contains(text), "{text}");
    }
}

#[test]
fn importances_are_the_twenty_largest_from_the_top() {
    let picture = columns();
    let places: Vec<Option<usize>> = (0..25).map(|at| picture.svg.find(&format!("column{at:02}"))).collect();
    assert!(places[..5].iter().all(Option::is_none));
    assert!(places[5..].is_sorted_by(|later, earlier| later > earlier));
}

#[test]
fn a_hole_in_a_curve_is_not_bridged() {
    let series = |ys: &[f64]| Series {
        name: "loss".into(),
        xs: (0..ys.len()).map(|at| at as f64).collect(),
        ys: ys.to_vec(),
    };
    let lines = |ys: &[f64]| {
        let picture = curves(&[series(ys)], "epoch", "loss", "holes").unwrap();
        check(&picture, 1000, 600);
        picture.svg.matches("stroke-width=\"2\"").count()
    };
    assert_eq!(lines(&[3.0, 2.0, 1.0, 0.5]), 1);
    assert_eq!(lines(&[3.0, 2.0, f64::NAN, 1.0, 0.5, f64::INFINITY, 4.0]), 2);
    assert_eq!(lines(&[f64::NAN, f64::NAN]), 0);
    assert_eq!(lines(&[]), 0);
}

#[test]
fn text_never_becomes_markup() {
    let evil = "</text><script>alert('\"&')</script>";
    let escaped = "&lt;/text&gt;&lt;script&gt;alert(&#39;&quot;&amp;&#39;)&lt;/script&gt;";
    let names = strings(&[evil, "b"]);
    let line = Series { name: evil.into(), xs: vec![0.0], ys: vec![0.0] };
    let groups = Groups { of: &[0, 1], names: &names };
    for picture in [
        scatter(&[(0.0, 0.0), (1.0, 1.0)], Some(groups), Some(&names), evil).unwrap(),
        bars(&names, &[of(evil, &[1.0, 2.0])], evil).unwrap(),
        curves(&[line.clone(), line], evil, evil, evil).unwrap(),
        importances(&names, &[1.0, 2.0], evil).unwrap(),
    ] {
        assert!(!picture.svg.contains("<script"));
        assert!(picture.svg.contains(escaped));
    }
}

#[test]
fn extremes_are_drawn() {
    let far = [(f64::MAX, -f64::MAX), (-f64::MAX, f64::MAX), (0.0, 1e-300)];
    check(&scatter(&far, None, None, "far apart").unwrap(), 1400, 1000);
    let same = [(5.0, 5.0); 30];
    let labels: Vec<String> = (0..30).map(|_| "\u{1f600}\u{4f60}\u{597d}".repeat(40)).collect();
    check(&scatter(&same, None, Some(&labels), "").unwrap(), 1400, 1000);
    let names = strings(&["a", "b", "c"]);
    let metrics = [
        Bars { deviations: &[1e308; 3], ..of("huge", &[1e308, -1e308, f64::INFINITY]) },
        of("flat", &[0.0; 3]),
    ];
    check(&bars(&names, &metrics, &"title ".repeat(100)).unwrap(), 1100, 48 + 30 + 3 * 30 + 36 + 6);
    let many: Vec<Series> =
        (0..60).map(|at| Series { name: format!("series {at}"), xs: vec![1.0], ys: vec![2.0] }).collect();
    assert!(curves(&many, "", "", "many").unwrap().svg.contains("more</text>"));
}

/// What a caller can get wrong, and what they are told.
#[test]
fn mistakes_are_told() {
    let told = |result: Result<Picture, Error>| result.unwrap_err().to_string();
    let names = strings(&["a"]);
    assert_eq!(told(scatter(&[], None, None, "t")), "the picture `t` has no points");
    assert_eq!(
        told(scatter(&[(0.0, 0.0), (f64::NAN, 0.0)], None, None, "t")),
        "point 1 of the picture `t` is not finite"
    );
    assert_eq!(
        told(scatter(&[(0.0, 0.0); 2], None, Some(&names), "t")),
        "the picture `t` has 1 labels, expected 2"
    );
    let groups = Groups { of: &[0, 4], names: &names };
    assert_eq!(
        told(scatter(&[(0.0, 0.0); 2], Some(groups), None, "t")),
        "the picture `t` has 1 group names, expected 5"
    );
    assert_eq!(told(bars(&[], &[], "t")), "the picture `t` has no names");
    assert_eq!(told(bars(&names, &[], "t")), "the picture `t` has no series");
    assert_eq!(told(bars(&names, &[of("m", &[])], "t")), "the picture `t` has 0 values, expected 1");
    assert_eq!(told(curves(&[], "", "", "t")), "the picture `t` has no series");
    assert_eq!(told(importances(&names, &[], "t")), "the picture `t` has 0 values, expected 1");
}
