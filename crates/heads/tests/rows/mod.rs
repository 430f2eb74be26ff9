//! The rows of `reference.py`, and what scikit-learn says of them.

use heads::{Matrix, Sparse};
use serde_json::Value;

pub(crate) const ROWS: usize = 240;
const DENSE: usize = 4;
const SPARSE: usize = 12;

/// Numbers that integer arithmetic makes the same in both languages.
fn cell(row: usize, column: usize) -> f64 {
    ((row * 7919 + column * 104_729 + row * column * 31) % 1009) as f64 / 1009.0
}

/// All columns; the sparse ones alone.
pub(crate) fn rows() -> (Matrix, Matrix) {
    let (scale, offset) = ([1.0, 20.0, 0.5, 3.0], [0.0, 40.0, -1.0, 0.0]);
    let dense = (0..ROWS)
        .flat_map(|row| {
            (0..DENSE).map(move |column| (cell(row, column) * scale[column] + offset[column]) as f32)
        })
        .collect();
    let mut sparse = Sparse { width: SPARSE, offsets: vec![0], ..Sparse::none(0) };
    for row in 0..ROWS {
        for column in (0..SPARSE).filter(|column| cell(row, 50 + column) > 0.75) {
            sparse.indices.push(column as u32);
            sparse.values.push(cell(row, 50 + column) as f32);
        }
        sparse.offsets.push(sparse.values.len());
    }
    let small = Matrix::new(ROWS, 0, vec![], sparse.clone()).unwrap();
    (Matrix::new(ROWS, DENSE, dense, sparse).unwrap(), small)
}

pub(crate) fn expected() -> Value {
    serde_json::from_str(include_str!("../reference.json")).unwrap()
}

/// The number of each row, and its class: how many of the 30th and 70th of hundred it reaches.
pub(crate) fn thirds() -> (Vec<f64>, Vec<f64>) {
    let number: Vec<f64> = serde_json::from_value(expected()["number"].clone()).unwrap();
    let mut sorted = number.clone();
    sorted.sort_by(f64::total_cmp);
    // numpy's quantile interpolates between the two nearest.
    let quantile = |share: f64| {
        let at = share * (ROWS - 1) as f64;
        sorted[at as usize] + (sorted[at as usize + 1] - sorted[at as usize]) * at.fract()
    };
    let (low, high) = (quantile(0.3), quantile(0.7));
    let three = number.iter().map(|n| f64::from(u8::from(*n >= low) + u8::from(*n >= high))).collect();
    (number, three)
}

pub(crate) fn close(what: &str, found: &[f64], expected: &[f64], within: f64) {
    assert_eq!(found.len(), expected.len(), "{what}");
    for (at, (found, expected)) in found.iter().zip(expected).enumerate() {
        assert!((found - expected).abs() <= within, "{what} {at}: {found} is not {expected}");
    }
}
