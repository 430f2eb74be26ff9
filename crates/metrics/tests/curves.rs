//! Curves and tables of scores against scikit-learn 1.9.1.

use metrics::{
    Confusion, Rate, Weights, area, average_precision, calibration, calibration_error, precision_recall, roc,
};

const SCORES: [f64; 10] = [0.1, 0.4, 0.35, 0.8, 0.8, 0.3, 0.95, 0.6, 0.2, 0.5];
const POSITIVE: [bool; 10] = [false, false, true, true, false, false, true, true, false, true];

fn near(got: &[f64], wanted: &[f64]) {
    assert_eq!(got.len(), wanted.len(), "{got:?}");
    for (got, wanted) in got.iter().zip(wanted) {
        assert!(got == wanted || (got - wanted).abs() < 1e-12, "{got} is not {wanted}");
    }
}

fn columns(curve: &[Rate]) -> [Vec<f64>; 3] {
    let column = |of: fn(&Rate) -> f64| curve.iter().map(of).collect();
    [column(|rate| rate.x), column(|rate| rate.y), column(|rate| rate.threshold)]
}

/// `roc_curve(y, s, drop_intermediate=False)`, `roc_auc_score(y, s)`.
#[test]
fn roc_is_scikit_learns() {
    let curve = roc(&SCORES, &POSITIVE).unwrap();
    let [x, y, thresholds] = columns(&curve);
    near(&x, &[0.0, 0.0, 0.2, 0.2, 0.2, 0.4, 0.4, 0.6, 0.8, 1.0]);
    near(&y, &[0.0, 0.2, 0.4, 0.6, 0.8, 0.8, 1.0, 1.0, 1.0, 1.0]);
    near(&thresholds, &[f64::INFINITY, 0.95, 0.8, 0.6, 0.5, 0.4, 0.35, 0.3, 0.2, 0.1]);
    near(&[area(&curve)], &[0.82]);
}

/// `precision_recall_curve(y, s)` reversed, `average_precision_score(y, s)`.
#[test]
fn precision_and_recall_are_scikit_learns() {
    let curve = precision_recall(&SCORES, &POSITIVE, &Weights::default()).unwrap();
    let [x, y, _] = columns(&curve);
    near(&x, &[0.0, 0.2, 0.4, 0.6, 0.8, 0.8, 1.0, 1.0, 1.0, 1.0]);
    let third = 1.0 / 3.0;
    near(&y, &[1.0, 1.0, 2.0 * third, 0.75, 0.8, 2.0 * third, 5.0 / 7.0, 0.625, 5.0 / 9.0, 0.5]);
    near(&[average_precision(&curve)], &[0.786_190_476_190_476_4]);
}

/// `calibration_curve(y, s, n_bins=5)`.
#[test]
fn calibration_is_scikit_learns() {
    let bins = calibration(&SCORES, &POSITIVE, 5, &Weights::default()).unwrap();
    near(&bins.iter().map(|bin| bin.share).collect::<Vec<_>>(), &[0.0, 1.0 / 3.0, 1.0, 0.5, 1.0]);
    near(&bins.iter().map(|bin| bin.score).collect::<Vec<_>>(), &[0.15, 0.35, 0.55, 0.8, 0.95]);
    // By hand: (2 * 0.15 + 3 * (0.35 - 1/3) + 2 * 0.45 + 2 * 0.3 + 0.05) / 10.
    near(&[calibration_error(&bins)], &[0.19]);
}

/// `confusion_matrix([0, 1, 2, 2, 1, 0], [0, 2, 2, 1, 1, 0])`.
#[test]
fn confusion_is_scikit_learns() {
    let table = Confusion::new(3, &[0, 1, 2, 2, 1, 0], &[0, 2, 2, 1, 1, 0], &Weights::default());
    assert_eq!(table.rows().collect::<Vec<_>>(), [[2.0, 0.0, 0.0], [0.0, 1.0, 1.0], [0.0, 1.0, 1.0]]);
}

#[test]
fn what_has_no_curve_has_none() {
    assert_eq!(roc(&[0.1, 0.2], &[true, true]), None);
    assert_eq!(roc(&[], &[]), None);
    assert_eq!(precision_recall(&[f64::NAN, 0.2], &[true, false], &Weights::default()), None);
    assert_eq!(calibration(&[1.5], &[true], 10, &Weights::default()), None);
}
