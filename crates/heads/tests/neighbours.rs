//! Neighbours say what scikit-learn's do; `reference.py` prints it.
#![expect(clippy::unwrap_used, reason = "a failure here fails the test")]

mod rows;

use heads::{Distance, Error, Matrix, Neighbours, Votes};
use rows::{close, expected, rows, thirds};

/// The rows of `neighbours` in `reference.py`: rows 0 to 39 stand in the place of 100 to 139.
fn picked(of: impl IntoIterator<Item = usize>) -> Matrix {
    let rows_of: Vec<usize> =
        of.into_iter().map(|row| if (100..140).contains(&row) { row - 100 } else { row }).collect();
    rows().0.only(&rows_of)
}

#[test]
fn shares_and_means_are_those_of_scikit_learn() {
    let (numbers, classes) = thirds();
    let asked: Vec<usize> = serde_json::from_value(expected()["neighbours"]["asked"].clone()).unwrap();
    assert!(asked.len() > 40);
    let rest = picked(asked);
    let by_class = Neighbours::new(picked(0..140), classes[..140].to_vec()).unwrap();
    let by_number = Neighbours::new(picked(0..140), numbers[..140].to_vec()).unwrap();
    let by_number = Neighbours::from_bytes(&by_number.to_bytes().unwrap()).unwrap();
    for (distance, name) in
        [(Distance::Euclidean, "euclidean"), (Distance::Cosine, "cosine"), (Distance::Manhattan, "manhattan")]
    {
        for (votes, weights) in [(Votes::Uniform, "uniform"), (Votes::Distance, "distance")] {
            let name = format!("{name} {weights}");
            let expected = expected()["neighbours"][&name].clone();
            let of = |key: &str| -> Vec<f64> { serde_json::from_value(expected[key].clone()).unwrap() };
            close(&name, &by_class.shares(&rest, 7, distance, votes, 3).unwrap(), &of("shares"), 1e-6);
            close(&name, &by_number.means(&rest, 7, distance, votes).unwrap(), &of("means"), 1e-6);
        }
    }
}

#[test]
fn equal_rows_are_at_distance_0_and_the_earlier_is_nearer() {
    let kept = Neighbours::new(picked(0..140), vec![0.0; 140]).unwrap();
    for distance in [Distance::Euclidean, Distance::Cosine, Distance::Manhattan] {
        let near = kept.nearest(&picked(105..106), 3, distance).unwrap();
        assert_eq!(near[0][..2], [(5, 0.0), (105, 0.0)], "{distance:?}");
        assert!(near[0][2].1 > 0.0);
    }
}

#[test]
fn what_cannot_be_asked_is_said() {
    assert!(matches!(Neighbours::new(picked(0..3), vec![]), Err(Error::Shape { .. })));
    let kept = Neighbours::new(picked(0..3), vec![0.0; 3]).unwrap();
    assert!(matches!(kept.nearest(&picked(0..1), 4, Distance::Euclidean), Err(Error::Shape { .. })));
    assert!(matches!(Neighbours::from_bytes(b"nothing"), Err(Error::Damaged { .. })));
}
