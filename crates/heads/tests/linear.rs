//! Coefficients and intercepts are scikit-learn's; `reference.py` prints them.
#![expect(clippy::unwrap_used, reason = "a failure here fails the test")]

mod rows;

use heads::{Error, Linear, Loss, Matrix, Params, Sparse, fit};
use rows::{ROWS, close, expected, rows, thirds};
use serde_json::Value;

fn params(loss: Loss) -> Params {
    Params { loss, l2: 0.0, l1: 0.0, intercept: true, standardize: false, max_iter: 5000, tolerance: 1e-9 }
}

/// The number of each row; whether it is above the 70th of hundred; how many of the 30th and 70th it reaches.
fn labels() -> (Vec<f64>, Vec<f64>, Vec<f64>) {
    let (number, three) = thirds();
    let two = three.iter().map(|class| f64::from(u8::from(*class == 2.0))).collect();
    (number, two, three)
}

fn check(name: &str, matrix: &Matrix, labels: &[f64], weights: Option<&[f64]>, params: Params) -> Linear {
    let fitted = fit(matrix, labels, weights, &params).unwrap();
    assert!(fitted.converged, "{name} took {} steps", fitted.steps);
    let expected: &Value = &expected()[name];
    let of = |key: &str| -> Value { expected[key].clone() };
    let coefficients: Vec<Vec<f64>> = serde_json::from_value(of("coefficients")).unwrap();
    let intercepts: Vec<f64> = serde_json::from_value(of("intercepts")).unwrap();
    for (output, expected) in coefficients.iter().enumerate() {
        close(name, fitted.model.coefficients(output), expected, 1e-4);
    }
    close(name, fitted.model.intercepts(), &intercepts, 1e-4);
    fitted.model
}

#[test]
fn logistic_regression_is_that_of_scikit_learn() {
    let (dense, _) = rows();
    let (_, two, three) = labels();
    // C of scikit-learn weighs the summed loss; the penalty here stands beside the mean.
    let l2 = |c: f64| 1.0 / (c * ROWS as f64);
    let binary = params(Loss::Binary);
    check("binary", &dense, &two, None, Params { l2: l2(0.7), ..binary });
    check("bare", &dense, &two, None, Params { l2: l2(3.0), intercept: false, ..binary });
    check("standardized", &dense, &two, None, Params { l2: l2(1.0), standardize: true, ..binary });
    check(
        "multinomial",
        &dense,
        &three,
        None,
        Params { l2: l2(2.0), ..params(Loss::Multinomial { classes: 3 }) },
    );
    let ones = two.iter().sum::<f64>();
    let weights: Vec<f64> = two
        .iter()
        .map(|label| ROWS as f64 / 2.0 / if *label == 1.0 { ones } else { ROWS as f64 - ones })
        .collect();
    check("balanced", &dense, &two, Some(&weights), Params { l2: l2(1.0), ..binary });
}

#[test]
fn absolute_penalties_are_those_of_scikit_learn() {
    let (all, small) = rows();
    let (number, two, three) = labels();
    let strength = |c: f64| 1.0 / (c * ROWS as f64);
    let half = 0.5 * strength(1.0);
    check("sparse-elastic", &small, &two, None, Params { l2: half, l1: half, ..params(Loss::Binary) });
    let three_classes = params(Loss::Multinomial { classes: 3 });
    let lasso = check("sparse-lasso", &small, &three, None, Params { l1: strength(0.5), ..three_classes });
    let zeros = (0..3).flat_map(|output| lasso.coefficients(output)).filter(|value| **value == 0.0).count();
    assert!(zeros > 0, "some coefficients are exactly 0");
    check("elastic", &all, &number, None, Params { l2: 0.02 * 0.4, l1: 0.02 * 0.6, ..params(Loss::Squares) });
}

#[test]
fn ridge_is_that_of_scikit_learn() {
    let (all, _) = rows();
    let (number, _, _) = labels();
    check("ridge", &all, &number, None, Params { l2: 2.5 / ROWS as f64, ..params(Loss::Squares) });
}

#[test]
fn outputs_follow_from_the_bytes() {
    let (all, _) = rows();
    let (_, two, _) = labels();
    let model = fit(&all, &two, None, &Params { l2: 0.1, ..params(Loss::Binary) }).unwrap().model;
    let again = Linear::from_bytes(&model.to_bytes().unwrap()).unwrap();
    assert_eq!(again, model);
    let outputs = again.outputs_of(&all).unwrap();
    let by_hand: f64 = (0..all.dense_width())
        .map(|at| f64::from(all.dense(7)[at]) * model.coefficients(0)[at])
        .chain(all.sparse().row(7).map(|(at, x)| x * model.coefficients(0)[all.dense_width() + at]))
        .sum();
    close("row 7", &outputs[7..8], &[by_hand + model.intercepts()[0]], 1e-12);
    assert!(matches!(Linear::from_bytes(b"no model"), Err(Error::Damaged { .. })));
}

#[test]
fn what_cannot_be_fitted_is_said() {
    let refuse = |rows: &Matrix, labels: &[f64]| fit(rows, labels, None, &params(Loss::Binary)).unwrap_err();
    let (all, _) = rows();
    assert_eq!(refuse(&all, &[1.0; ROWS]), Error::OneClass { rows: ROWS });
    assert!(matches!(refuse(&all, &[1.0]), Error::Shape { .. }));
    let none = Matrix::new(3, 0, vec![], Sparse::none(3)).unwrap();
    assert_eq!(refuse(&none, &[1.0, 0.0, 1.0]), Error::Empty { what: "columns" });
    let missing = Matrix::new(2, 2, vec![0.0, 1.0, f32::NAN, 2.0], Sparse::none(2)).unwrap_err();
    assert_eq!(missing, Error::NotFinite { column: 0, row: 1, value: "NaN".into() });
}
