//! Clusters, their measures and principal components are scikit-learn's; `reference.py` prints them.
#![expect(clippy::unwrap_used, reason = "a failure here fails the test")]

mod rows;

use data::Principal;
use heads::{Error, KMeans, adjusted_rand, mutual_information, silhouette};
use rows::{close, expected, rows, thirds};

const SETTINGS: KMeans = KMeans { clusters: 4, restarts: 5, max_iter: 300, tolerance: 0.0, seed: 7 };

fn number(key: &str) -> f64 {
    expected()["clusters"][key].as_f64().unwrap()
}

fn numbers(key: &str) -> Vec<f64> {
    serde_json::from_value(expected()["clusters"][key].clone()).unwrap()
}

#[test]
fn steps_from_the_same_centres_end_in_the_same_clusters() {
    let (all, _) = rows();
    let start: Vec<f64> = [3, 50, 120, 200].into_iter().flat_map(|row| all.full(row)).collect();
    let clusters = SETTINGS.fit_from(&all, start);
    let own: Vec<usize> = clusters.assign(&all).unwrap().iter().map(|(own, _)| *own).collect();
    let wanted: Vec<usize> = numbers("own").into_iter().map(|own| own as usize).collect();
    assert_eq!(own, wanted);
    close("inertia", &[clusters.inertia], &[number("inertia")], 1e-4);
    close("silhouette", &[silhouette(&all, &own, 4).unwrap()], &[number("silhouette")], 1e-6);
    let classes: Vec<usize> = thirds().1.into_iter().map(|class| class as usize).collect();
    close("rand", &[adjusted_rand(&classes, &own).unwrap()], &[number("adjusted-rand")], 1e-12);
    close(
        "information",
        &[mutual_information(&classes, &own).unwrap()],
        &[number("mutual-information")],
        1e-12,
    );
}

#[test]
fn a_cluster_that_loses_its_rows_gets_the_farthest() {
    let (all, _) = rows();
    let far = all.full(3).into_iter().map(|x| x + 1e4);
    let others = [120, 200].into_iter().flat_map(|row| all.full(row));
    let start = all.full(3).into_iter().chain(far).chain(others).collect();
    let clusters = SETTINGS.fit_from(&all, start);
    close("inertia", &[clusters.inertia], &[number("mended")], 1e-4);
}

#[test]
fn starts_follow_from_the_seed_and_find_good_clusters() {
    let (all, _) = rows();
    let clusters = SETTINGS.fit(&all).unwrap();
    assert_eq!(clusters, SETTINGS.fit(&all).unwrap());
    // The best of five drawn starts is about as good as the one above, whose rows were chosen by hand.
    assert!(clusters.inertia < 1.05 * number("inertia"), "{}", clusters.inertia);
    let many = KMeans { clusters: 241, ..SETTINGS };
    assert!(matches!(many.fit(&all), Err(Error::Shape { .. })));
}

#[test]
fn partitions_that_say_the_same_agree() {
    let (left, renamed) = ([0, 0, 1, 1, 2], [2, 2, 0, 0, 1]);
    assert_eq!(adjusted_rand(&left, &renamed), Some(1.0));
    assert!((mutual_information(&left, &renamed).unwrap() - 1.0).abs() < 1e-12);
    assert_eq!(adjusted_rand(&[0, 0], &[0, 0]), Some(1.0));
    assert_eq!(adjusted_rand(&[], &[]), None);
    assert_eq!(silhouette(&rows().0, &[0; 240], 1), None);
}

#[test]
fn components_are_those_of_scikit_learn() {
    let (all, _) = rows();
    let each = |row: usize, tell: &mut dyn FnMut(usize, f64)| all.each(row, tell);
    let principal = Principal::fit(all.rows(), all.width(), 3, each).unwrap();
    close("variances", principal.variances(), &numbers("variances"), 1e-6);
    close("shares", &principal.shares(), &numbers("shares"), 1e-9);
    close("places", &principal.apply(4, each), &numbers("places"), 1e-5);
    assert!(Principal::fit(2, 16, 3, each).is_none());
}
