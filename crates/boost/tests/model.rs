//! A fitted model's promises: the same bytes on any threads, whole round trips, no leaks, clear errors.
#![expect(clippy::unwrap_used, reason = "a failure here fails the test")]

use std::ops::ControlFlow;

use boost::{Categories, Error, Examples, Matrix, Model, Objective, Params, Table, fit};

/// Draws in [0, 1) that look random (the generator of Knuth's MMIX).
struct Draws(u64);

impl Draws {
    fn next(&mut self) -> f64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) as f64 / (1_u64 << 31) as f64
    }

    fn below(&mut self, bound: usize) -> usize {
        (self.next() * bound as f64) as usize
    }
}

/// Two numbers and two categories (5 and 200 levels, some missing); labels of `classes` classes that
/// depend on one of each.
fn sample(rows: usize, classes: usize, seed: u64) -> (Table, Vec<f64>) {
    let mut draws = Draws(seed);
    let (mut numbers, mut codes, mut labels) = (Vec::new(), Vec::new(), Vec::new());
    for _ in 0..rows {
        let (signal, noise) = (draws.next(), draws.next());
        let (few, many) = (draws.below(6) as i32 - 1, draws.below(200) as i32);
        numbers.extend([signal, noise]);
        codes.extend([few, many]);
        let score = signal + f64::from(many % 7) / 7.0 + 0.5 * draws.next();
        labels.push((score / 2.5 * classes as f64).floor().min(classes as f64 - 1.0));
    }
    let numeric = Matrix::new(rows, vec!["signal".into(), "noise".into()], numbers).unwrap();
    let categories = Categories::new(rows, vec!["few".into(), "many".into()], codes).unwrap();
    (Table::new(numeric, categories).unwrap(), labels)
}

fn quick(objective: Objective) -> Params {
    Params { rounds: 30, learning_rate: 0.2, ..Params::new(objective) }
}

fn train(table: &Table, labels: &[f64], params: &Params) -> Result<Model, Error> {
    fit(Examples { table, labels, weights: None }, None, params, &mut |_| ControlFlow::Continue(()))
}

/// Area under the curve by counting pairs.
fn auc(scores: &[f64], labels: &[f64]) -> f64 {
    let (mut won, mut pairs) = (0.0, 0.0);
    for (a, _) in scores.iter().zip(labels).filter(|(_, label)| **label == 1.0) {
        for (b, _) in scores.iter().zip(labels).filter(|(_, label)| **label == 0.0) {
            won += if a > b { 1.0 } else { 0.5 * f64::from(a == b) };
            pairs += 1.0;
        }
    }
    won / pairs
}

#[test]
fn threads_change_neither_bytes_nor_predictions() {
    for (objective, classes) in [(Objective::Binary, 2), (Objective::Multiclass { classes: 3 }, 3)] {
        let (table, labels) = sample(6000, classes, 1);
        let one = train(&table, &labels, &quick(objective)).unwrap();
        let two = train(&table, &labels, &Params { threads: 2, ..quick(objective) }).unwrap();
        assert_eq!(one.to_bytes().unwrap(), two.to_bytes().unwrap());
        assert_eq!(one.predict(&table, 1).unwrap(), two.predict(&table, 2).unwrap());
    }
}

#[test]
fn seeds_change_the_model() {
    let (table, labels) = sample(1000, 2, 2);
    let bytes = |seed| {
        let params = Params { seed, ..quick(Objective::Binary) };
        train(&table, &labels, &params).unwrap().to_bytes().unwrap()
    };
    assert_eq!(bytes(1), bytes(1));
    assert_ne!(bytes(1), bytes(2));
    assert_ne!(bytes(1), bytes(1 << 40));
}

#[test]
fn a_model_survives_its_bytes() {
    for (objective, classes) in [(Objective::Regression, 9), (Objective::Multiclass { classes: 3 }, 3)] {
        let (table, labels) = sample(800, classes, 3);
        let model = train(&table, &labels, &quick(objective)).unwrap();
        let bytes = model.to_bytes().unwrap();
        let again = Model::from_bytes(&bytes).unwrap();
        assert_eq!(again.to_bytes().unwrap(), bytes);
        assert_eq!(again.objective(), objective);
        assert_eq!(again.best_round(), 30);
        assert_eq!(again.predict(&table, 1).unwrap(), model.predict(&table, 1).unwrap());
        assert_eq!(again.importances().unwrap(), model.importances().unwrap());
    }
}

#[test]
fn bytes_have_sorted_keys() {
    let (table, labels) = sample(300, 2, 4);
    let bytes = train(&table, &labels, &quick(Objective::Binary)).unwrap().to_bytes().unwrap();
    let mut value: serde_json::Value = serde_json::from_slice(&bytes).unwrap();
    value.sort_all_objects();
    assert_eq!(serde_json::to_vec(&value).unwrap(), bytes);
}

#[test]
fn damage_is_an_error_wherever_it_is() {
    let (table, labels) = sample(300, 2, 5);
    let bytes = train(&table, &labels, &quick(Objective::Binary)).unwrap().to_bytes().unwrap();
    for length in [0, 1, bytes.len() / 2, bytes.len() - 1] {
        assert!(matches!(Model::from_bytes(&bytes[..length]), Err(Error::Damaged { .. })));
    }
    for at in (0..bytes.len()).step_by(97) {
        let mut broken = bytes.clone();
        broken[at] ^= 1;
        assert!(matches!(Model::from_bytes(&broken), Err(Error::Damaged { .. })), "byte {at}");
    }
}

#[test]
fn probabilities_are_probabilities() {
    let (table, labels) = sample(500, 3, 6);
    let model = train(&table, &labels, &quick(Objective::Multiclass { classes: 3 })).unwrap();
    let predictions = model.predict(&table, 1).unwrap();
    assert_eq!(predictions.len(), 500 * 3);
    assert!(predictions.chunks(3).all(|row| (row.iter().sum::<f64>() - 1.0).abs() < 1e-12));
}

#[test]
fn categories_carry_signal_and_importance() {
    let (table, labels) = sample(4000, 2, 7);
    let (fresh, truth) = sample(1000, 2, 8);
    let model = train(&table, &labels, &quick(Objective::Binary)).unwrap();
    assert!(auc(&model.predict(&fresh, 1).unwrap(), &truth) > 0.9);
    let mut columns: Vec<String> =
        model.importances().unwrap().into_iter().map(|importance| importance.column).collect();
    assert_eq!(columns.len(), 4);
    columns.truncate(2);
    columns.sort();
    assert_eq!(columns, ["many", "signal"]);
}

#[test]
fn a_random_category_of_many_levels_tells_nothing() {
    let sample = |rows: usize, seed| {
        let mut draws = Draws(seed);
        let codes = (0..rows).map(|_| draws.below(rows / 3) as i32).collect();
        let labels: Vec<f64> = (0..rows).map(|_| f64::from(draws.next() < 0.5)).collect();
        let categories = Categories::new(rows, vec!["id".into()], codes).unwrap();
        (Table::new(Matrix::none(rows), categories).unwrap(), labels)
    };
    let ((table, labels), (fresh, truth)) = (sample(6000, 1), sample(3000, 2));
    let mut last = f64::NAN;
    let model = fit(
        Examples { table: &table, labels: &labels, weights: None },
        None,
        &Params { rounds: 200, ..quick(Objective::Binary) },
        &mut |round| {
            last = round.train;
            ControlFlow::Continue(())
        },
    )
    .unwrap();
    assert!((auc(&model.predict(&fresh, 1).unwrap(), &truth) - 0.5).abs() < 0.03);
    // A statistic that saw its own label would take the log loss far below ln 2.
    assert!(last > 0.65, "training log loss {last}");
}

#[test]
fn progress_can_stop_the_training() {
    let (table, labels) = sample(400, 2, 9);
    let examples = Examples { table: &table, labels: &labels, weights: None };
    let model = fit(examples, Some(examples), &quick(Objective::Binary), &mut |round| {
        assert!(round.valid.is_some());
        if round.round == 3 { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    })
    .unwrap();
    assert_eq!(model.best_round(), 3);
}

#[test]
fn columns_without_signal_still_give_a_model() {
    let numeric = Matrix::new(50, vec!["flat".into()], vec![1.0; 50]).unwrap();
    let labels: Vec<f64> = (0..50).map(|row| f64::from(row % 5 == 0)).collect();
    let model = train(&Table::numeric(numeric.clone()), &labels, &quick(Objective::Binary)).unwrap();
    let predictions = model.predict(&Table::numeric(numeric), 1).unwrap();
    assert!(predictions.iter().all(|p| (p - 0.2).abs() < 1e-6), "{predictions:?}");
}

#[test]
fn missing_numbers_are_allowed_and_no_rows_predict_nothing() {
    let (table, labels) = sample(300, 2, 10);
    let model = train(&table, &labels, &quick(Objective::Binary)).unwrap();
    let names = || vec!["signal".to_owned(), "noise".to_owned()];
    let categories =
        |codes: Vec<i32>| Categories::new(codes.len() / 2, vec!["few".into(), "many".into()], codes);
    let odd = Table::new(
        Matrix::new(2, names(), vec![f64::NAN, 0.5, f64::INFINITY, -1e300]).unwrap(),
        categories(vec![i32::MAX, i32::MIN, -1, 4000]).unwrap(),
    )
    .unwrap();
    assert!(model.predict(&odd, 1).unwrap().iter().all(|p| (0.0..=1.0).contains(p)));
    let none = Table::new(Matrix::none(0), Categories::none(0)).unwrap();
    assert!(matches!(model.predict(&none, 1), Err(Error::Shape { .. })));
    let empty = Table::new(Matrix::new(0, names(), vec![]).unwrap(), categories(vec![]).unwrap()).unwrap();
    assert!(model.predict(&empty, 1).unwrap().is_empty());
}

/// What a user can get wrong, and what they are told.
#[test]
fn mistakes_are_told() {
    let (table, labels) = sample(20, 2, 11);
    let params = quick(Objective::Binary);
    let told = |result: Result<Model, Error>| result.unwrap_err().to_string();

    let mut bad = labels.clone();
    bad[3] = f64::NAN;
    assert_eq!(
        told(train(&table, &bad, &params)),
        "the label of training row 3 is NaN, expected a class number from 0 to 1"
    );
    bad[3] = 2.0;
    assert_eq!(
        told(train(&table, &bad, &params)),
        "the label of training row 3 is 2, expected a class number from 0 to 1"
    );
    bad[3] = 1e300;
    assert_eq!(
        told(train(&table, &bad, &quick(Objective::Regression))),
        format!("the label of training row 3 is {}, expected a finite single-precision number", 1e300)
    );
    assert_eq!(
        told(train(&table, &[1.0; 20], &params)),
        "all 20 training rows are of class 1: there is nothing to tell apart"
    );
    assert_eq!(told(train(&table, &labels[1..], &params)), "training labels: expected 20, found 19");
    let empty = Table::numeric(Matrix::none(0));
    assert_eq!(told(train(&empty, &[], &params)), "there are no training rows");
    let bare = Table::numeric(Matrix::none(20));
    assert_eq!(told(train(&bare, &labels, &params)), "there are no columns");
    assert_eq!(
        told(train(&table, &labels, &Params { learning_rate: f64::NAN, ..params.clone() })),
        "parameter `learning_rate` is NaN, expected above 0, finite"
    );
    assert_eq!(
        told(train(&table, &labels, &Params { leaves: 1, ..params.clone() })),
        "parameter `leaves` is 1, expected 2 to 131072"
    );
    assert_eq!(
        Matrix::new(2, vec!["a".into()], vec![1.0]).unwrap_err().to_string(),
        "numeric values: expected 2, found 1"
    );
    let other = Table::numeric(Matrix::new(1, vec!["noise".into(), "signal".into()], vec![0.0; 2]).unwrap());
    let model = train(&table, &labels, &params).unwrap();
    assert_eq!(model.predict(&other, 1).unwrap_err().to_string(), "column 0 must be `signal`, found `noise`");
}

#[test]
fn a_missing_library_is_told() {
    let executable = std::env::current_exe().unwrap();
    if std::env::var_os("BOOST_TEST_CHILD").is_some() {
        let (table, labels) = sample(50, 2, 12);
        println!("{}", train(&table, &labels, &quick(Objective::Binary)).unwrap_err());
        return;
    }
    let output = std::process::Command::new(executable)
        .args(["--exact", "a_missing_library_is_told", "--nocapture"])
        .env("BOOST_TEST_CHILD", "1")
        .env("PIPELINE_LIGHTGBM", "/nowhere/lib_lightgbm.so")
        .output()
        .unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    let told = "the LightGBM library was not found (set PIPELINE_LIGHTGBM to its file; looked at: \
                /nowhere/lib_lightgbm.so)";
    assert!(text.contains(told), "{text}");
}
