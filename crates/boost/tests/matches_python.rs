//! The same rows and parameters give what LightGBM 4.6.0 gives from Python: the early-stopping round, the
//! metrics, the predictions and the importances below were printed there.
#![expect(clippy::unwrap_used, reason = "a failure here fails the test")]

use std::ops::ControlFlow;

use boost::{Examples, Matrix, Objective, Params, Round, Table, fit};

const ROWS: usize = 400;
const COLUMNS: usize = 4;

/// Numbers that integer arithmetic makes the same in both languages.
fn cell(row: usize, column: usize) -> f64 {
    ((row * 7919 + column * 104_729 + row * column * 31) % 1009) as f64 / 1009.0
}

fn target(row: usize) -> f64 {
    let noise = ((row * 104_723 + 17) % 997) as f64 / 997.0;
    cell(row, 0) + cell(row, 1) * cell(row, 2) + 0.5 * noise
}

fn table(rows: std::ops::Range<usize>) -> Table {
    let names = (0..COLUMNS).map(|column| format!("x{column}")).collect();
    let values = rows.clone().flat_map(|row| (0..COLUMNS).map(move |column| cell(row, column))).collect();
    Table::numeric(Matrix::new(rows.len(), names, values).unwrap())
}

struct Expected {
    best_round: usize,
    rounds: usize,
    metrics: (f64, f64),
    predictions: Vec<f64>,
    gains: [f64; COLUMNS],
    splits: [u64; COLUMNS],
}

fn check(objective: Objective, label: impl Fn(f64) -> f64, expected: &Expected) {
    check_weighted(objective, label, None, expected);
}

fn check_weighted(
    objective: Objective,
    label: impl Fn(f64) -> f64,
    weights: Option<&[f32]>,
    expected: &Expected,
) {
    let params = Params {
        rounds: 200,
        learning_rate: 0.3,
        lambda_l2: 0.5,
        early_stopping: Some(10),
        seed: 7,
        ..Params::new(objective)
    };
    let labels: Vec<f64> = (0..ROWS).map(|row| label(target(row))).collect();
    let (train, valid) = (table(0..300), table(300..ROWS));
    let mut rounds: Vec<Round> = Vec::new();
    let model = fit(
        Examples { table: &train, labels: &labels[..300], weights: weights.map(|weights| &weights[..300]) },
        Some(Examples {
            table: &valid,
            labels: &labels[300..],
            weights: weights.map(|weights| &weights[300..]),
        }),
        &params,
        &mut |round| {
            rounds.push(round);
            ControlFlow::Continue(())
        },
    )
    .unwrap();

    assert_eq!((model.best_round(), rounds.len()), (expected.best_round, expected.rounds));
    let best = rounds[expected.best_round - 1];
    close(&[best.train, best.valid.unwrap()], &[expected.metrics.0, expected.metrics.1], 1e-12);
    close(&model.predict(&table(300..304), 1).unwrap(), &expected.predictions, 1e-12);
    for importance in model.importances().unwrap() {
        let column: usize = importance.column[1..].parse().unwrap();
        assert_eq!(importance.splits, expected.splits[column]);
        // A model's text holds gains to six digits.
        close(&[importance.gain], &[expected.gains[column]], 1e-4);
    }
}

fn close(found: &[f64], expected: &[f64], relative: f64) {
    assert_eq!(found.len(), expected.len());
    for (found, expected) in found.iter().zip(expected) {
        assert!((found - expected).abs() <= relative * expected.abs(), "{found} is not {expected}");
    }
}

#[test]
fn binary() {
    check(
        Objective::Binary,
        |target| f64::from(target > 1.0),
        &Expected {
            best_round: 24,
            rounds: 34,
            metrics: (0.19769026763219122, 0.3877443645116395),
            predictions: vec![
                0.20929445665614593,
                0.2225741356422148,
                0.021659442968349322,
                0.008157038013269415,
            ],
            gains: [281.431180536747, 67.25958040356636, 101.21601364016533, 53.23298704624176],
            splits: [64, 20, 49, 35],
        },
    );
}

#[test]
fn multiclass() {
    check(
        Objective::Multiclass { classes: 3 },
        |target| (target / 0.7).floor().clamp(0.0, 2.0),
        &Expected {
            best_round: 5,
            rounds: 15,
            metrics: (0.40517117371888944, 0.6343755087066042),
            predictions: vec![
                0.1216223067218948,
                0.8383255152123799,
                0.04005217806572529,
                0.254815060830807,
                0.6956244495595683,
                0.04956048960962473,
                0.7748913476387688,
                0.18523170252955598,
                0.039876949831675355,
                0.8479164952586397,
                0.11361082417182489,
                0.03847268056953551,
            ],
            gains: [346.3928148895502, 29.72201019525528, 66.89559579268098, 27.7545055039227],
            splits: [57, 10, 19, 18],
        },
    );
}

#[test]
fn regression() {
    check(
        Objective::Regression,
        |target| target,
        &Expected {
            best_round: 24,
            rounds: 34,
            metrics: (0.01738695253162276, 0.047744421684780936),
            predictions: vec![
                1.0721317315037433,
                0.8995844163018304,
                0.49841699744536916,
                0.3366466483079719,
            ],
            gains: [48.73281794320792, 5.868161450140178, 9.309752905741334, 2.1607184065505862],
            splits: [69, 24, 46, 29],
        },
    );
}

#[test]
fn rows_that_weigh() {
    let weights: Vec<f32> = (0..ROWS).map(|row| (row % 4) as f32 * 0.5).collect();
    check_weighted(
        Objective::Regression,
        |target| target,
        Some(&weights),
        &Expected {
            best_round: 24,
            rounds: 34,
            metrics: (0.011576766231022452, 0.05286145651143456),
            predictions: vec![1.0373353749278815, 0.8808806015260202, 0.6392736119484654, 0.2949074049964699],
            gains: [36.98238394316286, 3.6918859109282494, 7.2763404389843345, 2.4234945941716433],
            splits: [72, 17, 45, 34],
        },
    );
}
